//! Whether a user may play an item: one decision from all that is known, with every reason against.

use super::{Grant, ViewerLimits};
use crate::{
    GrantId, ItemId, SubscriptionId,
    catalog::{
        Country, GrantNeed, Item, Policy, Way,
        item::numbered,
        tree,
        window::{self, Availability},
    },
};

mod granted;
mod subscribed;

pub use subscribed::{Subscribed, Views};

/// All that a decision is made of.
#[derive(Debug, Clone, Copy)]
pub struct Access<'a> {
    /// The item, then the containers above it, from the nearest on.
    pub chain: &'a [&'a Item],
    /// The collections that any of them is in.
    pub collections: &'a [ItemId],
    /// Where the user is; `None` when that is not known.
    pub country: Option<Country>,
    /// The secret that the caller came with.
    pub share_token: Option<&'a str>,
    /// What the user may watch at most.
    pub limits: Option<&'a ViewerLimits>,
    /// The grants of the user.
    pub grants: &'a [Grant],
    /// The subscriptions of the account.
    pub subscribed: &'a [Subscribed],
}

/// Whether a user may play an item.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    /// Whether the user may.
    pub allowed: bool,
    /// Why not; empty when allowed.
    pub refusals: Vec<Refusal>,
    /// The grant that lets the user in, if one does.
    pub grant: Option<GrantId>,
    /// The subscription that lets the user in, if one does.
    pub subscription: Option<SubscriptionId>,
    /// Until when it stands if nothing is written, Unix ms; `None`: for good.
    pub until_ms: Option<i64>,
}

/// A reason against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The reason.
    pub reason: Reason,
    /// When it falls away by itself, Unix ms; `None`: not by itself.
    pub until_ms: Option<i64>,
    /// What would have been needed; may be empty.
    pub needed: String,
}

numbered! {
    /// Why a user may not play an item.
    Reason {
        /// The item, or a container above it, is not published.
        NotPublished = 1 "NOT_PUBLISHED",
        /// It is outside its time.
        Window = 2 "WINDOW",
        /// It is not for this country, or the country is not known.
        Country = 3 "COUNTRY",
        /// It is for older viewers.
        Maturity = 4 "MATURITY",
        /// Nobody says who may play it.
        NoPolicy = 5 "NO_POLICY",
        /// The account has no subscription.
        NoSubscription = 6 "NO_SUBSCRIPTION",
        /// The account's subscription has not begun, is over, or was not paid.
        SubscriptionNotCurrent = 7 "SUBSCRIPTION_NOT_CURRENT",
        /// The plan's tier is too low, or the plan does not count.
        PlanTooLow = 8 "PLAN_TOO_LOW",
        /// The plan lacks a feature.
        FeatureMissing = 9 "FEATURE_MISSING",
        /// The user holds no seat.
        NoSeat = 10 "NO_SEAT",
        /// The account has viewed as much as its plan allows in a period.
        ViewsUsedUp = 11 "VIEWS_USED_UP",
        /// The user is not enrolled.
        NotEnrolled = 12 "NOT_ENROLLED",
        /// The user has no ticket.
        NoTicket = 13 "NO_TICKET",
        /// The user's ticket has expired.
        TicketExpired = 14 "TICKET_EXPIRED",
        /// The user did not buy it.
        NotPurchased = 15 "NOT_PURCHASED",
        /// The user has no role there.
        NoRole = 16 "NO_ROLE",
        /// There is a grant whose time has not come.
        GrantNotBegun = 17 "GRANT_NOT_BEGUN",
        /// There was a grant whose time is over.
        GrantExpired = 18 "GRANT_EXPIRED",
        /// There is a grant that waits for consent.
        GrantPending = 19 "GRANT_PENDING",
        /// There was a grant that was given up or taken away.
        GrantEnded = 20 "GRANT_ENDED",
        /// Only the share link leads there.
        LinkRequired = 21 "LINK_REQUIRED",
    }
}

impl Refusal {
    fn new(reason: Reason) -> Self {
        Self { reason, until_ms: None, needed: String::new() }
    }

    fn until(reason: Reason, until_ms: Option<i64>) -> Self {
        Self { until_ms, ..Self::new(reason) }
    }

    fn needs(reason: Reason, needed: &(impl ToString + ?Sized)) -> Self {
        Self { needed: needed.to_string(), ..Self::new(reason) }
    }
}

/// What lets a user in, for as long as it does.
#[derive(Debug, Clone, Default)]
struct Entry {
    grant: Option<GrantId>,
    subscription: Option<SubscriptionId>,
    until_ms: Option<i64>,
}

impl Access<'_> {
    /// Decides for this moment. What holds for everybody comes first: who may not watch it anyway is not told what to buy.
    #[must_use]
    pub fn decide(&self, now_ms: i64) -> Decision {
        let open_until_ms = match self.open(now_ms) {
            Ok(until_ms) => until_ms,
            Err(refusal) => return Decision::refused(vec![refusal]),
        };
        let mut refusals = Vec::new();
        let policy = self.chain.iter().find_map(|item| item.access.as_ref());
        for way in policy.map_or(&[][..], |Policy { ways }| ways) {
            match self.take(way, now_ms) {
                Ok(Entry { grant, subscription, until_ms }) => {
                    let until_ms = earlier(open_until_ms, until_ms);
                    return Decision { allowed: true, refusals: Vec::new(), grant, subscription, until_ms };
                }
                Err(refusal) if refusals.contains(&refusal) => {}
                Err(refusal) => refusals.push(refusal),
            }
        }
        if refusals.is_empty() {
            refusals.push(Refusal::new(Reason::NoPolicy));
        }
        Decision::refused(refusals)
    }

    /// Whether anybody like this user may watch it, and until when, Unix ms; `None`: for good. Who paid is not asked.
    ///
    /// # Errors
    /// The reason against.
    pub fn open(&self, now_ms: i64) -> Result<Option<i64>, Refusal> {
        if !self.chain.iter().all(|item| tree::is_shown(item)) {
            return Err(Refusal::new(Reason::NotPublished));
        }
        let mut open_until_ms = None;
        let mut opens = Vec::new();
        for item in self.chain {
            match window::availability(&item.windows, self.country, now_ms) {
                Availability::Open(until_ms) => open_until_ms = earlier(open_until_ms, until_ms),
                Availability::Closed(opens_ms) => opens.push(opens_ms),
                Availability::Elsewhere => return Err(Refusal::new(Reason::Country)),
            }
        }
        if !opens.is_empty() {
            // All of them have to open; one that never does keeps the others from counting.
            let opens_ms =
                opens.into_iter().collect::<Option<Vec<i64>>>().and_then(|all| all.into_iter().max());
            return Err(Refusal::until(Reason::Window, opens_ms));
        }
        let age = tree::maturity_age(self.chain.iter().copied());
        let age_max = self.limits.and_then(|limits| limits.maturity_age_max);
        match age.zip(age_max) {
            Some((age, age_max)) if age > age_max => Err(Refusal::needs(Reason::Maturity, &age)),
            _ => Ok(open_until_ms),
        }
    }

    /// Goes a way in, or says what is in it.
    fn take(&self, way: &Way, now_ms: i64) -> Result<Entry, Refusal> {
        let mut entry = Entry::default();
        if way.share_link && !self.has_link() {
            return Err(Refusal::new(Reason::LinkRequired));
        }
        if let Some(need) = &way.grant {
            let (grant, until_ms) = self.granted(need, now_ms)?;
            entry = Entry { grant: Some(grant.id.clone()), until_ms, ..entry };
        }
        if let Some(need) = &way.subscription {
            let (subscription, until_ms) = subscribed::best(self.subscribed, need, now_ms)?;
            let until_ms = earlier(entry.until_ms, until_ms);
            entry = Entry { subscription: Some(subscription.id.clone()), until_ms, ..entry };
        }
        match way.leads_somewhere() {
            true => Ok(entry),
            false => Err(Refusal::new(Reason::NoPolicy)),
        }
    }

    fn has_link(&self) -> bool {
        let links = self.chain.iter().filter_map(|item| item.share_token.as_deref());
        self.share_token.is_some_and(|shown| links.fold(false, |found, link| found | is_same(link, shown)))
    }

    fn granted(&self, need: &GrantNeed, now_ms: i64) -> Result<(&Grant, Option<i64>), Refusal> {
        let covers =
            |item: &ItemId| self.chain.iter().any(|link| link.id == *item) || self.collections.contains(item);
        let grants = self.grants.iter().filter(|grant| {
            let is_of_role = need.role.is_none() || grant.role == need.role;
            grant.kind == need.kind && is_of_role && grant.item.as_ref().is_none_or(covers)
        });
        granted::best(grants, need, now_ms)
    }
}

impl Decision {
    fn refused(refusals: Vec<Refusal>) -> Self {
        let until_ms = refusals.iter().filter_map(|refusal| refusal.until_ms).min();
        Self { refusals, until_ms, ..Self::default() }
    }
}

/// The earlier of two ends; `None` is never.
fn earlier(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    a.into_iter().chain(b).min()
}

/// Whether the first of two ends is later; `None` is never.
fn is_later(a: Option<i64>, b: Option<i64>) -> bool {
    match (a, b) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(a), Some(b)) => a > b,
    }
}

/// Compares secrets in a time that does not tell how much of them is right.
fn is_same(a: &str, b: &str) -> bool {
    let differences = a.bytes().zip(b.bytes()).fold(0, |seen, (a, b)| seen | (a ^ b));
    a.len() == b.len() && differences == 0
}

#[cfg(test)]
mod tests;
