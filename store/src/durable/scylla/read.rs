//! Reading: rows put together again, without what was erased. What has expired is not there by itself.

use std::collections::BTreeMap;

use ahash::HashMap;
use futures_util::{StreamExt, TryStreamExt, future::try_join, future::try_join3, stream};
use scylla::{
    deserialize::row::DeserializeRow, response::query_result::QueryRowsResult, serialize::row::SerializeRow,
    statement::prepared::PreparedStatement,
};

use super::{connection::Connection, fault, plan::NEVER_ERASED, register, said};
use crate::{
    Event, ItemId, SessionId, SessionKey, StoreError, UserId,
    codec::{FormatError, Malformed, Reader},
    durable::{KnownSession, SessionRow, WriteBatch},
    erasure::ItemErasure,
    position::{PositionRow, Watched},
};

/// What a position's row holds, as it rests.
#[derive(scylla::DeserializeRow)]
pub(super) struct PositionCells {
    item_id: String,
    settled: Option<Vec<u8>>,
    opening: Option<Vec<u8>>,
    completed_first: Option<BTreeMap<i64, i64>>,
    completed_last: Option<i64>,
    mark: Option<Vec<u8>>,
}

/// What was said of a session, and the count and times of its events.
type Summary = (Option<BTreeMap<Vec<u8>, i64>>, i64, Option<i64>, Option<i64>);

impl Connection {
    pub(super) async fn open_session(&self, key: &SessionKey) -> Result<KnownSession, StoreError> {
        // Most sessions that are opened are new. Only of others something was said.
        let known = async {
            let seqs = self.seqs(key).await?;
            let said = if seqs.is_empty() { BTreeMap::new() } else { self.said(key).await? };
            Ok((seqs, said))
        };
        let (erased_through_ms, (seqs, said)) = try_join(self.erased_through_ms(&key.user), known).await?;
        let floor_ms = erased_through_ms.unwrap_or(NEVER_ERASED);
        let said = said::read(&said, floor_ms).map_err(fault::in_value(READING_SESSION))?;
        let seqs = seqs.into_iter().filter(|&(_, at_ms)| at_ms > floor_ms);
        let seqs = seqs.map(|(seq, _)| seq.cast_unsigned()).collect();
        Ok(KnownSession { clock: said.map(|(clock, _)| clock), seqs, erased_through_ms })
    }

    pub(super) async fn session(
        &self,
        key: &SessionKey,
    ) -> Result<Option<(SessionRow, Vec<Event>)>, StoreError> {
        let (erased_through_ms, events, said) =
            try_join3(self.erased_through_ms(&key.user), self.events(key), self.said(key)).await?;
        let floor_ms = erased_through_ms.unwrap_or(NEVER_ERASED);
        let said = said::read(&said, floor_ms).map_err(fault::in_value(READING_SESSION))?;
        let events: Vec<Event> = events.into_iter().filter(|event| event.at_ms > floor_ms).collect();
        let times = || events.iter().map(|event| event.at_ms);
        let row = said.zip(times().min().zip(times().max())).map(|((clock, description), (first, last))| {
            let (key, event_count) = (key.clone(), events.len() as u64);
            SessionRow { key, clock, description, first_at_ms: first, last_at_ms: last, event_count }
        });
        Ok(row.map(|row| (row, events)))
    }

    pub(super) async fn sessions(&self, user: &UserId) -> Result<Vec<SessionRow>, StoreError> {
        let (floor_ms, listed) = try_join(self.erased_through_ms(user), self.listed(user)).await?;
        let summaries = stream::iter(listed).map(|key| self.summary(key, floor_ms));
        let summaries = summaries.buffer_unordered(READS_MAX);
        summaries.try_filter_map(async |row| Ok(row)).try_collect().await
    }

    /// The sessions that a user has, or had a short time ago.
    pub(super) async fn listed(&self, user: &UserId) -> Result<Vec<SessionKey>, StoreError> {
        let rows: Vec<(String,)> = self.pages(&self.statements.read_listed, (user.as_str(),)).await?;
        let key = |(session,): (String,)| {
            let session = SessionId::new(&session).map_err(fault::in_rows(READING_SESSION))?;
            Ok(SessionKey { user: user.clone(), session })
        };
        rows.into_iter().map(key).collect()
    }

    /// A session as a line of a list. The cluster counts, unless it does not know what to leave out.
    pub(super) async fn summary(
        &self,
        key: SessionKey,
        erased_through_ms: Option<i64>,
    ) -> Result<Option<SessionRow>, StoreError> {
        if erased_through_ms.is_some() {
            return Ok(self.session(&key).await?.map(|(row, _)| row));
        }
        let values = (key.user.as_str(), key.session.as_str());
        let rows = self.page(&self.statements.read_summary, values).await?;
        let summary = rows.maybe_first_row::<Summary>().map_err(fault::in_rows(READING_SESSION))?;
        let Some((Some(said), count, Some(first_at_ms), Some(last_at_ms))) = summary else {
            return Ok(None);
        };
        let said = said::read(&said, NEVER_ERASED).map_err(fault::in_value(READING_SESSION))?;
        let event_count = count.unsigned_abs();
        Ok(said.map(|(clock, description)| SessionRow {
            key,
            clock,
            description,
            first_at_ms,
            last_at_ms,
            event_count,
        }))
    }

    pub(super) async fn position(
        &self,
        user: &UserId,
        item: &ItemId,
    ) -> Result<Option<PositionRow>, StoreError> {
        let values = (user.as_str(), item.as_str());
        let rows = self.page(&self.statements.read_position, values);
        let (erased_through_ms, rows) = try_join(self.erased_through_ms(user), rows).await?;
        let cells = rows.maybe_first_row::<PositionCells>().map_err(fault::in_rows(READING_POSITION))?;
        let row = cells.map(|cells| cells.position(erased_through_ms)).transpose()?;
        Ok(row.flatten().map(|(_, row)| row))
    }

    pub(super) async fn positions(&self, user: &UserId) -> Result<Vec<(ItemId, PositionRow)>, StoreError> {
        let (erased_through_ms, cells) =
            try_join(self.erased_through_ms(user), self.position_cells(user)).await?;
        let positions = cells.into_iter().map(|cells| cells.position(erased_through_ms));
        positions.filter_map(Result::transpose).collect()
    }

    pub(super) async fn position_cells(&self, user: &UserId) -> Result<Vec<PositionCells>, StoreError> {
        self.pages(&self.statements.read_positions, (user.as_str(),)).await
    }

    /// The generation that a write's first completion belongs to: the latest erasure of its user. Only completions need
    /// to know it, since an erasure may have begun anew with a later first one.
    pub(super) async fn generations(&self, batch: &WriteBatch) -> Result<HashMap<UserId, i64>, StoreError> {
        let completed = batch.positions.iter().filter(|write| write.row.watched.first_ms.is_some());
        let users: ahash::HashSet<UserId> = completed.map(|write| write.user.clone()).collect();
        let read = stream::iter(users).map(async |user| {
            let through_ms = self.erased_through_ms(&user).await?;
            Ok(through_ms.map(|through_ms| (user, through_ms)))
        });
        read.buffer_unordered(READS_MAX).try_filter_map(async |known| Ok(known)).try_collect().await
    }

    pub(super) async fn erased_through_ms(&self, user: &UserId) -> Result<Option<i64>, StoreError> {
        let rows = self.page(&self.statements.read_erasure, (user.as_str(),)).await?;
        let through = rows.maybe_first_row::<(i64,)>().map_err(fault::in_rows("reading an erasure"))?;
        Ok(through.map(|(through_ms,)| through_ms))
    }

    async fn said(&self, key: &SessionKey) -> Result<BTreeMap<Vec<u8>, i64>, StoreError> {
        let values = (key.user.as_str(), key.session.as_str());
        let rows = self.page(&self.statements.read_said, values).await?;
        let said = rows.maybe_first_row::<(Option<BTreeMap<Vec<u8>, i64>>,)>();
        Ok(said.map_err(fault::in_rows(READING_SESSION))?.and_then(|(said,)| said).unwrap_or_default())
    }

    /// The numbers of a session's events, with their times.
    async fn seqs(&self, key: &SessionKey) -> Result<Vec<(i64, i64)>, StoreError> {
        let values = (key.user.as_str(), key.session.as_str());
        let rows: Vec<(Option<i64>, Option<i64>)> = self.pages(&self.statements.read_seqs, values).await?;
        // A partition without events has one row, which is what was said.
        Ok(rows.into_iter().filter_map(|(seq, at_ms)| seq.zip(at_ms)).collect())
    }

    async fn events(&self, key: &SessionKey) -> Result<Vec<Event>, StoreError> {
        let values = (key.user.as_str(), key.session.as_str());
        let rows: Vec<(Option<Vec<u8>>,)> = self.pages(&self.statements.read_events, values).await?;
        let events = rows.into_iter().filter_map(|(event,)| event);
        events.map(|event| read_event(&event).map_err(fault::in_value("reading an event"))).collect()
    }

    /// The erasures of these items.
    pub(super) async fn item_erasures(
        &self,
        items: &[ItemId],
    ) -> Result<HashMap<ItemId, ItemErasure>, StoreError> {
        let chunks: Vec<Vec<ItemId>> = items.chunks(ITEMS_AT_ONCE).map(<[ItemId]>::to_vec).collect();
        let read = stream::iter(chunks).map(|items| self.erasures_of(items));
        let read: Vec<Vec<_>> = read.buffer_unordered(ERASURE_READS_MAX).try_collect().await?;
        Ok(read.into_iter().flatten().collect())
    }

    /// Of one item, a replica is asked; of more, any node, which knows whom to ask.
    async fn erasures_of(&self, items: Vec<ItemId>) -> Result<Vec<(ItemId, ItemErasure)>, StoreError> {
        let names: Vec<&str> = items.iter().map(ItemId::as_str).collect();
        let rows = match names.as_slice() {
            [only] => self.page(&self.statements.read_item_erasure, (only,)).await?,
            _ => self.page(&self.statements.read_item_erasures, (&names,)).await?,
        };
        let mut erasures = Vec::with_capacity(rows.rows_num());
        for row in rows.rows::<(String, i64, i64)>().map_err(fault::in_rows(READING_ERASURES))? {
            let (item, at_ms, through_ms) = row.map_err(fault::in_rows(READING_ERASURES))?;
            let item = ItemId::new(&item).map_err(fault::in_rows(READING_ERASURES))?;
            erasures.push((item, ItemErasure { at_ms, through_ms }));
        }
        Ok(erasures)
    }

    /// An answer of one row or none.
    pub(super) async fn page(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow,
    ) -> Result<QueryRowsResult, StoreError> {
        let answer = self.session.execute_unpaged(statement, values).await;
        answer.map_err(fault::in_reading(READING))?.into_rows_result().map_err(fault::in_rows(READING))
    }

    /// An answer of many rows.
    pub(super) async fn pages<R>(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow,
    ) -> Result<Vec<R>, StoreError>
    where
        R: for<'frame, 'metadata> DeserializeRow<'frame, 'metadata> + 'static,
    {
        let pager = self.session.execute_iter(statement.clone(), values).await;
        let rows = pager.map_err(fault::in_paging(READING))?.rows_stream::<R>();
        rows.map_err(fault::in_rows(READING))?.map_err(fault::in_row(READING)).try_collect().await
    }
}

impl PositionCells {
    pub(super) fn item(&self) -> Result<ItemId, StoreError> {
        ItemId::new(&self.item_id).map_err(fault::in_rows(READING_POSITION))
    }

    /// What an erasure left of it, if anything.
    fn position(self, erased_through_ms: Option<i64>) -> Result<Option<(ItemId, PositionRow)>, StoreError> {
        let generation = erased_through_ms.unwrap_or(NEVER_ERASED);
        let mut row = self.row_since(generation)?;
        let is_gone = row.erase_through(generation);
        let item = self.item()?;
        Ok((!is_gone).then_some((item, row)))
    }

    /// All that the registers hold; of first completions those that were written since this erasure.
    pub(super) fn row_since(&self, generation: i64) -> Result<PositionRow, StoreError> {
        let register = |bytes: &Option<Vec<u8>>| bytes.as_deref().map(register::read).transpose();
        let damaged = fault::in_value(READING_POSITION);
        let first_ms = self.completed_first.iter().flat_map(|firsts| firsts.range(generation..));
        let watched = Watched {
            first_ms: first_ms.map(|(_, &first_ms)| first_ms).min(),
            last_ms: self.completed_last,
            mark: self.mark.as_deref().map(register::read_mark).transpose().map_err(damaged)?,
        };
        let settled = register(&self.settled).map_err(damaged)?;
        Ok(PositionRow { settled, opening: register(&self.opening).map_err(damaged)?, watched })
    }

    /// The erasures before this one that first completions belong to.
    pub(super) fn generations_before(&self, generation: i64) -> impl Iterator<Item = i64> {
        let firsts = self.completed_first.iter().flat_map(move |firsts| firsts.range(..generation));
        firsts.map(|(&generation, _)| generation)
    }
}

fn read_event(bytes: &[u8]) -> Result<Event, FormatError> {
    let mut reader = Reader::new(bytes);
    reader.format()?;
    let events = reader.events()?;
    match (<[Event; 1]>::try_from(events), reader.is_empty()) {
        (Ok([event]), true) => Ok(event),
        _ => Err(Malformed { what: "event" }.into()),
    }
}

/// Reads of one call at a time.
const READS_MAX: usize = 32;
/// Items in one request: ScyllaDB takes no more (max-partition-key-restrictions-per-query).
const ITEMS_AT_ONCE: usize = 100;
/// Such requests at a time.
const ERASURE_READS_MAX: usize = 4;
const READING_ERASURES: &str = "reading items' erasures";
const READING: &str = "reading from the cluster";
const READING_SESSION: &str = "reading a session";
const READING_POSITION: &str = "reading a position";
