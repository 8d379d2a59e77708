//! What a durable store should hold, in the simplest form: the traits' promises as code, to compare a store with.

use crate::{
    Clock, Description, Event, ItemId, SessionKey, UserId,
    durable::{Durable, PositionWrite, SessionRow, SessionWrite, WriteBatch},
    position::PositionRow,
    seqs::SeqSet,
};
use std::collections::BTreeMap;

/// All that was written and not erased.
#[derive(Debug, Default)]
pub(super) struct Model {
    users: BTreeMap<UserId, Viewer>,
}

#[derive(Debug, Default)]
struct Viewer {
    sessions: BTreeMap<SessionKey, Session>,
    positions: BTreeMap<ItemId, PositionRow>,
    erased_through_ms: Option<i64>,
}

#[derive(Debug)]
struct Session {
    clock: Clock,
    description: Description,
    events: BTreeMap<u64, Event>,
}

impl Model {
    pub(super) fn write(&mut self, batch: &WriteBatch) {
        for session in &batch.sessions {
            self.viewer(&session.key.user).write_session(session);
        }
        for position in &batch.positions {
            self.viewer(&position.user).write_position(position);
        }
    }

    pub(super) fn erase(&mut self, user: &UserId, through_ms: i64) {
        let viewer = self.viewer(user);
        viewer.erased_through_ms = viewer.erased_through_ms.max(Some(through_ms));
        viewer.positions.retain(|_, row| !row.erase_through(through_ms));
        viewer.sessions.retain(|_, session| {
            session.events.retain(|_, event| event.at_ms > through_ms);
            !session.events.is_empty()
        });
    }

    /// Compares the store with all that this model knows.
    pub(super) async fn check(&self, store: &dyn Durable, when: &str) {
        for (user, viewer) in &self.users {
            viewer.check(store, user, when).await;
        }
    }

    fn viewer(&mut self, user: &UserId) -> &mut Viewer {
        self.users.entry(user.clone()).or_default()
    }
}

impl Viewer {
    fn write_session(&mut self, write: &SessionWrite) {
        let floor_ms = self.erased_through_ms.unwrap_or(i64::MIN);
        for event in write.events.iter().filter(|event| event.at_ms > floor_ms) {
            let session = self.sessions.entry(write.key.clone()).or_insert_with(|| Session {
                clock: write.clock,
                description: write.description.clone(),
                events: BTreeMap::new(),
            });
            session.events.insert(event.seq, event.clone());
            session.clock = session.clock.min(write.clock);
            session.description = session.description.clone().max(write.description.clone());
        }
    }

    fn write_position(&mut self, write: &PositionWrite) {
        let mut row = write.row.clone();
        if !row.erase_through(self.erased_through_ms.unwrap_or(i64::MIN)) {
            self.positions.entry(write.item.clone()).or_default().merge(&row);
        }
    }

    async fn check(&self, store: &dyn Durable, user: &UserId, when: &str) {
        let mut sessions = store.sessions(user).await.expect("sessions are read");
        sessions.sort_by(|a, b| a.key.cmp(&b.key));
        let expected: Vec<_> = self.sessions.iter().map(|(key, session)| session.row(key)).collect();
        assert_eq!(sessions, expected, "sessions, {when}");
        for (key, session) in &self.sessions {
            session.check(store, key, when).await;
            let known = store.open_session(key).await.expect("a session is opened");
            assert_eq!(known.erased_through_ms, self.erased_through_ms, "erasure, {when}");
        }
        let mut positions = store.positions(user).await.expect("positions are read");
        positions.sort_by(|(a, _), (b, _)| a.cmp(b));
        let expected: Vec<_> = self.positions.clone().into_iter().collect();
        assert_eq!(positions, expected, "positions, {when}");
        for (item, row) in expected {
            let position = store.position(user, &item).await.expect("a position is read");
            assert_eq!(position, Some(row), "position, {when}");
        }
    }
}

impl Session {
    fn row(&self, key: &SessionKey) -> SessionRow {
        let times = || self.events.values().map(|event| event.at_ms);
        SessionRow {
            key: key.clone(),
            clock: self.clock,
            description: self.description.clone(),
            first_at_ms: times().min().expect("a session has events"),
            last_at_ms: times().max().expect("a session has events"),
            event_count: self.events.len() as u64,
        }
    }

    async fn check(&self, store: &dyn Durable, key: &SessionKey, when: &str) {
        let (row, mut events) =
            store.session(key).await.expect("a session is read").expect("the session is there");
        events.sort_by_key(|event| event.seq);
        assert_eq!(row, self.row(key), "session, {when}");
        assert!(events.iter().eq(self.events.values()), "events, {when}: {events:?} for {:?}", self.events);
        let known = store.open_session(key).await.expect("a session is opened");
        assert_eq!(known.clock, Some(self.clock), "clock, {when}");
        let seqs: SeqSet = self.events.keys().copied().collect();
        assert_eq!(known.seqs, seqs, "seqs, {when}");
    }
}
