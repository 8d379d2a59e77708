//! How far a viewer is through a container.

use std::sync::Arc;

use playhead_catalog::Settings;
use playhead_store::{
    durable::embedded::{EmbeddedDurable, EmbeddedSettings},
    progress::CompleteBy,
};
use tonic::Status;

use super::*;

/// A course: two modules of two lessons, something to read, and a lesson that is being made.
async fn put_course(site: &Site) {
    site.put(item("course", Kind::Course, "", 0)).await;
    for (module, order) in [("module-1", 1), ("module-2", 2)] {
        site.put(item(module, Kind::Module, "course", order)).await;
    }
    for (lesson, module, order) in
        [("l1", "module-1", 1), ("l2", "module-1", 2), ("l3", "module-2", 1), ("l4", "module-2", 2)]
    {
        site.put(leaf(lesson, Kind::Lesson, module, order)).await;
    }
    site.put(item("text", Kind::Reading, "module-2", 3)).await;
    let draft = catalog::PublicationStatus::Draft.into();
    site.put(catalog::Item { status: draft, ..leaf("l5", Kind::Lesson, "module-2", 4) }).await;
}

async fn of(site: &Site, token: &str, user: &str, item: &str) -> Result<proto::GetProgressResponse, Status> {
    let (user_id, item_id) = (user.into(), item.into());
    let request = proto::GetProgressRequest { user_id, item_id, ..Default::default() };
    site.screens().get_progress(by(token, request)).await.map(tonic::Response::into_inner)
}

/// How far ann is, as she sees it.
async fn anns(site: &Site, item: &str) -> (proto::Progress, Vec<proto::LeafProgress>) {
    let answer = of(site, &site.viewer("ann"), "", item).await.unwrap();
    assert_eq!(answer.next_page_token, "");
    let progress = answer.progress.unwrap();
    assert_eq!((progress.user_id.as_str(), progress.item_id.as_str()), ("ann", item));
    (progress, answer.leaves)
}

fn count(progress: &proto::Progress) -> (u32, u32, u32, bool) {
    (progress.leaves_done, progress.leaves, progress.percent, progress.complete)
}

#[tokio::test(flavor = "multi_thread")]
async fn by_position_a_course_is_complete_when_the_last_lesson_is() {
    let site = Site::beside_an_engine().await;
    put_course(&site).await;
    let (progress, leaves) = anns(&site, "course").await;
    assert_eq!(count(&progress), (0, 4, 0, false));
    assert_eq!((progress.complete_by(), progress.last_at_ms), (proto::CompleteBy::Position, None));
    let names: Vec<&str> = leaves.iter().map(|leaf| leaf.item_id.as_str()).collect();
    assert_eq!(names, ["l1", "l2", "l3", "l4"], "what can be played and is published, in its order");

    at(&site, "ann", "l1", 1, 250_000).await;
    at(&site, "ann", "l2", 1, 980_000).await;
    mark(&site, "ann", "l3", true).await;
    let (progress, leaves) = anns(&site, "course").await;
    assert_eq!(count(&progress), (2, 4, 50, false));
    assert_eq!((progress.completed_at_ms, progress.last_at_ms), (None, Some(BEGIN_MS + 2_000)));
    let [l1, l2, l3, l4] = &*leaves else { panic!("{leaves:?}") };
    assert_eq!(
        (l1.position_ms, l1.fraction, l1.done, l1.done_at_ms),
        (Some(250_000), Some(0.25), false, None)
    );
    assert_eq!((l1.duration_ms, l1.last_at_ms, l1.watched_ms), (Some(LENGTH_MS), Some(BEGIN_MS), None));
    assert_eq!((l2.fraction, l2.done, l2.done_at_ms), (Some(1.0), true, Some(BEGIN_MS + 1_000)));
    assert_eq!((l3.position_ms, l3.done, l3.done_at_ms), (None, true, Some(BEGIN_MS + 2_000)));
    assert_eq!((l4.position_ms, l4.fraction, l4.done, l4.last_at_ms), (None, Some(0.0), false, None));
    assert_eq!(count(&anns(&site, "module-1").await.0), (1, 2, 50, false), "a module by itself");
    assert_eq!(count(&anns(&site, "l2").await.0), (1, 1, 100, true), "a lesson by itself");
    assert_eq!(count(&anns(&site, "text").await.0), (0, 0, 0, false), "what is read does not count");

    at(&site, "ann", "l1", 2, 990_000).await;
    at(&site, "ann", "l4", 1, 960_000).await;
    at(&site, "ann", "l2", 2, 20_000).await;
    let (progress, _) = anns(&site, "course").await;
    assert_eq!(count(&progress), (4, 4, 100, true), "beginning a lesson again undoes nothing");
    assert_eq!(progress.completed_at_ms, Some(BEGIN_MS + 4_000));
    let collection = catalog::SetCollectionItemsRequest {
        collection_id: "path".into(),
        item_ids: ["l1", "module-1", "module-2"].map(String::from).to_vec(),
        ..Default::default()
    };
    site.put(item("path", Kind::Collection, "", 0)).await;
    site.put(leaf("l6", Kind::Lesson, "module-2", 9)).await;
    site.catalog().set_collection_items(site.keep(collection)).await.unwrap();
    let (progress, leaves) = anns(&site, "path").await;
    assert_eq!(count(&progress), (4, 5, 80, false), "each once, and a new one is not done");
    assert_eq!(leaves.last().unwrap().item_id, "l6");
}

#[tokio::test(flavor = "multi_thread")]
async fn by_watched_neither_a_jump_nor_a_mark_is_enough_and_parts_add_up() {
    let settings = Settings { complete_by: CompleteBy::Watched, ..Settings::default() };
    let site = Site::beside(None, settings).await;
    put_course(&site).await;
    at(&site, "ann", "l1", 1, 0).await;
    at(&site, "ann", "l1", 2, 990_000).await;
    mark(&site, "ann", "l1", true).await;
    let (progress, leaves) = anns(&site, "module-1").await;
    assert_eq!((count(&progress), progress.complete_by()), ((0, 2, 0, false), proto::CompleteBy::Watched));
    assert_eq!((leaves[0].done, leaves[0].position_ms), (false, Some(990_000)));
    assert_eq!((leaves[0].watched_ms, leaves[0].fraction), (Some(0), Some(0.0)));
    assert_eq!((leaves[0].first_at_ms, progress.first_at_ms), (Some(BEGIN_MS), Some(BEGIN_MS)));

    // Two sessions, on two devices as it were, that overlap.
    for (session, parts) in [("a", [0, 600_000]), ("b", [400_000, 1_000_000])] {
        for (seq, position_ms) in (1..).zip(parts) {
            let body = json!({
                "session": { "session_id": session, "item_id": "l2", "duration_ms": LENGTH_MS },
                "events": [{ "kind": "BEAT", "seq": seq, "position_ms": position_ms, "state": "PLAYING" }],
            });
            assert_eq!(site.post(&site.viewer("ann"), "/v1/events", &body).await.0, 200);
            site.later(600_000);
        }
        let (progress, leaves) = anns(&site, "module-1").await;
        let watched = (leaves[1].watched_ms, leaves[1].done);
        match session {
            "a" => assert_eq!((watched, count(&progress)), ((Some(600_000), false), (0, 2, 0, false))),
            _ => assert_eq!((watched, count(&progress)), ((Some(1_000_000), true), (1, 2, 50, false))),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_leaves_follow_each_other_beside_the_same_figures() {
    let site = Site::beside_an_engine().await;
    put_course(&site).await;
    mark(&site, "ann", "l4", true).await;
    let (mut seen, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = proto::GetProgressRequest {
            item_id: "course".into(),
            page_size: 3,
            page_token,
            ..Default::default()
        };
        let answer = site.screens().get_progress(site.watch("ann", request)).await.unwrap().into_inner();
        assert_eq!(count(&answer.progress.unwrap()), (1, 4, 25, false));
        seen.extend(answer.leaves.into_iter().map(|leaf| leaf.item_id));
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, ["l1", "l2", "l3", "l4"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_it_is_of_what_viewers_see() {
    let site = Site::beside_an_engine().await;
    put_course(&site).await;
    mark(&site, "ann", "l1", true).await;
    for token in [site.service("playback:read"), site.admin()] {
        let answer = of(&site, &token, "ann", "course").await.unwrap();
        assert_eq!(count(&answer.progress.unwrap()), (1, 4, 25, false));
        assert_eq!(told(&of(&site, &token, "ann", "l5").await.unwrap_err()).0, Code::NotFound);
        assert_eq!(told(&of(&site, &token, "", "course").await.unwrap_err()).2, ["user_id"]);
    }
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedDurable::open(folder.path(), EmbeddedSettings::default()).unwrap();
    let alone = Site::on(Arc::new(store), Settings::default()).await;
    alone.put(item("course", Kind::Course, "", 0)).await;
    let refused = of(&alone, &alone.viewer("ann"), "", "course").await.unwrap_err();
    assert_eq!(told(&refused), (Code::FailedPrecondition, "NO_POSITIONS".into(), Vec::new()));
}
