//! Spill: what is committed while the durable store is so far behind that memory has no room for it. It waits in the
//! journal alone; kept of it here are its place, by its user, and a hold on its segment. Reads look here first, then at
//! what is live, then at the store, which is the way that data moves: [`crate::catch_up`] takes it to the store, oldest
//! segment first, and only then is it forgotten here.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use playhead_store::UserId;
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::Notify,
    time::{Duration, Instant},
};
use xxhash_rust::xxh3::xxh3_64;

use crate::{
    journal::{Hold, Place, SegmentId, Segments},
    record::{self, Record},
    settings::SpillSettings,
};

/// What waits in the journal alone.
pub(crate) struct Spill {
    settings: SpillSettings,
    segments: Arc<Segments>,
    parts: Mutex<VecDeque<Part>>,
    /// Notified when something was added, and when something refused is due again.
    pub(crate) arrived: Notify,
}

/// What waits in one segment.
struct Part {
    hold: Hold,
    /// When the first of it came, by the process's own clock.
    since: Instant,
    entries: BTreeSet<Entry>,
    /// What the store refused for good, and when to try it again.
    refused: BTreeSet<Entry>,
    retry_at: Option<Instant>,
    events: usize,
}

/// A record: half a hash of its user, then its place. What one user has lies together; whose it is, the record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry(u64);

/// Records of one segment, those of a user together.
pub(crate) struct Piece {
    pub(crate) segment: SegmentId,
    pub(crate) entries: Vec<Entry>,
}

/// How much waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SpillStats {
    /// Events and marks.
    pub events: usize,
    /// Segments that hold them.
    pub segments: usize,
    /// How long the oldest has waited; from the start on, when the start found it.
    pub oldest_age: Duration,
}

impl Spill {
    pub(crate) fn new(settings: SpillSettings, segments: Arc<Segments>) -> Self {
        Self { settings, segments, parts: Mutex::default(), arrived: Notify::new() }
    }

    /// False when nothing may wait in the journal alone.
    pub(crate) fn is_allowed(&self) -> bool {
        self.settings.events_max > 0
    }

    /// True while more may be added: a bound on memory, one on the disk and one on age.
    pub(crate) fn has_room(&self) -> bool {
        let SpillStats { events, oldest_age, .. } = self.stats();
        events < self.settings.events_max
            && oldest_age < Duration::from_secs(self.settings.age_s_max)
            && self.segments.stats().bytes <= self.settings.journal_bytes_max
    }

    /// Adds records of one segment, as many as it is told.
    pub(crate) fn add(&self, hold: &Hold, now: Instant) -> Adding<'_> {
        let mut parts = self.parts();
        if parts.back().is_none_or(|part| part.hold.segment() != hold.segment()) {
            parts.push_back(Part::new(hold.clone(), now));
        }
        Adding { parts, arrived: &self.arrived }
    }

    /// The oldest that is due, at most so many records.
    pub(crate) fn oldest(&self, records_max: usize, now: Instant) -> Option<Piece> {
        let mut parts = self.parts();
        parts.iter_mut().for_each(|part| part.retry(now));
        let part = parts.iter().find(|part| !part.entries.is_empty())?;
        let entries = part.entries.iter().copied().take(records_max).collect();
        Some(Piece { segment: part.hold.segment(), entries })
    }

    /// Forgets what the store has now, or the journal no more. `events` is how many events that were.
    pub(crate) fn let_go(&self, segment: SegmentId, entries: &[Entry], events: usize) {
        let mut parts = self.parts();
        if let Some(part) = parts.iter_mut().find(|part| part.hold.segment() == segment) {
            entries.iter().for_each(|entry| {
                part.entries.remove(entry);
            });
            part.events = part.events.saturating_sub(events);
        }
        parts.retain(|part| !part.is_empty());
    }

    /// Puts off what the store refused for good.
    pub(crate) fn put_off(&self, segment: SegmentId, entries: &[Entry], retry_at: Instant) {
        let mut parts = self.parts();
        if let Some(part) = parts.iter_mut().find(|part| part.hold.segment() == segment) {
            for entry in entries.iter().filter(|entry| part.entries.remove(entry)) {
                part.refused.insert(*entry);
            }
            part.retry_at = Some(retry_at);
        }
    }

    /// When something refused is due again, if anything was.
    pub(crate) fn retry_at(&self) -> Option<Instant> {
        self.parts().iter().filter_map(|part| part.retry_at).min()
    }

    /// How much waits.
    pub(crate) fn stats(&self) -> SpillStats {
        let parts = self.parts();
        SpillStats {
            events: parts.iter().map(|part| part.events).sum(),
            segments: parts.len(),
            oldest_age: parts.front().map_or(Duration::ZERO, |part| part.since.elapsed()),
        }
    }

    /// True when nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.parts().is_empty()
    }

    /// All that waits of a user, oldest segment first. Reads the journal, and tells the runtime so.
    pub(crate) fn of_user(&self, user: &UserId) -> Vec<Record> {
        let found = self.find(user);
        if found.is_empty() {
            return Vec::new();
        }
        let read = || found.iter().filter_map(|(hold, entry)| self.read(hold.segment(), *entry));
        let is_users = |record: &Record| record.user() == user;
        match Handle::try_current().map(|handle| handle.runtime_flavor()) {
            Ok(RuntimeFlavor::MultiThread) => {
                tokio::task::block_in_place(|| read().filter(is_users).collect())
            }
            _ => read().filter(is_users).collect(),
        }
    }

    /// Where a user's records are. The holds keep them there while they are read.
    fn find(&self, user: &UserId) -> Vec<(Hold, Entry)> {
        let range = Entry::range(user);
        let parts = self.parts();
        let of_part = |part: &Part| {
            let entries = part.entries.range(range.clone()).chain(part.refused.range(range.clone()));
            entries.map(|entry| (part.hold.clone(), *entry)).collect::<Vec<_>>()
        };
        parts.iter().flat_map(of_part).collect()
    }

    fn read(&self, segment: SegmentId, entry: Entry) -> Option<Record> {
        let payload = self.segments.record(segment, entry.place())?;
        record::read(&payload).ok()
    }

    fn parts(&self) -> MutexGuard<'_, VecDeque<Part>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds records to the youngest segment's.
pub(crate) struct Adding<'a> {
    parts: MutexGuard<'a, VecDeque<Part>>,
    arrived: &'a Notify,
}

impl Adding<'_> {
    /// Adds one record of so many events.
    pub(crate) fn record(&mut self, user: &UserId, place: Place, events: usize) {
        if let Some(part) = self.parts.back_mut() {
            part.entries.insert(Entry::new(user, place));
            part.events += events;
        }
    }
}

impl Drop for Adding<'_> {
    fn drop(&mut self) {
        self.parts.retain(|part| !part.is_empty());
        self.arrived.notify_one();
    }
}

impl Part {
    fn new(hold: Hold, since: Instant) -> Self {
        let (entries, refused) = (BTreeSet::new(), BTreeSet::new());
        Self { hold, since, entries, refused, retry_at: None, events: 0 }
    }

    fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.refused.is_empty()
    }

    fn retry(&mut self, now: Instant) {
        if self.retry_at.is_some_and(|at| at <= now) {
            self.entries.append(&mut self.refused);
            self.retry_at = None;
        }
    }
}

impl Entry {
    fn new(user: &UserId, place: Place) -> Self {
        Self(half_hash(user) | u64::from(place.number()))
    }

    fn range(user: &UserId) -> std::ops::RangeInclusive<Self> {
        let half = half_hash(user);
        Self(half)..=Self(half | u64::from(u32::MAX))
    }

    /// Where its record is.
    pub(crate) fn place(self) -> Place {
        Place::of_number(u32::try_from(self.0 & u64::from(u32::MAX)).unwrap_or(u32::MAX))
    }
}

fn half_hash(user: &UserId) -> u64 {
    xxh3_64(user.as_str().as_bytes()) & !u64::from(u32::MAX)
}

/// What an entry takes: 8 bytes in a node that is two thirds full.
pub(crate) const ENTRY_BYTES: usize = 16;
