//! Plans, subscriptions and grants as they come.

use playhead_proto::entitlement::v1 as proto;
use playhead_store::{
    AccountId, GrantId, ItemId, PlanId, SubscriptionId, UserId,
    catalog::Fault,
    entitlement::{
        Grant, GrantStatus, Interval, Period, Plan, Price, Streams, Subscription, SubscriptionStatus,
        ViewerLimits, Zone, plan::AtLimit,
    },
};

use super::{external_ids, id, id_or_none, item_read, number, texts};

/// A plan.
pub(crate) fn plan(plan: proto::Plan) -> Result<Plan, Fault> {
    let price = |(at, price): (usize, proto::Price)| {
        let interval = price.interval.map(interval).transpose();
        Ok(Price {
            interval: interval.map_err(|fault| fault.within(format_args!("prices[{at}]")))?.flatten(),
            amount: price.amount,
            currency: price.currency,
            per_seat: price.per_seat,
        })
    };
    Ok(Plan {
        texts: texts(plan.texts)?,
        active: plan.active,
        features: plan.features,
        prices: plan.prices.into_iter().enumerate().map(price).collect::<Result<_, Fault>>()?,
        grace_days: plan.grace_days,
        trial_days: plan.trial_days,
        views_max: plan.views_max,
        by_seat: plan.by_seat,
        streams: plan.stream_rules.map(streams).transpose()?,
        external_ids: external_ids(plan.external_ids),
        ..Plan::new(id("id", &plan.id, PlanId::new)?, plan.tier)
    })
}

fn interval(interval: proto::Interval) -> Result<Option<Interval>, Fault> {
    Interval::new(interval.months, interval.days)
}

fn streams(rules: proto::StreamRules) -> Result<Streams, Fault> {
    let at_limit = match rules.at_limit {
        0 => AtLimit::DenyNewest,
        value => number(
            "stream_rules.at_limit",
            value,
            AtLimit::from_number(value),
            "DENY_NEWEST (1) or EVICT_OLDEST (2)",
        )?,
    };
    Ok(Streams { streams_max: rules.streams_max, at_limit, devices_max: rules.devices_max })
}

/// A subscription.
pub(crate) fn subscription(subscription: proto::Subscription) -> Result<Subscription, Fault> {
    let allowed = "TRIALING (1), ACTIVE (2), PAST_DUE (3), CANCELLED (4), EXPIRED (5) or PAYMENT_FAILED (6)";
    let status = subscription.status;
    let zone = Zone::new(&subscription.time_zone).ok_or_else(|| {
        Fault::new("time_zone", &subscription.time_zone, "an IANA time zone, such as Asia/Seoul, or nothing")
    })?;
    Ok(Subscription {
        id: id("id", &subscription.id, SubscriptionId::new)?,
        account: id("account_id", &subscription.account_id, AccountId::new)?,
        plan: id("plan_id", &subscription.plan_id, PlanId::new)?,
        status: number("status", status, SubscriptionStatus::from_number(status), allowed)?,
        period: Period { start_ms: subscription.period_start_ms, end_ms: subscription.period_end_ms },
        since_ms: None,
        interval: subscription.interval.map(interval).transpose()?.flatten(),
        anchor_ms: subscription.anchor_ms.unwrap_or(subscription.period_start_ms),
        zone,
        auto_renew: subscription.auto_renew,
        cancelled_at_ms: subscription.cancelled_at_ms,
        past_due_since_ms: subscription.past_due_since_ms,
        ended_at_ms: subscription.ended_at_ms,
        seats: subscription.seats,
        external_ids: external_ids(subscription.external_ids),
    })
}

/// A grant.
pub(crate) fn grant(grant: proto::Grant) -> Result<Grant, Fault> {
    let allowed = "ACTIVE (1), PENDING (2), COMPLETED (3), CANCELLED (4) or REVOKED (5)";
    let status = match grant.status {
        0 => GrantStatus::Active,
        value => number("status", value, GrantStatus::from_number(value), allowed)?,
    };
    Ok(Grant {
        id: id("id", &grant.id, GrantId::new)?,
        user: id("user_id", &grant.user_id, UserId::new)?,
        kind: item_read::grant_kind("kind", grant.kind)?,
        item: id_or_none("item_id", &grant.item_id, ItemId::new)?,
        status,
        starts_at_ms: grant.starts_at_ms,
        ends_at_ms: grant.ends_at_ms,
        role: Some(grant.role).filter(|role| !role.is_empty()),
        external_ids: external_ids(grant.external_ids),
    })
}

/// What a user may watch at most.
pub(crate) fn limits(limits: &proto::ViewerLimits) -> Result<ViewerLimits, Fault> {
    let age = limits.maturity_age_max.map(item_read::age).transpose();
    let age = age.map_err(|fault| Fault { field: "maturity_age_max".to_owned(), ..fault })?;
    Ok(ViewerLimits { user: id("user_id", &limits.user_id, UserId::new)?, maturity_age_max: age })
}
