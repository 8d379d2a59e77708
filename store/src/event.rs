//! One thing that happened in a session.

/// An admitted event: its times are corrected, its values are in range. Its identity is (session, `seq`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// Its number in the session: strictly increasing from 1 in native sessions, a stable 63-bit hash of the foreign
    /// protocol's own identity in others.
    pub seq: u64,
    /// When it happened, corrected Unix ms.
    pub at_ms: i64,
    /// Where the playhead is, ms, for SEEK where it goes; `None` when unknown.
    pub position_ms: Option<i64>,
    /// For SEEK: where the playhead was, ms.
    pub from_ms: Option<i64>,
    /// What the player does after the event; `None` when unknown.
    pub state: Option<PlayerState>,
    /// The playback rate after the event.
    pub rate: Option<Rate>,
    /// The media bitrate, kbit/s.
    pub bitrate_kbps: Option<u32>,
    /// From the play button to the first frame, ms.
    pub startup_ms: Option<u32>,
    /// How long the stall that ends here took, ms.
    pub stall_ms: Option<u32>,
    /// The item's length, ms, when this event says it.
    pub duration_ms: Option<i64>,
    /// For ERROR: the player's code.
    pub error_code: Option<Box<str>>,
}

impl Event {
    /// An event of which only the necessary is known.
    #[must_use]
    pub fn new(kind: EventKind, seq: u64, at_ms: i64) -> Self {
        Self {
            kind,
            seq,
            at_ms,
            position_ms: None,
            from_ms: None,
            state: None,
            rate: None,
            bitrate_kbps: None,
            startup_ms: None,
            stall_ms: None,
            duration_ms: None,
            error_code: None,
        }
    }
}

/// The kinds of events. The numbers are those of the wire and of the stored form; they never change meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum EventKind {
    /// The session begins.
    Start = 1,
    /// Still here: a heartbeat.
    Beat = 2,
    /// The viewer moved the playhead.
    Seek = 3,
    /// The viewer paused.
    Pause = 4,
    /// The viewer resumed.
    Resume = 5,
    /// Playback waits for data.
    StallStart = 6,
    /// The data is there again.
    StallEnd = 7,
    /// Another rendition is played.
    Quality = 8,
    /// The playback rate changed.
    Rate = 9,
    /// Something failed.
    Error = 10,
    /// The viewer left.
    Stop = 11,
    /// The item played to its end.
    Ended = 12,
    /// Something worth keeping that moves nothing.
    Meta = 13,
}

impl EventKind {
    /// All kinds, in the order of their numbers, which are 1 to `ALL.len()`.
    pub const ALL: [Self; 13] = [
        Self::Start,
        Self::Beat,
        Self::Seek,
        Self::Pause,
        Self::Resume,
        Self::StallStart,
        Self::StallEnd,
        Self::Quality,
        Self::Rate,
        Self::Error,
        Self::Stop,
        Self::Ended,
        Self::Meta,
    ];

    /// The kind with this number, if there is one.
    #[must_use]
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| i64::from(kind.number()) == number)
    }

    /// Its number, on the wire and at rest.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// Its name, as in the documentation and in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Start => "START",
            Self::Beat => "BEAT",
            Self::Seek => "SEEK",
            Self::Pause => "PAUSE",
            Self::Resume => "RESUME",
            Self::StallStart => "STALL_START",
            Self::StallEnd => "STALL_END",
            Self::Quality => "QUALITY",
            Self::Rate => "RATE",
            Self::Error => "ERROR",
            Self::Stop => "STOP",
            Self::Ended => "ENDED",
            Self::Meta => "META",
        }
    }
}

/// What a player is doing. The numbers are those of the wire and of the stored form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum PlayerState {
    /// The playhead moves.
    Playing = 1,
    /// The viewer holds it.
    Paused = 2,
    /// It waits for data.
    Stalled = 3,
}

impl PlayerState {
    /// All states, in the order of their numbers, which are 1 to `ALL.len()`.
    pub const ALL: [Self; 3] = [Self::Playing, Self::Paused, Self::Stalled];

    /// The state with this number, if there is one.
    #[must_use]
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|state| i64::from(state.number()) == number)
    }

    /// Its number, on the wire and at rest.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// Its name, as in the documentation and in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Playing => "PLAYING",
            Self::Paused => "PAUSED",
            Self::Stalled => "STALLED",
        }
    }
}

/// A playback rate in thousandths: 1 000 is normal speed. 0 to 16 000, so that it compares and hashes exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(u16);

impl Rate {
    /// Normal speed.
    pub const NORMAL: Self = Self(1_000);
    /// The fastest rate taken, 16 times normal: what browsers allow.
    pub const MAX: Self = Self(16_000);

    /// The nearest rate, or `None` for a number outside 0 to 16, or no number.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked first")]
    pub fn from_factor(factor: f64) -> Option<Self> {
        (0.0..=16.0).contains(&factor).then(|| Self((factor * 1_000.0).round() as u16))
    }

    /// The rate of so many thousandths, or `None` above 16 000.
    #[must_use]
    pub fn from_thousandths(thousandths: u16) -> Option<Self> {
        (thousandths <= Self::MAX.0).then_some(Self(thousandths))
    }

    /// Thousandths of normal speed.
    #[must_use]
    pub fn thousandths(self) -> u16 {
        self.0
    }

    /// As a factor of normal speed.
    #[must_use]
    pub fn factor(self) -> f64 {
        f64::from(self.0) / 1_000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_kinds_are_one_to_one() {
        for (index, kind) in EventKind::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(kind.number()), index + 1);
            assert_eq!(EventKind::from_number(i64::from(kind.number())), Some(kind));
        }
        for number in [i64::MIN, -1, 0, 14, i64::MAX] {
            assert_eq!(EventKind::from_number(number), None);
        }
    }

    #[test]
    fn a_rate_outside_its_range_is_none() {
        for (factor, expect) in
            [(0.0, 0), (1.0, 1_000), (0.1 + 0.2, 300), (1.2504, 1_250), (1.2506, 1_251), (16.0, 16_000)]
        {
            assert_eq!(Rate::from_factor(factor).map(Rate::thousandths), Some(expect), "{factor}");
        }
        for factor in [-0.001, 16.001, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(Rate::from_factor(factor), None, "{factor}");
        }
    }
}
