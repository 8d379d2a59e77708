//! What can be subscribed to.

use serde::{Deserialize, Serialize};

use super::Interval;
use crate::{
    PlanId,
    catalog::{
        ExternalId, Fault, Text,
        check::{self, TIER_MAX},
        item::numbered,
    },
};

/// What can be subscribed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Names it, for good.
    pub id: PlanId,
    /// What it is called, each language once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub texts: Vec<Text>,
    /// Whether it is offered. Subscriptions to one that is not go on.
    pub active: bool,
    /// How much it opens.
    pub tier: u32,
    /// What else it opens.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
    /// What it costs, as given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prices: Vec<Price>,
    /// How long after the end of a period that was to be renewed it is still honoured, days.
    #[serde(default)]
    pub grace_days: u32,
    /// How long a trial is, days.
    #[serde(default)]
    pub trial_days: u32,
    /// How many items its account may view in a period; `None`: any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub views_max: Option<u32>,
    /// True when only users who hold a seat may use it.
    #[serde(default)]
    pub by_seat: bool,
    /// How many streams its account may run at once; `None`: as the server is set up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub streams: Option<Streams>,
    /// What it is called in other systems.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub external_ids: Vec<ExternalId>,
}

/// What a plan costs. Nothing is reckoned with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// For how long; `None`: once and for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
    /// The sum, a decimal number.
    pub amount: String,
    /// The currency, ISO 4217.
    pub currency: String,
    /// True when it is the price of each seat.
    #[serde(default)]
    pub per_seat: bool,
}

/// How many streams an account may run at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Streams {
    /// On all devices together.
    pub streams_max: u32,
    /// What happens to one more.
    pub at_limit: AtLimit,
    /// Devices that play at once; `None`: any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub devices_max: Option<u32>,
}

numbered! {
    /// What happens to one stream more than allowed.
    AtLimit {
        /// The new stream is refused.
        DenyNewest = 1 "DENY_NEWEST",
        /// The oldest stream is stopped.
        EvictOldest = 2 "EVICT_OLDEST",
    }
}

/// The most days of grace.
pub const GRACE_DAYS_MAX: u32 = 90;
/// The most days of a trial.
pub const TRIAL_DAYS_MAX: u32 = 366;

/// The most views in a period: each is looked at when the next one is asked for.
pub const VIEWS_MAX: u32 = 1_000;

impl Plan {
    /// A plan of which only the necessary is known.
    #[must_use]
    pub fn new(id: PlanId, tier: u32) -> Self {
        Self {
            id,
            texts: Vec::new(),
            active: true,
            tier,
            features: Vec::new(),
            prices: Vec::new(),
            grace_days: 0,
            trial_days: 0,
            views_max: None,
            by_seat: false,
            streams: None,
            external_ids: Vec::new(),
        }
    }

    /// For how long it is still honoured, ms.
    #[must_use]
    pub fn grace_ms(&self) -> i64 {
        i64::from(self.grace_days) * DAY_MS
    }

    /// Checks all that can be seen of a plan by itself.
    ///
    /// # Errors
    /// The first [`Fault`].
    pub fn check(&self) -> Result<(), Fault> {
        check::check_texts(&self.texts)?;
        check::number("tier", self.tier, TIER_MAX)?;
        check::count("features", self.features.len(), 64)?;
        for (at, feature) in self.features.iter().enumerate() {
            check::length(&format!("features[{at}]"), feature, 1, 64)?;
        }
        check::count("prices", self.prices.len(), 32)?;
        check::indexed("prices", &self.prices, check_price)?;
        check::number("grace_days", self.grace_days, GRACE_DAYS_MAX)?;
        check::number("trial_days", self.trial_days, TRIAL_DAYS_MAX)?;
        check::number("views_max", self.views_max.unwrap_or(0), VIEWS_MAX)?;
        self.streams.as_ref().map_or(Ok(()), check_streams)?;
        check::check_external_ids(&self.external_ids)
    }
}

fn check_price(price: &Price) -> Result<(), Fault> {
    let (whole, part) = price.amount.split_once('.').unwrap_or((&price.amount, "0"));
    let is_decimal =
        [whole, part].iter().all(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()));
    if !is_decimal || price.amount.len() > AMOUNT_CHARS_MAX {
        return Err(Fault::new(
            "amount",
            &price.amount,
            "a decimal number of 1 to 32 characters, such as 14.99",
        ));
    }
    if price.currency.len() != 3 || !price.currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err(Fault::new("currency", &price.currency, "three capital letters (ISO 4217), such as KRW"));
    }
    Ok(())
}

fn check_streams(streams: &Streams) -> Result<(), Fault> {
    let most = crate::lease::rules::STREAMS_MAX;
    for (field, value) in [("streams_max", Some(streams.streams_max)), ("devices_max", streams.devices_max)] {
        if let Some(value) = value.filter(|value| !(1..=most).contains(value)) {
            return Err(Fault::new(format!("stream_rules.{field}"), value, format!("1 to {most}")));
        }
    }
    Ok(())
}

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
const AMOUNT_CHARS_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_names_field_value_and_range() {
        let price = |amount: &str, currency: &str| Price {
            interval: None,
            amount: amount.into(),
            currency: currency.into(),
            per_seat: false,
        };
        let plan = || Plan::new(PlanId::new("p").unwrap(), 1);
        let streams = |streams_max, devices_max| {
            Some(Streams { streams_max, at_limit: AtLimit::DenyNewest, devices_max })
        };
        for (plan, expect) in [
            (plan(), None),
            (Plan { prices: vec![price("9900", "KRW"), price("0.99", "USD")], ..plan() }, None),
            (Plan { streams: streams(2, Some(4)), ..plan() }, None),
            (Plan { tier: 1_000_001, ..plan() }, Some("tier is \"1000001\"; allowed is 0 to 1000000")),
            (Plan { grace_days: 91, ..plan() }, Some("grace_days is \"91\"; allowed is 0 to 90")),
            (Plan { views_max: Some(1_001), ..plan() }, Some("views_max is \"1001\"; allowed is 0 to 1000")),
            (Plan { trial_days: 367, ..plan() }, Some("trial_days is")),
            (
                Plan { features: vec![String::new()], ..plan() },
                Some("features[0] is \"\"; allowed is 1 to 64"),
            ),
            (Plan { prices: vec![price("-1", "USD")], ..plan() }, Some("prices[0].amount is \"-1\"")),
            (Plan { prices: vec![price("1.", "USD")], ..plan() }, Some("prices[0].amount is")),
            (Plan { prices: vec![price("1", "usd")], ..plan() }, Some("prices[0].currency is \"usd\"")),
            (
                Plan { streams: streams(0, None), ..plan() },
                Some("stream_rules.streams_max is \"0\"; allowed is 1 to 1000"),
            ),
            (Plan { streams: streams(1, Some(1_001)), ..plan() }, Some("stream_rules.devices_max is")),
        ] {
            let said = plan.check().err().map(|fault| fault.to_string());
            let fits = said
                .as_deref()
                .zip(expect)
                .map_or(said.is_none() && expect.is_none(), |(said, expect)| said.starts_with(expect));
            assert!(fits, "{said:?}, expected {expect:?}");
        }
    }
}
