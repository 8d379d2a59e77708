//! What a durable store holds, in the simplest form: joins of rows in sorted maps.

use std::collections::BTreeMap;

use playhead_store::{
    Clock, Description, Event, ItemId, SessionId, SessionKey, UserId,
    durable::{KnownSession, PositionWrite, SessionRow, SessionWrite, WriteBatch},
    position::PositionRow,
};

/// All rows of a store.
#[derive(Debug, Clone, Default)]
pub struct Stored(BTreeMap<UserId, User>);

#[derive(Debug, Clone, Default)]
struct User {
    sessions: BTreeMap<SessionId, Session>,
    positions: BTreeMap<ItemId, PositionRow>,
    erased_through_ms: Option<i64>,
}

#[derive(Debug, Clone)]
struct Session {
    clock: Clock,
    description: Description,
    events: BTreeMap<u64, Event>,
}

/// The part of a write that is applied at once.
#[derive(Debug, Clone)]
pub enum Piece {
    /// Events of a session.
    Session(SessionWrite),
    /// A position.
    Position(PositionWrite),
}

impl Piece {
    /// A batch as pieces, in an order that does not depend on anybody's hash maps.
    pub fn of(batch: &WriteBatch) -> Vec<Self> {
        let mut positions = batch.positions.clone();
        positions.sort_by(|a, b| (&a.user, &a.item).cmp(&(&b.user, &b.item)));
        let sessions = batch.sessions.iter().cloned().map(Self::Session);
        sessions.chain(positions.into_iter().map(Self::Position)).collect()
    }
}

impl Stored {
    pub fn apply(&mut self, piece: &Piece) {
        match piece {
            Piece::Session(write) => self.user(&write.key.user).join_session(write),
            Piece::Position(write) => self.user(&write.user).join_position(write),
        }
    }

    pub fn erase(&mut self, user: &UserId, through_ms: i64) {
        let user = self.user(user);
        user.erased_through_ms = user.erased_through_ms.max(Some(through_ms));
        user.positions.retain(|_, row| !row.erase_through(through_ms));
        user.sessions.retain(|_, session| {
            session.events.retain(|_, event| event.at_ms > through_ms);
            !session.events.is_empty()
        });
    }

    pub fn known(&self, key: &SessionKey) -> KnownSession {
        let Some(user) = self.0.get(&key.user) else { return KnownSession::default() };
        let session = user.sessions.get(&key.session);
        KnownSession {
            clock: session.map(|session| session.clock),
            seqs: session.map(|session| session.events.keys().copied().collect()).unwrap_or_default(),
            erased_through_ms: user.erased_through_ms,
        }
    }

    pub fn session(&self, key: &SessionKey) -> Option<(SessionRow, Vec<Event>)> {
        let session = self.0.get(&key.user)?.sessions.get(&key.session)?;
        Some((session.row(key), session.events.values().cloned().collect()))
    }

    pub fn sessions(&self, user: &UserId) -> Vec<SessionRow> {
        let Some(known) = self.0.get(user) else { return Vec::new() };
        let key = |session: &SessionId| SessionKey { user: user.clone(), session: session.clone() };
        known.sessions.iter().map(|(id, session)| session.row(&key(id))).collect()
    }

    pub fn position(&self, user: &UserId, item: &ItemId) -> Option<PositionRow> {
        self.0.get(user)?.positions.get(item).cloned()
    }

    pub fn positions(&self, user: &UserId) -> Vec<(ItemId, PositionRow)> {
        self.0.get(user).map(|user| user.positions.clone().into_iter().collect()).unwrap_or_default()
    }

    fn user(&mut self, user: &UserId) -> &mut User {
        self.0.entry(user.clone()).or_default()
    }
}

impl User {
    fn join_session(&mut self, write: &SessionWrite) {
        let floor_ms = self.erased_through_ms.unwrap_or(i64::MIN);
        for event in write.events.iter().filter(|event| event.at_ms > floor_ms) {
            let session = self.sessions.entry(write.key.session.clone()).or_insert_with(|| Session {
                clock: write.clock,
                description: write.description.clone(),
                events: BTreeMap::new(),
            });
            session.clock.merge(write.clock);
            session.description.merge(&write.description);
            // Of different copies of one identity the earliest stays, as when events are sorted.
            let copy = session.events.entry(event.seq).or_insert_with(|| event.clone());
            if (event.at_ms, event) < (copy.at_ms, &*copy) {
                *copy = event.clone();
            }
        }
    }

    fn join_position(&mut self, write: &PositionWrite) {
        let mut row = write.row.clone();
        if !row.erase_through(self.erased_through_ms.unwrap_or(i64::MIN)) {
            self.positions.entry(write.item.clone()).or_default().merge(&row);
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
            first_at_ms: times().min().unwrap_or(0),
            last_at_ms: times().max().unwrap_or(0),
            event_count: self.events.len() as u64,
        }
    }
}
