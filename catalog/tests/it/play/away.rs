//! The button while stores are away, and where there are no streams to share.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use playhead_ingest::{leases::LeaseSettings, settings::Settings};
use playhead_proto::ingest::v1::StopReason;
use playhead_store::{
    AccountId, Clock, DeviceId, ItemId, SessionKey, StoreError, UserId,
    durable::{Durable as _, PositionWrite, WriteBatch},
    hot::{Hot, HotUpdate, Verdict, embedded::EmbeddedHot},
    lease::{Kick, Lease, StopTarget},
    position::PositionRow,
};
use tokio::sync::broadcast;

use super::*;

/// A hot store that answers nothing while it is away.
#[derive(Default)]
struct Away {
    inner: EmbeddedHot,
    is_away: AtomicBool,
}

impl Away {
    async fn here(&self) -> &EmbeddedHot {
        if self.is_away.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        &self.inner
    }
}

#[async_trait::async_trait]
impl Hot for Away {
    async fn fix_clock(&self, key: &SessionKey, proposed: Clock) -> Result<Clock, StoreError> {
        self.here().await.fix_clock(key, proposed).await
    }

    async fn apply(&self, batch: &[HotUpdate], now_ms: i64) -> Result<Vec<Verdict>, StoreError> {
        self.here().await.apply(batch, now_ms).await
    }

    async fn admit(&self, update: &HotUpdate, now_ms: i64) -> Result<Verdict, StoreError> {
        self.here().await.admit(update, now_ms).await
    }

    async fn live_sessions(&self, account: &AccountId, now_ms: i64) -> Result<Vec<Lease>, StoreError> {
        self.here().await.live_sessions(account, now_ms).await
    }

    async fn stop(
        &self,
        account: &AccountId,
        target: &StopTarget,
        by_device: Option<DeviceId>,
        now_ms: i64,
    ) -> Result<Option<Lease>, StoreError> {
        self.here().await.stop(account, target, by_device, now_ms).await
    }

    fn kicks(&self) -> broadcast::Receiver<Kick> {
        self.inner.kicks()
    }

    async fn position(&self, user: &UserId, item: &ItemId) -> Result<Option<PositionRow>, StoreError> {
        self.here().await.position(user, item).await
    }

    async fn positions(&self, user: &UserId) -> Result<Vec<(ItemId, PositionRow)>, StoreError> {
        self.here().await.positions(user).await
    }

    async fn erase(&self, user: &UserId, through_ms: i64) -> Result<(), StoreError> {
        self.here().await.erase(user, through_ms).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_hot_store_is_away_it_is_as_the_server_is_set_up() {
    for admits_unanswered in [true, false] {
        let hot = Arc::new(Away::default());
        let leases = LeaseSettings { admits_unanswered, ..LeaseSettings::default() };
        let settings = Settings { leases, ..Settings::default() };
        let site = Site::before(hot.clone(), &settings).await;
        site.put(for_subscribers("film")).await;
        subscribe(&site, one_stream(proto::AtLimit::DenyNewest)).await;
        let position = PositionWrite {
            user: UserId::new("ben").unwrap(),
            item: ItemId::new("film").unwrap(),
            row: PositionRow::set(600_000, BEGIN_MS),
        };
        let batch = WriteBatch { sessions: Vec::new(), positions: vec![position] };
        site.store.as_ref().unwrap().write(&batch).await.unwrap();
        begins(site.play(&on(&site, "ann", "tv"), "film", "s-1").await);

        hot.is_away.store(true, Ordering::SeqCst);
        let ben = on(&site, "ben", "phone");
        let begun = Instant::now();
        let answer = site.play(&ben, "film", "s-1").await;
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        if admits_unanswered {
            let playback = begins(answer);
            assert_eq!(playback.slot(), proto::SlotState::Unconfirmed);
            assert_eq!(playback.resume.unwrap().position_ms, 600_000, "what rests is known all the same");
        } else {
            assert_eq!(no_slot(answer).code(), StopReason::Unavailable);
        }
        hot.is_away.store(false, Ordering::SeqCst);
        assert_eq!(no_slot(site.play(&ben, "film", "s-2").await).code(), StopReason::StreamLimit);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_streams_to_share_nobody_presses_play() {
    let dir = tempfile::tempdir().unwrap();
    let store =
        playhead_store::durable::embedded::EmbeddedDurable::open(dir.path(), Default::default()).unwrap();
    let site = Site::on(Arc::new(store), playhead_catalog::Settings::default()).await;
    site.put(film("film")).await;
    let refused = site.play(&site.viewer("ann"), "film", "s-1").await.unwrap_err();
    assert_eq!(told(&refused), (Code::FailedPrecondition, "NO_STREAMS".into(), Vec::new()));
}
