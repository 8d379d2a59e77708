//! Two nodes on one store: what one writes, the other knows in a moment where they can tell each other, and within the
//! time to live where they cannot. The clock stands still, so nothing becomes too old by itself.

use std::{sync::Arc, time::Duration};

use playhead_catalog::{
    Settings,
    cache::Figures,
    collections::Collections,
    entitlement::Entitlement,
    items::{Items, View},
    records::Records,
    stale::Noted,
};
use playhead_proto::{
    catalog::v1::{self as catalog, GrantKind, Kind},
    entitlement::v1 as proto,
};
use playhead_store::{
    AccountId, ItemId, PlanId, UserId,
    catalog::{Item, Kind as StoredKind},
    contract::StillHot,
    hot::{Hot, Notice, Stale},
};
use tokio::sync::broadcast::Receiver;

use crate::{
    rights::{CACHED, FRESH, by_grant, by_tier, grant, plan, subscription, ways},
    site::{BEGIN_MS, Site, ids, item},
    store::{Line, READS_ALONE, UP, WRITES_WAIT},
    stores::{self, Stores, patience},
};

/// How soon a node knows what another one wrote.
const KNOWN_WITHIN: Duration = Duration::from_secs(1);

struct Pair {
    writer: Site,
    reader: Site,
    _stores: Stores,
}

impl Pair {
    async fn start() -> Self {
        let stores = Stores::fresh().await;
        let hots = [stores.hot.clone(), stores.hot_of_another_node().await];
        Self::with(stores, hots).await
    }

    /// With a hot store that can stand still, whatever the others are.
    async fn still() -> (Self, Arc<StillHot>) {
        let hot = Arc::new(StillHot::default());
        (Self::with(Stores::fresh().await, [hot.clone(), hot.clone()]).await, hot)
    }

    /// With a film for whoever holds a ticket, another one for a plan's, and one for everybody that is old enough.
    async fn with(stores: Stores, hots: [Arc<dyn Hot>; 2]) -> Self {
        let [writer, reader] = hots.map(|hot| Site::node(stores.documents.clone(), hot));
        let pair = Self { writer: writer.await, reader: reader.await, _stores: stores };
        for (id, way) in [("ticketed", by_grant(GrantKind::Ticket)), ("paid", by_tier(1))] {
            let item = catalog::Item { access: ways(vec![way]), ..item(id, Kind::Movie, "", 0) };
            pair.writer.put(item).await;
        }
        let everybody = catalog::AccessWay { everybody: true, ..Default::default() };
        let adults = catalog::Item { maturity_age: Some(18), ..item("adults", Kind::Movie, "", 0) };
        pair.writer.put(catalog::Item { access: ways(vec![everybody]), ..adults }).await;
        pair.writer.put_plan(plan("basic", 1)).await.unwrap();
        pair
    }

    async fn limit(&self, age: u32) {
        let limits =
            proto::ViewerLimits { user_id: "ann".into(), maturity_age_max: Some(age), ..Default::default() };
        let request = proto::SetViewerLimitsRequest { limits: Some(limits) };
        self.writer.rights().set_viewer_limits(self.writer.keep(request)).await.unwrap();
    }

    /// Until when the family's subscription counts, as the reader remembers.
    async fn until(&self) -> Option<i64> {
        let request = proto::CheckSubscriptionRequest::default();
        let answer = self.reader.rights().check_subscription(self.reader.watch("ann", request)).await;
        answer.unwrap().into_inner().best.unwrap().standing.unwrap().until_ms
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
        tokio::time::timeout(patience(KNOWN_WITHIN), known)
            .await
            .unwrap_or_else(|_| panic!("{item}: not {expect}"));
    }

    /// Waits until the reader finds this and nothing else by its words.
    async fn found(&self, query: &str, expect: &str) {
        let found = async || {
            let request = catalog::SearchItemsRequest { query: query.into(), ..Default::default() };
            let answer = self.reader.catalog().search_items(self.reader.watch("ann", request)).await;
            // It has to be made first.
            answer.map(|answer| ids(&answer.into_inner().items).concat())
        };
        let known = async { while !found().await.is_ok_and(|found| found == expect) {} };
        tokio::time::timeout(Duration::from_secs(20), known).await.expect(query);
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
    let (before, ending_ms) = (pair.until().await, subscription("basic").period_end_ms);
    let (account_id, id) = ("family".to_owned(), "s-1".to_owned());
    let request = proto::RenewSubscriptionRequest {
        account_id: account_id.clone(),
        id: id.clone(),
        ending_ms,
        next_end_ms: None,
    };
    pair.writer.rights().renew_subscription(pair.writer.keep(request)).await.unwrap();
    let known = async { while pair.until().await == before {} };
    tokio::time::timeout(patience(KNOWN_WITHIN), known).await.expect("it is renewed");
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
    tokio::time::timeout(patience(KNOWN_WITHIN), known).await.unwrap();

    pair.known("adults", "yes").await;
    pair.limit(12).await;
    pair.known("adults", "MATURITY").await;
}

/// What the writer writes the search of the other finds, too: it reads all items anew only once an hour.
#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_writes_the_search_of_the_other_finds() {
    let pair = Pair::start().await;
    for title in ["Guardian", "도깨비"] {
        pair.put_title(title).await;
        pair.found(title, "paid").await;
    }
    pair.found("guardian", "").await;
}

/// The writer does not wait for the hot store; the reader goes on with what it remembers, and not longer than that.
#[tokio::test(flavor = "multi_thread")]
async fn while_the_hot_store_is_away_the_time_to_live_holds() {
    let (pair, hot) = Pair::still().await;
    pair.ticket(proto::GrantStatus::Active).await;
    pair.known("ticketed", "yes").await;
    hot.stand_still(true);
    let revoked = pair.ticket(proto::GrantStatus::Revoked);
    tokio::time::timeout(patience(KNOWN_WITHIN), revoked).await.expect("the writer waits for nobody");
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
    hot.stand_still(false);
    let known = async { while pair.ann_may("ticketed").await != "GRANT_ENDED" {} };
    tokio::time::timeout(Duration::from_secs(5), known).await.expect("the reader is told");
}

/// Whoever missed something forgets all, of whatever kind, and the search looks at all there is again.
#[tokio::test(flavor = "multi_thread")]
async fn who_may_have_missed_something_reads_again() {
    let (pair, hot) = Pair::still().await;
    pair.ticket(proto::GrantStatus::Active).await;
    pair.known("ticketed", "yes").await;
    pair.writer.subscribe(subscription("basic")).await.unwrap();
    pair.known("paid", "yes").await;
    pair.known("adults", "yes").await;
    pair.put_title("Guardian").await;
    pair.found("guardian", "paid").await;
    let until = pair.until().await;

    hot.stand_still(true);
    pair.ticket(proto::GrantStatus::Revoked).await;
    pair.limit(12).await;
    pair.writer.put_plan(plan("basic", 0)).await.unwrap();
    let longer = subscription("basic");
    let longer = proto::Subscription { period_end_ms: longer.period_end_ms + 1, ..longer };
    pair.writer.subscribe(longer).await.unwrap();
    pair.put_title("Goblin").await;
    assert_eq!((pair.ann_may("ticketed").await, pair.ann_may("paid").await), ("yes".into(), "yes".into()));
    assert_eq!((pair.ann_may("adults").await, pair.until().await), ("yes".into(), until));
    assert_eq!(pair.title().await, "Guardian");
    hot.miss_notices().await;
    pair.known("ticketed", "GRANT_ENDED").await;
    pair.known("paid", "PLAN_TOO_LOW").await;
    pair.known("adults", "MATURITY").await;
    assert_eq!((pair.title().await.as_str(), pair.until().await == until), ("Goblin", false));
    pair.found("goblin", "paid").await;
}

/// Waits until it is told that this is stale.
async fn is_told(notices: &mut Receiver<Notice>, stale: &Stale) {
    let told = async { while !notices.recv().await.unwrap().stale.contains(stale) {} };
    tokio::time::timeout(Duration::from_secs(5), told).await.unwrap_or_else(|_| panic!("{stale:?}"));
}

/// What may have been written is told, though nobody knows whether it was: the store failed, or the caller left.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_without_an_answer_is_told_too() {
    let (line, hot) = (Line::up().await, Arc::new(StillHot::default()));
    let site = Site::node(line.clone(), hot.clone()).await;
    let film = Stale::Item(ItemId::new("film").unwrap());
    let grants = Stale::Grants(UserId::new("ann").unwrap());
    let request = || {
        let film = Some(item("film", Kind::Movie, "", 0));
        site.keep(catalog::UpsertItemRequest { item: film, update_mask: None })
    };
    for state in [READS_ALONE, WRITES_WAIT] {
        let mut notices = hot.stale();
        line.state.send_replace(state);
        let patience = Duration::from_millis(300);
        let put = tokio::time::timeout(patience, async { site.catalog().upsert_item(request()).await }).await;
        assert!(!matches!(put, Ok(Ok(_))), "{put:?}");
        is_told(&mut notices, &film).await;
        let granted = tokio::time::timeout(patience, site.grant(grant(GrantKind::Ticket, "film"))).await;
        assert!(!matches!(granted, Ok(Ok(_))), "{granted:?}");
        is_told(&mut notices, &grants).await;
    }
}

/// Who reads while somebody writes may see what was before, and does not go on with that.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_while_it_is_written_is_not_remembered() {
    let (line, settings) = (Line::up().await, Settings::default());
    let records = Records::new(line.clone(), 60_000);
    let items = Arc::new(Items::new(records, Noted::default(), &settings));
    let id = ItemId::new("film").unwrap();
    let film = |order| Item { order, ..Item::new(ItemId::new("film").unwrap(), StoredKind::Movie) };
    items.upsert(&id, None, BEGIN_MS, |_| Ok(film(1))).await.unwrap();
    let view = View { sees_all: true, is_fresh: false, now_ms: BEGIN_MS };
    let order = async || items.get(&id, view).await.unwrap().value.order;
    line.state.send_replace(WRITES_WAIT);
    let writing = {
        let (items, id) = (Arc::clone(&items), id.clone());
        let film = film(2);
        tokio::spawn(async move { items.upsert(&id, None, BEGIN_MS, |_| Ok(film.clone())).await })
    };
    while line.state.receiver_count() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(order().await, 1);
    line.state.send_replace(UP);
    writing.await.unwrap().unwrap();
    assert_eq!(order().await, 2);
}

/// Each cache counts its own answers, and what it forgot.
#[tokio::test(flavor = "multi_thread")]
async fn each_cache_counts_what_is_asked_of_it() {
    let settings = stores::settings();
    let records = Records::new(Line::up().await, settings.store_ms_max);
    let items = Arc::new(Items::new(records.clone(), Noted::default(), &settings));
    let collections =
        Arc::new(Collections::new(records.clone(), Arc::clone(&items), Noted::default(), &settings));
    let rights = Entitlement::new(records, items, collections, Noted::default(), &settings);
    let view = View { sees_all: false, is_fresh: false, now_ms: BEGIN_MS };
    let (account, user) = (AccountId::new("family").unwrap(), UserId::new("ann").unwrap());
    let plan = PlanId::new("basic").unwrap();
    for asked in 1..=4 {
        rights.plan(&plan, view).await.unwrap_err();
        if asked > 1 {
            rights.subscriptions(&account, view).await.unwrap();
        }
        if asked > 2 {
            rights.grants(&user, view).await.unwrap();
        }
        if asked > 3 {
            rights.limits(&user, view).await.unwrap();
        }
    }
    let counted =
        || rights.figures().map(|(name, Figures { hits, misses, told, .. })| (name, hits, misses, told));
    assert_eq!(
        counted(),
        [
            ("plans", 3, 1, 0),
            ("subscriptions", 2, 1, 0),
            ("grants", 1, 1, 0),
            ("limits", 0, 1, 0),
            ("seats", 0, 0, 0)
        ]
    );
    rights.hear(&Stale::Plan(plan));
    rights.hear(&Stale::Subscriptions(account));
    rights.hear(&Stale::Limits(user));
    rights.hear(&Stale::Item(ItemId::new("film").unwrap()));
    let told = rights.figures().map(|(_, Figures { told, entries, .. })| (told, entries));
    assert_eq!(told, [(1, 0), (1, 0), (0, 1), (1, 0), (1, 0)]);
    rights.hear(&Stale::All);
    let told = rights.figures().map(|(_, Figures { told, entries, .. })| (told, entries));
    assert_eq!(told, [(2, 0), (2, 0), (1, 0), (2, 0), (2, 0)]);
}
