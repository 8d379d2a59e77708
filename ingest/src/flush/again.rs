//! What was written shortly before an outage is written again behind it. A store whose servers crashed has lost what their
//! commit logs had not fsynced, although it acknowledged it; the journal keeps all of that until it has settled.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use playhead_store::{StoreError, StoreErrorKind, durable::WriteBatch};
use tokio::time::{Duration, Instant};

use crate::{
    gathered::Gathered,
    journal::{SegmentId, Segments},
    record,
    settings::Settings,
};

/// What an outage may have cost the store. All who write to it share this.
#[derive(Debug)]
pub(crate) struct Again {
    /// False for a store that keeps what it acknowledged, or that is asked to persist before anything is trimmed.
    is_needed: bool,
    segments: Arc<Segments>,
    lost: Mutex<Lost>,
}

/// What the store acknowledged before an outage is in this segment, the newest then, and in older ones.
#[derive(Debug, Default)]
struct Lost {
    /// Since when the store cannot be reached.
    away: Option<(Instant, SegmentId)>,
    /// An outage that is over, and long enough for a crash.
    through: Option<SegmentId>,
}

impl Again {
    /// Nothing yet. A store in which writes settle may lose those that have not.
    pub(crate) fn new(settles_in_ms: u64, segments: Arc<Segments>) -> Self {
        Self { is_needed: settles_in_ms > 0, segments, lost: Mutex::default() }
    }

    /// Notes an error of the store. One that is late has not crashed.
    pub(super) fn failed(&self, error: &StoreError, now: Instant) {
        if !self.is_needed || error.kind != StoreErrorKind::Unavailable {
            return;
        }
        let mut lost = self.lost();
        if lost.away.is_none() {
            lost.away = self.segments.all().last().map(|&newest| (now, newest));
        }
    }

    /// Notes that the store answers.
    pub(super) fn answered(&self, now: Instant) {
        let mut lost = self.lost();
        if let Some((since, newest)) = lost.away.take()
            && now.duration_since(since) >= CRASH_MIN
        {
            lost.through = lost.through.max(Some(newest));
        }
    }

    /// True while something may have to be written again, so that nothing may be trimmed.
    pub(super) fn is_open(&self) -> bool {
        let lost = self.lost();
        lost.away.is_some() || lost.through.is_some()
    }

    /// The segments that have to be written again now that the store answers, the oldest first.
    pub(super) fn take(&self) -> Vec<SegmentId> {
        match self.lost().through.take() {
            Some(through) => self.segments.all().into_iter().filter(|&id| id <= through).collect(),
            None => Vec::new(),
        }
    }

    fn lost(&self) -> MutexGuard<'_, Lost> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// No server comes back from a crash within this; what is shorter is strain, to which nothing is to be added.
const CRASH_MIN: Duration = Duration::from_secs(1);

/// A segment's records, to be written in batches.
#[derive(Default)]
pub(super) struct Records {
    /// One behind the other.
    bytes: Vec<u8>,
    /// Where each of them ends.
    ends: Vec<usize>,
    /// How many were handed out.
    taken: usize,
}

impl Records {
    /// Reads what a segment has by now.
    pub(super) fn of(segments: &Segments, id: SegmentId) -> io::Result<Self> {
        let mut records = Self::default();
        segments.read_again(id, |payload| {
            records.bytes.extend_from_slice(payload);
            records.ends.push(records.bytes.len());
        })?;
        Ok(records)
    }

    fn next_payload(&mut self) -> Option<&[u8]> {
        let from = self.taken.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let to = self.ends.get(self.taken).copied()?;
        self.taken += 1;
        self.bytes.get(from..to)
    }

    /// The next batch, of `flush_events_max` events or a little more, and how many it has; none at the end. What cannot be
    /// read was told at start, or is found at the next one.
    pub(super) fn next(&mut self, settings: &Settings) -> Option<(WriteBatch, usize)> {
        let mut gathered = Gathered::new(settings);
        while gathered.events() < settings.flush_events_max
            && let Some(payload) = self.next_payload()
        {
            gathered.extend(record::read(payload).ok());
        }
        let events = gathered.events();
        (events > 0).then(|| (gathered.into_batch(), events))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn away(kind: StoreErrorKind) -> StoreError {
        StoreError { kind, what: "write", source: None }
    }

    fn again() -> (Again, Arc<Segments>) {
        let segments = Arc::new(Segments::default());
        segments.begun(SegmentId(1), 10);
        (Again::new(1, Arc::clone(&segments)), segments)
    }

    #[test]
    fn an_outage_ends_when_the_store_answers_and_not_when_somebody_looks() {
        let (again, _segments) = again();
        let begun = Instant::now();
        again.failed(&away(StoreErrorKind::Unavailable), begun);
        assert_eq!(again.take(), [], "it goes on");
        assert!(again.is_open(), "nothing may be trimmed meanwhile");
        again.answered(begun + CRASH_MIN);
        assert_eq!(again.take(), [SegmentId(1)]);
        assert!(!again.is_open() && again.take().is_empty(), "once is enough");
    }

    #[test]
    fn strain_is_no_outage() {
        let (again, _segments) = again();
        let begun = Instant::now();
        again.failed(&away(StoreErrorKind::Unknown), begun);
        assert!(!again.is_open());
        again.failed(&away(StoreErrorKind::Unavailable), begun);
        again.answered(begun + CRASH_MIN / 2);
        assert!(!again.is_open() && again.take().is_empty());
    }
}
