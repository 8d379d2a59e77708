//! The engine's limits: every queue, loop and wait has one, and the memory ceiling is their sum.

use playhead_store::{Event, position::PositionRuleBook};

use crate::{
    admission::ERROR_CODE_BYTES_MAX, journal::SEGMENT_HEADER_BYTES, leases::LeaseSettings, shard::Frame,
    spill::ENTRY_BYTES,
};

/// The engine's settings, checked by [`Settings::check`].
#[derive(Debug, Clone)]
pub struct Settings {
    /// What frames are held against.
    pub limits: Limits,
    /// When a position is opening, and when an item is watched.
    pub rules: PositionRuleBook,
    /// How long committed events wait for others of their session before they go to the durable store, ms. They are
    /// in the journal meanwhile. 0 to 60 000.
    pub flush_age_ms: u64,
    /// The most events that one write takes to the durable store. 1 to 100 000.
    pub flush_events_max: usize,
    /// A commit takes no further shard once it has this many events; with the shard before, it has to fit into a journal
    /// segment. 1 to 100 000.
    pub commit_events_max: usize,
    /// While frames come several at a time, a commit begins no sooner than this after the one before, ms. 0 to 100.
    pub commit_distance_ms: u64,
    /// The most committed events that wait for the durable store in memory; beyond it they spill, and where they may not
    /// the commit waits, then intake is busy.
    pub backlog_events_max: usize,
    /// How much may wait in the journal alone.
    pub spill: SpillSettings,
    /// How long a commit waits for the hot store, ms. 1 to 1 000.
    pub hot_ms_max: u64,
    /// How often journal segments that the durable store holds are removed, ms. 10 to 3 600 000.
    pub trim_every_ms: u64,
    /// How many streams an account may run.
    pub leases: LeaseSettings,
    /// A session without events for this long leaves memory; the next event brings it back. 1 000 or more.
    pub session_idle_ms: i64,
}

/// What frames are held against.
#[derive(Debug, Clone)]
pub struct Limits {
    /// How many shards. 1 to 1 024.
    pub shards: usize,
    /// The most events that wait in one shard. At least [`Limits::batch_events_max`].
    pub shard_events_max: usize,
    /// The most events in one frame of one session. 1 to 10 000.
    pub batch_events_max: usize,
    /// The most sessions in one Publish. 1 to 10 000.
    pub publish_sessions_max: usize,
    /// The most events that one session may hold; the next is told to open a new one.
    pub session_events_max: usize,
    /// The most sessions that are live on this node.
    pub sessions_max: usize,
    /// The most streams that one user may have open on this node.
    pub streams_per_user_max: u32,
    /// The most streams that one device of a user may have open on this node.
    pub streams_per_device_max: u32,
    /// When to try again after busy, ms. 1 to 60 000.
    pub retry_after_ms: u32,
    /// How long opening a session waits for a store, ms. 1 to 1 000.
    pub open_ms_max: u64,
    /// When players should send their next beat, ms. 1 000 to 600 000.
    pub next_beat_ms: u32,
    /// The largest body or message, bytes. 1 024 to 67 108 864.
    pub message_bytes_max: usize,
}

/// How much may wait in the journal alone for a durable store that is away, and how fast that is caught up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpillSettings {
    /// The most events that wait in the journal alone; 0: none. 0 to 100 000 000.
    pub events_max: usize,
    /// None are added while the journal's files are larger than this, bytes.
    pub journal_bytes_max: u64,
    /// None are added while the oldest has waited longer than this, s. 1 to 2 592 000, thirty days.
    pub age_s_max: u64,
    /// The most events that are caught up in a second; 0: as fast as the store takes them. 0 to 10 000 000.
    pub catch_up_events_s_max: u64,
}

impl SpillSettings {
    /// Nothing waits in the journal alone: for a store that is as near as the journal.
    pub const NONE: Self =
        Self { events_max: 0, journal_bytes_max: u64::MAX, age_s_max: 86_400, catch_up_events_s_max: 0 };

    /// For a store that may be away.
    pub const REMOTE: Self = Self { events_max: 3_000_000, journal_bytes_max: 4 << 30, ..Self::NONE };
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // 16: two threads that push at random meet in one shard once in 16 times, and the commit has few locks.
            shards: 16,
            shard_events_max: 8_192,
            batch_events_max: 1_000,
            publish_sessions_max: 1_000,
            // A beat every 10 s for five days; keeps a Scylla partition under 10 MB.
            session_events_max: 50_000,
            sessions_max: 150_000,
            // A household's screens on one profile, and reconnects whose old stream was not given up yet.
            streams_per_user_max: 64,
            streams_per_device_max: 16,
            retry_after_ms: 250,
            open_ms_max: 50,
            next_beat_ms: 10_000,
            message_bytes_max: 1 << 20,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            rules: PositionRuleBook::default(),
            flush_age_ms: 1_000,
            flush_events_max: 10_000,
            commit_events_max: 16_384,
            // At 20 000 events/s from 1 000 callers: 15 % less CPU, and a p99 that is below 30 ms; see ADR 7.
            commit_distance_ms: 2,
            backlog_events_max: 800_000,
            spill: SpillSettings::NONE,
            hot_ms_max: 50,
            trim_every_ms: 5_000,
            leases: LeaseSettings::default(),
            session_idle_ms: 120_000,
        }
    }
}

/// A setting's value, and the least and the most that it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The setting.
    pub key: &'static str,
    /// Its value.
    pub value: u64,
    /// The least allowed.
    pub least: u64,
    /// The most allowed.
    pub most: u64,
}

/// A setting outside its range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key} is {value}; allowed is {allowed}")]
pub struct OutOfRange {
    /// The setting.
    pub key: &'static str,
    /// Its value.
    pub value: u64,
    /// What would be taken.
    pub allowed: String,
}

impl Settings {
    /// Every number with the range that it must be in, given the others.
    #[must_use]
    pub fn ranges(&self) -> [Range; 23] {
        let limits = &self.limits;
        let batch = limits.batch_events_max as u64;
        [
            ("shards", limits.shards as u64, 1, 1_024),
            ("batch_events_max", batch, 1, 10_000),
            ("shard_events_max", limits.shard_events_max as u64, batch, 1_000_000),
            ("publish_sessions_max", limits.publish_sessions_max as u64, 1, 10_000),
            ("session_events_max", limits.session_events_max as u64, 1, 10_000_000),
            ("sessions_max", limits.sessions_max as u64, 1, 10_000_000),
            ("streams_per_user_max", limits.streams_per_user_max.into(), 1, 1_000_000),
            ("streams_per_device_max", limits.streams_per_device_max.into(), 1, 1_000_000),
            ("retry_after_ms", limits.retry_after_ms.into(), 1, 60_000),
            ("open_ms_max", limits.open_ms_max, 1, 1_000),
            ("next_beat_ms", limits.next_beat_ms.into(), 1_000, 600_000),
            ("message_bytes_max", limits.message_bytes_max as u64, 1_024, 64 << 20),
            ("flush_age_ms", self.flush_age_ms, 0, 60_000),
            ("flush_events_max", self.flush_events_max as u64, 1, 100_000),
            ("commit_events_max", self.commit_events_max as u64, 1, 100_000),
            ("commit_distance_ms", self.commit_distance_ms, 0, 100),
            ("backlog_events_max", self.backlog_events_max as u64, batch, 100_000_000),
            ("spill_events_max", self.spill.events_max as u64, 0, 100_000_000),
            ("spill_age_s_max", self.spill.age_s_max, 1, 2_592_000),
            ("catch_up_events_s_max", self.spill.catch_up_events_s_max, 0, 10_000_000),
            ("hot_ms_max", self.hot_ms_max, 1, 1_000),
            ("trim_every_ms", self.trim_every_ms, 10, 3_600_000),
            ("session_idle_ms", self.session_idle_ms.unsigned_abs(), 1_000, 86_400_000),
        ]
        .map(|(key, value, least, most)| Range { key, value, least, most })
    }

    /// From so many events in the backlog on, they go to the durable store whatever their age. Below it they wait for
    /// others of their session: what a write costs depends on its sessions, hardly on their events.
    #[must_use]
    pub fn backlog_events_enough(&self) -> usize {
        self.backlog_events_max / 2
    }

    /// Checks every range and relation.
    ///
    /// # Errors
    /// The first setting that is out of its range.
    pub fn check(&self) -> Result<(), OutOfRange> {
        self.ranges().into_iter().try_for_each(|Range { key, value, least, most }| {
            match (least..=most).contains(&value) {
                true => Ok(()),
                false => Err(OutOfRange { key, value, allowed: format!("{least} to {most}") }),
            }
        })
    }

    /// Checks that the largest commit fits into a journal segment of this size.
    ///
    /// # Errors
    /// When it does not.
    pub fn check_segment(&self, segment_bytes: usize) -> Result<(), OutOfRange> {
        let least = self.commit_bytes_max() + SEGMENT_HEADER_BYTES;
        match segment_bytes >= least {
            true => Ok(()),
            false => {
                let allowed = format!("at least {least}, for one commit has to fit into a segment");
                Err(OutOfRange { key: "segment_bytes", value: segment_bytes as u64, allowed })
            }
        }
    }

    /// The most that one commit appends to the journal, bytes: what a segment must have room for.
    #[must_use]
    pub fn commit_bytes_max(&self) -> usize {
        (self.commit_events_max + self.limits.shard_events_max) * RECORD_BYTES_MAX
    }

    /// The most memory that the engine's own queues and tables take, bytes: one line per consumer. The stores' caches
    /// and the edges' connections come on top and have bounds of their own.
    #[must_use]
    pub fn memory_parts(&self) -> [(&'static str, usize); 6] {
        let limits = &self.limits;
        let event = size_of::<Event>() + EVENT_HEAP_BYTES;
        // In the worst case every event comes alone.
        let waiting = event + size_of::<Frame>();
        // A session's vector of events doubles when it grows.
        let flushable = event + size_of::<Event>();
        let in_shards = limits.shards.saturating_mul(limits.shard_events_max);
        [
            ("waiting events (shards x shard_events_max)", in_shards.saturating_mul(waiting)),
            (
                "committing events (commit_events_max + shard_events_max)",
                (self.commit_events_max + limits.shard_events_max).saturating_mul(event + RECORD_BYTES_MAX),
            ),
            ("backlog (backlog_events_max)", self.backlog_events_max.saturating_mul(flushable)),
            ("spilled events' places (spill_events_max)", self.spill.events_max.saturating_mul(ENTRY_BYTES)),
            ("flushing events (flush_events_max)", self.flush_events_max.saturating_mul(2 * event)),
            ("live sessions (sessions_max)", limits.sessions_max.saturating_mul(LIVE_SESSION_BYTES)),
        ]
    }

    /// The sum of [`Settings::memory_parts`].
    #[must_use]
    pub fn memory_bytes_max(&self) -> usize {
        self.memory_parts().iter().fold(0, |sum, &(_, bytes)| sum.saturating_add(bytes))
    }
}

/// What an event may hold outside its own bytes: its error code, and what the allocator adds to it.
const EVENT_HEAP_BYTES: usize = ERROR_CODE_BYTES_MAX + 16;
/// The largest journal record of one event: five names of 128 bytes, its own fields, and the framing.
pub(crate) const RECORD_BYTES_MAX: usize = 1_024;
/// A live session with its viewer, names and map entries, without events. The bounds test measures 1 640 bytes with ids
/// of a UUID's length, 2 070 with the longest.
const LIVE_SESSION_BYTES: usize = 2_176;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_in_range_and_a_wrong_value_is_named() {
        assert_eq!(Settings::default().check(), Ok(()));
        let wrong = Settings { hot_ms_max: 0, ..Settings::default() };
        assert_eq!(wrong.check().unwrap_err().to_string(), "hot_ms_max is 0; allowed is 1 to 1000");
        let limits = Limits { shard_events_max: 10, ..Limits::default() };
        let related = Settings { limits, ..Settings::default() };
        assert_eq!(
            related.check().unwrap_err().to_string(),
            "shard_events_max is 10; allowed is 1000 to 1000000"
        );
    }
}
