//! Turns a batch into requests: each is of one partition key, and small enough for an unlogged batch of CQL.
//!
//! A user's list of sessions and a user's positions lie in two tables under the same key: their rows go together.

use ahash::HashMap;

use super::{listed::Listed, register, retention::Retention, row::Row, said};
use crate::{
    Event, UserId, codec,
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

/// Rows of one partition key that are written together.
#[derive(Debug, Default)]
pub(super) struct Request {
    pub(super) rows: Vec<Row>,
    bytes: usize,
}

impl Planner<'_> {
    /// Everything that the batch writes, but what has expired already.
    pub(super) fn requests(&self, batch: &WriteBatch) -> Vec<Request> {
        let mut requests = Vec::with_capacity(batch.sessions.len() + batch.positions.len());
        let mut of_users: HashMap<&UserId, Vec<Row>> = HashMap::default();
        for write in &batch.sessions {
            if let Some(listed) = self.session(write, &mut requests) {
                of_users.entry(&write.key.user).or_default().push(listed);
            }
        }
        for write in &batch.positions {
            self.position(write, of_users.entry(&write.user).or_default());
        }
        of_users.into_values().for_each(|rows| put_all(&mut requests, rows));
        requests
    }

    /// Puts what a session's partition gets into requests; returns its line in its user's list, where that is needed.
    fn session(&self, write: &SessionWrite, requests: &mut Vec<Request>) -> Option<Row> {
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
        let (Some(_), Some(ttl_s)) = (events.peek(), ttl_s) else { return None };
        let said = Row::Said { key: key.clone(), said: said::put(write), as_of_ms, ttl_s };
        put_all(requests, std::iter::once(said).chain(events));
        let ttl_s = self.retention.ttl_of_list_s(latest_ms).filter(|_| self.listed.is_needed(write))?;
        Some(Row::Listed { key: key.clone(), last_at_ms: latest_ms, ttl_s })
    }

    fn position(&self, write: &PositionWrite, rows: &mut Vec<Row>) {
        let of = || (write.user.clone(), write.item.clone());
        let Watched { first_ms, last_ms, mark } = write.row.watched;
        let generation = self.generations.get(&write.user).copied().unwrap_or(NEVER_ERASED);
        // The earliest wins, so what was erased must not take part: it would hide the first of what is later.
        let is_later = |at_ms: &i64| *at_ms > generation;
        let first_ms =
            first_ms.and_then(|first_ms| Some(first_ms).filter(is_later).or(last_ms.filter(is_later)));
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
    }
}

/// An event as it rests: it stands alone.
fn encoded(event: &Event) -> Vec<u8> {
    let mut out = Vec::with_capacity(EVENT_BYTES_USUAL);
    codec::put_format(&mut out);
    codec::put_events(&mut out, &[event]);
    out
}

/// Puts rows of one partition key into as few requests as their sizes allow.
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

/// The generation of users who were never erased.
pub(super) const NEVER_ERASED: i64 = i64::MIN;
/// A batch stays below this: Cassandra warns from 5 KiB on, and a larger one costs its coordinator more than it saves.
const BATCH_BYTES_MAX: usize = 4 << 10;
const EVENT_BYTES_USUAL: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EventKind, ItemId, SessionId, contract::Dice, position::PositionRow};

    fn plan(batch: &WriteBatch, retention: &Retention) -> Vec<Request> {
        let planner = Planner { retention, listed: &Listed::default(), generations: HashMap::default() };
        planner.requests(batch)
    }

    fn session(dice: &mut Dice, user: &UserId, events: u64) -> SessionWrite {
        let key = dice.session(user);
        let events: Vec<_> = (1..=events).map(|seq| Event::new(EventKind::Beat, seq, 1_000)).collect();
        SessionWrite { key, clock: dice.clock(), description: dice.description(1_000), events: events.into() }
    }

    fn position(user: UserId, item: ItemId) -> PositionWrite {
        PositionWrite { user, item, row: PositionRow::set(5, 7) }
    }

    #[test]
    fn a_request_is_of_one_key_and_below_its_bound() {
        let mut dice = Dice::new();
        let users = [dice.user(), dice.user(), dice.user()];
        let sessions = users.iter().zip([1, 2, 1_000]);
        let sessions = sessions.map(|(user, events)| session(&mut dice, user, events)).collect();
        let positions = users.into_iter().map(|user| position(user, dice.item())).collect();
        let requests = plan(&WriteBatch { sessions, positions }, &Retention::new(None));
        let mut events = 0;
        for request in &requests {
            assert!(request.bytes <= BATCH_BYTES_MAX, "{}", request.bytes);
            let mut keys: Vec<_> = request.rows.iter().map(key_of).collect();
            keys.dedup();
            assert_eq!(keys.len(), 1);
            events += request.rows.iter().filter(|row| matches!(row, Row::Event { .. })).count();
            assert!(request.rows.len() > 1);
        }
        assert_eq!(events, 1_003);
        assert!(requests.len() < 60, "{}", requests.len());
    }

    /// The user, and the session where its partition is meant.
    fn key_of(row: &Row) -> (UserId, Option<SessionId>) {
        match row {
            Row::Event { key, .. } | Row::Said { key, .. } => (key.user.clone(), Some(key.session.clone())),
            Row::Listed { key, .. } => (key.user.clone(), None),
            Row::Settled { user, .. } => (user.clone(), None),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_lies_under_a_user_goes_together() {
        let mut dice = Dice::new();
        let user = dice.user();
        let sessions = (0..4).map(|_| session(&mut dice, &user, 1)).collect();
        let positions = (0..4).map(|_| position(user.clone(), dice.item())).collect();
        let requests = plan(&WriteBatch { sessions, positions }, &Retention::new(None));
        let of_user =
            requests.iter().filter(|request| request.rows.iter().all(|row| key_of(row).1.is_none()));
        assert_eq!(of_user.map(|request| request.rows.len()).collect::<Vec<_>>(), [8]);
        assert_eq!(requests.len(), 5);
    }

    #[test]
    fn a_user_of_many_positions_has_several_requests_below_the_bound() {
        let mut dice = Dice::new();
        let user = dice.user();
        let positions = (0..1_000).map(|_| position(user.clone(), dice.item())).collect();
        let requests = plan(&WriteBatch { sessions: Vec::new(), positions }, &Retention::new(None));
        assert!(requests.iter().all(|request| request.bytes <= BATCH_BYTES_MAX), "{requests:?}");
        assert_eq!(requests.iter().map(|request| request.rows.len()).sum::<usize>(), 1_000);
        assert!(requests.len() < 200, "{}", requests.len());
    }

    #[test]
    fn what_has_expired_is_not_written() {
        let mut dice = Dice::new();
        let user = dice.user();
        let batch = WriteBatch { sessions: vec![session(&mut dice, &user, 5)], positions: Vec::new() };
        let retention = Retention::new(Some(1));
        retention.now(1_000 + 86_399_000);
        assert_eq!(plan(&batch, &retention).len(), 2);
        retention.now(1_000 + 86_400_000);
        assert!(plan(&batch, &retention).is_empty());
    }

    #[test]
    fn a_usual_position_is_one_row() {
        let mut dice = Dice::new();
        let write = position(dice.user(), dice.item());
        let batch = WriteBatch { sessions: Vec::new(), positions: vec![write] };
        let requests = plan(&batch, &Retention::new(None));
        assert!(matches!(requests.as_slice(), [request] if request.rows.len() == 1), "{requests:?}");
    }
}
