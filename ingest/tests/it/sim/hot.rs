//! A hot store that fails, answers too late, and forgets. What it does in between is what the embedded one does.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use playhead_store::{
    AccountId, Clock, DeviceId, ItemId, SessionKey, StoreError, StoreErrorKind, UserId,
    hot::{Hot, HotUpdate, Notice, Verdict, embedded::EmbeddedHot},
    lease::{Kick, Lease, StopTarget},
    position::PositionRow,
};

use tokio::sync::broadcast;

use super::world::{World, lock};

/// A faulty hot store.
pub struct SimHot {
    world: Arc<World>,
    inner: Mutex<Arc<EmbeddedHot>>,
    /// The one thing that it never forgets: without it, an update that is on its way would bring an erased viewer back.
    erasures: Mutex<Vec<(UserId, i64)>>,
}

impl SimHot {
    pub fn new(world: &Arc<World>) -> Arc<Self> {
        Arc::new(Self { world: Arc::clone(world), inner: Mutex::default(), erasures: Mutex::default() })
    }

    /// Forgets all but the erasures.
    pub async fn forget(&self) {
        let fresh = Arc::new(EmbeddedHot::default());
        let erasures = lock(&self.erasures).clone();
        for (user, through_ms) in erasures {
            // The embedded store never fails.
            let _ = fresh.erase(&user, through_ms).await;
        }
        self.world.say(|| "hot store forgets");
        *lock(&self.inner) = fresh;
    }

    /// The store, after its delay, or why there is no answer.
    async fn store(&self) -> Result<Arc<EmbeddedHot>, StoreError> {
        let weather = self.world.weather();
        if self.world.chance(weather.hot_stalls) {
            tokio::time::sleep(Duration::from_millis(self.world.number(150))).await;
        }
        match self.world.chance(weather.hot_fails) {
            true => Err(StoreError { kind: StoreErrorKind::Unavailable, what: "hot", source: None }),
            false => Ok(Arc::clone(&lock(&self.inner))),
        }
    }
}

#[async_trait::async_trait]
impl Hot for SimHot {
    async fn fix_clock(&self, key: &SessionKey, proposed: Clock) -> Result<Clock, StoreError> {
        self.store().await?.fix_clock(key, proposed).await
    }

    async fn apply(&self, batch: &[HotUpdate], now_ms: i64) -> Result<Vec<Verdict>, StoreError> {
        self.store().await?.apply(batch, now_ms).await
    }

    async fn admit(&self, update: &HotUpdate, now_ms: i64) -> Result<Verdict, StoreError> {
        self.store().await?.admit(update, now_ms).await
    }

    async fn live_sessions(&self, account: &AccountId, now_ms: i64) -> Result<Vec<Lease>, StoreError> {
        self.store().await?.live_sessions(account, now_ms).await
    }

    async fn stop(
        &self,
        account: &AccountId,
        target: &StopTarget,
        by_device: Option<DeviceId>,
        now_ms: i64,
    ) -> Result<Option<Lease>, StoreError> {
        self.store().await?.stop(account, target, by_device, now_ms).await
    }

    /// Those of the store that it begins with: who forgets misses some.
    fn kicks(&self) -> broadcast::Receiver<Kick> {
        lock(&self.inner).kicks()
    }

    async fn tell_stale(&self, notice: &Notice) -> Result<(), StoreError> {
        self.store().await?.tell_stale(notice).await
    }

    /// As with kicks.
    fn stale(&self) -> broadcast::Receiver<Notice> {
        lock(&self.inner).stale()
    }

    async fn position(&self, user: &UserId, item: &ItemId) -> Result<Option<PositionRow>, StoreError> {
        self.store().await?.position(user, item).await
    }

    async fn positions(&self, user: &UserId) -> Result<Vec<(ItemId, PositionRow)>, StoreError> {
        self.store().await?.positions(user).await
    }

    async fn erase(&self, user: &UserId, through_ms: i64) -> Result<(), StoreError> {
        let store = self.store().await?;
        lock(&self.erasures).push((user.clone(), through_ms));
        store.erase(user, through_ms).await
    }
}
