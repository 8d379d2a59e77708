//! The items that an account may view in a period, where its plan counts them: numbered places like seats, each taken by an
//! item. So whoever begins the same item again takes no second view, and two who race never take one too many.

use playhead_store::{
    AccountId, ItemId,
    durable::documents::{Change, DocumentKey},
    entitlement::{
        Subscription,
        places::{Placing, place},
    },
};

use super::Entitlement;
use crate::{
    CatalogError,
    records::{body, right as rest},
    settings::{CONFLICTS_MAX, RIGHTS_MAX},
};

impl Entitlement {
    /// Takes a view of an item in the present period of a subscription that allows so many. True when the account has it,
    /// now or since before; false when others took the last one.
    ///
    /// # Errors
    /// `Changed` when too many race, and the store's.
    pub async fn take_view(
        &self,
        account: &AccountId,
        subscription: &Subscription,
        views_max: u32,
        item: &ItemId,
    ) -> Result<bool, CatalogError> {
        let period = rest::views(account, &subscription.id, subscription.period.start_ms);
        for _ in 0..CONFLICTS_MAX {
            let viewed = self.records.list::<ItemId>(&period, None, RIGHTS_MAX).await?;
            let viewed: Vec<(u32, ItemId)> = viewed
                .into_iter()
                .filter_map(|(name, loaded)| Some((name.parse().ok()?, loaded.value.value)))
                .collect();
            if viewed.iter().any(|(_, viewed)| viewed == item) {
                return Ok(true);
            }
            let taken = u32::try_from(viewed.len()).unwrap_or(u32::MAX);
            let held = viewed.iter().map(|(number, viewed)| (*number, viewed.as_str()));
            let number = match place(held, item.as_str(), views_max) {
                Placing::Free(number) if taken < views_max => number,
                _ => return Ok(false),
            };
            let key = DocumentKey::new(period.clone(), rest::place_name(number));
            if self.records.put(Change::new(key, 0, body(item)?)).await?.is_some() {
                return Ok(true);
            }
        }
        Err(CatalogError::Changed)
    }
}
