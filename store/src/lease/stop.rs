//! Whether a session may play, and why not.

use super::Lease;
use crate::{AccountId, DeviceId, SessionKey};
use std::{fmt, sync::Arc};

/// Whether a session may play.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may.
    Play,
    /// It may, since the rules are only tried; else this limit would have kept it from it.
    Tolerated(StopReason),
    /// It must stop, and why.
    Stop(Arc<Stop>),
}

impl Verdict {
    /// Why it must stop, if it must.
    #[must_use]
    pub fn stop(&self) -> Option<&Arc<Stop>> {
        match self {
            Self::Play | Self::Tolerated(_) => None,
            Self::Stop(stop) => Some(stop),
        }
    }
}

impl From<Arc<Stop>> for Verdict {
    fn from(stop: Arc<Stop>) -> Self {
        Self::Stop(stop)
    }
}

/// Why a session must stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// Why.
    pub reason: StopReason,
    /// The device that took the slot, or on which somebody stopped it.
    pub by_device: Option<DeviceId>,
    /// The sessions in the way, when a limit is the reason.
    pub in_the_way: Vec<Lease>,
}

/// Why a session must stop, in one word. The numbers are those of the wire and of the stored form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum StopReason {
    /// The account runs as many streams as it may.
    StreamLimit = 1,
    /// It runs as many on devices of this kind as it may.
    DeviceTypeLimit = 2,
    /// It runs as many of this kind of content as it may.
    ContentLimit = 3,
    /// It plays on as many devices as it may.
    DeviceLimit = 4,
    /// A newer stream of the account took its slot.
    Evicted = 5,
    /// A newer session of the same device took its slot.
    TakenOver = 6,
    /// Somebody of the account, or the operator, stopped it.
    Stopped = 7,
    /// Nobody can say whether there is a slot, and the settings want an answer.
    Unavailable = 8,
}

impl StopReason {
    /// All reasons, in the order of their numbers, which are 1 to `ALL.len()`.
    pub const ALL: [Self; 8] = [
        Self::StreamLimit,
        Self::DeviceTypeLimit,
        Self::ContentLimit,
        Self::DeviceLimit,
        Self::Evicted,
        Self::TakenOver,
        Self::Stopped,
        Self::Unavailable,
    ];

    /// The reason with this number, if there is one.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.number() == number)
    }

    /// Its number, on the wire and at rest.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// Its name, as in the documentation, in JSON and in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::StreamLimit => "STREAM_LIMIT",
            Self::DeviceTypeLimit => "DEVICE_TYPE_LIMIT",
            Self::ContentLimit => "CONTENT_LIMIT",
            Self::DeviceLimit => "DEVICE_LIMIT",
            Self::Evicted => "EVICTED",
            Self::TakenOver => "TAKEN_OVER",
            Self::Stopped => "STOPPED",
            Self::Unavailable => "UNAVAILABLE",
        }
    }

    /// True when a rule is the reason.
    #[must_use]
    pub fn is_limit(self) -> bool {
        self.is_denial() && self != Self::Unavailable
    }

    /// True when the session was never let in, or must ask again: it may be admitted later. The others are for good.
    #[must_use]
    pub fn is_denial(self) -> bool {
        !matches!(self, Self::Evicted | Self::TakenOver | Self::Stopped)
    }
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StreamLimit => "the account runs as many streams as it may",
            Self::DeviceTypeLimit => "the account runs as many streams on devices of this kind as it may",
            Self::ContentLimit => "the account runs as many streams of this kind of content as it may",
            Self::DeviceLimit => "the account plays on as many devices as it may",
            Self::Evicted => "a newer stream of the account took the slot",
            Self::TakenOver => "a newer session of the same device took the slot",
            Self::Stopped => "somebody of the account, or the operator, stopped the session",
            Self::Unavailable => "nobody can say now whether there is a slot",
        })
    }
}

/// A session that runs somewhere must stop: whoever holds its streams tells it at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kick {
    /// Whose session, as the account.
    pub account: AccountId,
    /// The session.
    pub key: SessionKey,
    /// Why.
    pub stop: Arc<Stop>,
}

/// Names a session among those of its account: 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StopCode(u64);

impl StopCode {
    /// The code of this session, on every node the same (FNV-1a, 64 bits).
    #[must_use]
    pub fn of(key: &SessionKey) -> Self {
        let bytes = key.user.as_str().bytes().chain([0]).chain(key.session.as_str().bytes());
        Self(bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        }))
    }

    /// Reads a code, or says that it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_hex = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hex.then(|| u64::from_str_radix(text, 16).ok()).flatten().map(Self)
    }
}

impl fmt::Display for StopCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
