//! Which of an account's subscriptions serves a need, or what the nearest one lacks.

use super::{Reason, Refusal, is_later};
use crate::{
    catalog::SubscriptionNeed,
    entitlement::{Plan, Subscription, subscription::Standing},
};

/// A subscription with what it takes to judge it.
#[derive(Debug, Clone)]
pub struct Subscribed {
    /// It.
    pub subscription: Subscription,
    /// Its plan.
    pub plan: Plan,
    /// Whether the user holds a seat of it. Counts where the plan is by seat.
    pub has_seat: bool,
    /// How many items the account has viewed in this period, and whether this is one of them.
    pub views: Views,
}

/// What an account has viewed in a period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Views {
    /// How many items.
    pub taken: u32,
    /// Whether the item in question is one of them.
    pub has_this: bool,
}

/// The subscription that serves a need for the longest time, and until when.
pub(super) fn best<'a>(
    all: &'a [Subscribed],
    need: &SubscriptionNeed,
    now_ms: i64,
) -> Result<(&'a Subscription, Option<i64>), Refusal> {
    let mut best: Option<(&Subscription, Option<i64>)> = None;
    let mut nearest = (0, Refusal::needs(Reason::NoSubscription, &tier_of(need)));
    for subscribed in all {
        let standing = subscribed.subscription.standing(subscribed.plan.grace_ms(), now_ms);
        match subscribed.serves(need, standing) {
            Ok(until_ms) if best.is_none_or(|(_, best_ms)| is_later(until_ms, best_ms)) => {
                best = Some((&subscribed.subscription, until_ms));
            }
            Ok(_) => {}
            Err(refused) if refused.0 > nearest.0 => nearest = refused,
            Err(_) => {}
        }
    }
    best.ok_or(nearest.1)
}

impl Subscribed {
    /// Until when it serves a need; or what it lacks, and how near it comes.
    fn serves(&self, need: &SubscriptionNeed, standing: Standing) -> Result<Option<i64>, (u8, Refusal)> {
        let Self { plan, views, .. } = self;
        if !standing.entitled {
            return Err((1, Refusal::until(Reason::SubscriptionNotCurrent, standing.until_ms)));
        }
        let counts = need.plans.is_empty() || need.plans.contains(&plan.id);
        if !counts || plan.tier < need.tier_min {
            return Err((2, Refusal::needs(Reason::PlanTooLow, &tier_of(need))));
        }
        if let Some(feature) = need.feature.as_ref().filter(|feature| !plan.features.contains(feature)) {
            return Err((3, Refusal::needs(Reason::FeatureMissing, feature)));
        }
        if plan.by_seat && !self.has_seat {
            return Err((4, Refusal::new(Reason::NoSeat)));
        }
        match plan.views_max {
            Some(views_max) if !views.has_this && views.taken >= views_max => {
                let next_ms = Some(self.subscription.period.end_ms);
                Err((5, Refusal { until_ms: next_ms, ..Refusal::needs(Reason::ViewsUsedUp, &views_max) }))
            }
            _ => Ok(standing.until_ms),
        }
    }
}

fn tier_of(need: &SubscriptionNeed) -> String {
    if need.tier_min == 0 { String::new() } else { need.tier_min.to_string() }
}
