//! Read, merge, write: what one batch changes in the rows, written all at once.

use super::{
    fault, keys,
    recent::Recent,
    rows,
    tables::Tables,
    view::{self, Held, View},
};
use crate::{
    Event, ItemId, SessionKey, StoreError, StoreErrorKind, UserId,
    durable::{PositionWrite, SessionRow, SessionWrite, WriteBatch},
    position::PositionRow,
};
use ahash::HashMap;
use fjall::OwnedWriteBatch;

/// Joins a batch into the store, in one commit. A row that is damaged holds up nobody else: the rest is written, and
/// then the damage is told.
pub(super) fn write(
    tables: &Tables,
    view: &View<'_>,
    recent: &mut Recent,
    batch: WriteBatch,
) -> Result<(), StoreError> {
    let mut change =
        Change { tables, view, recent, sessions: HashMap::default(), positions: HashMap::default() };
    let mut commit = tables.database.batch();
    let mut damage = Ok(());
    for session in batch.sessions {
        note(&mut damage, change.join_session(session, &mut commit))?;
    }
    for position in batch.positions {
        note(&mut damage, change.join_position(position))?;
    }
    change.commit(commit)?;
    damage
}

/// Keeps the first damage for later; any other error ends the write.
fn note(damage: &mut Result<(), StoreError>, outcome: Result<(), StoreError>) -> Result<(), StoreError> {
    match outcome {
        Err(error) if error.kind == StoreErrorKind::Damaged => {
            if damage.is_ok() {
                *damage = Err(error);
            }
            Ok(())
        }
        outcome => outcome,
    }
}

struct Change<'a> {
    tables: &'a Tables,
    view: &'a View<'a>,
    recent: &'a mut Recent,
    sessions: HashMap<SessionKey, Touched>,
    positions: HashMap<(UserId, ItemId), Merged>,
}

/// A session that was joined with something.
struct Touched {
    held: Held,
    is_changed: bool,
}

/// A position that was joined with something, and how it rests as yet.
struct Merged {
    stored: Option<PositionRow>,
    row: PositionRow,
}

impl Change<'_> {
    fn join_session(&mut self, write: SessionWrite, commit: &mut OwnedWriteBatch) -> Result<(), StoreError> {
        let SessionWrite { key, clock, description, events } = write;
        let floor_ms = self.view.floor_ms(&key.user)?;
        let mut events: Vec<&Event> = events.iter().filter(|event| event.at_ms > floor_ms).collect();
        let Some(span) = rows::Span::of(&events) else {
            return Ok(());
        };
        let mut touched = match self.touched(&key, floor_ms)? {
            Some(touched) => touched,
            None => Touched::new(SessionRow {
                key: key.clone(),
                clock,
                description: description.clone(),
                first_at_ms: span.first_at_ms,
                last_at_ms: span.last_at_ms,
                event_count: 0,
            }),
        };
        events.retain(|event| touched.held.seqs.insert(event.seq));
        touched.join_events(&events);
        let row = &mut touched.held.row;
        let before = row.clock;
        row.clock.merge(clock);
        touched.is_changed |= row.clock != before || row.description < description;
        row.description.merge(&description);
        self.put_chunks(&key, &events, commit);
        self.sessions.insert(key, touched);
        Ok(())
    }

    /// A session as this change has it so far, or as it is stored.
    fn touched(&mut self, key: &SessionKey, floor_ms: i64) -> Result<Option<Touched>, StoreError> {
        if let Some(touched) = self.sessions.remove(key) {
            return Ok(Some(touched));
        }
        // One that has come to lie on both sides of the floor is not known well enough.
        let held = match self.recent.take(key).filter(|held| held.row.first_at_ms > floor_ms) {
            Some(held) => Some(held),
            None => self.view.held(key, floor_ms)?,
        };
        Ok(held.map(|held| Touched { held, is_changed: false }))
    }

    /// Stores events that were not stored before. The smallest number among them is in no other chunk, so neither is
    /// their key.
    fn put_chunks(&self, key: &SessionKey, events: &[&Event], commit: &mut OwnedWriteBatch) {
        for chunk in events.chunks(CHUNK_EVENTS_MAX) {
            let seq_min = chunk.iter().map(|event| event.seq).min();
            if let (Some(seq_min), Some(value)) = (seq_min, rows::chunk(chunk)) {
                commit.insert(&self.tables.chunks, keys::chunk(key, seq_min), value);
            }
        }
    }

    fn join_position(&mut self, write: PositionWrite) -> Result<(), StoreError> {
        let PositionWrite { user, item, row } = write;
        let erased_through_ms = self.view.erased_through_ms(&user)?;
        let Some(row) = view::unerased(Some(row), erased_through_ms) else {
            return Ok(());
        };
        let key = (user, item);
        if let Some(merged) = self.positions.get_mut(&key) {
            merged.row.merge(&row);
            return Ok(());
        }
        let stored = self.view.position(&key.0, &key.1)?;
        let mut merged = stored.clone().unwrap_or_default();
        merged.merge(&row);
        self.positions.insert(key, Merged { stored, row: merged });
        Ok(())
    }

    /// Writes what is not stored as it should be, all of it or nothing.
    fn commit(self, mut commit: OwnedWriteBatch) -> Result<(), StoreError> {
        for (key, touched) in self.sessions.iter().filter(|(_, touched)| touched.is_changed) {
            let Held { row, seqs, seq_min } = &touched.held;
            let run_len = seqs.run_from(*seq_min).and_then(|last| (last - seq_min).checked_add(1));
            let run_from = (run_len == Some(row.event_count)).then_some(*seq_min);
            commit.insert(&self.tables.sessions, keys::session(key), rows::session(row, run_from));
        }
        for ((user, item), Merged { stored, row }) in &self.positions {
            if stored.as_ref() != Some(row) {
                commit.insert(&self.tables.positions, keys::position(user, item), rows::position(row));
            }
        }
        commit.commit().map_err(fault::in_writing("writing a batch"))?;
        for (key, touched) in self.sessions {
            self.recent.put(key, touched.held);
        }
        Ok(())
    }
}

impl Touched {
    fn new(row: SessionRow) -> Self {
        let held = Held { row, seqs: crate::seqs::SeqSet::default(), seq_min: u64::MAX };
        Self { held, is_changed: true }
    }

    /// Takes in events that are new to the session.
    fn join_events(&mut self, events: &[&Event]) {
        let Held { row, seq_min, .. } = &mut self.held;
        for event in events {
            row.first_at_ms = row.first_at_ms.min(event.at_ms);
            row.last_at_ms = row.last_at_ms.max(event.at_ms);
            *seq_min = (*seq_min).min(event.seq);
        }
        row.event_count += events.len() as u64;
        self.is_changed |= !events.is_empty();
    }
}

/// Keeps a row to some 12 KB; a usual flush of a session has far fewer.
const CHUNK_EVENTS_MAX: usize = 1_024;
