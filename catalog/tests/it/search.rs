//! What a text finds: what a viewer may see of it, page by page, on the node that wrote and on others.

use std::{sync::Arc, time::Duration};

use playhead_catalog::{Settings, search::FOUND_WITHIN};
use playhead_proto::catalog::v1 as proto;
use playhead_store::durable::{
    documents::Documents,
    embedded::{EmbeddedDurable, EmbeddedSettings},
};
use tonic::{Code, Status};

use crate::site::{Site, ids, item, told};

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
    ] {
        let (code, reason, fields) = told(&search(&site, request).await.unwrap_err());
        assert_eq!((code, &*reason, &*fields), (Code::InvalidArgument, "MALFORMED", &[field.to_owned()][..]));
    }
}

/// Two nodes on one store: what one writes, the other finds when it looks again.
#[tokio::test(flavor = "multi_thread")]
async fn what_another_node_wrote_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let store: Arc<dyn Documents> =
        Arc::new(EmbeddedDurable::open(dir.path(), EmbeddedSettings::default()).unwrap());
    let one = Site::on(Arc::clone(&store), Settings::default()).await;
    one.put(titled("before", proto::Kind::Movie, "Goblin")).await;
    let other = Site::looking_every(Some(Duration::from_millis(50)), store, Settings::default()).await;
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
