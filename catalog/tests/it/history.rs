//! Items that are deleted with what everybody did there: whoever looks, wherever, finds nothing of it any more.

mod halting;
mod stores;

use std::collections::BTreeSet;

use playhead_proto::{
    catalog::v1::{self as catalog, Kind},
    playback::v1 as playback,
    screen::v1 as screen,
};
use prost::Message;
use serde_json::{Value, json};
use tonic::Code;

use crate::site::{BEGIN_MS, Site, by, item, told};

/// How long everything here is, ms.
const LENGTH_MS: i64 = 1_000_000;

/// A film that everybody may play.
fn film(id: &str, kind: Kind, parent: &str) -> catalog::Item {
    let everybody = catalog::AccessWay { everybody: true, ..Default::default() };
    let access = Some(catalog::AccessPolicy { ways: vec![everybody] });
    catalog::Item { duration_ms: Some(LENGTH_MS), access, ..item(id, kind, parent, 1) }
}

async fn put_films(site: &Site) {
    for id in ["film", "other"] {
        site.put(film(id, Kind::Movie, "")).await;
    }
}

/// A series of two seasons with an episode each, and a film beside it.
async fn put_series(site: &Site) {
    site.put(item("series", Kind::Series, "", 0)).await;
    for (season, episode) in [("season-1", "e1"), ("season-2", "e2")] {
        site.put(item(season, Kind::Season, "series", 1)).await;
        site.put(film(episode, Kind::Episode, season)).await;
    }
    site.put(film("film", Kind::Movie, "")).await;
}

/// Tells of a session that its user is there, at this time by a right clock, if not now; the clock goes on by a second.
async fn beat(site: &Site, user: &str, session: &str, item: &str, at: (u64, i64), when_ms: Option<i64>) {
    let (seq, position_ms) = at;
    let mut event = json!({ "kind": "BEAT", "seq": seq, "position_ms": position_ms, "state": "PLAYING" });
    if let Some(when_ms) = when_ms {
        event["at_ms"] = when_ms.into();
    }
    let body = json!({
        "session": { "session_id": session, "item_id": item, "duration_ms": LENGTH_MS }, "events": [event],
    });
    let (status, said) = site.post(&site.viewer(user), "/v1/events", &body).await;
    assert_eq!((status, &said["acked_through_seq"]), (200, &seq.into()), "{said}");
    site.later(1_000);
}

/// Deletes an item with its history.
async fn delete(site: &Site, token: &str, id: &str, cascade: bool) -> Result<catalog::Item, (Code, String)> {
    let request =
        catalog::DeleteItemRequest { id: id.into(), cascade, erase_history: true, ..Default::default() };
    let answer = site.catalog().delete_item(by(token, request)).await;
    let answer = answer.map_err(|status| {
        let (code, reason, _) = told(&status);
        (code, reason)
    });
    Ok(answer?.into_inner().item.unwrap())
}

async fn undelete(site: &Site, id: &str) {
    let request = catalog::UndeleteItemRequest { id: id.into(), ..Default::default() };
    site.catalog().undelete_item(site.keep(request)).await.unwrap();
    site.later(1_000);
}

/// Everything that reads show of a user's playing, as words: `film@5000` is a position, `film~5000` one to go on with,
/// `film:s-1` a session and how many events it has, `film>` what is up next.
async fn seen(site: &Site, user: &str) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let user_id = || user.to_owned();
    let item_ids = ["film", "other", "e1", "e2"].map(str::to_owned).to_vec();
    let request = playback::BatchGetPositionsRequest { user_id: user_id(), item_ids: item_ids.clone() };
    let positions: playback::BatchGetPositionsResponse = ask(site, user, "BatchGetPositions", request).await;
    seen.extend(positions.positions.iter().map(|at| format!("{}@{}", at.item_id, at.position_ms)));
    for item_id in item_ids {
        let request = playback::GetPositionRequest { user_id: user_id(), item_id };
        let alone: Option<playback::GetPositionResponse> = try_ask(site, user, "GetPosition", request).await;
        for at in alone.into_iter().filter_map(|answer| answer.position) {
            assert!(!seen.insert(format!("{}@{}", at.item_id, at.position_ms)), "alone as among others");
        }
    }
    let request = playback::ListContinueWatchingRequest { user_id: user_id(), ..Default::default() };
    let going_on: playback::ListContinueWatchingResponse =
        ask(site, user, "ListContinueWatching", request).await;
    seen.extend(going_on.positions.iter().map(|at| format!("{}~{}", at.item_id, at.position_ms)));
    let request = playback::ListSessionsRequest { user_id: user_id(), ..Default::default() };
    let sessions: playback::ListSessionsResponse = ask(site, user, "ListSessions", request).await;
    for session in sessions.sessions {
        let request = playback::GetSessionRequest {
            session_id: session.session_id,
            user_id: user_id(),
            read_mask: None,
        };
        let whole: playback::GetSessionResponse = ask(site, user, "GetSession", request).await;
        let (session, events) = (whole.session.unwrap(), whole.events.len());
        assert_eq!(usize::try_from(session.event_count), Ok(events));
        seen.insert(format!("{}:{} {events}", session.item_id, session.session_id));
    }
    let request = site.watch(user, screen::ListUpNextRequest::default());
    let next = site.screens().list_up_next(request).await.unwrap().into_inner().entries;
    seen.extend(next.iter().map(|entry| format!("{}>", entry.item.as_ref().unwrap().id)));
    seen
}

async fn ask<A: Message + Default>(site: &Site, user: &str, rpc: &str, request: impl Message) -> A {
    try_ask(site, user, rpc, request).await.unwrap_or_else(|| panic!("{rpc}: not found"))
}

async fn try_ask<A: Message + Default>(
    site: &Site,
    user: &str,
    rpc: &str,
    request: impl Message,
) -> Option<A> {
    let path = match rpc {
        "GetPosition" => "/playhead.playback.v1.PlaybackService/GetPosition",
        "BatchGetPositions" => "/playhead.playback.v1.PlaybackService/BatchGetPositions",
        "ListContinueWatching" => "/playhead.playback.v1.PlaybackService/ListContinueWatching",
        "ListSessions" => "/playhead.playback.v1.PlaybackService/ListSessions",
        _ => "/playhead.playback.v1.PlaybackService/GetSession",
    };
    match site.call(&site.viewer(user), path, request.encode_to_vec()).await {
        Ok(answer) => Some(A::decode(answer).unwrap()),
        Err(status) => {
            assert_eq!(status.code(), Code::NotFound, "{rpc}: {status:?}");
            None
        }
    }
}

fn words<const N: usize>(words: [&str; N]) -> BTreeSet<String> {
    words.map(str::to_owned).into()
}

/// Where the play button lets a user begin, ms; 0 where nothing is known.
async fn resumes_at(site: &Site, user: &str, item: &str) -> i64 {
    let answer = site.play(&site.viewer(user), item, &format!("play {item}")).await.unwrap();
    answer.playback.unwrap_or_else(|| panic!("{:?}", answer.decision)).resume.map_or(0, |at| at.position_ms)
}

/// How far a user is through an item, per cent.
async fn percent(site: &Site, user: &str, item: &str) -> u32 {
    let request = screen::GetProgressRequest { item_id: item.into(), ..Default::default() };
    let answer = site.screens().get_progress(site.watch(user, request)).await.unwrap().into_inner();
    answer.progress.unwrap().percent
}

#[tokio::test(flavor = "multi_thread")]
async fn what_two_viewers_did_in_an_item_goes_with_it_and_nothing_else() {
    let site = Site::beside_an_engine().await;
    put_films(&site).await;
    for user in ["ann", "ben"] {
        beat(&site, user, "s-1", "film", (1, 500_000), None).await;
        beat(&site, user, "s-2", "other", (1, 600_000), None).await;
    }
    let other = ["other@600000", "other~600000", "other:s-2 1", "other>"];
    let film = words(["film@500000", "film~500000", "film:s-1 1", "film>"]);
    let before: BTreeSet<_> = film.union(&words(other)).cloned().collect();
    assert_eq!(seen(&site, "ann").await, before);

    let request = catalog::DeleteItemRequest { id: "film".into(), ..Default::default() };
    site.catalog().delete_item(site.keep(request)).await.unwrap();
    let kept: BTreeSet<_> = before.iter().filter(|word| *word != "film>").cloned().collect();
    assert_eq!(seen(&site, "ben").await, kept, "without being asked for, it stays");
    undelete(&site, "film").await;
    assert_eq!(seen(&site, "ben").await, before);

    let deleted = delete(&site, &site.admin(), "film", false).await.unwrap();
    assert!(deleted.deletion.is_some());
    for user in ["ann", "ben"] {
        assert_eq!(seen(&site, user).await, words(other), "{user}");
    }
    delete(&site, &site.admin(), "film", false).await.unwrap();
    assert_eq!(seen(&site, "ann").await, words(other), "again, which changes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_was_deleted_without_it_loses_its_history_when_asked_again() {
    let site = Site::beside_an_engine().await;
    put_films(&site).await;
    beat(&site, "ann", "s-1", "film", (1, 500_000), None).await;
    let request = catalog::DeleteItemRequest { id: "film".into(), ..Default::default() };
    site.catalog().delete_item(site.keep(request)).await.unwrap();
    assert_eq!(seen(&site, "ann").await, words(["film@500000", "film~500000", "film:s-1 1"]));
    delete(&site, &site.admin(), "film", false).await.unwrap();
    assert_eq!(seen(&site, "ann").await, words([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_series_goes_what_was_seen_of_its_episodes() {
    let site = Site::beside_an_engine().await;
    put_series(&site).await;
    for (session, item) in [("s-1", "e1"), ("s-2", "e2"), ("s-3", "film")] {
        beat(&site, "ann", session, item, (1, 990_000), None).await;
    }
    assert_eq!((percent(&site, "ann", "series").await, percent(&site, "ann", "film").await), (100, 100));
    let film = ["film@990000", "film:s-3 1"];
    assert_eq!(delete(&site, &site.admin(), "series", false).await.unwrap_err().1, "HAS_CHILDREN");
    assert_eq!(percent(&site, "ann", "series").await, 100, "what is refused erases nothing");
    delete(&site, &site.admin(), "series", true).await.unwrap();
    assert_eq!(seen(&site, "ann").await, words(film));
    undelete(&site, "series").await;
    assert_eq!(seen(&site, "ann").await, words(film), "nothing of it comes back");
    assert_eq!((percent(&site, "ann", "series").await, percent(&site, "ann", "film").await), (0, 100));
    assert_eq!((resumes_at(&site, "ann", "e1").await, resumes_at(&site, "ann", "e2").await), (0, 0));
    // Each of its episodes counts again.
    beat(&site, "ann", "s-4", "e1", (1, 300_000), None).await;
    beat(&site, "ann", "s-5", "e2", (1, 400_000), None).await;
    assert_eq!(
        (resumes_at(&site, "ann", "e1").await, resumes_at(&site, "ann", "e2").await),
        (300_000, 400_000)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lay_in_a_series_and_was_deleted_before_begins_anew_by_itself() {
    let site = Site::beside_an_engine().await;
    put_series(&site).await;
    beat(&site, "ann", "s-1", "e1", (1, 500_000), None).await;
    let request = catalog::DeleteItemRequest { id: "e1".into(), ..Default::default() };
    site.catalog().delete_item(site.keep(request)).await.unwrap();
    delete(&site, &site.admin(), "series", true).await.unwrap();
    assert_eq!(seen(&site, "ann").await, words([]), "it lies below what was deleted");
    undelete(&site, "series").await;
    beat(&site, "ann", "s-2", "e1", (1, 600_000), None).await;
    assert_eq!(seen(&site, "ann").await, words([]), "it is deleted still");
    undelete(&site, "e1").await;
    assert_eq!(seen(&site, "ann").await, words([]));
    beat(&site, "ann", "s-3", "e1", (1, 700_000), None).await;
    assert_eq!(seen(&site, "ann").await, words(["e1@700000", "e1~700000", "e1:s-3 1", "e1>"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn players_that_go_on_or_were_offline_bring_nothing_back_and_a_new_play_counts() {
    let site = Site::beside_an_engine().await;
    put_films(&site).await;
    beat(&site, "ann", "s-1", "film", (1, 500_000), None).await;
    beat(&site, "ben", "s-1", "film", (1, 100_000), None).await;
    delete(&site, &site.admin(), "film", false).await.unwrap();
    // Ann watches on, ben's phone comes back from a tunnel, and cat had watched on a plane.
    beat(&site, "ann", "s-1", "film", (2, 510_000), None).await;
    beat(&site, "ben", "s-1", "film", (2, 110_000), Some(BEGIN_MS + 500)).await;
    beat(&site, "cat", "s-1", "film", (1, 900_000), Some(BEGIN_MS - 3_600_000)).await;
    let nobody = async |when: &str| {
        for user in ["ann", "ben", "cat"] {
            assert_eq!(seen(&site, user).await, words([]), "{user} {when}");
        }
    };
    nobody("while it is deleted").await;
    undelete(&site, "film").await;
    nobody("when it is back").await;
    beat(&site, "ben", "s-1", "film", (3, 120_000), Some(BEGIN_MS + 700)).await;
    beat(&site, "cat", "s-2", "film", (1, 950_000), Some(BEGIN_MS - 1_800_000)).await;
    nobody("whatever still comes of what was before").await;

    assert_eq!(resumes_at(&site, "ben", "film").await, 0);
    beat(&site, "ben", "s-2", "film", (1, 50_000), None).await;
    assert_eq!(seen(&site, "ben").await, words(["film@50000", "film~50000", "film:s-2 1", "film>"]));
    assert_eq!(resumes_at(&site, "ben", "film").await, 50_000);
    // A session that went on all the while has what came after.
    beat(&site, "ann", "s-1", "film", (3, 520_000), None).await;
    assert_eq!(seen(&site, "ann").await, words(["film@520000", "film~520000", "film:s-1 1", "film>"]));
    // And again, by whatever was said before.
    delete(&site, &site.admin(), "film", false).await.unwrap();
    nobody("after it was deleted again").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_viewer_marked_goes_too_and_marks_count_again() {
    let site = Site::beside_an_engine().await;
    put_films(&site).await;
    let mark = async |watched| {
        let path = "/playhead.playback.v1.PlaybackService/MarkWatched";
        let (user_id, item_id) = ("ann".to_owned(), "film".to_owned());
        let request = playback::MarkWatchedRequest { user_id, item_id, watched };
        site.call(&site.viewer("ann"), path, request.encode_to_vec()).await.unwrap();
        site.later(1_000);
    };
    mark(true).await;
    assert_eq!(percent(&site, "ann", "film").await, 100);
    delete(&site, &site.admin(), "film", false).await.unwrap();
    undelete(&site, "film").await;
    assert_eq!(percent(&site, "ann", "film").await, 0);
    mark(true).await;
    assert_eq!(percent(&site, "ann", "film").await, 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_keeps_the_catalog_needs_to_be_allowed_to_erase() {
    let site = Site::beside_an_engine().await;
    put_films(&site).await;
    beat(&site, "ann", "s-1", "film", (1, 500_000), None).await;
    let before = seen(&site, "ann").await;
    let refused = (Code::PermissionDenied, "SCOPE_REQUIRED".to_owned());
    for scope in ["catalog:write", "playback:erase", "catalog:write playback:write", ""] {
        assert_eq!(delete(&site, &site.service(scope), "film", false).await.unwrap_err(), refused, "{scope}");
    }
    assert_eq!(delete(&site, &site.viewer("ann"), "film", false).await.unwrap_err(), refused);
    assert_eq!(seen(&site, "ann").await, before, "nothing was deleted");
    let both = site.service("catalog:write playback:erase");
    assert_eq!(delete(&site, &both, "nothing", false).await.unwrap_err().0, Code::NotFound);
    delete(&site, &both, "film", false).await.unwrap();
    assert_eq!(seen(&site, "ann").await, words([]));
    // To bring it back is to keep the catalog.
    let request = catalog::UndeleteItemRequest { id: "film".into(), ..Default::default() };
    let keeper = site.service("catalog:write");
    site.catalog().undelete_item(by(&keeper, request)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_deletes_and_erases_nothing() {
    let site = Site::beside_an_engine().await;
    put_films(&site).await;
    beat(&site, "ann", "s-1", "film", (1, 500_000), None).await;
    let before = seen(&site, "ann").await;
    let request = catalog::DeleteItemRequest {
        id: "film".into(),
        etag: "v77".into(),
        erase_history: true,
        ..Default::default()
    };
    let refused = site.catalog().delete_item(site.keep(request)).await.unwrap_err();
    assert_eq!(told(&refused).0, Code::Aborted);
    assert_eq!(seen(&site, "ann").await, before);
}

/// Whoever reads JSON has the same.
#[tokio::test(flavor = "multi_thread")]
async fn over_http_it_is_gone_as_well() {
    let site = Site::beside_an_engine().await;
    put_films(&site).await;
    beat(&site, "ann", "s-1", "film", (1, 500_000), None).await;
    let get = async |path: &str| {
        let answer = site.get(&site.viewer("ann"), path, &[]).await;
        (answer.status, answer.json)
    };
    let position = "/v1/users/ann/positions/film";
    assert_eq!(get(position).await.0, 200);
    delete(&site, &site.admin(), "film", false).await.unwrap();
    assert_eq!(get(position).await.0, 404);
    assert_eq!(get("/v1/users/ann/sessions/s-1").await.0, 404);
    let (status, sessions) = get("/v1/users/ann/sessions").await;
    assert_eq!((status, &sessions["sessions"]), (200, &Value::Array(Vec::new())), "{sessions}");
}
