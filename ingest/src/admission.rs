//! Admission: the rules of this server for one event. Pure functions of the event, its session's clock and the time
//! of receipt; what passes is in range and needs no second look.

use std::borrow::Cow;

use playhead_store::{Clock, Event, EventKind, PlayerState, Rate, clock::TIME_MS_MAX};

/// The furthest position and the longest duration, ms: 2^53 - 1, what every JSON reader holds exactly. A live playhead
/// is a Unix time, so the bound must lie beyond those.
pub const MEDIA_MS_MAX: i64 = (1 << 53) - 1;
/// The greatest sequence number, 2^63 - 1, so that it fits every store's signed integer.
pub const SEQ_MAX: u64 = i64::MAX as u64;
/// The longest error code, bytes.
pub const ERROR_CODE_BYTES_MAX: usize = 64;

/// An event as it came, before admission. The edges' wire files make it; names they could not read are kept as text.
#[derive(Debug, Clone, PartialEq)]
pub struct RawEvent {
    /// What happened, or the name or number that no kind has.
    pub kind: Result<EventKind, Box<str>>,
    /// Its number.
    pub seq: u64,
    /// When it happened, by the player's clock, Unix ms; `None` means when it was received.
    pub at_ms: Option<i64>,
    /// The playhead, ms.
    pub position_ms: Option<i64>,
    /// For SEEK: where the playhead was, ms.
    pub from_ms: Option<i64>,
    /// What the player does, or the name or number that no state has.
    pub state: Result<Option<PlayerState>, Box<str>>,
    /// The playback rate.
    pub rate: Option<f64>,
    /// The media bitrate, kbit/s.
    pub bitrate_kbps: Option<u32>,
    /// From the play button to the first frame, ms.
    pub startup_ms: Option<u32>,
    /// How long the stall that ends here took, ms.
    pub stall_ms: Option<u32>,
    /// The item's length, ms.
    pub duration_ms: Option<i64>,
    /// For ERROR: the player's code.
    pub error_code: Option<Box<str>>,
}

impl RawEvent {
    /// An event of which only the necessary is known.
    #[must_use]
    pub fn new(kind: EventKind, seq: u64, at_ms: Option<i64>) -> Self {
        Self {
            kind: Ok(kind),
            seq,
            at_ms,
            position_ms: None,
            from_ms: None,
            state: Ok(None),
            rate: None,
            bitrate_kbps: None,
            startup_ms: None,
            stall_ms: None,
            duration_ms: None,
            error_code: None,
        }
    }
}

/// Why something was refused for good: the same again is refused again, with the same words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Why, in one word.
    pub reason: RejectReason,
    /// The field at fault, within the event or frame.
    pub field: Cow<'static, str>,
    /// The value found, at most [`VALUE_CHARS_MAX`] characters of it.
    pub value: String,
    /// What would have been taken.
    pub allowed: Cow<'static, str>,
}

/// How much of a bad value is told back.
pub const VALUE_CHARS_MAX: usize = 64;

impl Rejection {
    /// A rejection of a field's value. `value` is cut to [`VALUE_CHARS_MAX`] characters.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "numbers and texts come alike, and this is the rare path"
    )]
    pub fn new(
        reason: RejectReason,
        field: impl Into<Cow<'static, str>>,
        value: impl ToString,
        allowed: impl Into<Cow<'static, str>>,
    ) -> Self {
        let value = value.to_string().chars().take(VALUE_CHARS_MAX).collect();
        Self { reason, field: field.into(), value, allowed: allowed.into() }
    }

    /// The same, with the field's path within the batch.
    #[must_use]
    pub fn within_event(self, index: u32) -> Self {
        let field = match self.field.is_empty() {
            true => format!("events[{index}]"),
            false => format!("events[{index}].{}", self.field),
        };
        Self { field: field.into(), ..self }
    }
}

macro_rules! reject_reasons {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $wire:literal;)*) => {
        /// Why an event or a frame was refused. The numbers and names are those of the wire.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum RejectReason {
            $($(#[$doc])* $name = $number,)*
        }

        impl RejectReason {
            /// All reasons.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its name on the wire and in metrics.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $wire,)* }
            }

            /// Its number on the wire.
            #[must_use]
            pub fn number(self) -> u8 {
                self as u8
            }
        }
    };
}

reject_reasons! {
    /// The bytes could not be read as an event.
    Malformed = 1, "MALFORMED";
    /// The kind is missing or not known.
    UnknownKind = 2, "UNKNOWN_KIND";
    /// The player's state is not known.
    UnknownState = 3, "UNKNOWN_STATE";
    /// The number is outside its range.
    SeqOutOfRange = 4, "SEQ_OUT_OF_RANGE";
    /// A time is outside its range.
    TimeOutOfRange = 5, "TIME_OUT_OF_RANGE";
    /// A position is outside its range.
    PositionOutOfRange = 6, "POSITION_OUT_OF_RANGE";
    /// The rate is outside its range, or no number.
    RateOutOfRange = 7, "RATE_OUT_OF_RANGE";
    /// A length is outside its range.
    DurationOutOfRange = 8, "DURATION_OUT_OF_RANGE";
    /// A text is too long, or an id is empty, too long or has control characters.
    BadText = 9, "BAD_TEXT";
    /// The batch holds more events than one batch may.
    BatchTooLarge = 10, "BATCH_TOO_LARGE";
    /// The session holds as many events as one session may.
    SessionFull = 11, "SESSION_FULL";
    /// The viewer was erased after this event.
    Erased = 12, "ERASED";
    /// The item's kind is not known.
    UnknownItemKind = 13, "UNKNOWN_ITEM_KIND";
    /// The caller may not write for this user.
    NotAllowed = 14, "NOT_ALLOWED";
}

/// Admits an event of a session with this clock, received at `received_at_ms`, or says why not.
///
/// # Errors
/// The first field that is out of its range.
pub fn check(raw: RawEvent, clock: Clock, received_at_ms: i64) -> Result<Event, Rejection> {
    let kind = raw.kind.map_err(|name| Rejection::new(RejectReason::UnknownKind, "kind", name, KINDS))?;
    let state =
        raw.state.map_err(|name| Rejection::new(RejectReason::UnknownState, "state", name, STATES))?;
    if !(1..=SEQ_MAX).contains(&raw.seq) {
        return Err(Rejection::new(RejectReason::SeqOutOfRange, "seq", raw.seq, "1 to 9223372036854775807"));
    }
    let at_ms = match raw.at_ms {
        None => received_at_ms,
        Some(at_ms) => clock.correct(time("at_ms", at_ms)?, received_at_ms),
    };
    let length = |field, ms| media(RejectReason::DurationOutOfRange, field, ms);
    let position = |field, ms| media(RejectReason::PositionOutOfRange, field, ms);
    Ok(Event {
        kind,
        seq: raw.seq,
        at_ms,
        position_ms: position("position_ms", raw.position_ms)?,
        from_ms: position("from_ms", raw.from_ms)?,
        state,
        rate: raw.rate.map(rate).transpose()?,
        bitrate_kbps: raw.bitrate_kbps,
        startup_ms: raw.startup_ms,
        stall_ms: raw.stall_ms,
        duration_ms: length("duration_ms", raw.duration_ms)?,
        error_code: raw.error_code.map(error_code).transpose()?,
    })
}

/// Checks a time by the player's clock: 0 to the end of the year 9999.
///
/// # Errors
/// Any other time.
pub fn time(field: &'static str, time_ms: i64) -> Result<i64, Rejection> {
    match time_ms {
        0..=TIME_MS_MAX => Ok(time_ms),
        _ => Err(Rejection::new(
            RejectReason::TimeOutOfRange,
            field,
            time_ms,
            "0 to 253402300799999 (Unix ms)",
        )),
    }
}

/// Checks a position or length: 0 to [`MEDIA_MS_MAX`], or absent.
///
/// # Errors
/// Any other number.
pub fn media(
    reason: RejectReason,
    field: &'static str,
    value_ms: Option<i64>,
) -> Result<Option<i64>, Rejection> {
    match value_ms {
        None | Some(0..=MEDIA_MS_MAX) => Ok(value_ms),
        Some(wrong_ms) => Err(Rejection::new(reason, field, wrong_ms, "0 to 9007199254740991 (ms)")),
    }
}

fn rate(factor: f64) -> Result<Rate, Rejection> {
    Rate::from_factor(factor)
        .ok_or_else(|| Rejection::new(RejectReason::RateOutOfRange, "rate", factor, "0 to 16"))
}

fn error_code(code: Box<str>) -> Result<Box<str>, Rejection> {
    match code.len() <= ERROR_CODE_BYTES_MAX {
        true => Ok(code),
        false => Err(Rejection::new(RejectReason::BadText, "error_code", code, "at most 64 bytes")),
    }
}

/// The kinds that an event may have, for error messages.
pub const KINDS: &str = "START, BEAT, SEEK, PAUSE, RESUME, STALL_START, STALL_END, QUALITY, RATE, ERROR, STOP, ENDED \
                         or META (1 to 13)";
/// The states that a player may have, for error messages.
pub const STATES: &str = "PLAYING, PAUSED or STALLED (1 to 3), or none";

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000_000;

    fn refused(change: impl FnOnce(&mut RawEvent)) -> Option<(RejectReason, String, String)> {
        let mut raw = RawEvent::new(EventKind::Beat, 1, Some(NOW));
        change(&mut raw);
        let clock = Clock::fix(Some(NOW), NOW);
        check(raw, clock, NOW).err().map(|no| (no.reason, no.field.into_owned(), no.value))
    }

    #[test]
    fn each_field_has_its_range_and_its_own_words() {
        use RejectReason::*;
        let no = |reason, field: &str, value: &str| Some((reason, field.to_owned(), value.to_owned()));
        assert_eq!(refused(|_| ()), None);
        assert_eq!(refused(|raw| raw.kind = Err("99".into())), no(UnknownKind, "kind", "99"));
        assert_eq!(refused(|raw| raw.state = Err("ASLEEP".into())), no(UnknownState, "state", "ASLEEP"));
        assert_eq!(refused(|raw| raw.seq = 0), no(SeqOutOfRange, "seq", "0"));
        assert_eq!(refused(|raw| raw.seq = SEQ_MAX), None);
        assert_eq!(refused(|raw| raw.seq = SEQ_MAX + 1), no(SeqOutOfRange, "seq", "9223372036854775808"));
        assert_eq!(refused(|raw| raw.at_ms = Some(-1)), no(TimeOutOfRange, "at_ms", "-1"));
        assert_eq!(refused(|raw| raw.at_ms = Some(TIME_MS_MAX)), None);
        assert_eq!(
            refused(|raw| raw.at_ms = Some(i64::MAX)),
            no(TimeOutOfRange, "at_ms", "9223372036854775807")
        );
        assert_eq!(refused(|raw| raw.position_ms = Some(-1)), no(PositionOutOfRange, "position_ms", "-1"));
        assert_eq!(refused(|raw| raw.position_ms = Some(MEDIA_MS_MAX)), None);
        assert_eq!(
            refused(|raw| raw.from_ms = Some(MEDIA_MS_MAX + 1)),
            no(PositionOutOfRange, "from_ms", "9007199254740992")
        );
        assert_eq!(refused(|raw| raw.duration_ms = Some(-5)), no(DurationOutOfRange, "duration_ms", "-5"));
        assert_eq!(refused(|raw| raw.rate = Some(f64::NAN)), no(RateOutOfRange, "rate", "NaN"));
        assert_eq!(refused(|raw| raw.rate = Some(-0.5)), no(RateOutOfRange, "rate", "-0.5"));
        assert_eq!(refused(|raw| raw.rate = Some(16.0)), None);
        assert_eq!(
            refused(|raw| raw.error_code = Some("e".repeat(65).into())),
            no(BadText, "error_code", &"e".repeat(64))
        );
    }

    #[test]
    fn an_event_without_a_time_happened_when_it_was_received() {
        let clock = Clock { fixed_at_ms: NOW, offset_ms: -3_600_000 };
        let at = |at_ms| check(RawEvent::new(EventKind::Beat, 1, at_ms), clock, NOW).unwrap().at_ms;
        assert_eq!(at(None), NOW);
        assert_eq!(at(Some(NOW + 3_600_000)), NOW);
    }
}
