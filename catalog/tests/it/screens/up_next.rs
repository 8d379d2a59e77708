//! What is up next.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use playhead_catalog::Settings;
use playhead_proto::entitlement::v1 as rights;
use playhead_store::{
    ItemId, UserId,
    durable::{PositionWrite, WriteBatch, documents::Documents},
    position::PositionRow,
};

use super::*;
use crate::{
    store::{DOWN, Line, SLOW, STUCK, UP},
    stores::{patience, patience_ms},
};

async fn ask(site: &Site, token: &str, request: proto::ListUpNextRequest) -> proto::ListUpNextResponse {
    site.screens().list_up_next(by(token, request)).await.unwrap().into_inner()
}

async fn shown(site: &Site, user: &str) -> proto::ListUpNextResponse {
    ask(site, &site.viewer(user), proto::ListUpNextRequest::default()).await
}

/// What is up next for a user, in short.
async fn up_next(site: &Site, user: &str) -> Vec<String> {
    let answer = shown(site, user).await;
    assert!(!answer.positions_alone, "{answer:?}");
    answer.entries.iter().map(short).collect()
}

/// Which item, and where it begins or behind which it comes.
fn short(entry: &proto::UpNext) -> String {
    let named = entry.item.as_ref().map(|item| item.id.as_str());
    assert!(named.is_none_or(|named| named == entry.item_id), "{entry:?}");
    match entry.reason() {
        proto::UpNextReason::Resume => format!("{} at {}", entry.item_id, entry.position_ms),
        proto::UpNextReason::Next => format!("{} after {}", entry.item_id, entry.after_item_id),
        proto::UpNextReason::Unspecified => panic!("{entry:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_episode_gives_way_to_the_next_one_through_all_seasons() {
    let site = Site::beside_an_engine().await;
    put_series(&site).await;
    site.put(leaf("film", Kind::Movie, "", 0)).await;
    assert_eq!(up_next(&site, "ann").await, Vec::<String>::new());
    at(&site, "ann", "e1", 1, 300_000).await;
    assert_eq!(up_next(&site, "ann").await, ["e1 at 300000"]);
    at(&site, "ann", "e1", 2, 990_000).await;
    assert_eq!(up_next(&site, "ann").await, ["e2 after e1"]);
    at(&site, "ann", "film", 1, 500_000).await;
    assert_eq!(up_next(&site, "ann").await, ["film at 500000", "e2 after e1"]);
    mark(&site, "ann", "e2", true).await;
    assert_eq!(up_next(&site, "ann").await, ["e3 after e2", "film at 500000"]);
    assert_eq!(up_next(&site, "ben").await, Vec::<String>::new(), "it is hers");

    let entry = shown(&site, "ann").await.entries.remove(0);
    assert_eq!((entry.container_id.as_str(), entry.duration_ms), ("series", Some(LENGTH_MS)));
    assert_eq!((entry.touched_at_ms, entry.position_ms), (BEGIN_MS + 3_000, 0));
    // Whoever finishes the last one has nothing left, and a film has nothing behind it.
    at(&site, "ann", "e3", 1, 960_000).await;
    at(&site, "ann", "film", 2, 960_000).await;
    assert_eq!(up_next(&site, "ann").await, Vec::<String>::new());
    // Begun again it is back, and what was finished before is not offered behind it.
    at(&site, "ann", "e1", 3, 20_000).await;
    assert_eq!(up_next(&site, "ann").await, ["e1 at 20000"]);
    at(&site, "ann", "e1", 4, 970_000).await;
    assert_eq!(up_next(&site, "ann").await, Vec::<String>::new());
    mark(&site, "ann", "e3", false).await;
    assert_eq!(up_next(&site, "ann").await, ["e3 at 960000"], "she has not watched it, she says");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_for_this_viewer_now_is_not_offered() {
    let site = Site::beside_an_engine().await;
    put_series(&site).await;
    let window = |from_ms, countries: &[&str]| {
        let countries = countries.iter().map(ToString::to_string).collect();
        vec![catalog::AvailabilityWindow { starts_at_ms: from_ms, countries, ..Default::default() }]
    };
    let e2 = |change: fn(&mut catalog::Item)| {
        let mut item = leaf("e2", Kind::Episode, "season-1", 2);
        change(&mut item);
        item
    };
    at(&site, "ann", "e1", 1, 990_000).await;
    assert_eq!(up_next(&site, "ann").await, ["e2 after e1"]);
    let draft = |item: &mut catalog::Item| item.status = catalog::PublicationStatus::Draft.into();
    site.put(e2(draft)).await;
    assert_eq!(up_next(&site, "ann").await, ["e3 after e1"], "a draft is passed over");
    site.put(catalog::Item { windows: window(Some(BEGIN_MS + 60_000), &[]), ..e2(|_| {}) }).await;
    assert_eq!(up_next(&site, "ann").await, ["e3 after e1"], "its time has not come");
    site.later(60_000);
    assert_eq!(up_next(&site, "ann").await, ["e2 after e1"]);

    site.put(catalog::Item { windows: window(None, &["KR"]), ..e2(|_| {}) }).await;
    assert_eq!(up_next(&site, "ann").await, ["e3 after e1"], "nobody knows where she is");
    let in_korea = site.token("ann", &json!({ "country": "KR" }));
    let entries = ask(&site, &in_korea, proto::ListUpNextRequest::default()).await.entries;
    assert_eq!(entries.iter().map(short).collect::<Vec<_>>(), ["e2 after e1"]);
    let said = proto::ListUpNextRequest {
        user_id: "ann".into(),
        country: "KR".into(),
        languages: vec!["ko".into()],
        read_mask: Some(prost_types::FieldMask { paths: vec!["id".into()] }),
        ..Default::default()
    };
    let entries = ask(&site, &site.service("playback:read"), said.clone()).await.entries;
    assert_eq!(entries.iter().map(short).collect::<Vec<_>>(), ["e2 after e1"], "as a service says");
    assert_eq!(entries[0].item, Some(catalog::Item { id: "e2".into(), ..Default::default() }));
    let refused = site.screens().list_up_next(by(&site.viewer("ann"), said)).await.unwrap_err();
    assert_eq!(told(&refused).2, ["country"], "but not the viewer");

    site.put(catalog::Item { maturity_age: Some(18), ..e2(|_| {}) }).await;
    assert_eq!(up_next(&site, "ann").await, ["e2 after e1"]);
    limit(&site, "ann", 12).await;
    assert_eq!(up_next(&site, "ann").await, Vec::<String>::new(), "for older viewers");

    at(&site, "ben", "e1", 1, 400_000).await;
    let request = catalog::DeleteItemRequest { id: "e1".into(), ..Default::default() };
    site.catalog().delete_item(site.keep(request)).await.unwrap();
    assert_eq!(up_next(&site, "ben").await, Vec::<String>::new(), "it is gone");
}

/// Says up to which age a user may watch.
async fn limit(site: &Site, user: &str, age: u32) {
    let limits =
        rights::ViewerLimits { user_id: user.into(), maturity_age_max: Some(age), ..Default::default() };
    let request = site.keep(rights::SetViewerLimitsRequest { limits: Some(limits) });
    site.rights().set_viewer_limits(request).await.unwrap();
}

/// What was begun is held against the same, and what lies above it counts.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_begun_is_offered_as_long_as_it_is_for_this_viewer() {
    let site = Site::beside_an_engine().await;
    put_series(&site).await;
    let series = || item("series", Kind::Series, "", 0);
    let e1 = || leaf("e1", Kind::Episode, "season-1", 1);
    let is_over = || {
        let ends_at_ms = Some(BEGIN_MS + 1);
        vec![catalog::AvailabilityWindow { ends_at_ms, ..Default::default() }]
    };
    at(&site, "ann", "e1", 1, 300_000).await;
    assert_eq!(up_next(&site, "ann").await, ["e1 at 300000"]);
    site.put(catalog::Item { windows: is_over(), ..e1() }).await;
    assert_eq!(up_next(&site, "ann").await, Vec::<String>::new(), "its time is over");
    site.put(e1()).await;
    site.put(catalog::Item { windows: is_over(), ..series() }).await;
    assert_eq!(up_next(&site, "ann").await, Vec::<String>::new(), "so is the series'");
    mark(&site, "ann", "e1", true).await;
    assert_eq!(up_next(&site, "ann").await, Vec::<String>::new(), "what comes next lies in it too");
    site.put(catalog::Item { maturity_age: Some(18), ..series() }).await;
    assert_eq!(up_next(&site, "ann").await, ["e2 after e1"]);
    limit(&site, "ann", 12).await;
    assert_eq!(up_next(&site, "ann").await, Vec::<String>::new(), "the series is for older viewers");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_is_passed_over_and_the_catalog_knows_how_long_things_are() {
    let site = Site::beside_an_engine().await;
    site.put(item("course", Kind::Course, "", 0)).await;
    site.put(leaf("l1", Kind::Lesson, "course", 1)).await;
    site.put(item("text", Kind::Reading, "course", 2)).await;
    site.put(leaf("l2", Kind::Lesson, "course", 3)).await;
    at(&site, "ann", "l1", 1, 990_000).await;
    assert_eq!(up_next(&site, "ann").await, ["l2 after l1"]);
    site.put(catalog::Item { duration_ms: Some(LENGTH_MS - 1), ..item("film", Kind::Movie, "", 0) }).await;
    site.put(item("live", Kind::Live, "", 0)).await;
    at(&site, "ann", "film", 1, 500_000).await;
    at(&site, "ann", "live", 1, 500_000).await;
    let told: Vec<_> = shown(&site, "ann").await.entries.iter().map(|entry| entry.duration_ms).collect();
    assert_eq!(told, [Some(LENGTH_MS), Some(LENGTH_MS - 1), Some(LENGTH_MS)], "else the player says it");
}

/// Of a film that was touched before so many other items, which are gone.
#[tokio::test(flavor = "multi_thread")]
async fn so_many_items_are_looked_at_and_no_more() {
    let site = Site::beside_an_engine().await;
    site.put(leaf("film", Kind::Movie, "", 0)).await;
    let touched = |item: String, at_ms| PositionWrite {
        user: UserId::new("ann").unwrap(),
        item: ItemId::new(&item).unwrap(),
        row: PositionRow::set(500_000, at_ms),
    };
    let gone = |number: i64| touched(format!("gone-{number}"), BEGIN_MS - 10_000 + number);
    let mut positions: Vec<PositionWrite> = (1..TOUCHED_MAX).map(gone).collect();
    positions.push(touched("film".to_owned(), BEGIN_MS - 10_000));
    let store = site.durable();
    store.write(&WriteBatch { sessions: Vec::new(), positions }).await.unwrap();
    assert_eq!(up_next(&site, "ann").await, ["film at 500000"]);
    let positions = vec![gone(TOUCHED_MAX)];
    store.write(&WriteBatch { sessions: Vec::new(), positions }).await.unwrap();
    assert_eq!(up_next(&site, "ann").await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_follows_the_other_and_no_series_comes_twice() {
    let site = Site::beside_an_engine().await;
    put_series(&site).await;
    for film in ["film-1", "film-2", "film-3"] {
        site.put(leaf(film, Kind::Movie, "", 0)).await;
    }
    for (item, position_ms) in
        [("e1", 100_000), ("film-1", 1_000_000), ("film-2", 10_000), ("e2", 200_000), ("film-3", 30_000)]
    {
        at(&site, "ann", item, 1, position_ms).await;
    }
    for size in 1..=4 {
        let (mut seen, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = proto::ListUpNextRequest { page_size: size, page_token, ..Default::default() };
            let answer = ask(&site, &site.viewer("ann"), request).await;
            assert!(answer.entries.len() <= usize::try_from(size).unwrap());
            seen.extend(answer.entries.iter().map(short));
            page_token = answer.next_page_token;
            if page_token.is_empty() {
                break;
            }
            assert!(seen.len() < 3, "a token that leads to nothing: {seen:?}");
        }
        assert_eq!(seen, ["film-3 at 30000", "e2 at 200000", "film-2 at 10000"], "in pages of {size}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_catalog_positions_alone_are_shown_in_time_and_it_is_said() {
    let line = Line::up().await;
    let settings = Settings { store_ms_max: patience_ms(300), cache_ttl_ms: 0, ..Settings::default() };
    let site = Site::beside(Some(Arc::clone(&line) as Arc<dyn Documents>), settings).await;
    put_series(&site).await;
    for (film, position_ms) in [("film", 500_000), ("film-2", 400_000)] {
        site.put(leaf(film, Kind::Movie, "", 0)).await;
        at(&site, "ann", film, 1, position_ms).await;
    }
    at(&site, "ann", "e1", 1, 990_000).await;
    let all = ["e2 after e1", "film-2 at 400000", "film at 500000"];
    assert_eq!(up_next(&site, "ann").await, all);
    // What is remembered of this very moment goes on without the store.
    site.later(1_000);
    // Each read by itself would be in time where it is slow, all together are not.
    for state in [DOWN, STUCK, SLOW] {
        line.state.send_replace(state);
        let mut page_token = String::new();
        for expect in ["film-2 at 400000", "film at 500000"] {
            let begun = Instant::now();
            let request = proto::ListUpNextRequest { page_size: 1, page_token, ..Default::default() };
            let answer = ask(&site, &site.viewer("ann"), request).await;
            assert!(begun.elapsed() < patience(Duration::from_secs(3)), "{:?}", begun.elapsed());
            assert!(answer.positions_alone, "{answer:?}");
            let [only] = &*answer.entries else { panic!("{answer:?}") };
            assert_eq!((short(only).as_str(), &only.item), (expect, &None));
            assert_eq!(only.duration_ms, Some(LENGTH_MS), "as the player said");
            page_token = answer.next_page_token;
        }
        assert_eq!(page_token, "");
    }
    line.state.send_replace(UP);
    assert_eq!(up_next(&site, "ann").await, all);
}

const TOUCHED_MAX: i64 = 2_000;
