//! Texts as times, lengths, numbers and flags.

use jiff::{
    Span, Timestamp,
    civil::DateTime,
    fmt::{rfc2822, strtime},
    tz::TimeZone,
};

use crate::mapping::field::{Field, Unit};

/// A whole number; Oracle and JSON may write one with a point.
pub(super) fn number(text: &str) -> Option<i64> {
    let whole =
        text.split_once('.').map_or(text, |(whole, part)| match part.bytes().all(|digit| digit == b'0') {
            true => whole,
            false => text,
        });
    whole.parse().ok()
}

/// Yes or no, as databases write it. Bits come as hex digits.
pub(super) fn flag(text: &str) -> Option<bool> {
    const YES: [&str; 7] = ["1", "01", "true", "t", "y", "yes", "on"];
    const NO: [&str; 7] = ["0", "00", "false", "f", "n", "no", "off"];
    let is_one_of = |words: [&str; 7]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is_one_of(YES) {
        return Some(true);
    }
    is_one_of(NO).then_some(false)
}

/// A length, ms.
pub(super) fn span(text: &str, unit: Option<Unit>) -> Option<i64> {
    let ms = match unit? {
        Unit::Clock => {
            let parts = text.split(':').map(str::parse::<f64>).collect::<Result<Vec<_>, _>>().ok()?;
            (parts.len() <= 3).then(|| parts.iter().fold(0.0, |sum, part| sum * 60.0 + part))? * 1_000.0
        }
        unit => text.parse::<f64>().ok()? * ms_of(unit),
    };
    if !(0.0..=MEDIA_MS_MAX).contains(&ms) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "it was just found to be in the range of whole numbers"
    )]
    Some(ms.round() as i64)
}

fn ms_of(unit: Unit) -> f64 {
    match unit {
        Unit::Milliseconds => 1.0,
        Unit::Seconds | Unit::Clock => 1_000.0,
        Unit::Minutes => 60_000.0,
        Unit::Hours => 3_600_000.0,
    }
}

/// What databases write where there is no time.
pub(super) fn is_no_time(text: &str) -> bool {
    text.trim().is_empty() || text.starts_with("0000-00-00") || text.ends_with("infinity")
}

/// A moment, Unix ms: by a format, in a unit since 1970, or as ISO 8601 and databases write it. Without an offset it is told
/// in that zone; where clocks are changed, an hour that is told twice is the first, and one that is skipped the next.
pub(super) fn time(text: &str, field: &Field, zone: &TimeZone, shift: Option<&str>) -> Option<i64> {
    let text = text.trim();
    let at = match (&field.format, field.unit) {
        (Some(format), _) => by_format(text, format, zone)?,
        (None, Some(unit)) => {
            let per = number(text)?;
            let ms = match unit {
                Unit::Milliseconds => per,
                _ => per.checked_mul(1_000)?,
            };
            Timestamp::from_millisecond(ms).ok()?
        }
        (None, None) => match text.parse::<Timestamp>() {
            Ok(at) => at,
            Err(_) => told_in(zone, text.parse::<DateTime>().ok()?)?,
        },
    };
    let Some(shift) = shift else { return Some(at.as_millisecond()) };
    let span: Span = shift.parse().ok()?;
    let shifted = at.to_zoned_datetime(zone.clone()).checked_add(span).ok()?;
    Some(shifted.timestamp().as_millisecond())
}

fn by_format(text: &str, format: &str, zone: &TimeZone) -> Option<Timestamp> {
    if format == RFC_2822 {
        return Some(rfc2822::parse(text).ok()?.timestamp());
    }
    let parsed = strtime::parse(format, text).ok()?;
    if let Ok(at) = parsed.to_timestamp() {
        return Some(at);
    }
    let time = parsed.to_datetime().or_else(|_| parsed.to_date().map(|date| date.at(0, 0, 0, 0)));
    told_in(zone, time.ok()?)
}

fn told_in(zone: &TimeZone, time: DateTime) -> Option<Timestamp> {
    Some(time.to_zoned_datetime(zone.clone()).ok()?.timestamp())
}

/// The name of a format that strftime has no words for: times of mails and feeds, with names of zones.
const RFC_2822: &str = "rfc2822";
/// The greatest length, ms: 2^53 - 1.
const MEDIA_MS_MAX: f64 = 9_007_199_254_740_991.0;

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZoneDatabase;

    use super::*;

    #[test]
    fn numbers_and_flags_as_databases_write_them() {
        let numbers = ["7", "-7", "7.0", "7.", "7.5", "x", ""].map(number);
        assert_eq!(numbers, [Some(7), Some(-7), Some(7), Some(7), None, None, None]);
        let flags = ["1", "T", "yes", "01", "0", "f", "N", "00", "2", ""].map(flag);
        let (yes, no) = (Some(true), Some(false));
        assert_eq!(flags, [yes, yes, yes, yes, no, no, no, no, None, None]);
    }

    #[test]
    fn lengths_in_every_unit() {
        for (text, unit, expect) in [
            ("61.5", Unit::Seconds, Some(61_500)),
            ("0.0005", Unit::Seconds, Some(1)),
            ("90", Unit::Minutes, Some(5_400_000)),
            ("1.5", Unit::Hours, Some(5_400_000)),
            ("7", Unit::Milliseconds, Some(7)),
            ("1:02:03", Unit::Clock, Some(3_723_000)),
            ("62:03.5", Unit::Clock, Some(3_723_500)),
            ("-1", Unit::Seconds, None),
            ("nan", Unit::Seconds, None),
            ("1e300", Unit::Seconds, None),
            ("1:2:3:4", Unit::Clock, None),
            ("x", Unit::Clock, None),
        ] {
            assert_eq!(span(text, Some(unit)), expect, "{text} {unit:?}");
        }
    }

    #[test]
    fn times_with_and_without_zone_format_unit_and_shift() {
        let read = |text: &str, zone: &str, format: Option<&str>, unit, shift: Option<&str>| {
            let zone = TimeZoneDatabase::bundled().get(zone).unwrap();
            let field = Field { format: format.map(str::to_owned), unit, ..Field::default() };
            time(text, &field, &zone, shift)
        };
        let at = |text: &str| Some(text.parse::<Timestamp>().unwrap().as_millisecond());
        let iso = |text, zone| read(text, zone, None, None, None);
        assert_eq!(iso("2027-01-31 09:05:00", "Asia/Seoul"), at("2027-01-31T00:05:00Z"));
        assert_eq!(iso("2027-01-31T09:05:00.250", "UTC"), at("2027-01-31T09:05:00.25Z"));
        assert_eq!(iso("2027-01-31", "Asia/Seoul"), at("2027-01-30T15:00:00Z"));
        assert_eq!(iso("2027-01-31 09:05:00+09", "UTC"), at("2027-01-31T00:05:00Z"));
        assert_eq!(iso("2027-01-31 09:05:00Z", "Asia/Seoul"), at("2027-01-31T09:05:00Z"));
        // Clocks are set forward, and back.
        assert_eq!(iso("2027-03-28 02:30:00", "Europe/Berlin"), at("2027-03-28T01:30:00Z"));
        assert_eq!(iso("2027-10-31 02:30:00", "Europe/Berlin"), at("2027-10-31T00:30:00Z"));
        assert_eq!(iso("31.01.2027", "UTC"), None);
        assert_eq!(
            read("31.01.2027 9:05", "Asia/Seoul", Some("%d.%m.%Y %H:%M"), None, None),
            at("2027-01-31T00:05:00Z")
        );
        assert_eq!(
            read("Sat, 30 Jan 2027 10:00:00 +0200", "UTC", Some("%a, %d %b %Y %H:%M:%S %z"), None, None),
            at("2027-01-30T08:00:00Z")
        );
        assert_eq!(
            read("Sat, 30 Jan 2027 10:00:00 EST", "UTC", Some("rfc2822"), None, None),
            at("2027-01-30T15:00:00Z")
        );
        assert_eq!(read("1800000000", "UTC", None, Some(Unit::Seconds), None), Some(1_800_000_000_000));
        assert_eq!(
            read("1800000000000", "UTC", None, Some(Unit::Milliseconds), None),
            Some(1_800_000_000_000)
        );
        assert_eq!(read("2027-03-31", "UTC", None, None, Some("-1mo")), at("2027-02-28T00:00:00Z"));
        assert_eq!(read("2027-03-31", "UTC", None, None, Some("soon")), None);
        assert!(
            is_no_time("0000-00-00 00:00:00")
                && is_no_time("infinity")
                && is_no_time("")
                && !is_no_time("2027")
        );
    }
}
