//! Months and days in a time zone: where periods of a subscription end.
//!
//! The zones' rules come with the binary (jiff's copy of the IANA database), so every node reckons alike.

use std::fmt;

use jiff::{Span, Timestamp, ZonedDateTime, tz::TimeZone, tz::TimeZoneDatabase};
use serde::{Deserialize, Serialize};

use crate::catalog::Fault;

/// How long a period is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interval {
    /// Calendar months: 12 is a year.
    Months(u32),
    /// Days of a calendar, 23 to 25 hours long where clocks are changed.
    Days(u32),
}

impl Interval {
    /// Months or days, whichever is given; `None` where neither is.
    ///
    /// # Errors
    /// The [`Fault`] of a number out of range, or of two that are given at once.
    pub fn new(months: u32, days: u32) -> Result<Option<Self>, Fault> {
        match (months, days) {
            (0, 0) => Ok(None),
            (months, 0) if months <= MONTHS_MAX => Ok(Some(Self::Months(months))),
            (0, days) if days <= DAYS_MAX => Ok(Some(Self::Days(days))),
            (months, 0) => Err(Fault::new("interval.months", months, "0 to 120")),
            (0, days) => Err(Fault::new("interval.days", days, "0 to 3660")),
            (_, days) => Err(Fault::new("interval.days", days, "nothing, since months are given")),
        }
    }

    fn times(self, count: i64) -> Option<Span> {
        match self {
            Self::Months(months) => Span::new().try_months(count.checked_mul(months.into())?).ok(),
            Self::Days(days) => Span::new().try_days(count.checked_mul(days.into())?).ok(),
        }
    }

    /// About how long it is; never more than it really is, so that no boundary is passed by.
    fn ms_min(self) -> i64 {
        match self {
            Self::Months(months) => i64::from(months) * 28 * DAY_MS_MIN,
            Self::Days(days) => i64::from(days) * DAY_MS_MIN,
        }
    }

    /// Never less than it really is.
    fn ms_max(self) -> i64 {
        match self {
            Self::Months(months) => i64::from(months) * 31 * DAY_MS_MAX,
            Self::Days(days) => i64::from(days) * DAY_MS_MAX,
        }
    }
}

/// A time zone by its IANA name.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone {
    name: String,
    rules: TimeZone,
}

impl Zone {
    /// The zone of this name, such as `Asia/Seoul`; `None` where there is none. An empty name is UTC.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        if name.is_empty() || name == "UTC" {
            return Some(Self { name: "UTC".to_owned(), rules: TimeZone::UTC });
        }
        let rules = TimeZoneDatabase::bundled().get(name).ok()?;
        let name = rules.iana_name().unwrap_or(name).to_owned();
        Some(Self { name, rules })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first boundary after a moment, Unix ms: an anchor with whole intervals behind it. Reckoned from the anchor each
    /// time, so what began on the 31st ends on the last day of a shorter month, and on the 31st again where there is one.
    /// `None` beyond the year 9999.
    #[must_use]
    pub fn next_boundary(&self, anchor_ms: i64, interval: Interval, after_ms: i64) -> Option<i64> {
        let anchor = self.at(anchor_ms)?;
        let boundary = |count: i64| -> Option<i64> {
            Some(anchor.checked_add(interval.times(count)?).ok()?.timestamp().as_millisecond())
        };
        let distance_ms = after_ms.saturating_sub(anchor_ms).max(0);
        // The longest interval gives the least count that may be right; from there it is a few steps, or bisected.
        let mut low = (distance_ms / interval.ms_max()).max(0);
        let mut high = distance_ms / interval.ms_min() + 1;
        while low + 1 < high {
            let middle = low.midpoint(high);
            match boundary(middle) {
                Some(at_ms) if at_ms <= after_ms => low = middle,
                _ => high = middle,
            }
        }
        (low.max(1)..=high).filter_map(boundary).find(|&at_ms| at_ms > after_ms)
    }

    fn at(&self, at_ms: i64) -> Option<ZonedDateTime> {
        Some(Timestamp::from_millisecond(at_ms).ok()?.to_zoned_datetime(self.rules.clone()))
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Zone {}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl TryFrom<String> for Zone {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::new(&name).ok_or("no time zone")
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.name
    }
}

const MONTHS_MAX: u32 = 120;
const DAYS_MAX: u32 = 3_660;
const HOUR_MS: i64 = 60 * 60 * 1_000;
/// No zone has changed its clocks by more than a day.
const DAY_MS_MIN: i64 = 12 * HOUR_MS;
const DAY_MS_MAX: i64 = 48 * HOUR_MS;

#[cfg(test)]
mod tests {
    use super::*;

    /// A local time as Unix ms.
    fn ms(zone: &str, local: &str) -> i64 {
        let zone = Zone::new(zone).unwrap();
        local
            .parse::<jiff::civil::DateTime>()
            .unwrap()
            .to_zoned_datetime(zone.rules)
            .unwrap()
            .timestamp()
            .as_millisecond()
    }

    /// Boundaries from an anchor on, each after the one before, in local time.
    fn boundaries(zone: &str, anchor: &str, interval: Interval, count: usize) -> Vec<String> {
        let rules = Zone::new(zone).unwrap();
        let (anchor_ms, mut at_ms, mut told) = (ms(zone, anchor), ms(zone, anchor), Vec::new());
        for _ in 0..count {
            at_ms = rules.next_boundary(anchor_ms, interval, at_ms).unwrap();
            told.push(rules.at(at_ms).unwrap().datetime().to_string());
        }
        told
    }

    #[test]
    fn what_began_on_the_31st_comes_back_to_it() {
        let told = boundaries("Asia/Seoul", "2027-12-31T09:30", Interval::Months(1), 4);
        let expect =
            ["2028-01-31T09:30:00", "2028-02-29T09:30:00", "2028-03-31T09:30:00", "2028-04-30T09:30:00"];
        assert_eq!(told, expect, "2028 is a leap year");
    }

    #[test]
    fn a_year_from_a_leap_day_ends_on_the_28th() {
        let told = boundaries("UTC", "2024-02-29T00:00", Interval::Months(12), 4);
        let expect =
            ["2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"].map(|day| format!("{day}T00:00:00"));
        assert_eq!(told, expect);
        assert_eq!(boundaries("UTC", "2096-02-29T00:00", Interval::Months(48), 1), ["2100-02-28T00:00:00"]);
    }

    #[test]
    fn a_period_ends_at_the_same_local_time_though_clocks_change() {
        let told = boundaries("America/New_York", "2026-02-15T00:00", Interval::Months(1), 2);
        assert_eq!(told, ["2026-03-15T00:00:00", "2026-04-15T00:00:00"]);
        let day_ms = |from: &str| {
            let zone = Zone::new("America/New_York").unwrap();
            let from_ms = ms("America/New_York", from);
            (zone.next_boundary(from_ms, Interval::Days(1), from_ms).unwrap() - from_ms) / HOUR_MS
        };
        assert_eq!(
            (day_ms("2026-03-07T12:00"), day_ms("2026-10-31T12:00"), day_ms("2026-06-01T12:00")),
            (23, 25, 24)
        );
        // 02:30 is not there on that day; 03:30 is what clocks show then.
        assert_eq!(
            boundaries("America/New_York", "2026-03-07T02:30", Interval::Days(1), 1),
            ["2026-03-08T03:30:00"]
        );
    }

    #[test]
    fn a_midnight_is_its_zones() {
        let hours = |zone: &str| (ms(zone, "2026-01-01T00:00") - ms("UTC", "2026-01-01T00:00")) / HOUR_MS;
        assert_eq!((hours("Asia/Seoul"), hours("America/New_York"), hours("")), (-9, 5, 0));
    }

    #[test]
    fn the_boundary_is_the_first_after_any_moment() {
        let zone = Zone::new("Asia/Seoul").unwrap();
        let anchor_ms = ms("Asia/Seoul", "2020-01-31T00:00");
        for interval in [Interval::Months(1), Interval::Months(12), Interval::Days(1), Interval::Days(30)] {
            let mut before_ms = anchor_ms;
            for _ in 0..200 {
                let at_ms = zone.next_boundary(anchor_ms, interval, before_ms).unwrap();
                for after_ms in [before_ms, at_ms - 1, before_ms.midpoint(at_ms)] {
                    assert_eq!(
                        zone.next_boundary(anchor_ms, interval, after_ms),
                        Some(at_ms),
                        "{interval:?}"
                    );
                }
                assert!(at_ms > before_ms);
                before_ms = at_ms;
            }
            assert!(zone.next_boundary(anchor_ms, interval, anchor_ms - HOUR_MS) > Some(anchor_ms));
            assert_eq!(zone.next_boundary(anchor_ms, interval, i64::MAX), None);
        }
    }

    #[test]
    fn a_zone_has_a_name_of_the_iana() {
        assert_eq!(Zone::new("asia/seoul").unwrap().name(), "Asia/Seoul");
        assert_eq!(Zone::new("").unwrap().name(), "UTC");
        for name in ["Seoul", "GMT+9x", "Asia/Seoul ", "../etc/passwd"] {
            assert!(Zone::new(name).is_none(), "{name}");
        }
    }

    #[test]
    fn an_interval_is_months_or_days() {
        assert_eq!(Interval::new(0, 0), Ok(None));
        assert_eq!(Interval::new(120, 0), Ok(Some(Interval::Months(120))));
        assert_eq!(Interval::new(0, 3_660), Ok(Some(Interval::Days(3_660))));
        for (months, days, expect) in [
            (121, 0, "interval.months is \"121\"; allowed is 0 to 120"),
            (0, 3_661, "interval.days is \"3661\"; allowed is 0 to 3660"),
            (1, 1, "interval.days is \"1\"; allowed is nothing, since months are given"),
        ] {
            assert_eq!(Interval::new(months, days).unwrap_err().to_string(), expect);
        }
    }
}
