//! What a text finds: what a viewer may see of it, page by page, on the node that wrote and on others.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use playhead_catalog::{
    CatalogError, Settings,
    items::{Items, View, lists::Filter},
    page::PageRequest,
    records::{Records, item::change},
    search::FOUND_WITHIN,
    stale::Noted,
};
use playhead_proto::catalog::v1 as proto;
use playhead_store::{
    ItemId,
    catalog::{Item, Kind, Language, Status as Publication, Text},
    durable::{
        documents::Documents,
        embedded::{EmbeddedDurable, EmbeddedSettings},
    },
    hot::Stale,
};
use serde_json::json;
use tonic::{Code, Status};

use crate::{
    site::{BEGIN_MS, Site, ids, item, told},
    store::{DOWN, Line, UP},
    stores::{self, Stores},
};

fn titled(id: &str, kind: proto::Kind, title: &str) -> proto::Item {
    let text = proto::Text { language: "en".into(), title: title.into(), ..Default::default() };
    proto::Item { texts: vec![text], ..item(id, kind, "", 0) }
}

fn looked_for(query: &str) -> proto::SearchItemsRequest {
    proto::SearchItemsRequest { query: query.into(), ..Default::default() }
}

async fn search(
    site: &Site,
    request: proto::SearchItemsRequest,
) -> Result<proto::SearchItemsResponse, Status> {
    site.catalog().search_items(site.watch("ann", request)).await.map(tonic::Response::into_inner)
}

/// Waits until a viewer finds this and nothing else.
pub async fn finds(site: &Site, query: &str, expect: &[&str]) {
    let mut last = None;
    for _ in 0..100 {
        let found = search(site, looked_for(query)).await;
        if found.as_ref().is_ok_and(|found| ids(&found.items) == expect) {
            return;
        }
        last = Some(found);
        tokio::time::sleep(FOUND_WITHIN / 10).await;
    }
    panic!("{query}: {last:?}, expected {expect:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_finds_what_is_published_and_as_it_is_now() {
    let site = Site::start().await;
    site.put(titled("goblin", proto::Kind::Movie, "Goblin")).await;
    let draft = proto::PublicationStatus::Draft.into();
    site.put(proto::Item { status: draft, ..titled("draft", proto::Kind::Movie, "Goblin's draft") }).await;
    finds(&site, "goblin", &["goblin"]).await;
    finds(&site, "gobiln", &["goblin"]).await;
    let request = site.keep(looked_for("goblin"));
    let kept = site.catalog().search_items(request).await.unwrap().into_inner();
    assert_eq!(ids(&kept.items), ["goblin", "draft"], "whoever keeps the catalog sees drafts");
    site.put(titled("goblin", proto::Kind::Movie, "Guardian")).await;
    finds(&site, "goblin", &[]).await;
    finds(&site, "guardian", &["goblin"]).await;
    let delete = proto::DeleteItemRequest { id: "goblin".into(), ..Default::default() };
    site.catalog().delete_item(site.keep(delete)).await.unwrap();
    finds(&site, "guardian", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_hold_all_that_fits_once() {
    let site = Site::start().await;
    for number in 0..25 {
        let kind = if number % 5 == 0 { proto::Kind::Series } else { proto::Kind::Movie };
        site.put(titled(&format!("star-{number:02}"), kind, "Star")).await;
    }
    let all = looked_for("star");
    let whole = || proto::SearchItemsRequest { page_size: 100, ..all.clone() };
    while search(&site, whole()).await.unwrap().items.len() < 25 {
        tokio::time::sleep(FOUND_WITHIN / 10).await;
    }
    let (mut token, mut seen) = (String::new(), Vec::new());
    for _ in 0..10 {
        let request = proto::SearchItemsRequest {
            kind: proto::Kind::Movie.into(),
            page_size: 7,
            page_token: token,
            ..all.clone()
        };
        let page = search(&site, request).await.unwrap();
        seen.extend(page.items.into_iter().map(|item| item.id));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    let found = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!((found, seen.len()), (20, 20), "{seen:?}");
    assert!(token.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_looked_for_is_told() {
    let site = Site::start().await;
    finds(&site, "anything", &[]).await;
    for (request, field) in [
        (looked_for(""), "query"),
        (looked_for("  "), "query"),
        (looked_for(&"x".repeat(257)), "query"),
        (proto::SearchItemsRequest { page_size: 101, ..looked_for("x") }, "page_size"),
        (proto::SearchItemsRequest { page_token: "1.7a".into(), ..looked_for("x") }, "page_token"),
        // Tokens that no search gives: "x", and "1000", behind all that is found.
        (proto::SearchItemsRequest { page_token: "78.".into(), ..looked_for("x") }, "page_token"),
        (proto::SearchItemsRequest { page_token: "31303030.".into(), ..looked_for("x") }, "page_token"),
    ] {
        let (code, reason, fields) = told(&search(&site, request).await.unwrap_err());
        assert_eq!((code, &*reason, &*fields), (Code::InvalidArgument, "MALFORMED", &[field.to_owned()][..]));
    }
    search(&site, looked_for(&"x".repeat(256))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_found_is_narrowed() {
    let site = Site::start().await;
    let category = Some(proto::Category { id: "drama".into(), ..Default::default() });
    site.catalog().upsert_category(site.keep(proto::UpsertCategoryRequest { category })).await.unwrap();
    let rain = proto::Tag { group: "mood".into(), name: "rain".into() };
    let star = |id| titled(id, proto::Kind::Movie, "Star");
    site.put(proto::Item { category_ids: vec!["drama".into()], ..star("drama") }).await;
    site.put(proto::Item { tags: vec![rain.clone()], ..star("rain") }).await;
    site.put(titled("series", proto::Kind::Series, "Star")).await;
    site.put(star("plain")).await;
    let all = looked_for("star");
    while search(&site, all.clone()).await.unwrap().items.len() < 4 {
        tokio::time::sleep(FOUND_WITHIN / 10).await;
    }
    for (request, expect) in [
        (proto::SearchItemsRequest { category_id: "drama".into(), ..all.clone() }, "drama"),
        (proto::SearchItemsRequest { tag: Some(rain), ..all.clone() }, "rain"),
        (proto::SearchItemsRequest { kind: proto::Kind::Series.into(), ..all.clone() }, "series"),
    ] {
        assert_eq!(ids(&search(&site, request).await.unwrap().items), [expect]);
    }
}

/// Puts films of the same title where they rest, as another node does; those of every so many are not published.
async fn put_films(store: &EmbeddedDurable, count: usize, draft_every: usize) {
    let text = Text {
        language: Language::new("en").unwrap(),
        title: "Star".to_owned(),
        subtitle: String::new(),
        description: String::new(),
        image_url: String::new(),
    };
    let film = |number: usize| Item {
        status: if number.is_multiple_of(draft_every) { Publication::Draft } else { Publication::Published },
        texts: vec![text.clone()],
        ..Item::new(ItemId::new(&format!("film-{number:04}")).unwrap(), Kind::Movie)
    };
    let changes: Vec<_> = (1..=count).map(|number| change(None, &film(number)).unwrap()).collect();
    for some in changes.chunks(100) {
        store.put(some).await.unwrap();
    }
}

/// All that rests is read at start; a search finds a thousand of it, whatever of these viewers do not see.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_are_found_and_then_there_is_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(EmbeddedDurable::open(folder.path(), EmbeddedSettings::default()).unwrap());
    put_films(&store, 1_100, 5).await;
    let settings = Settings { store_ms_max: 60_000, ..Settings::default() };
    let site = Site::on(store as Arc<dyn Documents>, settings).await;
    while search(&site, looked_for("star")).await.is_err() {
        tokio::time::sleep(FOUND_WITHIN / 10).await;
    }
    for page_size in [20, 90, 99] {
        let (mut page_token, mut found) = (String::new(), Vec::new());
        loop {
            let request = proto::SearchItemsRequest { page_size, page_token, ..looked_for("star") };
            let page = search(&site, request).await.unwrap();
            found.extend(page.items.into_iter().map(|item| item.id));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        found.sort();
        found.dedup();
        assert_eq!(found.len(), 800, "in pages of {page_size}");
    }
}

/// Until all was read there is no answer, over either front; and it is tried until it can be read.
#[tokio::test(flavor = "multi_thread")]
async fn while_the_index_is_being_made_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(EmbeddedDurable::open(folder.path(), EmbeddedSettings::default()).unwrap());
    put_films(&store, 250, 1_000).await;
    let line = Line::to(store);
    line.state.send_replace(DOWN);
    let site = Site::on(line.clone() as Arc<dyn Documents>, Settings::default()).await;
    let refused = search(&site, looked_for("star")).await.unwrap_err();
    assert_eq!(told(&refused), (Code::Unavailable, "SEARCH_STARTING".into(), Vec::new()));
    let answer = site.get(&site.viewer("ann"), "/v1/items:search?query=star", &[]).await;
    assert_eq!((answer.status, &answer.json["error"]["code"]), (503, &"UNAVAILABLE".into()));
    assert_eq!(&answer.json["error"]["reason"], "SEARCH_STARTING");
    assert_eq!(
        (&answer.json["error"]["retry_after_ms"], answer.header("retry-after")),
        (&json!(1_000), "1".into())
    );
    line.state.send_replace(UP);
    let made = async {
        while search(&site, looked_for("star")).await.is_err() {
            tokio::time::sleep(FOUND_WITHIN).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), made).await.unwrap();
    let mut found = 0;
    for page in 0..3 {
        let page_token = if page == 0 { String::new() } else { token(page * 100) };
        let request = proto::SearchItemsRequest { page_size: 100, page_token, ..looked_for("star") };
        found += search(&site, request).await.unwrap().items.len();
    }
    assert_eq!(found, 250);
}

fn token(offset: usize) -> String {
    playhead_catalog::page::token(&offset.to_string())
}

/// A node that cannot read what others wrote tries again, however long it would look at nothing otherwise.
#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_read_again_is_read_later() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(EmbeddedDurable::open(folder.path(), EmbeddedSettings::default()).unwrap());
    let line = Line::to(store.clone());
    let records = Records::new(line.clone(), Settings::default().store_ms_max);
    let items = Arc::new(Items::new(records, Noted::default(), &Settings::default()));
    let keeping = {
        let items = Arc::clone(&items);
        tokio::spawn(async move { items.keep_searchable(Some(Duration::from_secs(3_600))).await })
    };
    let found = async || {
        let (filter, page) = (Filter::default(), PageRequest { size: 20, after: None });
        let view = View { sees_all: false, is_fresh: false, now_ms: BEGIN_MS };
        Ok::<_, CatalogError>(items.find("star", &filter, &page, view).await?.entries.len())
    };
    while found().await.is_err() {
        tokio::time::sleep(FOUND_WITHIN / 10).await;
    }
    put_films(&store, 3, 1_000).await;
    let reads = line.lists.load(Ordering::SeqCst);
    line.state.send_replace(DOWN);
    items.hear(&Stale::All);
    while line.lists.load(Ordering::SeqCst) == reads {
        tokio::time::sleep(FOUND_WITHIN / 10).await;
    }
    line.state.send_replace(UP);
    let again = async {
        while found().await.is_ok_and(|found| found == 0) {
            tokio::time::sleep(FOUND_WITHIN / 10).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), again).await.expect("it is tried again");
    assert_eq!(found().await.unwrap(), 3);
    keeping.abort();
}

/// Two nodes on one store: what one writes, the other finds when it looks again.
#[tokio::test(flavor = "multi_thread")]
async fn what_another_node_wrote_is_found() {
    let stores = Stores::fresh().await;
    let one = Site::on(stores.documents.clone(), stores::settings()).await;
    one.put(titled("before", proto::Kind::Movie, "Goblin")).await;
    let pause = Some(Duration::from_millis(50));
    let other = Site::looking_every(pause, stores.documents.clone(), stores::settings()).await;
    finds(&other, "goblin", &["before"]).await;
    one.put(titled("later", proto::Kind::Movie, "Goblin Goblin")).await;
    let request = || async { search(&other, looked_for("goblin")).await.unwrap() };
    for _ in 0..100 {
        if request().await.items.len() == 2 {
            return;
        }
        tokio::time::sleep(FOUND_WITHIN / 10).await;
    }
    panic!("{:?}", request().await);
}
