//! Erasing a user: the mark first, so that nothing is visible from then on and no later write brings anything back;
//! then the rows. Erasing what everybody did in an item is the mark alone.

use super::{fault, keys, retention::Horizon, rows, tables::Tables, view::View};
use crate::{
    Event, ItemId, SessionKey, StoreError, UserId,
    codec::{FormatError, Reader},
    erasure::ItemErasure,
};
use fjall::{Keyspace, OwnedWriteBatch, UserKey};
use std::mem;
use tracing::warn;

/// Remembers that the user is erased up to this time, or a later one that was given before.
pub(super) fn mark(
    tables: &Tables,
    view: &View<'_>,
    user: &UserId,
    through_ms: i64,
) -> Result<(), StoreError> {
    let through_ms = view.erased_through_ms(user)?.map_or(through_ms, |before_ms| before_ms.max(through_ms));
    let mut commit = tables.database.batch();
    commit.insert(&tables.erasures, user.as_str(), rows::erasure(through_ms));
    commit.commit().map_err(fault::in_writing(ERASING))
}

/// Remembers what is said of items, where nothing greater was said before.
pub(super) fn mark_items(
    tables: &Tables,
    view: &View<'_>,
    erasures: &[(ItemId, ItemErasure)],
) -> Result<(), StoreError> {
    let mut commit = tables.database.batch();
    for (item, erasure) in erasures {
        if view.item_erasure(item)?.is_none_or(|before| *erasure > before) {
            commit.insert(&tables.item_erasures, item.as_str(), rows::item_erasure(*erasure));
        }
    }
    commit.commit().map_err(fault::in_writing(ERASING))
}

/// Takes away all that the mark has made invisible, in commits of a bounded size. A row that cannot be read is taken
/// away too: nobody could tell that it is later.
pub(super) fn remove(tables: &Tables, horizon: &Horizon, user: &UserId) -> Result<(), StoreError> {
    let view = tables.view(horizon);
    let Some(through_ms) = view.erased_through_ms(user)? else {
        return Ok(());
    };
    let mut erasing = Erasing { tables, view, through_ms, commit: tables.database.batch() };
    erasing.positions(user)?;
    erasing.chunks(user)?;
    erasing.commit()?;
    // Sessions on both sides of the erasure are counted anew from the chunks that are left.
    erasing.view = tables.view(horizon);
    erasing.sessions(user)?;
    erasing.commit()
}

struct Erasing<'a> {
    tables: &'a Tables,
    view: View<'a>,
    through_ms: i64,
    commit: OwnedWriteBatch,
}

impl Erasing<'_> {
    fn positions(&mut self, user: &UserId) -> Result<(), StoreError> {
        let table = &self.tables.positions;
        for row in self.view.rows(table, &keys::of_user(user)) {
            let (key, value) = row?;
            let position = readable(rows::read_position(&value))?;
            let left = position.and_then(|mut row| (!row.erase_through(self.through_ms)).then_some(row));
            self.replace(table, key.clone(), left.map(|row| (key, rows::position(&row))))?;
        }
        Ok(())
    }

    fn sessions(&mut self, user: &UserId) -> Result<(), StoreError> {
        let table = &self.tables.sessions;
        for row in self.view.rows(table, &keys::of_user(user)) {
            let (key, value) = row?;
            if self.is_later(&value)? {
                continue;
            }
            let session = keys::read_session(&key);
            let is_readable = match &session {
                Some(session) => readable(rows::read_session(session.clone(), &value))?.is_some(),
                None => false,
            };
            let left = match session.filter(|_| is_readable) {
                Some(session) => self.view.held(&session, self.through_ms)?,
                None => self.all_chunks(&key).map(|()| None)?,
            };
            self.replace(table, key.clone(), left.map(|held| (key, rows::session(&held.row, None))))?;
        }
        Ok(())
    }

    /// Takes away what belongs to a session of which nothing else is known.
    fn all_chunks(&mut self, session: &[u8]) -> Result<(), StoreError> {
        let table = &self.tables.chunks;
        for row in self.view.rows(table, session) {
            self.replace(table, row?.0, None)?;
        }
        Ok(())
    }

    /// A chunk that loses its first event gets another key, since the key names the smallest seq in it.
    fn chunks(&mut self, user: &UserId) -> Result<(), StoreError> {
        let table = &self.tables.chunks;
        for row in self.view.rows(table, &keys::of_user(user)) {
            let (key, value) = row?;
            if self.is_later(&value)? {
                continue;
            }
            let left = match (keys::read_chunk(&key), readable(rows::read_chunk(&value))?) {
                (Some((session, _)), Some(events)) => self.chunk(&session, events),
                _ => None,
            };
            self.replace(table, key, left)?;
        }
        Ok(())
    }

    fn chunk(&self, session: &SessionKey, mut events: Vec<Event>) -> Option<(UserKey, Vec<u8>)> {
        events.retain(|event| event.at_ms > self.through_ms);
        let seq_min = events.iter().map(|event| event.seq).min()?;
        Some((keys::chunk(session, seq_min).into(), rows::chunk(&events)?))
    }

    /// True when all of a session's or chunk's events are later than the erasure.
    fn is_later(&self, value: &[u8]) -> Result<bool, StoreError> {
        let span = readable(rows::Span::read(&mut Reader::new(value)))?;
        Ok(span.is_some_and(|span| span.first_at_ms > self.through_ms))
    }

    fn replace(
        &mut self,
        table: &Keyspace,
        old: UserKey,
        new: Option<(UserKey, Vec<u8>)>,
    ) -> Result<(), StoreError> {
        // One commit must not both remove and insert a key.
        if new.as_ref().is_none_or(|(key, _)| *key != old) {
            self.commit.remove(table, old);
        }
        if let Some((key, value)) = new {
            self.commit.insert(table, key, value);
        }
        if self.commit.len() >= COMMIT_ROWS_MAX { self.commit() } else { Ok(()) }
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        let commit = mem::replace(&mut self.commit, self.tables.database.batch());
        commit.commit().map_err(fault::in_writing(ERASING))
    }
}

/// `None` for a damaged row. One of a newer version is no row of ours to take away.
fn readable<T>(row: Result<T, FormatError>) -> Result<Option<T>, StoreError> {
    match row {
        Ok(row) => Ok(Some(row)),
        Err(FormatError::Malformed(error)) => {
            warn!(%error, "erased a row that could not be read");
            Ok(None)
        }
        Err(error @ FormatError::Newer { .. }) => Err(fault::in_row(ERASING)(error)),
    }
}

const ERASING: &str = "erasing";
/// What one commit of an erasure holds in memory, at most two rows more: some hundred KB.
const COMMIT_ROWS_MAX: usize = 1_000;
