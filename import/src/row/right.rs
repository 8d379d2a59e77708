//! Plans, subscriptions, seats, grants and limits, as rows tell of them.

use playhead_proto::{catalog::v1::GrantKind, entitlement::v1 as proto};

use super::{
    Reading, Wrong,
    item::{external_ids, texts},
};

/// A plan, or a part of one.
pub(crate) fn plan(row: &Reading<'_>, table: &str) -> Result<proto::Plan, Wrong> {
    let streams_max: Option<u32> = row.number("streams_max")?;
    let devices_max = row.number("devices_max")?;
    let stream_rules = streams_max.map(|streams_max| proto::StreamRules {
        streams_max,
        at_limit: proto::AtLimit::DenyNewest.into(),
        devices_max,
    });
    Ok(proto::Plan {
        id: row.name("id")?,
        texts: texts(row)?,
        active: row.flag("active")?.unwrap_or_default(),
        tier: row.number("tier")?.unwrap_or_default(),
        features: row.texts("features")?,
        prices: row.things("prices", price)?,
        grace_days: row.number("grace_days")?.unwrap_or_default(),
        trial_days: row.number("trial_days")?.unwrap_or_default(),
        views_max: row.number("views_max")?,
        by_seat: row.flag("by_seat")?.unwrap_or_default(),
        stream_rules,
        external_ids: external_ids(row, table)?,
        etag: String::new(),
    })
}

fn price(row: &Reading<'_>) -> Result<Option<proto::Price>, Wrong> {
    let amount = row.text("amount")?;
    let price = proto::Price {
        interval: interval(row, "months", "days")?,
        amount,
        currency: row.text("currency")?,
        per_seat: row.flag("per_seat")?.unwrap_or_default(),
    };
    Ok((!price.amount.is_empty()).then_some(price))
}

fn interval(row: &Reading<'_>, months: &str, days: &str) -> Result<Option<proto::Interval>, Wrong> {
    let (months, days) = (row.number::<u32>(months)?, row.number::<u32>(days)?);
    let interval = proto::Interval { months: months.unwrap_or_default(), days: days.unwrap_or_default() };
    Ok((months.is_some() || days.is_some()).then_some(interval))
}

/// A subscription.
pub(crate) fn subscription(row: &Reading<'_>, table: &str) -> Result<proto::Subscription, Wrong> {
    let status = row.word("status", "SUBSCRIPTION_STATUS_", proto::SubscriptionStatus::from_str_name)?;
    let zone = row.mapping.zone.iana_name().unwrap_or_default();
    Ok(proto::Subscription {
        id: row.name("id")?,
        account_id: row.name("account_id")?,
        plan_id: row.text("plan_id")?,
        status: status.map_or(0, i32::from),
        period_start_ms: row.time("period_start_ms")?.unwrap_or_default(),
        period_end_ms: row.time("period_end_ms")?.unwrap_or_default(),
        interval: interval(row, "interval_months", "interval_days")?,
        anchor_ms: row.time("anchor_ms")?,
        time_zone: row.maybe_text("time_zone")?.unwrap_or_else(|| zone.to_owned()),
        auto_renew: row.flag("auto_renew")?.unwrap_or_default(),
        cancelled_at_ms: row.time("cancelled_at_ms")?,
        past_due_since_ms: row.time("past_due_since_ms")?,
        ended_at_ms: row.time("ended_at_ms")?,
        seats: row.number("seats")?.unwrap_or_default(),
        external_ids: external_ids(row, table)?,
        etag: String::new(),
    })
}

/// A seat.
pub(crate) fn seat(row: &Reading<'_>) -> Result<proto::AssignSeatRequest, Wrong> {
    Ok(proto::AssignSeatRequest {
        account_id: row.name("account_id")?,
        subscription_id: row.name("subscription_id")?,
        user_id: row.name("user_id")?,
    })
}

/// A grant. One that the other system deleted is taken away.
pub(crate) fn grant(row: &Reading<'_>, table: &str, is_deleted: bool) -> Result<proto::Grant, Wrong> {
    let status = row.word("status", "GRANT_STATUS_", proto::GrantStatus::from_str_name)?;
    let status =
        if is_deleted { proto::GrantStatus::Revoked } else { status.unwrap_or(proto::GrantStatus::Active) };
    Ok(proto::Grant {
        id: row.name("id")?,
        user_id: row.name("user_id")?,
        kind: row.word("kind", "GRANT_KIND_", GrantKind::from_str_name)?.map_or(0, i32::from),
        item_id: row.text("item_id")?,
        status: status.into(),
        starts_at_ms: row.time("starts_at_ms")?,
        ends_at_ms: row.time("ends_at_ms")?,
        role: row.text("role")?,
        external_ids: external_ids(row, table)?,
        etag: String::new(),
    })
}

/// What a user may watch at most.
pub(crate) fn limits(row: &Reading<'_>) -> Result<proto::ViewerLimits, Wrong> {
    let maturity_age_max = row.number("maturity_age_max")?;
    Ok(proto::ViewerLimits { user_id: row.name("user_id")?, maturity_age_max, etag: String::new() })
}
