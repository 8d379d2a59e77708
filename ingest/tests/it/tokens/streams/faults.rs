//! A hot store that does not answer, and rules that are only tried.

use std::sync::atomic::{AtomicBool, Ordering};

use playhead_ingest::{leases::LeaseSettings, settings::Settings};
use playhead_store::{
    AccountId, Clock, DeviceId, ItemId, SessionKey, StoreError, UserId,
    hot::{Hot, HotUpdate, Verdict as HotVerdict, embedded::EmbeddedHot},
    lease::{Kick, Lease, StopReason as Why, StopTarget},
    position::PositionRow,
};
use tokio::sync::broadcast;

use super::*;
use crate::host::Host;

/// A hot store that stands still while it is frozen.
#[derive(Default)]
struct Freezing {
    inner: EmbeddedHot,
    is_frozen: AtomicBool,
}

impl Freezing {
    async fn thawed(&self) -> &EmbeddedHot {
        if self.is_frozen.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        &self.inner
    }
}

#[async_trait::async_trait]
impl Hot for Freezing {
    async fn fix_clock(&self, key: &SessionKey, proposed: Clock) -> Result<Clock, StoreError> {
        self.thawed().await.fix_clock(key, proposed).await
    }

    async fn apply(&self, batch: &[HotUpdate], now_ms: i64) -> Result<Vec<HotVerdict>, StoreError> {
        self.thawed().await.apply(batch, now_ms).await
    }

    async fn admit(&self, update: &HotUpdate, now_ms: i64) -> Result<HotVerdict, StoreError> {
        self.thawed().await.admit(update, now_ms).await
    }

    async fn live_sessions(&self, account: &AccountId, now_ms: i64) -> Result<Vec<Lease>, StoreError> {
        self.thawed().await.live_sessions(account, now_ms).await
    }

    async fn stop(
        &self,
        account: &AccountId,
        target: &StopTarget,
        by_device: Option<DeviceId>,
        now_ms: i64,
    ) -> Result<Option<Lease>, StoreError> {
        self.thawed().await.stop(account, target, by_device, now_ms).await
    }

    fn kicks(&self) -> broadcast::Receiver<Kick> {
        self.inner.kicks()
    }

    async fn position(&self, user: &UserId, item: &ItemId) -> Result<Option<PositionRow>, StoreError> {
        self.thawed().await.position(user, item).await
    }

    async fn positions(&self, user: &UserId) -> Result<Vec<(ItemId, PositionRow)>, StoreError> {
        self.thawed().await.positions(user).await
    }

    async fn erase(&self, user: &UserId, through_ms: i64) -> Result<(), StoreError> {
        self.thawed().await.erase(user, through_ms).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_hot_store_stands_still_who_runs_plays_on_and_who_begins_as_it_is_set() {
    for admits_unanswered in [true, false] {
        let issuer = Issuer::new();
        let leases = LeaseSettings { admits_unanswered, ..LeaseSettings::default() };
        let hot = Arc::new(Freezing::default());
        let settings = Settings { leases, ..Settings::default() };
        let edges = Edges::over(Host::before(settings, issuer.verifier(), hot.clone()).await).await;
        let of = |user: &str| token(&issuer, user, "family", user, &two());
        let (mut runs, _) = edges.open(&of("ann"), "s-1").await;
        runs.send(vec![beat(1)]).await;
        runs.acked(1).await;
        hot.is_frozen.store(true, Ordering::SeqCst);
        runs.send(vec![beat(2)]).await;
        assert_eq!(runs.acked(2).await.verdict(), Verdict::Play, "it runs");
        let begun = Instant::now();
        let (mut begins, welcome) = edges.open(&of("ben"), "s-1").await;
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(2), "{took:?}");
        let expect = if admits_unanswered { Verdict::Play } else { Verdict::Stop };
        assert_eq!(welcome.verdict(), expect);
        if !admits_unanswered {
            assert_eq!(begins.told().await.code(), StopReason::Unavailable);
        }
        begins.send(vec![beat(1)]).await;
        assert_eq!(begins.acked(1).await.verdict(), expect, "and no acknowledgement fails");
        let (_, welcome) = edges.open(&of("ann"), "s-1").await;
        assert_eq!(welcome.verdict(), Verdict::Play, "a second stream of the session that runs");
        assert_eq!(edges.host.engine.doors().leases.meters().unanswered.get(), 1);
        hot.is_frozen.store(false, Ordering::SeqCst);
        if admits_unanswered {
            begins.send(vec![beat(2)]).await;
            begins.acked(2).await;
            runs.send(vec![beat(3)]).await;
            runs.acked(3).await;
            assert_eq!(live(&edges, &of("ann")).await.len(), 2, "its beats asked for its slot");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_that_are_tried_stop_nobody_and_are_counted() {
    let issuer = Issuer::new();
    let leases = LeaseSettings { is_dry_run: true, ..LeaseSettings::default() };
    let settings = Settings { leases, ..Settings::default() };
    let edges = Edges::over(Host::believing(settings, issuer.verifier()).await).await;
    for at_limit in ["DENY_NEWEST", "EVICT_OLDEST"] {
        let mut talks = Vec::new();
        for user in ["ann", "ben", "zoe"].map(|user| format!("{user}-{at_limit}")) {
            let rules = json!({ "max": 2, "at_limit": at_limit });
            let (mut talk, welcome) =
                edges.open(&token(&issuer, &user, at_limit, &user, &rules), "s-1").await;
            assert_eq!(welcome.verdict(), Verdict::Play);
            talk.send(vec![beat(1)]).await;
            assert_eq!(talk.acked(1).await.verdict(), Verdict::Play);
            talks.push(talk);
        }
    }
    let doors = edges.host.engine.doors();
    let meters = doors.leases.meters();
    assert_eq!(meters.tolerated.of(Why::StreamLimit).get(), 2);
    assert_eq!(meters.stopped.all().map(|(_, sessions)| sessions).sum::<u64>(), 0);
    assert_eq!(meters.held.get(), 6);
}
