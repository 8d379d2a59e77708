//! The hot store of a single node: a bounded map in this process, in parts, each behind its own lock.
//!
//! It has no clock. A session was last seen at the time that [`Hot::apply`] is given, or when its clock was fixed; it is
//! forgotten some time later, or earlier where there are too many. Nothing is searched for: whatever comes in looks at
//! a few of the entries that have waited the longest.

mod aging;
mod part;

use super::{Hot, HotUpdate, Verdict};
use crate::{Clock, ItemId, SessionKey, StoreError, UserId, position::PositionRow};
use ahash::RandomState;
use part::Part;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How much an embedded hot store remembers, and for how long.
///
/// A session takes some 400 bytes and a position some 800, ids of a UUID's length supposed, so the defaults bound it to
/// about 120 MB. A server with few viewers uses what these need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EmbeddedHotSettings {
    /// Sessions to remember.
    pub sessions_max: usize,
    /// A session that was not seen for so long is forgotten, ms.
    pub session_ttl_ms: i64,
    /// Positions to remember, over all users.
    pub positions_max: usize,
    /// A position of which nothing was said for so long is forgotten, ms.
    pub position_ttl_ms: i64,
    /// Erasures to remember, so that a commit that was under way brings nothing back.
    pub erasures_max: usize,
}

impl Default for EmbeddedHotSettings {
    fn default() -> Self {
        Self {
            sessions_max: 100_000,
            session_ttl_ms: 2 * HOUR_MS,
            positions_max: 100_000,
            position_ttl_ms: 24 * HOUR_MS,
            erasures_max: 10_000,
        }
    }
}

/// Short-lived state in the memory of this process. No call waits for anything but a lock that is held for a moment.
pub struct EmbeddedHot {
    hasher: RandomState,
    /// A user's whole state is in one part.
    first: Mutex<Part>,
    others: Vec<Mutex<Part>>,
}

impl EmbeddedHot {
    /// An empty store.
    #[must_use]
    pub fn new(settings: EmbeddedHotSettings) -> Self {
        let part = || Mutex::new(Part::new(&settings, PARTS));
        Self {
            hasher: RandomState::new(),
            first: part(),
            others: std::iter::repeat_with(part).take(PARTS - 1).collect(),
        }
    }

    fn part(&self, user: &UserId) -> MutexGuard<'_, Part> {
        let hash = self.hasher.hash_one(user) % PARTS as u64;
        let index = usize::try_from(hash).unwrap_or_default();
        // Whatever made a lock's holder panic, what it guards is never the record.
        self.others.get(index).unwrap_or(&self.first).lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for EmbeddedHot {
    fn default() -> Self {
        Self::new(EmbeddedHotSettings::default())
    }
}

#[async_trait::async_trait]
impl Hot for EmbeddedHot {
    async fn fix_clock(&self, key: &SessionKey, proposed: Clock) -> Result<Clock, StoreError> {
        Ok(self.part(&key.user).fix_clock(key, proposed))
    }

    async fn apply(&self, batch: &[HotUpdate], now_ms: i64) -> Result<Vec<Verdict>, StoreError> {
        for update in batch {
            self.part(&update.key.user).apply(update, now_ms);
        }
        Ok(vec![Verdict::Play; batch.len()])
    }

    async fn position(&self, user: &UserId, item: &ItemId) -> Result<Option<PositionRow>, StoreError> {
        Ok(self.part(user).position(user, item))
    }

    async fn positions(&self, user: &UserId) -> Result<Vec<(ItemId, PositionRow)>, StoreError> {
        Ok(self.part(user).positions(user))
    }

    async fn erase(&self, user: &UserId, through_ms: i64) -> Result<(), StoreError> {
        self.part(user).erase(user, through_ms);
        Ok(())
    }
}

/// Locks. With 64, two of eight cores rarely want the same one.
const PARTS: usize = 64;
const HOUR_MS: i64 = 60 * 60 * 1_000;
