//! The hot store of a single node: a bounded map in this process, in parts, each behind its own lock.
//!
//! It has no clock. A session was last seen at the time that [`Hot::apply`] is given, or when its clock was fixed; it is
//! forgotten some time later, or earlier where there are too many. Nothing is searched for: whatever comes in looks at
//! a few of the entries that have waited the longest.

mod aging;
mod leases;
mod part;

use super::{Hot, HotUpdate, Notice, Verdict};
use crate::{
    AccountId, Clock, DeviceId, ItemId, SessionKey, StoreError, UserId,
    lease::{Kick, Lease, LeaseTimes, StopTarget},
    position::PositionRow,
};
use ahash::RandomState;
use leases::Leases;
use part::Part;
use std::{
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::broadcast;

/// How much an embedded hot store remembers, and for how long.
///
/// A session takes some 400 bytes, a position some 800, an account some 500 and each of its sessions some 400, ids of a
/// UUID's length supposed, so the defaults bound it to about 230 MB. A server with few viewers uses what these need.
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
    /// Accounts whose leases to remember.
    pub accounts_max: usize,
    /// Sessions that all these accounts may remember together: with a lease, or why they have none. Where there are more,
    /// the accounts that were silent the longest are forgotten.
    pub lease_sessions_max: usize,
    /// How long leases last.
    pub leases: LeaseTimes,
}

impl Default for EmbeddedHotSettings {
    fn default() -> Self {
        Self {
            sessions_max: 100_000,
            session_ttl_ms: 2 * HOUR_MS,
            positions_max: 100_000,
            position_ttl_ms: 24 * HOUR_MS,
            erasures_max: 10_000,
            accounts_max: 100_000,
            lease_sessions_max: 150_000,
            leases: LeaseTimes::default(),
        }
    }
}

/// Short-lived state in the memory of this process. No call waits for anything but a lock that is held for a moment.
pub struct EmbeddedHot {
    hasher: RandomState,
    /// A user's whole state is in one part.
    parts: Parts<Part>,
    /// An account's leases are in one part.
    leases: Parts<Leases>,
    kicks: broadcast::Sender<Kick>,
    stale: broadcast::Sender<Notice>,
}

/// A map in parts, each behind its own lock.
struct Parts<T> {
    first: Mutex<T>,
    others: Vec<Mutex<T>>,
}

impl EmbeddedHot {
    /// An empty store.
    #[must_use]
    pub fn new(settings: EmbeddedHotSettings) -> Self {
        Self {
            hasher: RandomState::new(),
            parts: Parts::new(|| Part::new(&settings, PARTS)),
            leases: Parts::new(|| Leases::new(&settings, PARTS)),
            kicks: broadcast::Sender::new(KICKS_MAX),
            stale: broadcast::Sender::new(NOTICES_MAX),
        }
    }

    fn part(&self, user: &UserId) -> MutexGuard<'_, Part> {
        self.parts.of(user, &self.hasher)
    }

    fn leases(&self, account: &AccountId) -> MutexGuard<'_, Leases> {
        self.leases.of(account, &self.hasher)
    }

    /// Gives an update's beat to its account's leases.
    fn assert(&self, update: &HotUpdate, now_ms: i64) -> Verdict {
        if update.beat.is_none() {
            return Verdict::Play;
        }
        let (verdict, kicked) = self.leases(&update.account).assert(update, now_ms);
        self.tell(kicked);
        verdict
    }

    fn tell(&self, kicked: impl IntoIterator<Item = Kick>) {
        for kick in kicked {
            // Nobody listening is no error.
            let _ = self.kicks.send(kick);
        }
    }
}

impl<T> Parts<T> {
    fn new(part: impl Fn() -> T) -> Self {
        let part = || Mutex::new(part());
        Self { first: part(), others: std::iter::repeat_with(part).take(PARTS - 1).collect() }
    }

    fn of(&self, key: &impl Hash, hasher: &RandomState) -> MutexGuard<'_, T> {
        let hash = hasher.hash_one(key) % PARTS as u64;
        let index = usize::try_from(hash).unwrap_or_default();
        // Whatever made a lock's holder panic, what it guards is never the record.
        self.others.get(index).unwrap_or(&self.first).lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn each(&self) -> impl Iterator<Item = MutexGuard<'_, T>> {
        let all = std::iter::once(&self.first).chain(&self.others);
        all.map(|part| part.lock().unwrap_or_else(PoisonError::into_inner))
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
        let mut verdicts = Vec::with_capacity(batch.len());
        for update in batch {
            self.part(&update.key.user).apply(update, now_ms);
            verdicts.push(self.assert(update, now_ms));
        }
        Ok(verdicts)
    }

    async fn admit(&self, update: &HotUpdate, now_ms: i64) -> Result<Verdict, StoreError> {
        Ok(self.assert(update, now_ms))
    }

    async fn live_sessions(&self, account: &AccountId, now_ms: i64) -> Result<Vec<Lease>, StoreError> {
        Ok(self.leases(account).live(account, now_ms))
    }

    async fn stop(
        &self,
        account: &AccountId,
        target: &StopTarget,
        by_device: Option<DeviceId>,
        now_ms: i64,
    ) -> Result<Option<Lease>, StoreError> {
        let stopped = self.leases(account).stop(account, target, by_device, now_ms);
        Ok(stopped.map(|(lease, kick)| {
            self.tell([kick]);
            lease
        }))
    }

    fn kicks(&self) -> broadcast::Receiver<Kick> {
        self.kicks.subscribe()
    }

    async fn tell_stale(&self, notice: &Notice) -> Result<(), StoreError> {
        // Nobody listening is no error.
        let _ = self.stale.send(notice.clone());
        Ok(())
    }

    fn stale(&self) -> broadcast::Receiver<Notice> {
        self.stale.subscribe()
    }

    async fn position(&self, user: &UserId, item: &ItemId) -> Result<Option<PositionRow>, StoreError> {
        Ok(self.part(user).position(user, item))
    }

    async fn positions(&self, user: &UserId) -> Result<Vec<(ItemId, PositionRow)>, StoreError> {
        Ok(self.part(user).positions(user))
    }

    async fn erase(&self, user: &UserId, through_ms: i64) -> Result<(), StoreError> {
        self.part(user).erase(user, through_ms);
        self.leases.each().for_each(|mut leases| leases.erase(user, through_ms));
        Ok(())
    }
}

/// Locks. With 64, two of eight cores rarely want the same one.
const PARTS: usize = 64;
/// Kicks that a slow listener may fall behind.
const KICKS_MAX: usize = 4_096;
/// Notices of what was written that a slow listener may fall behind.
const NOTICES_MAX: usize = 1_024;
const HOUR_MS: i64 = 60 * 60 * 1_000;
