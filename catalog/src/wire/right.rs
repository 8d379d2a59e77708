//! Plans, subscriptions, grants and decisions as they are told.

use playhead_proto::{catalog::v1 as catalog, entitlement::v1 as proto};
use playhead_store::entitlement::{
    Decision, Grant, Interval, Plan, Price, Refusal, Standing, Streams, Subscription, ViewerLimits,
};

use super::{text, told_external_ids};
use crate::{entitlement::check::Judged, records::Stored};

/// A plan.
pub(crate) fn plan(stored: &Stored<Plan>) -> proto::Plan {
    let plan = &stored.value;
    proto::Plan {
        id: plan.id.to_string(),
        texts: plan.texts.iter().map(text).collect(),
        active: plan.active,
        tier: plan.tier,
        features: plan.features.clone(),
        prices: plan.prices.iter().map(price).collect(),
        grace_days: plan.grace_days,
        trial_days: plan.trial_days,
        views_max: plan.views_max,
        by_seat: plan.by_seat,
        stream_rules: plan.streams.map(streams),
        external_ids: told_external_ids(&plan.external_ids),
        etag: stored.etag(),
    }
}

fn price(price: &Price) -> proto::Price {
    let Price { interval, amount, currency, per_seat } = price.clone();
    proto::Price { interval: interval.map(self::interval), amount, currency, per_seat }
}

fn interval(interval: Interval) -> proto::Interval {
    match interval {
        Interval::Months(months) => proto::Interval { months, days: 0 },
        Interval::Days(days) => proto::Interval { months: 0, days },
    }
}

fn streams(streams: Streams) -> proto::StreamRules {
    let Streams { streams_max, at_limit, devices_max } = streams;
    proto::StreamRules { streams_max, at_limit: at_limit.number().into(), devices_max }
}

/// A subscription.
pub(crate) fn subscription(stored: &Stored<Subscription>) -> proto::Subscription {
    let subscription = &stored.value;
    proto::Subscription {
        id: subscription.id.to_string(),
        account_id: subscription.account.to_string(),
        plan_id: subscription.plan.to_string(),
        status: subscription.status.number().into(),
        period_start_ms: subscription.period.start_ms,
        period_end_ms: subscription.period.end_ms,
        interval: subscription.interval.map(interval),
        anchor_ms: Some(subscription.anchor_ms),
        time_zone: subscription.zone.name().to_owned(),
        auto_renew: subscription.auto_renew,
        cancelled_at_ms: subscription.cancelled_at_ms,
        past_due_since_ms: subscription.past_due_since_ms,
        ended_at_ms: subscription.ended_at_ms,
        seats: subscription.seats,
        external_ids: told_external_ids(&subscription.external_ids),
        etag: stored.etag(),
    }
}

/// What a subscription comes to.
pub(crate) fn standing(standing: Standing) -> proto::Standing {
    let Standing { entitled, status, until_ms, in_grace } = standing;
    proto::Standing { entitled, status: status.number().into(), until_ms, in_grace }
}

/// A subscription with what it comes to.
pub(crate) fn judged(judged: &Judged) -> proto::Subscribed {
    proto::Subscribed {
        subscription: Some(subscription(&judged.subscription)),
        plan: Some(plan(&judged.plan)),
        standing: Some(standing(judged.standing)),
    }
}

/// A grant.
pub(crate) fn grant(stored: &Stored<Grant>) -> proto::Grant {
    let grant = &stored.value;
    proto::Grant {
        id: grant.id.to_string(),
        user_id: grant.user.to_string(),
        kind: catalog::GrantKind::try_from(i32::from(grant.kind.number())).unwrap_or_default().into(),
        item_id: grant.item.as_ref().map(ToString::to_string).unwrap_or_default(),
        status: grant.status.number().into(),
        starts_at_ms: grant.starts_at_ms,
        ends_at_ms: grant.ends_at_ms,
        role: grant.role.clone().unwrap_or_default(),
        external_ids: told_external_ids(&grant.external_ids),
        etag: stored.etag(),
    }
}

/// What a user may watch at most.
pub(crate) fn limits(stored: &Stored<ViewerLimits>) -> proto::ViewerLimits {
    proto::ViewerLimits {
        user_id: stored.value.user.to_string(),
        maturity_age_max: stored.value.maturity_age_max.map(Into::into),
        etag: stored.etag(),
    }
}

/// A decision.
pub(crate) fn decision(decision: Decision) -> proto::AccessDecision {
    let refusal = |Refusal { reason, until_ms, needed }: Refusal| proto::AccessRefusal {
        reason: reason.number().into(),
        until_ms,
        needed,
    };
    proto::AccessDecision {
        allowed: decision.allowed,
        refusals: decision.refusals.into_iter().map(refusal).collect(),
        grant_id: decision.grant.map(|id| id.to_string()).unwrap_or_default(),
        subscription_id: decision.subscription.map(|id| id.to_string()).unwrap_or_default(),
        until_ms: decision.until_ms,
    }
}
