//! One event as JSON.

use std::fmt;

use playhead_store::{Event, EventKind, PlayerState};
use serde::{
    Serialize,
    de::{DeserializeSeed, Deserializer, MapAccess, Visitor},
};

use super::value::{Name, Value, other_arrays, other_values};
use crate::{
    admission::{RawEvent, Rejection},
    intake::{Offered, Unreadable},
};

/// Reads one event. What is wrong with it becomes its refusal, never an error of the text around it.
pub(super) struct EventSeed;

impl<'de> DeserializeSeed<'de> for EventSeed {
    type Value = Offered;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Offered, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for EventSeed {
    type Value = Offered;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an Event")
    }

    other_values!(EventSeed::no_event);
    other_arrays!(EventSeed::no_event);

    /// Reads to the end whatever is wrong on the way, so that the number is found wherever it stands.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Offered, A::Error> {
        let mut raw = RawEvent::new(EventKind::Meta, 0, None);
        raw.kind = Err("".into());
        let mut refused = None;
        while let Some(Name(name)) = map.next_key()? {
            let read = read_field(&mut raw, &name, map.next_value()?);
            refused = refused.or(read.err());
        }
        Ok(match refused {
            Some(rejection) => Err(Unreadable { seq: raw.seq, rejection }),
            None => Ok(raw),
        })
    }
}

impl EventSeed {
    #[expect(clippy::needless_pass_by_value, reason = "the shape of all such functions")]
    fn no_event(&self, found: Value<'_>) -> Offered {
        Err(Unreadable { seq: 0, rejection: found.refused("", "an object: an Event") })
    }
}

fn read_field(raw: &mut RawEvent, name: &str, value: Value<'_>) -> Result<(), Rejection> {
    match name {
        "kind" => raw.kind = kind(value)?,
        "seq" => raw.seq = seq(value)?,
        "at_ms" | "atMs" => raw.at_ms = value.whole("at_ms", WHOLE_64)?.filter(|&at_ms: &i64| at_ms != 0),
        "position_ms" | "positionMs" => raw.position_ms = value.whole("position_ms", WHOLE_64)?,
        "from_ms" | "fromMs" => raw.from_ms = value.whole("from_ms", WHOLE_64)?,
        "state" => raw.state = state(value)?,
        "rate" => raw.rate = value.decimal("rate")?,
        "bitrate_kbps" | "bitrateKbps" => raw.bitrate_kbps = value.whole("bitrate_kbps", WHOLE_32)?,
        "startup_ms" | "startupMs" => raw.startup_ms = value.whole("startup_ms", WHOLE_32)?,
        "stall_ms" | "stallMs" => raw.stall_ms = value.whole("stall_ms", WHOLE_32)?,
        "duration_ms" | "durationMs" => raw.duration_ms = value.whole("duration_ms", WHOLE_64)?,
        "error_code" | "errorCode" => {
            let code = value.text("error_code")?;
            raw.error_code = (!code.is_empty()).then(|| code.into());
        }
        _ => {}
    }
    Ok(())
}

fn kind(value: Value<'_>) -> Result<Result<EventKind, Box<str>>, Rejection> {
    let by_name = |name: &str| EventKind::ALL.into_iter().find(|kind| kind.name() == name);
    value.member("kind", "EVENT_KIND_", by_name, EventKind::from_number)
}

fn state(value: Value<'_>) -> Result<Result<Option<PlayerState>, Box<str>>, Rejection> {
    if value == Value::Null {
        return Ok(Ok(None));
    }
    let by_name = |name: &str| match name {
        "UNSPECIFIED" | "" => Some(None),
        name => PlayerState::ALL.into_iter().find(|state| state.name() == name).map(Some),
    };
    let by_number = |number| match number {
        0 => Some(None),
        number => PlayerState::from_number(number).map(Some),
    };
    value.member("state", "PLAYER_STATE_", by_name, by_number)
}

/// A number; a negative one is admission's to refuse, as 0 is.
fn seq(value: Value<'_>) -> Result<u64, Rejection> {
    value.whole("seq", "1 to 9223372036854775807").map(Option::unwrap_or_default)
}

/// What a 64-bit field takes, for error messages.
pub(super) const WHOLE_64: &str = "a whole number of 64 bits, or none";
const WHOLE_32: &str = "a whole number, 0 to 4294967295, or none";

/// An event that is read back.
#[derive(Serialize)]
pub(in crate::edge::http) struct EventJson<'a> {
    kind: &'static str,
    seq: Number,
    at_ms: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    position_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bitrate_kbps: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    startup_ms: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stall_ms: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'a str>,
}

impl<'a> EventJson<'a> {
    pub(in crate::edge::http) fn new(event: &'a Event) -> Self {
        Self {
            kind: event.kind.name(),
            seq: Number::new(event.seq),
            at_ms: event.at_ms,
            position_ms: event.position_ms,
            from_ms: event.from_ms,
            state: event.state.map(PlayerState::name),
            rate: event.rate.map(|rate| rate.factor()),
            bitrate_kbps: event.bitrate_kbps,
            startup_ms: event.startup_ms,
            stall_ms: event.stall_ms,
            duration_ms: event.duration_ms,
            error_code: event.error_code.as_deref(),
        }
    }
}

/// A sequence number: a JSON number where every reader holds it exactly, a string above 2^53 - 1.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Number {
    Exact(u64),
    Text(String),
}

impl Number {
    pub(super) fn new(number: u64) -> Self {
        match number < 1 << 53 {
            true => Self::Exact(number),
            false => Self::Text(number.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Offered {
        EventSeed.deserialize(&mut serde_json::Deserializer::from_str(json)).unwrap()
    }

    #[test]
    fn every_spelling_of_an_event_is_the_same_event() {
        let mut expect = RawEvent::new(EventKind::Beat, 7, Some(1_800_000_000_000));
        expect.position_ms = Some(61_000);
        expect.state = Ok(Some(PlayerState::Playing));
        expect.rate = Some(1.5);
        expect.bitrate_kbps = Some(469);
        for json in [
            r#"{"kind":"BEAT","seq":7,"at_ms":1800000000000,"position_ms":61000,"state":"PLAYING","rate":1.5,
                "bitrate_kbps":469}"#,
            r#"{"kind":"EVENT_KIND_BEAT","seq":"7","atMs":"1800000000000","positionMs":61000.0,
                "state":"PLAYER_STATE_PLAYING","rate":"1.5","bitrateKbps":"469"}"#,
            r#"{"bitrate_kbps":469,"rate":1.5,"state":1,"position_ms":6.1e4,"at_ms":18e11,"seq":7,"kind":2,
                "from_ms":null,"new":[{}]}"#,
        ] {
            assert_eq!(read(json), Ok(expect.clone()), "{json}");
        }
    }

    #[test]
    fn a_field_of_a_wrong_type_is_named_and_the_number_is_kept() {
        for (json, seq, field, value) in [
            (r#"{"kind":"BEAT","position_ms":"far","seq":3}"#, 3, "position_ms", "far"),
            (r#"{"kind":"BEAT","seq":3,"at_ms":1.5}"#, 3, "at_ms", "1.5"),
            (r#"{"kind":"BEAT","seq":3,"from_ms":{"a":[1]}}"#, 3, "from_ms", "an object"),
            (r#"{"kind":true,"seq":3}"#, 3, "kind", "true"),
            (r#"{"kind":"BEAT","seq":3,"state":[]}"#, 3, "state", "an array"),
            (r#"{"kind":"BEAT","seq":3,"rate":"fast"}"#, 3, "rate", "fast"),
            (r#"{"kind":"BEAT","seq":3,"stall_ms":-1}"#, 3, "stall_ms", "-1"),
            (r#"{"kind":"BEAT","seq":3,"error_code":5}"#, 3, "error_code", "5"),
            (r#"{"kind":"BEAT","seq":3,"error_code":"a�b"}"#, 3, "error_code", "a�b"),
            (r#"{"kind":"BEAT","seq":-3}"#, 0, "seq", "-3"),
            (r#"{"kind":"BEAT","seq":3,"duration_ms":1e300}"#, 3, "duration_ms", "1"),
            ("5", 0, "", "5"),
            ("[1,2]", 0, "", "an array"),
            ("null", 0, "", "null"),
        ] {
            let unreadable = read(json).unwrap_err();
            assert_eq!((unreadable.seq, &*unreadable.rejection.field), (seq, field), "{json}");
            assert!(unreadable.rejection.value.starts_with(value), "{json}: {}", unreadable.rejection.value);
            assert!(!unreadable.rejection.allowed.is_empty(), "{json}");
        }
    }

    #[test]
    fn names_that_no_kind_or_state_has_are_kept_for_admission_to_refuse() {
        let kind = |json: &str| read(json).unwrap().kind;
        assert_eq!(kind(r#"{"seq":1}"#), Err("".into()));
        assert_eq!(kind(r#"{"kind":"BLINK"}"#), Err("BLINK".into()));
        assert_eq!(kind(r#"{"kind":99}"#), Err("99".into()));
        assert_eq!(kind(r#"{"kind":"EVENT_KIND_UNSPECIFIED"}"#), Err("UNSPECIFIED".into()));
        let state = |json: &str| read(json).unwrap().state;
        assert_eq!(state(r#"{"state":"ASLEEP"}"#), Err("ASLEEP".into()));
        assert_eq!(state(r#"{"state":0}"#), Ok(None));
        assert_eq!(state(r#"{"state":null}"#), Ok(None));
    }

    #[test]
    fn a_number_that_some_readers_would_round_is_written_as_a_string() {
        let json = |seq| serde_json::to_string(&Number::new(seq)).unwrap();
        assert_eq!(json(9_007_199_254_740_991), "9007199254740991");
        assert_eq!(json(9_007_199_254_740_992), "\"9007199254740992\"");
    }

    #[test]
    fn an_event_is_written_as_it_is_read() {
        let mut event = Event::new(EventKind::Seek, 7, 5);
        event.position_ms = Some(3);
        event.from_ms = Some(0);
        event.error_code = Some("x\"y".into());
        let json = serde_json::to_string(&EventJson::new(&event)).unwrap();
        assert_eq!(
            json,
            r#"{"kind":"SEEK","seq":7,"at_ms":5,"position_ms":3,"from_ms":0,"error_code":"x\"y"}"#
        );
        let back = read(&json).unwrap();
        assert_eq!((back.kind, back.seq, back.position_ms), (Ok(EventKind::Seek), 7, Some(3)));
    }
}
