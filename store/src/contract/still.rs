//! A hot store that can stand still, for tests of whoever has to do without an answer.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::broadcast;

use crate::{
    AccountId, Clock, DeviceId, ItemId, SessionKey, StoreError, UserId,
    hot::{Hot, HotUpdate, Notice, Verdict, embedded::EmbeddedHot},
    lease::{Kick, Lease, StopTarget},
    position::PositionRow,
};

/// An embedded hot store whose calls have no answer while it stands still.
#[derive(Default)]
pub struct StillHot {
    inner: EmbeddedHot,
    is_still: AtomicBool,
}

impl StillHot {
    /// Lets it stand still, or go on. What was asked meanwhile has no answer ever.
    pub fn stand_still(&self, is_still: bool) {
        self.is_still.store(is_still, Ordering::SeqCst);
    }

    /// Tells those who listen what they are told when they were cut off and hear again.
    pub async fn miss_notices(&self) {
        // The embedded store never fails.
        let _ = self.inner.tell_stale(&Notice::of_all()).await;
    }

    async fn moving(&self) -> &EmbeddedHot {
        if self.is_still.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        &self.inner
    }
}

#[async_trait::async_trait]
impl Hot for StillHot {
    async fn fix_clock(&self, key: &SessionKey, proposed: Clock) -> Result<Clock, StoreError> {
        self.moving().await.fix_clock(key, proposed).await
    }

    async fn apply(&self, batch: &[HotUpdate], now_ms: i64) -> Result<Vec<Verdict>, StoreError> {
        self.moving().await.apply(batch, now_ms).await
    }

    async fn admit(&self, update: &HotUpdate, now_ms: i64) -> Result<Verdict, StoreError> {
        self.moving().await.admit(update, now_ms).await
    }

    async fn live_sessions(&self, account: &AccountId, now_ms: i64) -> Result<Vec<Lease>, StoreError> {
        self.moving().await.live_sessions(account, now_ms).await
    }

    async fn stop(
        &self,
        account: &AccountId,
        target: &StopTarget,
        by_device: Option<DeviceId>,
        now_ms: i64,
    ) -> Result<Option<Lease>, StoreError> {
        self.moving().await.stop(account, target, by_device, now_ms).await
    }

    fn kicks(&self) -> broadcast::Receiver<Kick> {
        self.inner.kicks()
    }

    async fn tell_stale(&self, notice: &Notice) -> Result<(), StoreError> {
        self.moving().await.tell_stale(notice).await
    }

    fn stale(&self) -> broadcast::Receiver<Notice> {
        self.inner.stale()
    }

    async fn position(&self, user: &UserId, item: &ItemId) -> Result<Option<PositionRow>, StoreError> {
        self.moving().await.position(user, item).await
    }

    async fn positions(&self, user: &UserId) -> Result<Vec<(ItemId, PositionRow)>, StoreError> {
        self.moving().await.positions(user).await
    }

    async fn erase(&self, user: &UserId, through_ms: i64) -> Result<(), StoreError> {
        self.moving().await.erase(user, through_ms).await
    }
}
