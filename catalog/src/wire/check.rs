//! The checks of writes that need no store, on messages as they come.

use playhead_proto::{catalog::v1 as catalog, entitlement::v1 as rights};
use playhead_store::{
    AccountId, ItemId, SubscriptionId, UserId,
    catalog::{Fault, Segment, check},
};

use super::{id, ids, item_read, opinion, right_read};
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

/// Checks the segments of a variant as UpsertSegments does, but for how many they are.
///
/// # Errors
/// The first [`Fault`].
pub fn segments(of: &catalog::UpsertSegmentsRequest) -> Result<(), Fault> {
    id("item_id", &of.item_id, ItemId::new)?;
    check::length("asset_id", &of.asset_id, 1, 128)?;
    check::length("variant_id", &of.variant_id, 1, 128)?;
    let segments: Vec<Segment> = of.segments.iter().cloned().map(opinion::read_segment).collect();
    check::indexed("segments", &segments, Segment::check)
}

/// Checks a rating as RateItem does, but for its item.
///
/// # Errors
/// The first [`Fault`].
pub fn rating(rating: &catalog::Rating) -> Result<(), Fault> {
    let user = id("user_id", &rating.user_id, UserId::new)?;
    let catalog::Rating { item_id, stars, comment, .. } = rating.clone();
    let request = catalog::RateItemRequest { item_id, stars, comment, ..catalog::RateItemRequest::default() };
    opinion::read_rating(user, request, 0)?.check()
}

/// Checks a bookmark as CreateBookmark does, but for its item.
///
/// # Errors
/// The first [`Fault`].
pub fn bookmark(bookmark: &catalog::Bookmark) -> Result<(), Fault> {
    let user = id("user_id", &bookmark.user_id, UserId::new)?;
    opinion::read_bookmark(user, bookmark.clone(), 0)?.check()
}
