//! Two nodes on one store: what one writes, the other knows in a moment where they can tell each other, and within the
//! time to live where they cannot. The clock stands still, so nothing becomes too old by itself.

use std::{sync::Arc, time::Duration};

use playhead_catalog::Settings;
use playhead_proto::{
    catalog::v1::{self as catalog, GrantKind, Kind},
    entitlement::v1 as proto,
};
use playhead_store::{
    contract::StillHot,
    durable::embedded::{EmbeddedDurable, EmbeddedSettings},
};
use tempfile::TempDir;

use crate::{
    rights::{CACHED, FRESH, by_grant, by_tier, grant, plan, subscription, ways},
    site::{Site, ids, item},
};

/// How soon a node knows what another one wrote.
const KNOWN_WITHIN: Duration = Duration::from_secs(1);

struct Pair {
    writer: Site,
    reader: Site,
    hot: Arc<StillHot>,
    _dir: TempDir,
}

impl Pair {
    /// With a film for whoever holds a ticket, and another one for a plan's.
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(EmbeddedDurable::open(dir.path(), EmbeddedSettings::default()).unwrap());
        let hot = Arc::new(StillHot::default());
        let [writer, reader] = [store.clone(), store].map(|store| Site::node(store, hot.clone()));
        let pair = Self { writer: writer.await, reader: reader.await, hot: hot.clone(), _dir: dir };
        for (id, way) in [("ticketed", by_grant(GrantKind::Ticket)), ("paid", by_tier(1))] {
            let item = catalog::Item { access: ways(vec![way]), ..item(id, Kind::Movie, "", 0) };
            pair.writer.put(item).await;
        }
        pair.writer.put_plan(plan("basic", 1)).await.unwrap();
        pair
    }

    async fn ticket(&self, status: proto::GrantStatus) {
        let ticket = proto::Grant { status: status.into(), ..grant(GrantKind::Ticket, "ticketed") };
        self.writer.grant(ticket).await.unwrap();
    }

    /// Whether ann may play it, as the reader remembers.
    async fn ann_may(&self, item: &str) -> String {
        self.reader.ann_may(item, CACHED).await
    }

    /// Waits until the reader says this of an item by what it remembers.
    async fn known(&self, item: &str, expect: &str) {
        let known = async { while self.ann_may(item).await != expect {} };
        tokio::time::timeout(KNOWN_WITHIN, known).await.unwrap_or_else(|_| panic!("{item}: not {expect}"));
    }

    async fn title(&self) -> String {
        let request = catalog::GetItemRequest { id: "paid".into(), ..Default::default() };
        let answer = self.reader.catalog().get_item(self.reader.watch("ann", request)).await.unwrap();
        let item = answer.into_inner().item.unwrap();
        item.texts.first().map(|text| text.title.clone()).unwrap_or_default()
    }

    async fn put_title(&self, title: &str) {
        let text = catalog::Text { language: "en".into(), title: title.into(), ..Default::default() };
        let item = item("paid", Kind::Movie, "", 0);
        self.writer.put(catalog::Item { texts: vec![text], access: ways(vec![by_tier(1)]), ..item }).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_writes_the_other_knows_at_once() {
    let pair = Pair::start().await;
    pair.known("ticketed", "NO_TICKET").await;
    pair.ticket(proto::GrantStatus::Active).await;
    pair.known("ticketed", "yes").await;
    pair.ticket(proto::GrantStatus::Revoked).await;
    pair.known("ticketed", "GRANT_ENDED").await;

    pair.known("paid", "NO_SUBSCRIPTION").await;
    pair.writer.subscribe(subscription("basic")).await.unwrap();
    pair.known("paid", "yes").await;
    let (account_id, id) = ("family".to_owned(), "s-1".to_owned());
    let request = proto::CancelSubscriptionRequest { account_id, id, at_once: true };
    pair.writer.rights().cancel_subscription(pair.writer.keep(request)).await.unwrap();
    pair.known("paid", "SUBSCRIPTION_NOT_CURRENT").await;
    pair.writer.subscribe(proto::Subscription { id: "s-2".into(), ..subscription("basic") }).await.unwrap();
    pair.known("paid", "yes").await;
    pair.writer.put_plan(plan("basic", 0)).await.unwrap();
    pair.known("paid", "PLAN_TOO_LOW").await;

    assert_eq!(pair.title().await, "");
    pair.put_title("Guardian").await;
    let known = async { while pair.title().await != "Guardian" {} };
    tokio::time::timeout(KNOWN_WITHIN, known).await.unwrap();
}

/// What the writer writes the search of the other finds, too: it reads all items anew only once an hour.
#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_writes_the_search_of_the_other_finds() {
    let pair = Pair::start().await;
    let found = async |query: &str| {
        let request = catalog::SearchItemsRequest { query: query.into(), ..Default::default() };
        let answer = pair.reader.catalog().search_items(pair.reader.watch("ann", request)).await;
        // It has to be made first.
        answer.map(|answer| ids(&answer.into_inner().items).concat()).unwrap_or_default()
    };
    for title in ["Guardian", "도깨비"] {
        pair.put_title(title).await;
        let known = async { while found(title).await != "paid" {} };
        tokio::time::timeout(Duration::from_secs(10), known).await.expect(title);
    }
    assert_eq!(found("guardian").await, "");
}

/// The writer does not wait for the hot store; the reader goes on with what it remembers, and not longer than that.
#[tokio::test(flavor = "multi_thread")]
async fn while_the_hot_store_is_away_the_time_to_live_holds() {
    let pair = Pair::start().await;
    pair.ticket(proto::GrantStatus::Active).await;
    pair.known("ticketed", "yes").await;
    pair.hot.stand_still(true);
    let revoked = pair.ticket(proto::GrantStatus::Revoked);
    tokio::time::timeout(KNOWN_WITHIN, revoked).await.expect("the writer waits for nobody");
    assert_eq!(pair.writer.ann_may("ticketed", CACHED).await, "GRANT_ENDED", "the writer knows");
    pair.reader.later(Settings::default().cache_ttl_ms);
    assert_eq!(pair.ann_may("ticketed").await, "yes", "nobody told the reader");
    pair.reader.later(1);
    assert_eq!(pair.ann_may("ticketed").await, "GRANT_ENDED", "what it remembered is too old");
    pair.ticket(proto::GrantStatus::Active).await;
    assert_eq!(pair.ann_may("ticketed").await, "GRANT_ENDED");
    assert_eq!(pair.reader.ann_may("ticketed", FRESH).await, "yes");

    // What could not be told is told when the hot store is back.
    pair.ticket(proto::GrantStatus::Revoked).await;
    assert_eq!(pair.ann_may("ticketed").await, "yes");
    pair.hot.stand_still(false);
    let known = async { while pair.ann_may("ticketed").await != "GRANT_ENDED" {} };
    tokio::time::timeout(Duration::from_secs(5), known).await.expect("the reader is told");
}

/// Whoever missed something forgets all.
#[tokio::test(flavor = "multi_thread")]
async fn who_may_have_missed_something_reads_again() {
    let pair = Pair::start().await;
    pair.ticket(proto::GrantStatus::Active).await;
    pair.known("ticketed", "yes").await;
    pair.hot.stand_still(true);
    pair.ticket(proto::GrantStatus::Revoked).await;
    assert_eq!(pair.ann_may("ticketed").await, "yes");
    pair.hot.miss_notices().await;
    pair.known("ticketed", "GRANT_ENDED").await;
}
