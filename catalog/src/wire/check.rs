//! The checks of writes that need no store, on messages as they come.

use playhead_proto::{catalog::v1 as catalog, entitlement::v1 as rights};
use playhead_store::{
    AccountId, ItemId, SubscriptionId, UserId,
    catalog::{Fault, check},
};

use super::{id, ids, item_read, right_read};
use crate::settings::COLLECTION_ITEMS_MAX;

/// Checks an item as UpsertItem does, but for its parent and its names, which need a store.
///
/// # Errors
/// The first [`Fault`].
pub fn item(item: catalog::Item) -> Result<(), Fault> {
    item_read::item(item, None)?.check()
}

/// Checks a category as UpsertCategory does, but for its parent.
///
/// # Errors
/// The first [`Fault`].
pub fn category(category: catalog::Category) -> Result<(), Fault> {
    item_read::category(category)?.check()
}

/// Checks what a collection shall hold as SetCollectionItems does, but for whether it is there.
///
/// # Errors
/// The first [`Fault`].
pub fn collection(held: &catalog::SetCollectionItemsRequest) -> Result<(), Fault> {
    id("collection_id", &held.collection_id, ItemId::new)?;
    check::count("item_ids", held.item_ids.len(), COLLECTION_ITEMS_MAX)?;
    ids("item_ids", &held.item_ids, ItemId::new).map(drop)
}

/// Checks a plan as UpsertPlan does.
///
/// # Errors
/// The first [`Fault`].
pub fn plan(plan: rights::Plan) -> Result<(), Fault> {
    right_read::plan(plan)?.check()
}

/// Checks a subscription as UpsertSubscription does, but for its plan.
///
/// # Errors
/// The first [`Fault`].
pub fn subscription(subscription: rights::Subscription) -> Result<(), Fault> {
    right_read::subscription(subscription)?.check()
}

/// Checks the names of AssignSeat.
///
/// # Errors
/// The first [`Fault`].
pub fn seat(seat: &rights::AssignSeatRequest) -> Result<(), Fault> {
    id("account_id", &seat.account_id, AccountId::new)?;
    id("subscription_id", &seat.subscription_id, SubscriptionId::new)?;
    id("user_id", &seat.user_id, UserId::new).map(drop)
}

/// Checks a grant as UpsertGrant does.
///
/// # Errors
/// The first [`Fault`].
pub fn grant(grant: rights::Grant) -> Result<(), Fault> {
    right_read::grant(grant)?.check()
}

/// Checks limits as SetViewerLimits does.
///
/// # Errors
/// The first [`Fault`].
pub fn limits(limits: &rights::ViewerLimits) -> Result<(), Fault> {
    right_read::limits(limits)?.check()
}
