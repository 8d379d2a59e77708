//! The seats of a subscription: each has a number and a document of its own, written where nobody holds it, so two who
//! race never hold one more than there are.

use std::sync::Arc;

use playhead_store::{
    AccountId, SubscriptionId, UserId,
    durable::documents::{Change, DocumentKey, Entry},
    entitlement::places::{Placing, place},
    hot::Stale,
};

use super::Entitlement;
use crate::{
    CatalogError,
    cache::Loaded,
    items::View,
    records::{Stored, body, right as rest},
    settings::CONFLICTS_MAX,
};

/// A seat that somebody holds or held.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seat {
    number: u32,
    version: u64,
    holder: Option<UserId>,
}

impl Entitlement {
    /// Gives a user a seat; the one that the user has, if there is one. Answers its number, from 1.
    ///
    /// # Errors
    /// `Absent` for no such subscription, `State` where no seat is free, `Changed` when too many race, and the store's.
    pub async fn assign_seat(
        &self,
        account: &AccountId,
        id: &SubscriptionId,
        user: &UserId,
        now_ms: i64,
    ) -> Result<u32, CatalogError> {
        let fresh = View { sees_all: true, is_fresh: true, now_ms };
        let seats = self.subscription(account, id, fresh).await?.value.seats;
        for _ in 0..SEAT_CONFLICTS_MAX {
            let held = self.held_seats(account, id, seats).await?;
            let number = match placing(&held, user, seats) {
                Placing::Held(number) => return Ok(number),
                Placing::Free(number) => number,
                Placing::Full => {
                    let message = format!("all {seats} seats of {id} are held");
                    return Err(CatalogError::state("SEATS_TAKEN", message));
                }
            };
            let before = held.into_iter().find(|seat| seat.number == number);
            let before = before.unwrap_or(Seat { number, version: 0, holder: None });
            if self.write_seat(account, id, &before, Some(user)).await? {
                return Ok(number);
            }
        }
        Err(CatalogError::Changed)
    }

    /// Takes a user's seat back. A user without one is as wanted.
    ///
    /// # Errors
    /// `Absent` for no such subscription, `Changed` when too many race, and the store's.
    pub async fn release_seat(
        &self,
        account: &AccountId,
        id: &SubscriptionId,
        user: &UserId,
        now_ms: i64,
    ) -> Result<(), CatalogError> {
        let fresh = View { sees_all: true, is_fresh: true, now_ms };
        self.subscription(account, id, fresh).await?;
        for _ in 0..CONFLICTS_MAX {
            let held = self.held_seats(account, id, u32::MAX).await?;
            let Some(seat) = held.iter().find(|seat| seat.holder.as_ref() == Some(user)) else {
                return Ok(());
            };
            // Looked at again when it is done: it may be one of two, where seats were fewer meanwhile.
            self.write_seat(account, id, seat, None).await?;
        }
        Err(CatalogError::Changed)
    }

    /// Who holds the seats that a subscription has, by their numbers.
    ///
    /// # Errors
    /// `Absent` for no such subscription, and the store's.
    pub async fn seats(
        &self,
        account: &AccountId,
        id: &SubscriptionId,
        view: View,
    ) -> Result<Vec<(u32, UserId)>, CatalogError> {
        let seats = self.subscription(account, id, view).await?.value.seats;
        let held = self.held_seats(account, id, seats).await?;
        Ok(held.into_iter().filter_map(|seat| Some((seat.number, seat.holder?))).collect())
    }

    /// Whether a user holds a seat that the subscription has.
    pub(super) async fn has_seat(
        &self,
        account: &AccountId,
        id: &SubscriptionId,
        seats: u32,
        user: &UserId,
        view: View,
    ) -> Result<bool, CatalogError> {
        let key = (account.clone(), id.clone(), user.clone());
        let load = self.seats.get(&key, view.age(self.ttl_ms), view.now_ms, self.read_seats(&key));
        Ok(self.records.within(load).await?.iter().any(|number| *number <= seats))
    }

    async fn read_seats(
        &self,
        (account, id, user): &(AccountId, SubscriptionId, UserId),
    ) -> Result<Loaded<Arc<[u32]>>, CatalogError> {
        let names = self.records.entries(&rest::seats_of(account, id, user), None, CONFLICTS_MAX).await?;
        let numbers: Vec<u32> = names.iter().filter_map(|name| name.parse().ok()).collect();
        let key = |number: &u32| DocumentKey::new(rest::seats(account, id), rest::place_name(*number));
        let keys: Vec<_> = numbers.iter().map(key).collect();
        // An entry may be left over from who held the seat before.
        let found = self.records.get::<Option<UserId>>(&keys).await?;
        let holds = found
            .into_iter()
            .map(|loaded| loaded.is_some_and(|loaded| loaded.value.value.as_ref() == Some(user)));
        let held: Arc<[u32]> =
            numbers.into_iter().zip(holds).filter_map(|(number, holds)| holds.then_some(number)).collect();
        Ok(Loaded { bytes: held.len() * size_of::<u32>(), value: held })
    }

    async fn held_seats(
        &self,
        account: &AccountId,
        id: &SubscriptionId,
        seats: u32,
    ) -> Result<Vec<Seat>, CatalogError> {
        let limit = usize::try_from(seats).unwrap_or(usize::MAX).clamp(1, SEATS_READ_MAX);
        let listed = self.records.list::<Option<UserId>>(&rest::seats(account, id), None, limit).await?;
        let seat = |(name, loaded): (String, Loaded<Stored<Option<UserId>>>)| {
            let Stored { value: holder, version } = loaded.value;
            Some(Seat { number: name.parse().ok()?, version, holder })
        };
        Ok(listed.into_iter().filter_map(seat).filter(|seat| seat.number <= seats).collect())
    }

    async fn write_seat(
        &self,
        account: &AccountId,
        id: &SubscriptionId,
        before: &Seat,
        holder: Option<&UserId>,
    ) -> Result<bool, CatalogError> {
        let _writing = self.writing(Stale::Subscriptions(account.clone()));
        let name = rest::place_name(before.number);
        let entry = |user: &UserId| Entry { list: rest::seats_of(account, id, user), name: name.clone() };
        let change = Change {
            adds: holder.map(entry).into_iter().collect(),
            drops: before.holder.as_ref().map(entry).into_iter().collect(),
            ..Change::new(
                DocumentKey::new(rest::seats(account, id), name.clone()),
                before.version,
                body(&holder)?,
            )
        };
        Ok(self.records.put(change).await?.is_some())
    }
}

fn placing(held: &[Seat], user: &UserId, seats: u32) -> Placing {
    let held = held.iter().filter_map(|seat| Some((seat.number, seat.holder.as_ref()?.as_str())));
    place(held, user.as_str(), seats)
}

/// Whoever loses the race for a seat tries the next one.
const SEAT_CONFLICTS_MAX: usize = 64;
/// As many as there may be.
const SEATS_READ_MAX: usize = playhead_store::entitlement::subscription::SEATS_MAX as usize;
