//! How far a viewer is through a container.

use std::{sync::Arc, time::Duration};

use playhead_catalog::{Settings, records::item::change};
use playhead_store::{
    AccountId, Clock, Description, DeviceId, Event, EventKind, ItemId, ItemKind, Playable, SeqOrder,
    SessionId, SessionKey, UserId,
    catalog::{Item, Kind as StoredKind, Status as Publication},
    durable::{
        SessionWrite, WriteBatch,
        documents::Documents,
        embedded::{EmbeddedDurable, EmbeddedSettings},
    },
    position::{PositionRuleBook, PositionRules},
    progress::CompleteBy,
};
use tonic::Status;

use super::*;
use crate::{
    store::{DOWN, Line, SLOW, STUCK, UP},
    stores,
};

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
    let settings = Settings { complete_by: CompleteBy::Watched, ..stores::settings() };
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
    let alone = Site::alone().await;
    alone.put(item("course", Kind::Course, "", 0)).await;
    let refused = of(&alone, &alone.viewer("ann"), "", "course").await.unwrap_err();
    assert_eq!(told(&refused), (Code::FailedPrecondition, "NO_POSITIONS".into(), Vec::new()));
}

/// What ann played of a lesson, from its beginning on, in a session of the lesson's own.
async fn plays(site: &Site, item: &str, through_ms: i64) {
    for (seq, position_ms) in [(1, 0), (2, through_ms)] {
        let body = json!({
            "session": { "session_id": format!("s-{item}"), "item_id": item, "duration_ms": LENGTH_MS },
            "events": [{ "kind": "BEAT", "seq": seq, "position_ms": position_ms, "state": "PLAYING" }],
        });
        assert_eq!(site.post(&site.viewer("ann"), "/v1/events", &body).await.0, 200);
        site.later(through_ms);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn by_watched_what_is_enough_is_of_what_lies_before_the_credits_and_as_the_kinds_rules_say() {
    let mut rules = PositionRuleBook::default();
    rules.set(ItemKind::Lesson, PositionRules { watched_percent: 50, ..PositionRules::default() });
    let site =
        Site::beside(None, Settings { complete_by: CompleteBy::Watched, rules, ..Settings::default() }).await;
    site.put(item("course", Kind::Course, "", 0)).await;
    let with_credits = |id, kind| catalog::Item { credits_ms: Some(800_000), ..leaf(id, kind, "course", 1) };
    site.put(with_credits("lesson", Kind::Lesson)).await;
    site.put(with_credits("movie", Kind::Movie)).await;
    plays(&site, "lesson", 400_000).await;
    plays(&site, "movie", 400_000).await;
    let (progress, leaves) = anns(&site, "course").await;
    assert_eq!(count(&progress), (1, 2, 50, false));
    let told: Vec<_> = leaves.iter().map(|leaf| (&*leaf.item_id, leaf.fraction, leaf.done)).collect();
    assert_eq!(told, [("lesson", Some(0.5), true), ("movie", Some(0.5), false)]);
}

/// Positions are there, and half a course has no per cent.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_catalog_there_are_no_figures_and_it_is_told_in_time() {
    let line = Line::up().await;
    let settings =
        Settings { store_ms_max: stores::patience_ms(300), cache_ttl_ms: 0, ..Settings::default() };
    let site = Site::beside(Some(Arc::clone(&line) as Arc<dyn Documents>), settings).await;
    put_course(&site).await;
    mark(&site, "ann", "l1", true).await;
    for state in [DOWN, STUCK, SLOW] {
        line.state.send_replace(state);
        let token = site.viewer("ann");
        let answer = of(&site, &token, "", "course");
        let answer = tokio::time::timeout(stores::patience(Duration::from_secs(3)), answer).await.unwrap();
        let (code, reason, _) = told(&answer.unwrap_err());
        assert_eq!((code, &*reason), (Code::Unavailable, "STORE_UNAVAILABLE"), "{state}");
    }
    line.state.send_replace(UP);
    assert_eq!(count(&anns(&site, "course").await.0), (1, 4, 25, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_counts_as_a_whole_and_its_leaves_come_in_pages() {
    let site = Site::beside_an_engine().await;
    let ids: Vec<String> = (0..25).map(|number| format!("l{number:02}")).collect();
    for id in &ids {
        site.put(leaf(id, Kind::Lesson, "", 0)).await;
    }
    site.put(item("path", Kind::Collection, "", 0)).await;
    let (collection_id, item_ids) = ("path".to_owned(), ids.iter().rev().cloned().collect());
    let request = catalog::SetCollectionItemsRequest { collection_id, item_ids, ..Default::default() };
    site.catalog().set_collection_items(site.keep(request)).await.unwrap();
    let (mut seen, mut page_token) = (Vec::new(), String::new());
    for size in [20, 5] {
        let item_id = "path".to_owned();
        let request = proto::GetProgressRequest { item_id, page_token, ..Default::default() };
        let answer = site.screens().get_progress(site.watch("ann", request)).await.unwrap().into_inner();
        assert_eq!((answer.leaves.len(), count(&answer.progress.unwrap())), (size, (0, 25, 0, false)));
        seen.extend(answer.leaves.into_iter().map(|leaf| leaf.item_id));
        page_token = answer.next_page_token;
    }
    assert_eq!(page_token, "");
    assert!(seen.iter().eq(ids.iter().rev()), "{seen:?}");
}

/// Puts lessons into a container, as an import leaves them.
async fn put_lessons(store: &EmbeddedDurable, parent: &str, numbers: std::ops::Range<usize>) {
    let lesson = |number: usize| Item {
        parent: Some(ItemId::new(parent).unwrap()),
        status: Publication::Published,
        ..Item::new(ItemId::new(&format!("{parent}-{number:04}")).unwrap(), StoredKind::Lesson)
    };
    let changes: Vec<_> = numbers.map(|number| change(None, &lesson(number)).unwrap()).collect();
    for some in changes.chunks(100) {
        store.put(some).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_of_two_thousand_is_counted_and_a_larger_one_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(EmbeddedDurable::open(folder.path(), EmbeddedSettings::default()).unwrap());
    // So many items take their time on a busy machine.
    let settings = Settings { store_ms_max: 60_000, cache_ttl_ms: 0, ..Settings::default() };
    let site = Site::beside(Some(Arc::clone(&store) as Arc<dyn Documents>), settings).await;
    let small_and_large = [("one", 1_000), ("two", 1_001), ("full", 2_000)];
    for (course, lessons) in small_and_large {
        site.put(item(course, Kind::Course, "", 0)).await;
        put_lessons(&store, course, 0..lessons).await;
    }
    // Modules count like what lies in them.
    site.put(item("nested", Kind::Course, "", 0)).await;
    for (module, lessons) in [("module-1", 1_000), ("module-2", 998)] {
        site.put(item(module, Kind::Module, "nested", 1)).await;
        put_lessons(&store, module, 0..lessons).await;
    }
    for (path, courses) in [("fits", ["one", "one-0000"]), ("both", ["one", "two"])] {
        site.put(item(path, Kind::Collection, "", 0)).await;
        let request = catalog::SetCollectionItemsRequest {
            collection_id: path.into(),
            item_ids: courses.map(String::from).to_vec(),
            ..Default::default()
        };
        site.catalog().set_collection_items(site.keep(request)).await.unwrap();
    }
    let leaves = async |of_what: &str| {
        let answer = of(&site, &site.viewer("ann"), "", of_what).await;
        answer.map(|answer| answer.progress.unwrap().leaves).map_err(|status| {
            let (code, reason, _) = told(&status);
            assert_eq!((code, &*reason), (Code::FailedPrecondition, "TREE_TOO_LARGE"), "{of_what}");
            status.message().to_owned()
        })
    };
    let refused = Err("it holds more than 2000 items: ask for the containers in it".to_owned());
    assert_eq!(leaves("full").await, Ok(2_000));
    assert_eq!(leaves("nested").await, Ok(1_998));
    assert_eq!(leaves("fits").await, Ok(1_000));
    assert_eq!(leaves("both").await, refused, "all parts of a collection count");
    site.later(1_000);
    put_lessons(&store, "full", 2_000..2_001).await;
    put_lessons(&store, "module-2", 998..999).await;
    for too_large in ["full", "nested"] {
        assert_eq!(leaves(too_large).await, refused);
        let tree = catalog::GetTreeRequest { id: too_large.into(), ..Default::default() };
        let answer = site.catalog().get_tree(site.watch("ann", tree)).await.unwrap_err();
        assert_eq!(told(&answer).1, "TREE_TOO_LARGE", "{too_large}");
    }
    // Where the next one lies among so many it is not looked for, and the rest of the screen is as ever.
    site.put(leaf("film", Kind::Movie, "", 0)).await;
    at(&site, "ann", "film", 1, 400_000).await;
    mark(&site, "ann", "full-0000", true).await;
    let request = site.watch("ann", proto::ListUpNextRequest::default());
    let shown = site.screens().list_up_next(request).await.unwrap().into_inner();
    let entries: Vec<_> = shown.entries.iter().map(|entry| &*entry.item_id).collect();
    assert_eq!((entries, shown.positions_alone), (vec!["film"], false));
}

/// Writes sessions of ann's as an engine does that flushes them.
async fn write_sessions(site: &Site, item: &str, count: i64) {
    let sessions = (0..count).map(|number| {
        let at_ms = BEGIN_MS + number;
        SessionWrite {
            key: SessionKey {
                user: UserId::new("ann").unwrap(),
                session: SessionId::new(&format!("{item}-{number}")).unwrap(),
            },
            clock: Clock { fixed_at_ms: at_ms, offset_ms: 0 },
            description: Description {
                as_of_ms: at_ms,
                playable: Playable {
                    item: ItemId::new(item).unwrap(),
                    kind: ItemKind::Lesson,
                    duration_ms: None,
                    credits_ms: None,
                },
                account: AccountId::new("family").unwrap(),
                device: DeviceId::new("tv").unwrap(),
                order: SeqOrder::Native,
            },
            events: Arc::new(vec![Event::new(EventKind::Start, 1, at_ms)]),
        }
    });
    let batch = WriteBatch { sessions: sessions.collect(), positions: Vec::new() };
    site.durable().write(&batch).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn by_watched_more_than_two_thousand_sessions_are_not_looked_at() {
    let settings = Settings { complete_by: CompleteBy::Watched, ..stores::settings() };
    let site = Site::beside(None, settings).await;
    put_course(&site).await;
    write_sessions(&site, "l1", 2_001).await;
    let refused = of(&site, &site.viewer("ann"), "", "course").await.unwrap_err();
    assert_eq!(told(&refused), (Code::FailedPrecondition, "TOO_MANY_SESSIONS".into(), Vec::new()));
    let message = "the user played it in 2001 sessions, and 2000 are looked at: ask for the containers in it";
    assert_eq!(refused.message(), message);
    write_sessions(&site, "l3", 2).await;
    let (progress, leaves) = anns(&site, "module-2").await;
    assert_eq!((count(&progress), leaves[0].first_at_ms), ((0, 2, 0, false), Some(BEGIN_MS)));
}
