//! Where plans, subscriptions, grants and limits rest.

use playhead_store::{
    AccountId, GrantId, PlanId, SubscriptionId, UserId,
    durable::documents::{DocumentKey, Own, Partition},
};

/// The documents of all plans.
#[must_use]
pub fn plans() -> Partition {
    Partition::new(&["plans"])
}

/// The document of a plan.
#[must_use]
pub fn plan_key(plan: &PlanId) -> DocumentKey {
    DocumentKey::new(plans(), plan.as_str())
}

/// The documents of an account's subscriptions.
#[must_use]
pub fn subscriptions(account: &AccountId) -> Partition {
    Partition::new(&["subscriptions", account.as_str()])
}

/// The document of a subscription.
#[must_use]
pub fn subscription_key(account: &AccountId, subscription: &SubscriptionId) -> DocumentKey {
    DocumentKey::new(subscriptions(account), subscription.as_str())
}

/// The documents of a subscription's seats, by their numbers.
#[must_use]
pub fn seats(account: &AccountId, subscription: &SubscriptionId) -> Partition {
    Partition::new(&["seats", account.as_str(), subscription.as_str()])
}

/// The list of the seats of a subscription that a user holds, by their numbers.
#[must_use]
pub fn seats_of(account: &AccountId, subscription: &SubscriptionId, user: &UserId) -> Partition {
    Partition::new(&["seats of", account.as_str(), subscription.as_str(), user.as_str()])
}

/// The documents of what an account has viewed by a subscription in the period that began then, by their numbers.
#[must_use]
pub fn views(account: &AccountId, subscription: &SubscriptionId, period_start_ms: i64) -> Partition {
    Partition::new(&["views", account.as_str(), subscription.as_str(), &period_start_ms.to_string()])
}

/// The name of a numbered place. Sorts by the number.
#[must_use]
pub fn place_name(number: u32) -> String {
    format!("{number:010}")
}

/// The documents of a user's grants.
#[must_use]
pub fn grants(user: &UserId) -> Partition {
    Own::Grants.of(user)
}

/// The document of a grant.
#[must_use]
pub fn grant_key(user: &UserId, grant: &GrantId) -> DocumentKey {
    DocumentKey::new(grants(user), grant.as_str())
}

/// The document of what a user may watch at most.
#[must_use]
pub fn limits_key(user: &UserId) -> DocumentKey {
    DocumentKey::new(Own::Limits.of(user), "")
}
