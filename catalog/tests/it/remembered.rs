//! What a check needs besides subscriptions and grants, who sits on which seat and what lies in which collection, is
//! remembered as they are: without the store it goes on, and what is written is known at once, here and on other nodes.

use std::{sync::Arc, time::Duration};

use playhead_catalog::Settings;
use playhead_proto::{
    catalog::v1::{self as catalog, GrantKind, Kind},
    entitlement::v1 as proto,
};
use playhead_store::durable::documents::Documents;

use crate::{
    rights::{CACHED, FRESH, by_grant, by_tier, grant, plan, subscription, ways},
    site::{Site, item},
    store::{DOWN, Line, UP},
    stores::{Stores, patience},
};

/// How soon a node knows what another one wrote.
const KNOWN_WITHIN: Duration = Duration::from_secs(1);

/// A film for whoever bought the collection that it is in, as ann did, and one for whoever sits on one of the family's
/// seats.
async fn stock(site: &Site) {
    let bought = ways(vec![by_grant(GrantKind::Purchase)]);
    site.put(catalog::Item { access: bought, ..item("bought", Kind::Movie, "", 0) }).await;
    site.put(catalog::Item { access: ways(vec![by_tier(1)]), ..item("paid", Kind::Movie, "", 0) }).await;
    site.put(item("best", Kind::Collection, "", 0)).await;
    site.grant(grant(GrantKind::Purchase, "best")).await.unwrap();
    site.put_plan(proto::Plan { by_seat: true, ..plan("team", 1) }).await.unwrap();
    site.subscribe(proto::Subscription { seats: 2, ..subscription("team") }).await.unwrap();
}

async fn hold(site: &Site, item_ids: &[&str]) {
    let item_ids = item_ids.iter().map(|&id| id.to_owned()).collect();
    let collection_id = "best".to_owned();
    let request = catalog::SetCollectionItemsRequest { collection_id, item_ids, ..Default::default() };
    site.catalog().set_collection_items(site.keep(request)).await.unwrap();
}

async fn seat(site: &Site) {
    let [account_id, subscription_id, user_id] = ["family", "s-1", "ann"].map(str::to_owned);
    let request = proto::AssignSeatRequest { account_id, subscription_id, user_id };
    site.rights().assign_seat(site.keep(request)).await.unwrap();
}

async fn unseat(site: &Site) {
    let [account_id, subscription_id, user_id] = ["family", "s-1", "ann"].map(str::to_owned);
    let request = proto::ReleaseSeatRequest { account_id, subscription_id, user_id };
    site.rights().release_seat(site.keep(request)).await.unwrap();
}

async fn both(site: &Site) -> [String; 2] {
    [site.ann_may("bought", CACHED).await, site.ann_may("paid", CACHED).await]
}

#[tokio::test(flavor = "multi_thread")]
async fn seats_and_collections_go_on_without_the_store() {
    let line = Line::up().await;
    let site = Site::on(Arc::clone(&line) as Arc<dyn Documents>, Settings::default()).await;
    stock(&site).await;
    hold(&site, &["bought"]).await;
    seat(&site).await;
    assert_eq!(both(&site).await, ["yes", "yes"]);
    line.state.send_replace(DOWN);
    site.later(Settings::default().cache_ttl_ms);
    assert_eq!(both(&site).await, ["yes", "yes"]);
    line.state.send_replace(UP);
    hold(&site, &[]).await;
    unseat(&site).await;
    assert_eq!(both(&site).await, ["NOT_PURCHASED", "NO_SEAT"], "what was written here is known here");
}

#[tokio::test(flavor = "multi_thread")]
async fn seats_and_collections_that_another_node_writes_are_known_in_a_moment() {
    let stores = Stores::fresh().await;
    let hots = [stores.hot.clone(), stores.hot_of_another_node().await];
    let [writer, reader] = hots.map(|hot| Site::node(stores.documents.clone(), hot));
    let (writer, reader) = (writer.await, reader.await);
    stock(&writer).await;
    assert_eq!(reader.ann_may("bought", FRESH).await, "NOT_PURCHASED");
    let known = async |expect: [&str; 2]| {
        let known = async { while both(&reader).await != expect {} };
        tokio::time::timeout(patience(KNOWN_WITHIN), known)
            .await
            .unwrap_or_else(|_| panic!("not {expect:?}"));
    };
    known(["NOT_PURCHASED", "NO_SEAT"]).await;
    hold(&writer, &["bought"]).await;
    seat(&writer).await;
    known(["yes", "yes"]).await;
    hold(&writer, &[]).await;
    unseat(&writer).await;
    known(["NOT_PURCHASED", "NO_SEAT"]).await;
}
