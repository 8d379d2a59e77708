//! Items: written, read, listed, walked through, deleted and brought back.

use playhead_proto::catalog::v1::{self as proto, Kind};
use prost_types::FieldMask;
use tonic::Code;

use crate::site::{BEGIN_MS, Site, ids, item, told};

/// A course of two versions, the second published with two modules of lessons.
async fn with_course(site: &Site) {
    let version = |id: &str, number| proto::Item {
        version: Some(proto::Version { number, changelog: String::new() }),
        ..item(id, Kind::Version, "course", 0)
    };
    site.put(proto::Item {
        texts: vec![text("en", "Rust"), text("ko", "러스트")],
        ..item("course", Kind::Course, "", 0)
    })
    .await;
    site.put(version("v1", 1)).await;
    site.put(version("v2", 2)).await;
    let draft = proto::PublicationStatus::PendingReview.into();
    site.put(proto::Item { status: draft, ..version("v3", 3) }).await;
    for (module, order) in [("m2", 20), ("m1", 10)] {
        site.put(item(module, Kind::Module, "v2", order)).await;
    }
    for (lesson, module, order) in [("l1", "m1", 1), ("l2", "m1", 2), ("l3", "m2", 1)] {
        site.put(item(lesson, Kind::Lesson, module, order)).await;
    }
    site.put(item("old", Kind::Lesson, "v1", 1)).await;
}

fn text(language: &str, title: &str) -> proto::Text {
    proto::Text { language: language.into(), title: title.into(), ..proto::Text::default() }
}

async fn get(site: &Site, user: &str, id: &str) -> Result<proto::Item, (Code, String, Vec<String>)> {
    let request = site.watch(user, proto::GetItemRequest { id: id.into(), ..Default::default() });
    let answer = site.catalog().get_item(request).await;
    answer.map(|answer| answer.into_inner().item.unwrap()).map_err(|status| told(&status))
}

async fn upsert(site: &Site, item: proto::Item) -> Result<proto::Item, (Code, String, Vec<String>)> {
    let request = proto::UpsertItemRequest { item: Some(item), update_mask: None };
    let answer = site.catalog().upsert_item(site.keep(request)).await;
    answer.map(|answer| answer.into_inner().item.unwrap()).map_err(|status| told(&status))
}

async fn children(site: &Site, user: &str, parent: &str) -> Vec<String> {
    let (mut found, mut page_token) = (Vec::new(), String::new());
    loop {
        let parent_id = parent.to_owned();
        let request =
            proto::ListChildrenRequest { parent_id, page_size: 2, page_token, ..Default::default() };
        let request = if user.is_empty() { site.keep(request) } else { site.watch(user, request) };
        let page = site.catalog().list_children(request).await.unwrap().into_inner();
        found.extend(page.items.into_iter().map(|item| item.id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return found;
        }
    }
}

fn shape(node: &proto::TreeNode) -> String {
    let id = &node.item.as_ref().unwrap().id;
    match node.children.is_empty() {
        true => id.clone(),
        false => format!("{id}({})", node.children.iter().map(shape).collect::<Vec<_>>().join(" ")),
    }
}

async fn tree(site: &Site, user: &str, id: &str) -> String {
    let request = proto::GetTreeRequest { id: id.into(), ..Default::default() };
    let request = if user.is_empty() { site.keep(request) } else { site.watch(user, request) };
    shape(&site.catalog().get_tree(request).await.unwrap().into_inner().root.unwrap())
}

async fn next(site: &Site, id: &str, collection: &str) -> String {
    let (id, collection_id) = (id.to_owned(), collection.to_owned());
    let request = proto::NextItemRequest { id, collection_id, ..Default::default() };
    let answer = site.catalog().next_item(site.watch("ann", request)).await.unwrap().into_inner();
    answer.item.map(|item| item.id).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_published_course_is_read_as_a_tree_in_a_language() {
    let site = Site::start().await;
    with_course(&site).await;
    assert_eq!(tree(&site, "ann", "course").await, "course(v2(m1(l1 l2) m2(l3)))");
    assert_eq!(tree(&site, "", "course").await, "course(v1(old) v2(m1(l1 l2) m2(l3)) v3)");
    assert_eq!(children(&site, "ann", "course").await, ["v2"]);
    assert_eq!(children(&site, "", "course").await, ["v1", "v2", "v3"]);
    assert_eq!(children(&site, "ann", "v2").await, ["m1", "m2"]);
    assert_eq!(
        get(&site, "ann", "old").await.unwrap().id,
        "old",
        "who is enrolled in an earlier one goes on"
    );
    for (languages, title) in [(vec!["ko-KR"], "러스트"), (vec!["fr", "en"], "Rust"), (vec!["fr"], "Rust")]
    {
        let languages = languages.into_iter().map(str::to_owned).collect();
        let request =
            proto::GetTreeRequest { id: "course".into(), depth: 1, languages, ..Default::default() };
        let root =
            site.catalog().get_tree(site.watch("ann", request)).await.unwrap().into_inner().root.unwrap();
        assert_eq!(root.item.unwrap().texts, [text(if title == "Rust" { "en" } else { "ko" }, title)]);
        assert_eq!(
            shape(&proto::TreeNode {
                item: Some(item("course", Kind::Course, "", 0)),
                children: root.children
            }),
            "course(v2)"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_lesson_is_in_this_module_or_the_next_and_in_no_other_version() {
    let site = Site::start().await;
    with_course(&site).await;
    for (id, expect) in [("l1", "l2"), ("l2", "l3"), ("l3", ""), ("old", "")] {
        assert_eq!(next(&site, id, "").await, expect, "after {id}");
    }
    for (id, kind, parent, order) in [
        ("series", Kind::Series, "", 0),
        ("s1", Kind::Season, "series", 1),
        ("s2", Kind::Season, "series", 2),
        ("s1e1", Kind::Episode, "s1", 1),
        ("s1e2", Kind::Episode, "s1", 2),
        ("s2e1", Kind::Episode, "s2", 1),
        ("film", Kind::Movie, "", 0),
        ("other film", Kind::Movie, "", 0),
    ] {
        site.put(item(id, kind, parent, order)).await;
    }
    for (id, expect) in [("s1e1", "s1e2"), ("s1e2", "s2e1"), ("s2e1", ""), ("film", "")] {
        assert_eq!(next(&site, id, "").await, expect, "after {id}");
    }
    let draft = proto::PublicationStatus::Draft.into();
    site.put(proto::Item { status: draft, ..item("s1e2", Kind::Episode, "s1", 2) }).await;
    assert_eq!(next(&site, "s1e1", "").await, "s2e1", "what is not published is passed over");
}

#[tokio::test(flavor = "multi_thread")]
async fn viewers_see_what_is_published_and_not_where_it_is() {
    let site = Site::start().await;
    let secret = "0123456789abcdef".to_owned();
    let asset = proto::Asset {
        id: "main".into(),
        kind: 1,
        url: "https://cdn.example/m.m3u8".into(),
        ..Default::default()
    };
    let external = proto::ExternalId { system: "ott".into(), id: "7".into() };
    let film = proto::Item {
        assets: vec![asset],
        external_ids: vec![external.clone()],
        share_token: secret.clone(),
        ..item("film", Kind::Movie, "", 0)
    };
    let written = site.put(film.clone()).await;
    assert_eq!((written.assets.len(), written.created_at_ms, written.etag.as_str()), (1, BEGIN_MS, "v1"));
    let seen = get(&site, "ann", "film").await.unwrap();
    assert_eq!((seen.assets.len(), seen.external_ids.len(), seen.share_token.as_str()), (0, 0, ""));
    let named = async |by_service: bool, request: proto::GetItemRequest| {
        let request = if by_service { site.keep(request) } else { site.watch("ann", request) };
        site.catalog().get_item(request).await.map(|answer| answer.into_inner().item.unwrap().id).ok()
    };
    let called = proto::GetItemRequest { external_id: Some(external), ..Default::default() };
    let shared = proto::GetItemRequest { share_token: secret, ..Default::default() };
    assert_eq!(named(true, called.clone()).await.as_deref(), Some("film"));
    assert_eq!(named(false, called).await, None, "other systems' names are not for viewers");
    assert_eq!(named(false, shared.clone()).await.as_deref(), Some("film"));
    let draft = proto::PublicationStatus::Draft.into();
    site.put(proto::Item { status: draft, ..film }).await;
    assert_eq!(get(&site, "ann", "film").await.unwrap_err().0, Code::NotFound);
    assert_eq!(named(false, shared).await, None);
    assert_eq!(
        named(true, proto::GetItemRequest { id: "film".into(), ..Default::default() }).await.as_deref(),
        Some("film")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_says_what_it_came_to() {
    let site = Site::start().await;
    let write = async |order: i32| {
        let item = Some(proto::Item { order, ..item("film", Kind::Movie, "", 0) });
        let request = site.keep(proto::UpsertItemRequest { item, update_mask: None });
        site.catalog().upsert_item(request).await.unwrap().into_inner().outcome()
    };
    let (created, changed) = (proto::WriteOutcome::Created, proto::WriteOutcome::Changed);
    let unchanged = proto::WriteOutcome::Unchanged;
    let outcomes = [write(1).await, write(1).await, write(2).await, write(2).await, write(1).await];
    assert_eq!(outcomes, [created, unchanged, changed, unchanged, changed]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_needs_the_etag_that_it_names_and_says_nothing_twice() {
    let site = Site::start().await;
    let film = item("film", Kind::Movie, "", 0);
    let first = site.put(film.clone()).await;
    site.clock.fetch_add(1_000, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(site.put(film.clone()).await, first, "what says the same is not written again");
    let changed = proto::Item { order: 5, etag: first.etag.clone(), ..film.clone() };
    let second = upsert(&site, changed.clone()).await.unwrap();
    assert_eq!((second.order, second.created_at_ms, second.updated_at_ms), (5, BEGIN_MS, BEGIN_MS + 1_000));
    assert_eq!(
        upsert(&site, proto::Item { order: 6, ..changed }).await,
        Err((Code::Aborted, "CHANGED".into(), vec![]))
    );
    let again = proto::Item { etag: first.etag.clone(), order: 5, ..film.clone() };
    assert_eq!(upsert(&site, again).await, Ok(second), "made again");
    let unknown = proto::Item { etag: "7".into(), ..film.clone() };
    assert_eq!(upsert(&site, unknown).await.unwrap_err().2, ["etag"]);
    let elsewhere = proto::Item { etag: "v1".into(), ..item("nowhere", Kind::Movie, "", 0) };
    assert_eq!(
        upsert(&site, elsewhere).await.unwrap_err().0,
        Code::Aborted,
        "with an etag it has to be there"
    );
    let request = proto::UpsertItemRequest {
        item: Some(proto::Item { duration_ms: Some(9), order: 7, ..item("film", Kind::Unspecified, "", 0) }),
        update_mask: Some(FieldMask { paths: vec!["duration_ms".into()] }),
    };
    let masked = site.catalog().upsert_item(site.keep(request)).await.unwrap().into_inner().item.unwrap();
    assert_eq!((masked.duration_ms, masked.order, masked.kind()), (Some(9), 5, Kind::Movie));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_refused_by_its_field() {
    let site = Site::start().await;
    with_course(&site).await;
    let refused = async |item: proto::Item| {
        let (code, reason, fields) = upsert(&site, item).await.unwrap_err();
        assert_eq!((code, reason.as_str()), (Code::InvalidArgument, "MALFORMED"));
        fields.concat()
    };
    assert_eq!(refused(item("", Kind::Movie, "", 0)).await, "item.id");
    assert_eq!(refused(item("x", Kind::Unspecified, "", 0)).await, "item.kind");
    assert_eq!(refused(item("course", Kind::Series, "", 0)).await, "item.kind");
    assert_eq!(refused(item("x", Kind::Season, "", 0)).await, "item.parent_id");
    assert_eq!(refused(item("x", Kind::Lesson, "nowhere", 0)).await, "item.parent_id");
    assert_eq!(refused(item("x", Kind::Episode, "m1", 0)).await, "item.parent_id");
    assert_eq!(
        refused(proto::Item { duration_ms: Some(-1), ..item("x", Kind::Movie, "", 0) }).await,
        "item.duration_ms"
    );
    site.put(item("a", Kind::Folder, "", 0)).await;
    site.put(item("b", Kind::Folder, "a", 0)).await;
    assert_eq!(refused(item("a", Kind::Folder, "b", 0)).await, "item.parent_id", "no rings");
    let mut parent = "b".to_owned();
    for above in 2..=9 {
        let id = format!("below {above}");
        let is_too_deep = above == 9;
        let outcome = upsert(&site, item(&id, Kind::Folder, &parent, 0)).await;
        assert_eq!(outcome.is_err(), is_too_deep, "{above}: {outcome:?}");
        parent = id;
    }
    let called = |id: &str| proto::Item {
        external_ids: vec![proto::ExternalId { system: "lms".into(), id: "1".into() }],
        ..item(id, Kind::Movie, "", 0)
    };
    upsert(&site, called("one")).await.unwrap();
    upsert(&site, called("one")).await.unwrap();
    let (code, reason, fields) = upsert(&site, called("two")).await.unwrap_err();
    assert_eq!(
        (code, reason.as_str(), fields.concat().as_str()),
        (Code::AlreadyExists, "TAKEN", "external_ids")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_takes_what_lies_below_and_brings_it_back() {
    let site = Site::start().await;
    with_course(&site).await;
    let delete = async |id: &str, cascade| {
        let request = proto::DeleteItemRequest { id: id.into(), cascade, ..Default::default() };
        site.catalog().delete_item(site.keep(request)).await.map(drop).map_err(|status| told(&status))
    };
    let undelete = async |id: &str| {
        let request = proto::UndeleteItemRequest { id: id.into(), etag: String::new() };
        site.catalog().undelete_item(site.keep(request)).await.map(drop).map_err(|status| told(&status))
    };
    let state = |reason: &str| Err((Code::FailedPrecondition, reason.to_owned(), vec![]));
    assert_eq!(delete("m1", false).await, state("HAS_CHILDREN"));
    assert_eq!(delete("l2", false).await, Ok(()));
    assert_eq!(tree(&site, "ann", "v2").await, "v2(m1(l1) m2(l3))");
    assert_eq!(delete("v2", true).await, Ok(()));
    assert_eq!(delete("v2", true).await, Ok(()), "safe to repeat");
    assert_eq!(tree(&site, "ann", "course").await, "course(v1(old))", "the one before is the latest now");
    for id in ["v2", "m1", "l1"] {
        assert_eq!(get(&site, "ann", id).await.unwrap_err().0, Code::NotFound, "{id}");
    }
    assert_eq!(upsert(&site, item("l1", Kind::Lesson, "m1", 9)).await.unwrap_err().1, "DELETED");
    assert_eq!(upsert(&site, item("new", Kind::Lesson, "m1", 9)).await.unwrap_err().2, ["item.parent_id"]);
    assert_eq!(undelete("m1").await, state("DELETED_WITH_ANOTHER"));
    assert_eq!(undelete("v2").await, Ok(()));
    assert_eq!(undelete("v2").await, Ok(()), "safe to repeat");
    assert_eq!(
        tree(&site, "ann", "course").await,
        "course(v2(m1(l1) m2(l3)))",
        "what was deleted before stays so"
    );
    assert_eq!(undelete("l2").await, Ok(()));
    assert_eq!(tree(&site, "ann", "course").await, "course(v2(m1(l1 l2) m2(l3)))");
    assert_eq!(delete("nowhere", true).await.unwrap_err().0, Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn items_are_listed_by_what_they_are() {
    let site = Site::start().await;
    let tag = |name: &str| proto::Tag { group: "skill".into(), name: name.into() };
    for n in 0..30 {
        let status =
            if n % 3 == 0 { proto::PublicationStatus::Draft } else { proto::PublicationStatus::Published };
        let recording = proto::Item {
            category_ids: if n % 2 == 0 { vec!["even".into()] } else { Vec::new() },
            tags: if n % 5 == 0 { vec![tag("five")] } else { Vec::new() },
            status: status.into(),
            ..item(&format!("r{n:02}"), Kind::Recording, "", n)
        };
        site.put(recording).await;
    }
    site.put(item("clip", Kind::Clip, "", 0)).await;
    let list = async |by_service: bool, request: proto::ListItemsRequest| {
        let (mut found, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = proto::ListItemsRequest { page_size: 4, page_token, ..request.clone() };
            let request = if by_service { site.keep(request) } else { site.watch("ann", request) };
            let page = site.catalog().list_items(request).await.unwrap().into_inner();
            assert!(page.items.len() <= 4);
            found.extend(ids(&page.items).into_iter().map(str::to_owned));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return found;
            }
        }
    };
    let expect =
        |fits: fn(i32) -> bool| (0..30).filter(|n| fits(*n)).map(|n| format!("r{n:02}")).collect::<Vec<_>>();
    let any = proto::ListItemsRequest::default;
    let recordings = proto::ListItemsRequest { kind: Kind::Recording.into(), ..any() };
    assert_eq!(list(true, recordings.clone()).await, expect(|_| true));
    assert_eq!(list(false, recordings.clone()).await, expect(|n| n % 3 != 0));
    let even = proto::ListItemsRequest { category_id: "even".into(), ..any() };
    assert_eq!(list(true, even.clone()).await, expect(|n| n % 2 == 0));
    let both = proto::ListItemsRequest { tag: Some(tag("five")), ..even };
    assert_eq!(list(true, both).await, expect(|n| n % 10 == 0));
    let drafts = proto::ListItemsRequest { status: proto::PublicationStatus::Draft.into(), ..recordings };
    assert_eq!(list(true, drafts.clone()).await, expect(|n| n % 3 == 0));
    assert_eq!(list(false, drafts).await, Vec::<String>::new());
    assert_eq!(list(true, any()).await.len(), 31);
    let request = proto::DeleteItemRequest { id: "r01".into(), ..Default::default() };
    site.catalog().delete_item(site.keep(request)).await.unwrap();
    assert_eq!(list(true, any()).await.len(), 30);
    assert_eq!(list(true, proto::ListItemsRequest { show_deleted: true, ..any() }).await.len(), 31);
    let mut moved = item("r02", Kind::Recording, "", 2);
    moved.category_ids = vec!["odd".into()];
    site.put(moved).await;
    assert_eq!(list(true, proto::ListItemsRequest { category_id: "odd".into(), ..any() }).await, ["r02"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_holds_its_items_in_its_order() {
    let site = Site::start().await;
    for id in ["a", "b", "c"] {
        site.put(item(id, Kind::Recording, "", 0)).await;
    }
    site.put(item("best", Kind::Collection, "", 0)).await;
    let set = async |ids: &[&str], etag: &str| {
        let item_ids = ids.iter().map(|&id| id.to_owned()).collect();
        let request =
            proto::SetCollectionItemsRequest { collection_id: "best".into(), item_ids, etag: etag.into() };
        let answer = site.catalog().set_collection_items(site.keep(request)).await;
        answer.map(|answer| answer.into_inner().etag).map_err(|status| told(&status))
    };
    let held = async |user: &str| {
        let request =
            proto::ListCollectionItemsRequest { collection_id: "best".into(), ..Default::default() };
        let answer =
            site.catalog().list_collection_items(site.watch(user, request)).await.unwrap().into_inner();
        ids(&answer.items).join(" ")
    };
    assert_eq!(held("ann").await, "");
    assert_eq!(set(&["c", "a", "b"], "").await.unwrap(), "v1");
    assert_eq!(held("ann").await, "c a b");
    assert_eq!((next(&site, "c", "best").await, next(&site, "b", "best").await), ("a".into(), String::new()));
    assert_eq!(set(&["b"], "v9").await.unwrap_err().0, Code::Aborted);
    assert_eq!(set(&["b", "nowhere"], "").await.unwrap_err().2, ["item_ids[1]"]);
    assert_eq!(set(&["b", "b"], "").await.unwrap_err().2, ["item_ids[1]"]);
    assert_eq!(set(&["b", "c"], "v1").await.unwrap(), "v2");
    let draft = proto::PublicationStatus::Draft.into();
    site.put(proto::Item { status: draft, ..item("b", Kind::Recording, "", 0) }).await;
    assert_eq!(held("ann").await, "c", "what is not published is passed over");
    let request = proto::SetCollectionItemsRequest { collection_id: "a".into(), ..Default::default() };
    let refused = site.catalog().set_collection_items(site.keep(request)).await.unwrap_err();
    assert_eq!(told(&refused).0, Code::NotFound, "no collection");
}

#[tokio::test(flavor = "multi_thread")]
async fn categories_are_a_tree() {
    let site = Site::start().await;
    let put = async |id: &str, parent: &str, order| {
        let category = proto::Category {
            id: id.into(),
            parent_id: parent.into(),
            order,
            texts: vec![text("ko", id)],
            ..Default::default()
        };
        let request = proto::UpsertCategoryRequest { category: Some(category) };
        site.catalog().upsert_category(site.keep(request)).await.map(drop).map_err(|status| told(&status))
    };
    for (id, parent, order) in [("z", "", 1), ("a", "", 2), ("z2", "z", 2), ("z1", "z", 1), ("z1a", "z1", 0)]
    {
        put(id, parent, order).await.unwrap();
    }
    let request = proto::ListCategoriesRequest { languages: vec!["ko".into()] };
    let all =
        site.catalog().list_categories(site.watch("ann", request)).await.unwrap().into_inner().categories;
    assert_eq!(
        all.iter().map(|category| category.id.as_str()).collect::<Vec<_>>(),
        ["z", "z1", "z1a", "z2", "a"]
    );
    assert_eq!(put("x", "nowhere", 0).await.unwrap_err().2, ["category.parent_id"]);
    assert_eq!(put("z", "z1a", 0).await.unwrap_err().2, ["category.parent_id"], "no rings");
}
