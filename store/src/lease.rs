//! Stream leases: a session's hold on one of the stream slots of its account, and the rule by which slots are given.
//!
//! Pure, like the other rules: no clock, no I/O. A backend keeps one [`AccountLeases`] for each account and changes it
//! only by the verbs here, one at a time: [`AccountLeases::assert`] when a session begins, with its beats and when it
//! ends, [`AccountLeases::stop`] when somebody else ends it. [`rules`] is how much an account may run, [`form`] how the
//! state looks at rest.
//!
//! Since every beat asserts its lease again, a store that forgot everything knows all again one beat later; what was
//! admitted meanwhile beyond the limit then goes, the newest first, and nobody else.

pub mod form;

pub mod rules;

mod account;

mod breach;

mod stop;

use crate::{DeviceId, ItemId, ItemKind, SessionKey};
use std::sync::{Arc, LazyLock};

pub use account::{AccountLeases, Decision, GONE_MAX, GONE_MS, LEASES_MAX, StopTarget, UNLIMITED_LEASES_MAX};
pub use rules::{AtLimit, DeviceType, StreamRules};
pub use stop::{Kick, Stop, StopCode, StopReason, Verdict};

/// What a session is held to, as its credential or the settings say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms {
    /// What kind of device plays; limits may be per kind.
    pub device_type: Option<DeviceType>,
    /// How much the account may run; `None` sets no limit.
    pub rules: Option<StreamRules>,
}

impl Terms {
    /// No limit, and nothing known of the device. All are the same one.
    #[must_use]
    pub fn unlimited() -> Arc<Self> {
        static UNLIMITED: LazyLock<Arc<Terms>> = LazyLock::new(Arc::default);
        Arc::clone(&UNLIMITED)
    }
}

/// What a session says of its stream with a commit, or when it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beat {
    /// What it plays.
    pub item: ItemId,
    /// What kind of item.
    pub kind: ItemKind,
    /// What it is held to.
    pub terms: Arc<Terms>,
    /// What the player does, as of its latest event.
    pub doing: Doing,
    /// Where the playhead is, ms; `None` when unknown, which counts as moving.
    pub position_ms: Option<i64>,
    /// True when it keeps a stream open, so that it is there now, whatever the times of its events. Without one it was
    /// there at its latest event: what was watched offline and comes in later takes nobody's slot.
    pub is_open: bool,
    /// With what right it asks.
    pub standing: Standing,
}

/// With what right a session asks for a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// It begins.
    New,
    /// It ran before, and says nothing yet of what it does: it keeps its slot, or takes one that is free.
    Known,
    /// It runs, and its node did not hear it just before: it asserts the slot that it had, unless that is known to have run
    /// out.
    Returned,
    /// It runs, and its node heard it all the time: it asserts the slot that it had.
    Running,
}

/// What a player does, as far as a slot is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Doing {
    /// It plays, or waits for data.
    Playing = 1,
    /// The viewer holds it.
    Paused = 2,
    /// The session has ended.
    Ended = 3,
}

/// A session that wants a slot, or wants to keep it.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// The session.
    pub key: &'a SessionKey,
    /// Where it is watched.
    pub device: &'a DeviceId,
    /// When the session began, Unix ms: when its clock was fixed, so that all nodes say the same.
    pub since_ms: i64,
    /// The corrected time of its latest event, Unix ms.
    pub as_of_ms: i64,
    /// What it says.
    pub beat: &'a Beat,
}

/// A session's hold on a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The session.
    pub key: SessionKey,
    /// Where it is watched.
    pub device: DeviceId,
    /// What kind of device that is.
    pub device_type: Option<DeviceType>,
    /// What is played.
    pub item: ItemId,
    /// What kind of item.
    pub kind: ItemKind,
    /// When the session began, or came back after it had lost its slot, Unix ms.
    pub since_ms: i64,
    /// When it was last there, Unix ms.
    pub seen_ms: i64,
    /// The corrected time of the latest event it was told of, Unix ms.
    pub as_of_ms: i64,
    /// True while it plays, as far as it says.
    pub is_playing: bool,
    /// Where the playhead was last, ms.
    pub position_ms: Option<i64>,
    /// When the playhead last moved, or since when it is paused, Unix ms.
    pub moved_ms: i64,
}

/// How long leases last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseTimes {
    /// A lease that plays is over when nothing was heard for so long, ms: three beats.
    pub playing_ms: i64,
    /// A lease that is paused is over after so long, ms, beats or not.
    pub paused_ms: i64,
    /// A playhead that says it plays and has not moved for so long counts as paused from then on, ms.
    pub stuck_ms: i64,
}

impl Default for LeaseTimes {
    fn default() -> Self {
        Self { playing_ms: 30_000, paused_ms: 30 * MINUTE_MS, stuck_ms: 10 * MINUTE_MS }
    }
}

/// The device of a viewer who names none. Two of them may be different ones.
pub const UNKNOWN_DEVICE: &str = "unknown";

impl Lease {
    /// From when on it counts for nothing, unless a beat comes before, Unix ms.
    #[must_use]
    pub fn expires_at_ms(&self, times: &LeaseTimes) -> i64 {
        match self.paused_since_ms(times) {
            Some(paused_ms) => paused_ms.saturating_add(times.paused_ms),
            None => self.seen_ms.saturating_add(times.playing_ms),
        }
    }

    /// Since when it is paused, or counts as paused because its playhead does not move.
    #[must_use]
    pub fn paused_since_ms(&self, times: &LeaseTimes) -> Option<i64> {
        let stuck_at_ms = self.moved_ms.saturating_add(times.stuck_ms);
        match self.is_playing {
            false => Some(self.moved_ms),
            true => (stuck_at_ms <= self.seen_ms).then_some(stuck_at_ms),
        }
    }

    /// Names this lease to others of its account, without naming its user. No secret: whoever uses it must be allowed to
    /// stop sessions of the account.
    #[must_use]
    pub fn stop_code(&self) -> StopCode {
        StopCode::of(&self.key)
    }
}

impl Claim<'_> {
    /// When its player was there, as far as we can tell.
    fn heard_ms(&self, now_ms: i64) -> i64 {
        if self.beat.is_open { now_ms } else { self.as_of_ms.min(now_ms) }
    }
}

const MINUTE_MS: i64 = 60_000;

#[cfg(test)]
mod tests;
