//! When the store is slow or away: what is remembered goes on, the rest is told in time, and no crowd runs to the store.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{FutureExt as _, future::BoxFuture};
use playhead_catalog::{
    CatalogError, Settings,
    collections::Collections,
    entitlement::Entitlement,
    items::{Items, View},
    records::Records,
    stale::Noted,
};
use playhead_proto::{
    catalog::v1::{self as proto, Consistency, Kind},
    entitlement::v1 as rights,
};
use playhead_store::{
    AccountId, ItemId, StoreError, StoreErrorKind, UserId,
    durable::documents::{Change, Document, DocumentKey, Documents, Partition, Put},
};
use tokio::sync::watch;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::{
    rights::{by_grant, grant, plan, subscription, ways},
    site::{BEGIN_MS, Site, item, told},
    stores::{self, Stores, patience, patience_ms},
};

/// A store, behind a line that can be cut.
pub struct Line {
    store: Arc<dyn Documents>,
    _stores: Option<Stores>,
    pub state: watch::Sender<u64>,
    reads: AtomicU64,
    /// How often entries were asked for.
    pub lists: AtomicU64,
}

/// How long a call waits for it.
const STORE_MS_MAX: u64 = 500;
/// How long its answer may take then, on a busy machine: far less than if one waited behind another.
const TOLD_WITHIN: Duration = Duration::from_secs(3);
pub const UP: u64 = 0;
pub const DOWN: u64 = 1;
pub const STUCK: u64 = 2;
/// Each read is answered, after [`SLOW_FOR`].
pub const SLOW: u64 = 3;
/// Reads pass, writes fail.
pub const READS_ALONE: u64 = 4;
/// Reads pass, writes wait.
pub const WRITES_WAIT: u64 = 5;
const SLOW_FOR: Duration = Duration::from_millis(200);

impl Line {
    /// A line to a store of its own, which passes.
    pub async fn up() -> Arc<Self> {
        let stores = Stores::fresh().await;
        Self::of(stores.documents.clone(), Some(stores))
    }

    /// A line of its own to this store.
    pub fn to(store: Arc<dyn Documents>) -> Arc<Self> {
        Self::of(store, None)
    }

    fn of(store: Arc<dyn Documents>, stores: Option<Stores>) -> Arc<Self> {
        Arc::new(Self {
            store,
            _stores: stores,
            state: watch::Sender::new(UP),
            reads: AtomicU64::new(0),
            lists: AtomicU64::new(0),
        })
    }

    async fn passes(&self) -> Result<(), StoreError> {
        match self.state_but(&[STUCK]).await {
            DOWN => Err(cut()),
            SLOW => {
                tokio::time::sleep(patience(SLOW_FOR)).await;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn takes(&self) -> Result<(), StoreError> {
        match self.state_but(&[STUCK, WRITES_WAIT]).await {
            DOWN | READS_ALONE => Err(cut()),
            _ => Ok(()),
        }
    }

    /// Waits until it is in none of these states.
    async fn state_but(&self, none_of: &[u64]) -> u64 {
        *self.state.subscribe().wait_for(|state| !none_of.contains(state)).await.unwrap()
    }
}

fn cut() -> StoreError {
    StoreError { kind: StoreErrorKind::Unavailable, what: "a cut line", source: None }
}

#[async_trait::async_trait]
impl Documents for Line {
    async fn get(&self, keys: &[DocumentKey]) -> Result<Vec<Option<Document>>, StoreError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.passes().await?;
        self.store.get(keys).await
    }

    async fn list(
        &self,
        of: &Partition,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Document>, StoreError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.passes().await?;
        self.store.list(of, after, limit).await
    }

    async fn entries(
        &self,
        of: &Partition,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, StoreError> {
        self.lists.fetch_add(1, Ordering::SeqCst);
        self.passes().await?;
        self.store.entries(of, after, limit).await
    }

    async fn put(&self, changes: &[Change]) -> Result<Vec<Put>, StoreError> {
        self.takes().await?;
        self.store.put(changes).await
    }

    async fn purge(&self, partition: &Partition) -> Result<(), StoreError> {
        self.takes().await?;
        self.store.purge(partition).await
    }
}

async fn site() -> (Arc<Line>, Site) {
    let line = Line::up().await;
    let settings = Settings { store_ms_max: patience_ms(STORE_MS_MAX), ..Settings::default() };
    let site = Site::on(Arc::clone(&line) as Arc<dyn Documents>, settings).await;
    (line, site)
}

async fn get(site: &Site, id: &str) -> Result<String, tonic::Status> {
    let request = site.watch("ann", proto::GetItemRequest { id: id.into(), ..Default::default() });
    site.catalog().get_item(request).await.map(|answer| answer.into_inner().item.unwrap().id)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_remembered_goes_on_without_the_store_and_the_rest_is_told_in_time() {
    let (line, site) = site().await;
    for id in ["known", "unknown"] {
        site.put(item(id, Kind::Movie, "", 0)).await;
    }
    assert_eq!(get(&site, "known").await.unwrap(), "known");
    assert_eq!(told(&get(&site, "nothing").await.unwrap_err()).0, Code::NotFound);
    for state in [DOWN, STUCK] {
        line.state.send_replace(state);
        assert_eq!(get(&site, "known").await.unwrap(), "known");
        assert_eq!(
            told(&get(&site, "nothing").await.unwrap_err()).0,
            Code::NotFound,
            "that it is not is known too"
        );
        let refused =
            tokio::time::timeout(patience(TOLD_WITHIN), get(&site, "unknown")).await.unwrap().unwrap_err();
        assert_eq!(told(&refused), (Code::Unavailable, "STORE_UNAVAILABLE".into(), Vec::new()));
        assert!(refused.get_error_details().retry_info().is_some());
        let request =
            proto::UpsertItemRequest { item: Some(item("new", Kind::Movie, "", 0)), update_mask: None };
        let refused = site.catalog().upsert_item(site.keep(request)).await.unwrap_err();
        assert_eq!(told(&refused).1, "STORE_UNAVAILABLE");
    }
    line.state.send_replace(UP);
    assert_eq!(get(&site, "unknown").await.unwrap(), "unknown");
}

/// Lets a thousand ask at once while the store holds its answer: how often it was read.
async fn reads_of_a_thousand<T: Send + 'static>(
    line: &Line,
    ask: impl Fn() -> BoxFuture<'static, Result<T, CatalogError>>,
) -> u64 {
    let before = line.reads.load(Ordering::SeqCst);
    line.state.send_replace(STUCK);
    let asked: Vec<_> = (0..1_000).map(|_| ask()).collect();
    let mut asked = futures_util::future::join_all(asked);
    assert!(futures_util::poll!(&mut asked).is_pending(), "all have asked, and wait");
    line.state.send_replace(UP);
    assert!(asked.await.iter().all(Result::is_ok));
    line.reads.load(Ordering::SeqCst) - before
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_who_miss_the_same_thing_at_once_read_once() {
    let (line, _site) = subscribed().await;
    let settings = stores::settings();
    let records = Records::new(Arc::clone(&line) as Arc<dyn Documents>, settings.store_ms_max);
    let items = Arc::new(Items::new(records.clone(), Noted::default(), &settings));
    let collections =
        Arc::new(Collections::new(records.clone(), Arc::clone(&items), Noted::default(), &settings));
    let rights =
        Arc::new(Entitlement::new(records, Arc::clone(&items), collections, Noted::default(), &settings));
    let view = View { sees_all: false, is_fresh: false, now_ms: BEGIN_MS };
    let film = || {
        let items = Arc::clone(&items);
        async move { items.get(&ItemId::new("film").unwrap(), view).await }.boxed()
    };
    assert_eq!(reads_of_a_thousand(&line, film).await, 1);
    let subscriptions = || {
        let rights = Arc::clone(&rights);
        async move { rights.subscriptions(&AccountId::new("family").unwrap(), view).await }.boxed()
    };
    assert_eq!(reads_of_a_thousand(&line, subscriptions).await, 1);
    let grants = || {
        let rights = Arc::clone(&rights);
        async move { rights.grants(&UserId::new("ann").unwrap(), view).await }.boxed()
    };
    assert_eq!(reads_of_a_thousand(&line, grants).await, 1);
}

/// Those who wait for one read are told when it takes too long, all of them: none waits behind the next one's try.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_who_miss_the_same_item_are_told_in_time() {
    let (line, site) = site().await;
    site.put(item("film", Kind::Movie, "", 0)).await;
    let site = Arc::new(site);
    for state in [STUCK, DOWN] {
        line.state.send_replace(state);
        let asked: Vec<_> = (0..1_000)
            .map(|_| {
                let site = Arc::clone(&site);
                tokio::spawn(async move { told(&get(&site, "film").await.unwrap_err()) })
            })
            .collect();
        let all = async {
            for one in asked {
                assert_eq!(one.await.unwrap(), (Code::Unavailable, "STORE_UNAVAILABLE".into(), Vec::new()));
            }
        };
        tokio::time::timeout(5 * patience(TOLD_WITHIN), all).await.expect("all are told");
    }
    line.state.send_replace(UP);
    assert_eq!(get(&site, "film").await.unwrap(), "film", "a failure is not remembered");
}

/// Whether the family's subscription counts.
async fn is_subscribed(site: &Site, consistency: Consistency) -> Result<bool, tonic::Status> {
    let consistency = consistency.into();
    let request = rights::CheckSubscriptionRequest { consistency, ..Default::default() };
    let answer = site.rights().check_subscription(site.watch("ann", request)).await;
    answer.map(|answer| answer.into_inner().entitled)
}

/// Whether ann may play an item.
async fn may_play(site: &Site, consistency: Consistency) -> Result<bool, tonic::Status> {
    let (item_id, consistency) = ("film".into(), consistency.into());
    let request = rights::CheckAccessRequest { item_id, consistency, ..Default::default() };
    let answer = site.rights().check_access(site.watch("ann", request)).await;
    answer.map(|answer| answer.into_inner().decision.unwrap().allowed)
}

/// A site with a film for whoever has a ticket, which ann has, and a subscription of the family's.
async fn subscribed() -> (Arc<Line>, Site) {
    let (line, site) = site().await;
    let film = proto::Item {
        access: ways(vec![by_grant(proto::GrantKind::Ticket)]),
        ..item("film", Kind::Movie, "", 0)
    };
    site.put(film).await;
    site.put_plan(plan("basic", 1)).await.unwrap();
    site.subscribe(subscription("basic")).await.unwrap();
    // One of everything.
    let ticket = rights::Grant { item_id: String::new(), ..grant(proto::GrantKind::Ticket, "film") };
    site.grant(ticket).await.unwrap();
    (line, site)
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_that_are_remembered_go_on_without_the_store_for_their_time() {
    for state in [DOWN, STUCK] {
        let (line, site) = subscribed().await;
        assert!(is_subscribed(&site, Consistency::Cached).await.unwrap());
        assert!(may_play(&site, Consistency::Cached).await.unwrap());
        line.state.send_replace(state);
        site.later(Settings::default().cache_ttl_ms);
        assert!(is_subscribed(&site, Consistency::Cached).await.unwrap());
        assert!(may_play(&site, Consistency::Cached).await.unwrap());
        let refused = async |consistency: Consistency| {
            let subscribed =
                tokio::time::timeout(patience(TOLD_WITHIN), is_subscribed(&site, consistency)).await.unwrap();
            let played =
                tokio::time::timeout(patience(TOLD_WITHIN), may_play(&site, consistency)).await.unwrap();
            [subscribed, played].map(|answer| told(&answer.unwrap_err()).1)
        };
        let unavailable = ["STORE_UNAVAILABLE", "STORE_UNAVAILABLE"];
        assert_eq!(refused(Consistency::Fresh).await, unavailable, "who wants it fresh is told");
        assert!(is_subscribed(&site, Consistency::Cached).await.unwrap(), "what is remembered stays");
        assert!(may_play(&site, Consistency::Cached).await.unwrap());
        site.later(1);
        assert_eq!(refused(Consistency::Cached).await, unavailable, "it is too old");
        line.state.send_replace(UP);
        assert!(is_subscribed(&site, Consistency::Cached).await.unwrap());
        assert!(may_play(&site, Consistency::Cached).await.unwrap());
    }
}
