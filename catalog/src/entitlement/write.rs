//! How plans, subscriptions, grants and limits change.

use playhead_store::{
    AccountId, SubscriptionId,
    catalog::Fault,
    entitlement::{Grant, Plan, Subscription, SubscriptionStatus, ViewerLimits},
    hot::Stale,
};

use super::{Entitlement, NO_SUBSCRIPTION, has_room};
use crate::{
    CatalogError,
    items::View,
    records::{Stored, Written, right as rest},
};

impl Entitlement {
    /// Writes a plan. What says the same is not written again.
    ///
    /// # Errors
    /// `Bad`, `Changed`, and the store's.
    pub async fn upsert_plan(
        &self,
        plan: Plan,
        version: Option<u64>,
    ) -> Result<Written<Stored<Plan>>, CatalogError> {
        plan.check()?;
        let _writing = self.writing(Stale::Plan(plan.id.clone()));
        self.records.revise(rest::plan_key(&plan.id), version, |_| Ok(plan.clone())).await
    }

    /// Writes a subscription, as whoever bills says it is.
    ///
    /// # Errors
    /// `Bad`, also for a plan that is not there, `Changed`, and the store's.
    pub async fn upsert_subscription(
        &self,
        subscription: Subscription,
        version: Option<u64>,
        now_ms: i64,
    ) -> Result<Written<Stored<Subscription>>, CatalogError> {
        subscription.check()?;
        let fresh = View { sees_all: true, is_fresh: true, now_ms };
        if self.find_plan(&subscription.plan, fresh).await?.is_none() {
            return Err(Fault::new("plan_id", &subscription.plan, "a plan that is there").into());
        }
        let held = self.subscriptions(&subscription.account, fresh).await?;
        if !held.iter().any(|held| held.value.id == subscription.id) {
            has_room("id", held.len())?;
        }
        let key = rest::subscription_key(&subscription.account, &subscription.id);
        let change = |present: Option<Subscription>| {
            let next = subscription.clone();
            Ok(match present {
                None => next,
                // Who says the same again has not let it go on by that: since when it does is not the caller's to say.
                Some(present) if is_said_again(&next, &present) => present,
                Some(present) => next.following(&present),
            })
        };
        let _writing = self.writing(Stale::Subscriptions(subscription.account.clone()));
        self.records.revise(key, version, change).await
    }

    /// Begins the period after the one that ends then. Asked again, it answers what it did.
    ///
    /// # Errors
    /// `Absent`, `State` where it cannot be renewed, and the store's.
    pub async fn renew(
        &self,
        account: &AccountId,
        id: &SubscriptionId,
        ending_ms: i64,
        next_end_ms: Option<i64>,
    ) -> Result<Stored<Subscription>, CatalogError> {
        let change = |present: Option<Subscription>| {
            Ok(present.ok_or(NO_SUBSCRIPTION)?.renewed(ending_ms, next_end_ms)?)
        };
        let _writing = self.writing(Stale::Subscriptions(account.clone()));
        let renewed = self.records.revise(rest::subscription_key(account, id), None, change).await;
        renewed.map(|written| written.stored)
    }

    /// Cancels a subscription: at the end of its period, or at once.
    ///
    /// # Errors
    /// `Absent`, and the store's.
    pub async fn cancel(
        &self,
        account: &AccountId,
        id: &SubscriptionId,
        at_once: bool,
        now_ms: i64,
    ) -> Result<Stored<Subscription>, CatalogError> {
        let change = |present: Option<Subscription>| {
            let present = present.ok_or(NO_SUBSCRIPTION)?;
            let is_over = present.ended_at_ms.is_some() || (!at_once && present.cancelled_at_ms.is_some());
            Ok(match is_over {
                true => present,
                false => Subscription {
                    status: SubscriptionStatus::Cancelled,
                    auto_renew: false,
                    cancelled_at_ms: present.cancelled_at_ms.or(Some(now_ms)),
                    ended_at_ms: at_once.then_some(now_ms),
                    ..present
                },
            })
        };
        let _writing = self.writing(Stale::Subscriptions(account.clone()));
        let cancelled = self.records.revise(rest::subscription_key(account, id), None, change).await;
        cancelled.map(|written| written.stored)
    }

    /// Writes a grant.
    ///
    /// # Errors
    /// `Bad`, `Changed`, and the store's.
    pub async fn upsert_grant(
        &self,
        grant: Grant,
        version: Option<u64>,
        now_ms: i64,
    ) -> Result<Written<Stored<Grant>>, CatalogError> {
        grant.check()?;
        let fresh = View { sees_all: true, is_fresh: true, now_ms };
        let held = self.grants(&grant.user, fresh).await?;
        if !held.iter().any(|held| held.value.id == grant.id) {
            has_room("id", held.len())?;
        }
        let key = rest::grant_key(&grant.user, &grant.id);
        let _writing = self.writing(Stale::Grants(grant.user.clone()));
        self.records.revise(key, version, |_| Ok(grant.clone())).await
    }

    /// Says what a user may watch at most.
    ///
    /// # Errors
    /// `Bad`, `Changed`, and the store's.
    pub async fn set_limits(
        &self,
        limits: ViewerLimits,
        version: Option<u64>,
    ) -> Result<Stored<ViewerLimits>, CatalogError> {
        limits.check()?;
        let _writing = self.writing(Stale::Limits(limits.user.clone()));
        let written =
            self.records.revise(rest::limits_key(&limits.user), version, |_| Ok(limits.clone())).await;
        written.map(|written| written.stored)
    }
}

/// Whether a subscription says what the present one says, as far as that is the caller's to say.
fn is_said_again(next: &Subscription, present: &Subscription) -> bool {
    Subscription { since_ms: present.since_ms, ..next.clone() } == *present
}
