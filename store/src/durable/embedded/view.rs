//! Reading: everything as of one moment, without what was erased and what has expired.

use super::{fault, keys, rows, tables::Tables};
use crate::{
    Event, ItemId, SessionKey, StoreError, UserId,
    codec::Reader,
    durable::{KnownSession, SessionRow},
    erasure::ItemErasure,
    position::PositionRow,
    seqs::SeqSet,
};
use fjall::{Guard, Keyspace, Readable, Snapshot, UserKey, UserValue};
use std::collections::HashMap;

/// The store at one moment. No event and no session is later than its user's floor: what is not, is not there.
pub(super) struct View<'a> {
    tables: &'a Tables,
    snapshot: Snapshot,
    horizon_ms: i64,
}

/// All that the writer must know of a session to join something into it.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) row: SessionRow,
    pub(super) seqs: SeqSet,
    pub(super) seq_min: u64,
}

impl<'a> View<'a> {
    pub(super) fn new(tables: &'a Tables, snapshot: Snapshot, horizon_ms: i64) -> Self {
        Self { tables, snapshot, horizon_ms }
    }

    pub(super) fn erased_through_ms(&self, user: &UserId) -> Result<Option<i64>, StoreError> {
        let value = self.get(&self.tables.erasures, user.as_str().as_bytes())?;
        value.map(|value| rows::read_erasure(&value).map_err(fault::in_row("reading an erasure"))).transpose()
    }

    pub(super) fn item_erasure(&self, item: &ItemId) -> Result<Option<ItemErasure>, StoreError> {
        let value = self.get(&self.tables.item_erasures, item.as_str().as_bytes())?;
        let read = |value: UserValue| {
            rows::read_item_erasure(&value).map_err(fault::in_row("reading an item's erasure"))
        };
        value.map(read).transpose()
    }

    pub(super) fn item_erasures(
        &self,
        items: Vec<ItemId>,
    ) -> Result<HashMap<ItemId, ItemErasure>, StoreError> {
        let erased = items.into_iter().filter_map(|item| match self.item_erasure(&item) {
            Ok(erasure) => erasure.map(|erasure| Ok((item, erasure))),
            Err(error) => Some(Err(error)),
        });
        erased.collect()
    }

    /// The time up to which a user's events are not there, be they erased or expired.
    pub(super) fn floor_ms(&self, user: &UserId) -> Result<i64, StoreError> {
        Ok(self.erased_through_ms(user)?.map_or(self.horizon_ms, |erased_ms| erased_ms.max(self.horizon_ms)))
    }

    pub(super) fn open_session(&self, key: &SessionKey) -> Result<KnownSession, StoreError> {
        let held = self.held(key, self.floor_ms(&key.user)?)?;
        let erased_through_ms = self.erased_through_ms(&key.user)?;
        let (clock, seqs) = held.map(|held| (held.row.clock, held.seqs)).unzip();
        Ok(KnownSession { clock, seqs: seqs.unwrap_or_default(), erased_through_ms })
    }

    pub(super) fn position(&self, user: &UserId, item: &ItemId) -> Result<Option<PositionRow>, StoreError> {
        let value = self.get(&self.tables.positions, &keys::position(user, item))?;
        let row = value.map(|value| read_position(&value)).transpose()?;
        Ok(unerased(row, self.erased_through_ms(user)?))
    }

    pub(super) fn positions(&self, user: &UserId) -> Result<Vec<(ItemId, PositionRow)>, StoreError> {
        let erased_through_ms = self.erased_through_ms(user)?;
        let mut positions = Vec::new();
        for row in self.rows(&self.tables.positions, &keys::of_user(user)) {
            let (key, value) = row?;
            let (_, item) = keys::read_position(&key).ok_or_else(|| fault::in_key(READING_POSITION))?;
            if let Some(row) = unerased(Some(read_position(&value)?), erased_through_ms) {
                positions.push((item, row));
            }
        }
        Ok(positions)
    }

    pub(super) fn session(&self, key: &SessionKey) -> Result<Option<(SessionRow, Vec<Event>)>, StoreError> {
        let floor_ms = self.floor_ms(&key.user)?;
        let Some((row, _)) = self.stored(key, floor_ms)? else {
            return Ok(None);
        };
        let mut events = self.events(key)?;
        events.retain(|event| event.at_ms > floor_ms);
        Ok(Some((counted(row, &events), events)))
    }

    pub(super) fn sessions(&self, user: &UserId) -> Result<Vec<SessionRow>, StoreError> {
        let floor_ms = self.floor_ms(user)?;
        let mut sessions = Vec::new();
        for row in self.rows(&self.tables.sessions, &keys::of_user(user)) {
            let (key, value) = row?;
            let key = keys::read_session(&key).ok_or_else(|| fault::in_key(READING_SESSION))?;
            let (row, _) = rows::read_session(key, &value).map_err(fault::in_row(READING_SESSION))?;
            if row.last_at_ms > floor_ms {
                sessions.push(self.above_floor(row, floor_ms)?);
            }
        }
        Ok(sessions)
    }

    /// What the store holds of a session. Among the numbers may be those of expired events; they stay taken.
    pub(super) fn held(&self, key: &SessionKey, floor_ms: i64) -> Result<Option<Held>, StoreError> {
        let Some((row, run_from)) = self.stored(key, floor_ms)? else {
            return Ok(None);
        };
        let (seqs, seq_min) = match run_from {
            Some(seq_min) => ((0..row.event_count).map(|n| seq_min.saturating_add(n)).collect(), seq_min),
            None => self.seqs(key)?,
        };
        Ok(Some(Held { row: self.above_floor(row, floor_ms)?, seqs, seq_min }))
    }

    /// A session's row, unless all of it lies below the floor.
    fn stored(
        &self,
        key: &SessionKey,
        floor_ms: i64,
    ) -> Result<Option<(SessionRow, Option<u64>)>, StoreError> {
        let Some(value) = self.get(&self.tables.sessions, &keys::session(key))? else {
            return Ok(None);
        };
        let stored = rows::read_session(key.clone(), &value).map_err(fault::in_row(READING_SESSION))?;
        Ok(Some(stored).filter(|(row, _)| row.last_at_ms > floor_ms))
    }

    /// The part of a session above the floor, if it lies on both sides. Few do, and only those are counted anew.
    fn above_floor(&self, row: SessionRow, floor_ms: i64) -> Result<SessionRow, StoreError> {
        if row.first_at_ms > floor_ms {
            return Ok(row);
        }
        let mut events = self.events(&row.key)?;
        events.retain(|event| event.at_ms > floor_ms);
        Ok(counted(row, &events))
    }

    fn events(&self, key: &SessionKey) -> Result<Vec<Event>, StoreError> {
        let mut events = Vec::new();
        for row in self.rows(&self.tables.chunks, &keys::session(key)) {
            let (_, value) = row?;
            events.extend(rows::read_chunk(&value).map_err(fault::in_row(READING_CHUNK))?);
        }
        Ok(events)
    }

    /// The numbers of a session's events, and the smallest of them.
    fn seqs(&self, key: &SessionKey) -> Result<(SeqSet, u64), StoreError> {
        let (mut seqs, mut seq_min) = (SeqSet::default(), u64::MAX);
        for row in self.rows(&self.tables.chunks, &keys::session(key)) {
            let (key, value) = row?;
            let (_, chunk_min) = keys::read_chunk(&key).ok_or_else(|| fault::in_key(READING_CHUNK))?;
            seq_min = seq_min.min(chunk_min);
            let mut reader = Reader::new(&value);
            rows::Span::read(&mut reader).map_err(fault::in_row(READING_CHUNK))?;
            reader.seqs(&mut seqs).map_err(|error| fault::in_row(READING_CHUNK)(error.into()))?;
        }
        Ok((seqs, seq_min))
    }

    fn get(&self, table: &Keyspace, key: &[u8]) -> Result<Option<UserValue>, StoreError> {
        self.snapshot.get(table, key).map_err(fault::in_reading("reading a row"))
    }

    /// The rows whose keys begin so.
    pub(super) fn rows(
        &self,
        table: &Keyspace,
        prefix: &[u8],
    ) -> impl Iterator<Item = Result<(UserKey, UserValue), StoreError>> + use<> {
        let rows = self.snapshot.prefix(table, prefix);
        rows.map(Guard::into_inner).map(|row| row.map_err(fault::in_reading("reading rows")))
    }
}

/// The row of a session that has these events left.
fn counted(mut row: SessionRow, events: &[Event]) -> SessionRow {
    if let Some(span) = rows::Span::of(events) {
        row.first_at_ms = span.first_at_ms;
        row.last_at_ms = span.last_at_ms;
    }
    row.event_count = events.len() as u64;
    row
}

fn read_position(value: &[u8]) -> Result<PositionRow, StoreError> {
    rows::read_position(value).map_err(fault::in_row(READING_POSITION))
}

/// What an erasure leaves of a position, which is nothing where it said nothing. An erasure that was cut short may have
/// left more at rest.
pub(super) fn unerased(row: Option<PositionRow>, erased_through_ms: Option<i64>) -> Option<PositionRow> {
    let mut row = row?;
    (!row.erase_through(erased_through_ms.unwrap_or(i64::MIN))).then_some(row)
}

const READING_CHUNK: &str = "reading a chunk of events";
const READING_SESSION: &str = "reading a session";
const READING_POSITION: &str = "reading a position";
