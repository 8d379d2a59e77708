//! A durable store in memory that fails, stalls, half applies, refuses and forgets.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use playhead_store::{
    Event, ItemId, SessionKey, StoreError, StoreErrorKind, UserId,
    durable::{Durable, KnownSession, SessionRow, WriteBatch},
    erasure::ItemErasure,
    position::PositionRow,
};

use super::{
    stored::{Piece, Stored},
    world::{Defect, World, lock},
};

/// A faulty durable store. It outlives the engine.
pub struct SimDurable {
    world: Arc<World>,
    /// It is a cluster, which is not all without power at once: what it took is there.
    is_lasting: bool,
    rows: Mutex<Rows>,
}

#[derive(Default)]
struct Rows {
    seen: Stored,
    /// What a power loss leaves for sure.
    persisted: Stored,
    /// What was applied since, in order.
    unpersisted: Vec<Piece>,
    /// What was given up on by the caller and may still come.
    late: Vec<Piece>,
    /// Sessions that are refused, and until when.
    refused: BTreeMap<SessionKey, i64>,
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Fine,
    /// It is not done, and the caller is told so.
    NotDone,
    /// It is done, and the caller does not know.
    Done,
    /// Some of it is done, and the caller does not know what.
    HalfDone,
}

impl SimDurable {
    pub fn new(world: &Arc<World>, is_lasting: bool) -> Arc<Self> {
        Arc::new(Self { world: Arc::clone(world), is_lasting, rows: Mutex::default() })
    }

    /// Refuses all writes of a session for a while.
    pub fn refuse(&self, key: SessionKey, until_ms: i64) {
        self.rows().refused.insert(key, until_ms);
    }

    /// Refuses nobody any more.
    pub fn forgive(&self) {
        self.rows().refused.clear();
    }

    /// The power is lost: of what was not persisted, any part is gone.
    pub fn lose_power(&self) {
        let mut rows = self.rows();
        if self.is_lasting {
            return rows.persist(usize::MAX);
        }
        let mut left = rows.persisted.clone();
        let pieces = std::mem::take(&mut rows.unpersisted);
        pieces.iter().filter(|_| self.world.chance(50)).for_each(|piece| left.apply(piece));
        rows.late.clear();
        rows.persisted = left.clone();
        rows.seen = left;
    }

    /// The power is lost just when of all that waits only the sessions have reached the disk.
    pub fn keep_sessions_only(&self) {
        let mut rows = self.rows();
        let mut left = rows.persisted.clone();
        rows.unpersisted
            .iter()
            .filter(|piece| matches!(piece, Piece::Session(_)))
            .for_each(|piece| left.apply(piece));
        *rows = Rows { seen: left.clone(), persisted: left, ..Rows::default() };
    }

    /// What reads see, for the checks.
    pub fn content(&self) -> Stored {
        self.rows().seen.clone()
    }

    /// What a power loss would leave for sure.
    pub fn persisted(&self) -> Stored {
        if self.is_lasting {
            return self.content();
        }
        self.rows().persisted.clone()
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        lock(&self.rows)
    }

    /// Waits as long as the call stalls, and says what becomes of it.
    async fn fate(&self, what: &'static str) -> Fate {
        let weather = self.world.weather();
        if self.world.chance(weather.durable_stalls) {
            let stall_ms = self.world.number(2_000);
            self.world.say(|| format!("store stalls {stall_ms} ms: {what}"));
            tokio::time::sleep(Duration::from_millis(stall_ms)).await;
        }
        let fate = match self.world.chance(weather.durable_fails) {
            false => Fate::Fine,
            true if weather.durable_fails == 100 => Fate::NotDone,
            true => self.world.pick(&[Fate::NotDone, Fate::NotDone, Fate::Done, Fate::HalfDone]),
        };
        if fate != Fate::Fine {
            self.world.say(|| format!("store fails, {fate:?}: {what}"));
        }
        fate
    }

    async fn read<T>(
        &self,
        what: &'static str,
        read: impl FnOnce(&Stored) -> T + Send,
    ) -> Result<T, StoreError> {
        match self.fate(what).await {
            Fate::Fine => Ok(read(&self.rows().seen)),
            _ => Err(error(StoreErrorKind::Unavailable, what)),
        }
    }

    /// Applies some of it; some of the rest comes later, and some never.
    fn apply_half(&self, rows: &mut Rows, pieces: Vec<Piece>) {
        for piece in pieces {
            match self.world.between(0, 3) {
                0 => rows.late.push(piece),
                1 => {}
                _ => rows.apply(piece),
            }
        }
    }

    fn apply_late(&self, rows: &mut Rows) {
        if self.world.chance(20) {
            std::mem::take(&mut rows.late).into_iter().for_each(|piece| rows.apply(piece));
        }
    }
}

impl Rows {
    fn apply(&mut self, piece: Piece) {
        self.seen.apply(&piece);
        self.unpersisted.push(piece);
    }

    fn persist(&mut self, pieces_max: usize) {
        let count = pieces_max.min(self.unpersisted.len());
        self.unpersisted.drain(..count).for_each(|piece| self.persisted.apply(&piece));
    }

    fn refuses(&self, batch: &WriteBatch, now_ms: i64) -> bool {
        let is_refused = |key| self.refused.get(key).is_some_and(|&until_ms| now_ms < until_ms);
        batch.sessions.iter().any(|session| is_refused(&session.key))
    }
}

#[async_trait::async_trait]
impl Durable for SimDurable {
    async fn open_session(&self, key: &SessionKey) -> Result<KnownSession, StoreError> {
        self.read("open_session", |rows| rows.known(key)).await
    }

    async fn write(&self, batch: &WriteBatch) -> Result<(), StoreError> {
        let fate = self.fate("write").await;
        let pieces = Piece::of(batch);
        self.world.say(|| {
            format!("store is given {} sessions, {} positions", batch.sessions.len(), batch.positions.len())
        });
        let now_ms = self.world.now_ms();
        let mut rows = self.rows();
        self.apply_late(&mut rows);
        if rows.refuses(batch, now_ms) {
            self.apply_half(&mut rows, pieces);
            return Err(error(StoreErrorKind::Refused, "write"));
        }
        match fate {
            Fate::Fine | Fate::Done => pieces.into_iter().for_each(|piece| rows.apply(piece)),
            Fate::NotDone => {}
            Fate::HalfDone => self.apply_half(&mut rows, pieces),
        }
        match fate {
            _ if self.world.defect == Defect::SwallowsFailures => Ok(()),
            Fate::Fine => Ok(()),
            Fate::NotDone => Err(error(StoreErrorKind::Unavailable, "write")),
            Fate::Done | Fate::HalfDone => Err(error(StoreErrorKind::Unknown, "write")),
        }
    }

    async fn persist(&self) -> Result<(), StoreError> {
        // What comes while it waits is not promised to be persisted, and is not.
        let count = self.rows().unpersisted.len();
        let fate = self.fate("persist").await;
        let mut rows = self.rows();
        let done = match fate {
            _ if self.world.defect == Defect::PersistsNothing => 0,
            Fate::Fine | Fate::Done => count,
            Fate::NotDone => 0,
            Fate::HalfDone => self.world.count(0, count),
        };
        rows.persist(done);
        match fate {
            Fate::Fine => Ok(()),
            _ => Err(error(StoreErrorKind::Unavailable, "persist")),
        }
    }

    async fn position(&self, user: &UserId, item: &ItemId) -> Result<Option<PositionRow>, StoreError> {
        self.read("position", |rows| rows.position(user, item)).await
    }

    async fn positions(&self, user: &UserId) -> Result<Vec<(ItemId, PositionRow)>, StoreError> {
        self.read("positions", |rows| rows.positions(user)).await
    }

    async fn session(&self, key: &SessionKey) -> Result<Option<(SessionRow, Vec<Event>)>, StoreError> {
        self.read("session", |rows| rows.session(key)).await
    }

    async fn sessions(&self, user: &UserId) -> Result<Vec<SessionRow>, StoreError> {
        self.read("sessions", |rows| rows.sessions(user)).await
    }

    async fn erase(&self, user: &UserId, through_ms: i64) -> Result<(), StoreError> {
        let fate = self.fate("erase").await;
        let mut rows = self.rows();
        if fate != Fate::NotDone {
            rows.seen.erase(user, through_ms);
        }
        if matches!(fate, Fate::Fine | Fate::Done) {
            rows.persisted.erase(user, through_ms);
        }
        match fate {
            Fate::Fine => Ok(()),
            _ => Err(error(StoreErrorKind::Unknown, "erase")),
        }
    }

    /// No item is erased here.
    async fn erase_items(&self, _: &[(ItemId, ItemErasure)]) -> Result<(), StoreError> {
        Ok(())
    }

    async fn item_erasures(&self, _: &[ItemId]) -> Result<HashMap<ItemId, ItemErasure>, StoreError> {
        Ok(HashMap::new())
    }
}

fn error(kind: StoreErrorKind, what: &'static str) -> StoreError {
    StoreError { kind, what, source: None }
}
