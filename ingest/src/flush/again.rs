//! What was written shortly before an outage is written again behind it. A store whose servers crashed has lost what their
//! commit logs had not fsynced, although it acknowledged it; the journal keeps all of that until it has settled.

use std::{collections::HashMap, io, sync::Arc};

use playhead_store::{
    ItemId, SessionKey, StoreError, StoreErrorKind, UserId,
    durable::{PositionWrite, SessionWrite, WriteBatch},
    position::{PositionRow, PositionRuleBook},
};
use tokio::time::{Duration, Instant};

use crate::{
    journal::{SegmentId, Segments},
    record::{self, Record},
};

/// What an outage may have cost the store.
#[derive(Debug)]
pub(super) struct Again {
    /// False for a store that keeps what it acknowledged, or that is asked to persist before anything is trimmed.
    is_needed: bool,
    /// Since when the store cannot be reached, and which segment was the newest then: what it acknowledged before is in this
    /// one and in older ones.
    away: Option<(Instant, SegmentId)>,
}

impl Again {
    /// Nothing yet. A store in which writes settle may lose those that have not.
    pub(super) fn new(settles_in_ms: u64) -> Self {
        Self { is_needed: settles_in_ms > 0, away: None }
    }

    /// Notes an error of the store. One that is late has not crashed.
    pub(super) fn failed(&mut self, error: &StoreError, segments: &Segments, now: Instant) {
        if self.is_needed && error.kind == StoreErrorKind::Unavailable && self.away.is_none() {
            self.away = segments.all().last().map(|&newest| (now, newest));
        }
    }

    /// The segments that have to be written again, the oldest first, now that the store answers. Until it fails again there
    /// are no others.
    pub(super) fn take(&mut self, segments: &Segments, now: Instant) -> Vec<SegmentId> {
        match self.away.take() {
            Some((since, through)) if now.duration_since(since) >= CRASH_MIN => {
                segments.all().into_iter().filter(|&id| id <= through).collect()
            }
            _ => Vec::new(),
        }
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

    /// The next batch, of `events_max` events or a little more, and how many it has; none at the end. What cannot be read was
    /// told at start, or is found at the next one.
    pub(super) fn next(
        &mut self,
        events_max: usize,
        rules: &PositionRuleBook,
    ) -> Option<(WriteBatch, usize)> {
        let (mut gathered, mut count) = (Gathered::default(), 0);
        while count < events_max
            && let Some(payload) = self.next_payload()
        {
            count += record::read(payload).map_or(0, |record| gathered.add(record, rules));
        }
        (count > 0).then(|| (gathered.into_batch(), count))
    }
}

/// Records as one write has them: a session once, a position once.
#[derive(Default)]
struct Gathered {
    sessions: HashMap<SessionKey, SessionWrite>,
    positions: HashMap<(UserId, ItemId), PositionRow>,
}

impl Gathered {
    /// Adds a record, and says of how many events it is; a mark counts as one.
    fn add(&mut self, record: Record, rules: &PositionRuleBook) -> usize {
        match record {
            Record::Mark { user, item, row } => {
                self.positions.entry((user, item)).or_default().merge(&row);
                1
            }
            Record::Events { key, clock, description, events } => {
                let (playable, count) = (&description.playable, events.len());
                let rules = rules.of(playable.kind);
                if let Some(row) = PositionRow::from_events(&events, &key.session, playable, rules) {
                    let of = (key.user.clone(), playable.item.clone());
                    self.positions.entry(of).or_default().merge(&row);
                }
                match self.sessions.get_mut(&key) {
                    Some(session) => {
                        session.clock.merge(clock);
                        session.description.merge(&description);
                        Arc::make_mut(&mut session.events).extend(events);
                    }
                    None => {
                        let events = Arc::new(events);
                        let session = SessionWrite { key: key.clone(), clock, description, events };
                        self.sessions.insert(key, session);
                    }
                }
                count
            }
        }
    }

    fn into_batch(self) -> WriteBatch {
        let mut sessions: Vec<SessionWrite> = self.sessions.into_values().collect();
        for session in &mut sessions {
            // A session that was opened without an answer of the store may have been journaled twice.
            let events = Arc::make_mut(&mut session.events);
            events.sort_by_key(|event| event.seq);
            events.dedup_by_key(|event| event.seq);
        }
        let position = |((user, item), row)| PositionWrite { user, item, row };
        WriteBatch { sessions, positions: self.positions.into_iter().map(position).collect() }
    }
}
