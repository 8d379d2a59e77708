//! Turns a batch into requests: each is of one partition, and small enough for an unlogged batch of CQL.

use ahash::HashMap;
use scylla::serialize::{
    SerializationError,
    row::{RowSerializationContext, SerializeRow},
    writers::RowWriter,
};

use super::{listed::Listed, register, retention::Retention, said, stamp};
use crate::{
    Event, ItemId, SessionKey, UserId, codec,
    durable::{PositionWrite, SessionWrite, WriteBatch},
    position::Watched,
};

/// What a plan depends on besides its batch.
pub(super) struct Planner<'a> {
    pub(super) retention: &'a Retention,
    pub(super) listed: &'a Listed,
    /// The latest erasure of each user who completed something.
    pub(super) generations: HashMap<UserId, i64>,
}

/// Rows of one partition that are written together.
#[derive(Debug, Default)]
pub(super) struct Request {
    pub(super) rows: Vec<Row>,
    bytes: usize,
}

/// What one statement writes, besides its table's name.
#[derive(Debug)]
pub(super) enum Row {
    /// An event of a session.
    Event { key: SessionKey, seq: u64, at_ms: i64, event: Vec<u8>, ttl_s: i32 },
    /// What was said of a session.
    Said { key: SessionKey, said: Vec<u8>, as_of_ms: i64, ttl_s: i32 },
    /// A session's line in its user's list.
    Listed { key: SessionKey, last_at_ms: i64, ttl_s: i32 },
    /// A register of a position.
    Settled { user: UserId, item: ItemId, register: Vec<u8>, at_ms: i64 },
    /// Likewise.
    Opening { user: UserId, item: ItemId, register: Vec<u8>, at_ms: i64 },
    /// Likewise.
    Mark { user: UserId, item: ItemId, mark: Vec<u8>, at_ms: i64 },
    /// The last completion of an item.
    CompletedLast { user: UserId, item: ItemId, at_ms: i64 },
    /// The first one since this erasure.
    CompletedFirst { user: UserId, item: ItemId, generation: i64, at_ms: i64 },
}

impl Planner<'_> {
    /// Everything that the batch writes, but what has expired already.
    pub(super) fn requests(&self, batch: &WriteBatch) -> Vec<Request> {
        let mut requests = Vec::with_capacity(batch.sessions.len() + batch.positions.len());
        for write in &batch.sessions {
            self.session(write, &mut requests);
        }
        for write in &batch.positions {
            put_all(&mut requests, self.position(write));
        }
        requests
    }

    fn session(&self, write: &SessionWrite, requests: &mut Vec<Request>) {
        let key = &write.key;
        let events = write.events.iter().filter_map(|event| {
            let ttl_s = self.retention.ttl_s(event.at_ms)?;
            Some(Row::Event {
                key: key.clone(),
                seq: event.seq,
                at_ms: event.at_ms,
                event: encoded(event),
                ttl_s,
            })
        });
        let mut events = events.peekable();
        let as_of_ms = write.description.as_of_ms;
        let latest_ms = write.events.iter().map(|event| event.at_ms).max().unwrap_or(as_of_ms).max(as_of_ms);
        let ttl_s = self.retention.ttl_s(latest_ms);
        let (Some(_), Some(ttl_s)) = (events.peek(), ttl_s) else { return };
        let said = Row::Said { key: key.clone(), said: said::put(write), as_of_ms, ttl_s };
        put_all(requests, std::iter::once(said).chain(events));
        if self.listed.is_needed(write)
            && let Some(ttl_s) = self.retention.ttl_of_list_s(latest_ms)
        {
            put_all(requests, [Row::Listed { key: key.clone(), last_at_ms: latest_ms, ttl_s }]);
        }
    }

    fn position(&self, write: &PositionWrite) -> Vec<Row> {
        let of = || (write.user.clone(), write.item.clone());
        let Watched { first_ms, last_ms, mark } = write.row.watched;
        let generation = self.generations.get(&write.user).copied().unwrap_or(NEVER_ERASED);
        // The earliest wins, so what was erased must not take part: it would hide the first of what is later.
        let is_later = |at_ms: &i64| *at_ms > generation;
        let first_ms =
            first_ms.and_then(|first_ms| Some(first_ms).filter(is_later).or(last_ms.filter(is_later)));
        let mut rows = Vec::with_capacity(1);
        if let Some(settled) = &write.row.settled {
            let ((user, item), register) = (of(), register::put(settled));
            rows.push(Row::Settled { user, item, register, at_ms: settled.at_ms });
        }
        if let Some(opening) = &write.row.opening {
            let ((user, item), register) = (of(), register::put(opening));
            rows.push(Row::Opening { user, item, register, at_ms: opening.at_ms });
        }
        if let Some(mark) = mark {
            let (user, item) = of();
            rows.push(Row::Mark { user, item, mark: register::put_mark(mark), at_ms: mark.0 });
        }
        if let Some(at_ms) = last_ms {
            let (user, item) = of();
            rows.push(Row::CompletedLast { user, item, at_ms });
        }
        if let Some(at_ms) = first_ms {
            let (user, item) = of();
            rows.push(Row::CompletedFirst { user, item, generation, at_ms });
        }
        rows
    }
}

impl Row {
    /// Its part of a request, bytes.
    fn bytes(&self) -> usize {
        let (key, value) = match self {
            Self::Event { key, event, .. } => (of_session(key), event.len()),
            Self::Said { key, said, .. } => (of_session(key), said.len()),
            Self::Listed { key, .. } => (of_session(key), 0),
            Self::Settled { user, item, register, .. } | Self::Opening { user, item, register, .. } => {
                (of_position(user, item), register.len())
            }
            Self::Mark { user, item, mark, .. } => (of_position(user, item), mark.len()),
            Self::CompletedLast { user, item, .. } | Self::CompletedFirst { user, item, .. } => {
                (of_position(user, item), 0)
            }
        };
        ROW_BYTES + key + value
    }
}

fn of_session(key: &SessionKey) -> usize {
    key.user.as_str().len() + key.session.as_str().len()
}

fn of_position(user: &UserId, item: &ItemId) -> usize {
    user.as_str().len() + item.as_str().len()
}

/// An event as it rests: it stands alone.
fn encoded(event: &Event) -> Vec<u8> {
    let mut out = Vec::with_capacity(EVENT_BYTES_USUAL);
    codec::put_format(&mut out);
    codec::put_events(&mut out, &[event]);
    out
}

/// Puts rows of one partition into as few requests as their sizes allow.
fn put_all(requests: &mut Vec<Request>, rows: impl IntoIterator<Item = Row>) {
    let mut request = Request::default();
    for row in rows {
        let bytes = row.bytes();
        if request.bytes + bytes > BATCH_BYTES_MAX && !request.rows.is_empty() {
            requests.push(std::mem::take(&mut request));
        }
        request.bytes += bytes;
        request.rows.push(row);
    }
    if !request.rows.is_empty() {
        requests.push(request);
    }
}

impl SerializeRow for Row {
    fn serialize(
        &self,
        to: &RowSerializationContext<'_>,
        out: &mut RowWriter<'_>,
    ) -> Result<(), SerializationError> {
        match self {
            Self::Event { key, seq, at_ms, event, ttl_s } => {
                let (user, session) = (key.user.as_str(), key.session.as_str());
                (stamp::of(*at_ms), ttl_s, at_ms, event, user, session, seq.cast_signed()).serialize(to, out)
            }
            Self::Said { key, said, as_of_ms, ttl_s } => {
                let (user, session) = (key.user.as_str(), key.session.as_str());
                (stamp::of(*as_of_ms), ttl_s, said, as_of_ms, user, session).serialize(to, out)
            }
            Self::Listed { key, last_at_ms, ttl_s } => {
                let (user, session) = (key.user.as_str(), key.session.as_str());
                (user, session, last_at_ms, stamp::of(*last_at_ms), ttl_s).serialize(to, out)
            }
            Self::Settled { user, item, register, at_ms } | Self::Opening { user, item, register, at_ms } => {
                (stamp::of(*at_ms), register, user.as_str(), item.as_str()).serialize(to, out)
            }
            Self::Mark { user, item, mark, at_ms } => {
                (stamp::of(*at_ms), mark, user.as_str(), item.as_str()).serialize(to, out)
            }
            Self::CompletedLast { user, item, at_ms } => {
                (stamp::of(*at_ms), at_ms, user.as_str(), item.as_str()).serialize(to, out)
            }
            Self::CompletedFirst { user, item, generation, at_ms } => {
                (stamp::earliest(*at_ms), generation, at_ms, user.as_str(), item.as_str()).serialize(to, out)
            }
        }
    }

    fn is_empty(&self) -> bool {
        false
    }
}

/// The generation of users who were never erased.
pub(super) const NEVER_ERASED: i64 = i64::MIN;
/// A batch stays below this: Cassandra warns from 5 KiB on, and a larger one costs its coordinator more than it saves.
const BATCH_BYTES_MAX: usize = 4 << 10;
/// Statement, numbers, and the length of each value.
const ROW_BYTES: usize = 76;
const EVENT_BYTES_USUAL: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EventKind, contract::Dice, position::PositionRow};

    fn plan(batch: &WriteBatch, retention: &Retention) -> Vec<Request> {
        let planner = Planner { retention, listed: &Listed::default(), generations: HashMap::default() };
        planner.requests(batch)
    }

    fn session(dice: &mut Dice, events: u64) -> SessionWrite {
        let user = dice.user();
        let key = dice.session(&user);
        let events: Vec<_> = (1..=events).map(|seq| Event::new(EventKind::Beat, seq, 1_000)).collect();
        SessionWrite { key, clock: dice.clock(), description: dice.description(1_000), events: events.into() }
    }

    #[test]
    fn a_request_is_of_one_partition_and_below_its_bound() {
        let mut dice = Dice::new();
        let sessions: Vec<_> = [1, 2, 1_000].into_iter().map(|events| session(&mut dice, events)).collect();
        let batch = WriteBatch { sessions, positions: Vec::new() };
        let requests = plan(&batch, &Retention::new(None));
        let mut events = 0;
        for request in &requests {
            assert!(request.bytes <= BATCH_BYTES_MAX, "{}", request.bytes);
            let is_list = matches!(request.rows.as_slice(), [Row::Listed { .. }]);
            let mut partitions: Vec<_> = request
                .rows
                .iter()
                .map(|row| match row {
                    Row::Event { key, .. } | Row::Said { key, .. } => {
                        (key.user.clone(), Some(key.session.clone()))
                    }
                    Row::Listed { key, .. } => (key.user.clone(), None),
                    other => panic!("{other:?}"),
                })
                .collect();
            partitions.dedup();
            assert_eq!(partitions.len(), 1);
            events += request.rows.iter().filter(|row| matches!(row, Row::Event { .. })).count();
            assert!(is_list || request.rows.len() > 1);
        }
        assert_eq!(events, 1_003);
        assert!(requests.len() < 60, "{}", requests.len());
    }

    #[test]
    fn what_has_expired_is_not_written() {
        let mut dice = Dice::new();
        let batch = WriteBatch { sessions: vec![session(&mut dice, 5)], positions: Vec::new() };
        let retention = Retention::new(Some(1));
        retention.now(1_000 + 86_399_000);
        assert_eq!(plan(&batch, &retention).len(), 2);
        retention.now(1_000 + 86_400_000);
        assert!(plan(&batch, &retention).is_empty());
    }

    #[test]
    fn a_usual_position_is_one_row() {
        let mut dice = Dice::new();
        let write = PositionWrite { user: dice.user(), item: dice.item(), row: PositionRow::set(5, 7) };
        let batch = WriteBatch { sessions: Vec::new(), positions: vec![write] };
        let requests = plan(&batch, &Retention::new(None));
        assert!(matches!(requests.as_slice(), [request] if request.rows.len() == 1), "{requests:?}");
    }
}
