//! Recordings, collections and plans with features, from Oracle.

use std::time::Duration;

use playhead_import::NounKind;
use playhead_proto::{
    catalog::v1 as catalog,
    entitlement::v1::{self as rights, AccessReason},
    ingest::v1::EventKind::{Beat, Stop},
};
use tonic::Code;

use crate::{
    player::says,
    site::{Site, by, counts, ids, title},
};

/// Somebody whose plan has ten views in a month.
const MENTEE: &str = "mentee-2:mentee-2:laptop";

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_library_gets_its_questions_answered() {
    let (site, report) = Site::with("s4-vod").await;
    assert_eq!(counts(&report, NounKind::Collection).created, 8);
    assert_eq!(counts(&report, NounKind::Segments).created, 9);
    assert_eq!(
        (counts(&report, NounKind::Bookmark).created, counts(&report, NounKind::Session).created),
        (32, 62)
    );
    a_collections_recordings(&site).await;
    segments_of_a_variant(&site).await;
    bookmarks(&site).await;
    history(&site).await;
    plan_features_and_quota(&site).await;
    views_are_used_up_by_playing(&site).await;
    a_recording_is_deleted(&site).await;
}

/// A collection's recordings in order, with tags and variants.
async fn a_collections_recordings(site: &Site) {
    let collection_id = "collection-1".to_owned();
    let request = catalog::ListCollectionItemsRequest { collection_id, ..Default::default() };
    let held = site.catalog().list_collection_items(request.clone()).await.unwrap().into_inner().items;
    assert_eq!(ids(&held), ["recording-1", "recording-3", "recording-2"]);
    assert_eq!(title(&held[0], "ko"), "사랑의 불시착 1");
    assert_eq!(held[0].texts[0].description, "첫 줄 it's 1\n둘째 줄");
    for recording in &held {
        assert_eq!(recording.tags.len(), 2, "{recording:?}");
        assert!(recording.tags.iter().all(|tag| ["skill", "주제"].contains(&tag.group.as_str())));
        let [main] = &recording.assets[..] else { panic!("{recording:?}") };
        assert_eq!(main.mime_type, "application/vnd.apple.mpegurl");
        let mut heights: Vec<u32> = main.variants.iter().map(|variant| variant.height).collect();
        heights.sort_unstable();
        assert_eq!(heights, [360, 720, 1_080]);
    }
    assert_eq!(held[0].assets[0].encryption.as_ref().unwrap().key_url, "https://keys.example/1");
    assert_eq!(held[2].assets[0].encryption, None);
    // A viewer sees them too, but not where they are; a private collection not at all.
    let seen = site.catalog().list_collection_items(by("ann", request)).await.unwrap().into_inner().items;
    assert_eq!((seen.len(), seen[0].assets.len()), (3, 0));
    let request = catalog::GetItemRequest { id: "collection-3".into(), ..Default::default() };
    assert!(site.catalog().get_item(by("ann", request)).await.is_err());
    let featured = site.item("collection-1").await.tags;
    assert_eq!(featured, [catalog::Tag { group: "shelf".into(), name: "featured".into() }]);
    // One that is not processed yet is not there for viewers.
    assert!(!site.item("recording-60").await.assets[0].ready);
    assert!(site.is_hidden("mentee-2", "recording-60").await);
}

/// May this user watch: the plan's features, its quota, the subscription's end.
async fn plan_features_and_quota(site: &Site) {
    assert_eq!(site.may("mentee-1", "recording-1").await.unwrap_err(), [AccessReason::FeatureMissing]);
    assert_eq!(site.may("mentee-2", "recording-1").await, Ok(()));
    assert_eq!(
        site.may("mentee-3", "recording-1").await.unwrap_err(),
        [AccessReason::SubscriptionNotCurrent]
    );
    assert_eq!(site.may("mentee-4", "recording-1").await, Ok(()));
    let plan = async |id: &str| {
        let request = rights::GetPlanRequest { id: id.to_owned() };
        site.rights().get_plan(request).await.unwrap().into_inner().plan.unwrap()
    };
    let (basic, best) = (plan("plan-2").await, plan("plan-3").await);
    assert_eq!((basic.views_max, best.views_max, basic.active, best.active), (Some(10), None, true, false));
    assert_eq!(
        (basic.features, best.features.clone()),
        (vec!["vod".into()], vec!["collections".into(), "vod".into(), "download".into()])
    );
    assert_eq!((title_of(&best), best.prices[1].amount.as_str()), ("VOD's best", "399000"));
}

fn title_of(plan: &rights::Plan) -> &str {
    &plan.texts[0].title
}

/// Segments of a variant: for whoever keeps them as they are, for whoever plays them with signed URLs.
async fn segments_of_a_variant(site: &Site) {
    let request = || catalog::ListSegmentsRequest {
        item_id: "recording-1".into(),
        asset_id: "main".into(),
        variant_id: "10".into(),
        ..Default::default()
    };
    let kept = site.catalog().list_segments(request()).await.unwrap().into_inner().segments;
    assert_eq!(kept.iter().map(|segment| segment.number).collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
    assert_eq!(
        (kept[3].url.as_str(), kept[3].start_ms, kept[3].duration_ms, kept[3].size_bytes),
        ("https://cdn.example/1/10/3.ts", 18_000, 6_000, Some(500_000))
    );
    assert!(site.catalog().list_segments(by(MENTEE, request())).await.is_err(), "only who plays it");
    let playback = site.begin(MENTEE, "recording-1", "segments").await;
    let seen =
        site.catalog().list_segments(by(&playback.session_token, request())).await.unwrap().into_inner();
    assert!(seen.urls_expire_at_ms > Some(site.now_ms()));
    assert!(seen.segments.iter().all(|segment| segment.url.contains("playhead-signature=")));
    let [main] = &playback.assets[..] else { panic!("{playback:?}") };
    let signed = main.variants.iter().map(|variant| &variant.playlist_url).chain([&main.url]);
    assert!(
        signed
            .chain([&main.encryption.as_ref().unwrap().key_url])
            .all(|url| url.contains("playhead-signature="))
    );
}

/// A user's bookmarks, by their places in a recording; and one that is made here.
async fn bookmarks(site: &Site) {
    let places = async |item: &str| {
        let request = catalog::ListBookmarksRequest { item_id: item.into(), ..Default::default() };
        let found = site.opinions().list_bookmarks(by(MENTEE, request)).await.unwrap().into_inner().bookmarks;
        found.into_iter().map(|one| (one.position_ms, one.title, one.note)).collect::<Vec<_>>()
    };
    let text = str::to_owned;
    let mut expect =
        vec![(30_000, text("It's first"), text("두\n줄")), (90_000, text("둘째"), String::new())];
    assert_eq!(places("recording-1").await, expect);
    assert_eq!(places("").await.len(), 4);
    let bookmark = Some(catalog::Bookmark {
        id: "mine".into(),
        item_id: "recording-1".into(),
        position_ms: 60_000,
        ..Default::default()
    });
    let request = catalog::CreateBookmarkRequest { bookmark };
    site.opinions().create_bookmark(by(MENTEE, request)).await.unwrap();
    expect.insert(1, (60_000, String::new(), String::new()));
    assert_eq!(places("recording-1").await, expect);
}

/// A user's history: what was seen there, where it was left, what was completed; and what an unmodified player plays here.
async fn history(site: &Site) {
    let left = site.position("mentee-2", "recording-1").await.unwrap();
    assert_eq!((left.position_ms, left.finished), (300_000, false));
    let completed = site.position("mentee-2", "recording-2").await.unwrap();
    assert_eq!((completed.position_ms, completed.finished, completed.watched), (2_898_620, true, true));
    let seen = async || {
        let history = site.history("mentee-2", "").await;
        history.into_iter().map(|session| session.session_id).collect::<Vec<_>>()
    };
    let before = ["view-mentee-2-39", "view-mentee-2-1", "view-mentee-2-2"];
    assert_eq!(seen().await, before);

    let playback = site.begin(MENTEE, "recording-1", "hls").await;
    assert_eq!(playback.resume.unwrap().position_ms, 300_000);
    let record = |event: &str, state: &str, at_ms: i64, place_ms: i64| {
        format!("cid=\"recording-1\",e={event},pt={place_ms},sid=\"hls\",sta={state},ts={at_ms},v=2")
    };
    let now_ms = site.now_ms();
    let report = record("t", "p", now_ms, 360_000);
    let told =
        site.post(&format!("/v1/cmcd/{}", playback.session_token), "", "application/cmcd", report).await;
    assert_eq!(told, (204, String::new()));
    site.is_at("mentee-2", "recording-1", 360_000).await;
    let left = record("ps", "q", now_ms + 1, 390_000);
    let told = site.post(&format!("/v1/beacon/{}", playback.session_token), "", "text/plain", left).await;
    assert_eq!(told, (204, String::new()));
    site.is_at("mentee-2", "recording-1", 390_000).await;
    // The hot store is told of a place beside the fsync, and the session shows its event behind it.
    let shown = async {
        loop {
            let (_, events) = site.session("mentee-2", "hls").await;
            if events.len() > 1 {
                break events;
            }
        }
    };
    let events = tokio::time::timeout(Duration::from_secs(30), shown).await.expect("the event is shown");
    assert_eq!(events.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), [Beat, Stop]);
    assert_eq!(seen().await, [&["hls"], &before[..]].concat());
}

/// May this user watch: the plan's views are used up by what is really played, each recording once.
async fn views_are_used_up_by_playing(site: &Site) {
    // The first was played already, and again it costs nothing.
    for number in 1..=10 {
        site.begin(MENTEE, &format!("recording-{number}"), &format!("view {number}")).await;
        site.begin(MENTEE, &format!("recording-{number}"), &format!("again {number}")).await;
    }
    assert_eq!(site.may("mentee-2", "recording-11").await.unwrap_err(), [AccessReason::ViewsUsedUp]);
    let pressed = site.press(MENTEE, "recording-11", "view 11").await;
    let reasons: Vec<_> =
        pressed.decision.unwrap().refusals.iter().map(rights::AccessRefusal::reason).collect();
    assert_eq!((pressed.playback, reasons), (None, vec![AccessReason::ViewsUsedUp]));
    site.begin(MENTEE, "recording-10", "once more").await;
    site.begin("mentee-4:mentee-4:laptop", "recording-11", "without a quota").await;
}

/// Deleting a recording removes its variants, segments and viewing history: everybody's, and nothing else of theirs.
async fn a_recording_is_deleted(site: &Site) {
    let segments = catalog::ListSegmentsRequest {
        item_id: "recording-1".into(),
        asset_id: "main".into(),
        variant_id: "10".into(),
        ..Default::default()
    };
    assert_eq!(viewers_of(site, "recording-1").await, ["mentee-2", "mentee-11", "mentee-38"]);
    let other = site.history("mentee-2", "recording-2").await;
    assert_eq!(site.position_ms("mentee-2", "recording-1").await, 390_000);

    let request =
        catalog::DeleteItemRequest { id: "recording-1".into(), erase_history: true, ..Default::default() };
    site.catalog().delete_item(request).await.unwrap();
    assert!(site.is_hidden("mentee-2", "recording-1").await);
    let told = site.catalog().list_segments(segments).await.unwrap_err();
    assert_eq!(told.code(), Code::NotFound);
    let request =
        catalog::ListCollectionItemsRequest { collection_id: "collection-1".into(), ..Default::default() };
    let held = site.catalog().list_collection_items(by(MENTEE, request)).await.unwrap().into_inner().items;
    assert_eq!(ids(&held), ["recording-3", "recording-2"]);
    assert_eq!(viewers_of(site, "recording-1").await, [""; 0]);
    assert!(site.going_on("mentee-2").await.iter().all(|(item, _)| item != "recording-1"));
    let all = site.history("mentee-2", "").await;
    assert!(!all.is_empty() && all.iter().all(|session| session.item_id != "recording-1"), "{all:?}");
    assert_eq!(site.history("mentee-2", "recording-2").await, other);
    assert_eq!(site.position_ms("mentee-2", "recording-2").await, 2_898_620);

    // When it is brought back, nothing of that comes back with it, though the dump says it again; a new play counts.
    let request = catalog::UndeleteItemRequest { id: "recording-1".into(), ..Default::default() };
    site.catalog().undelete_item(request).await.unwrap();
    let again = site.import("s4-vod").await.unwrap();
    assert_eq!((again.complaints.len(), counts(&again, NounKind::Session).unchanged), (0, 62));
    assert_eq!(viewers_of(site, "recording-1").await, [""; 0]);
    site.later(10_000);
    let playback = site.begin(MENTEE, "recording-1", "anew").await;
    assert_eq!(playback.resume, None);
    let session = site.over_grpc("anew", "recording-1", &playback.session_token);
    says(&session, &[(Beat, 30_000)]).await;
    assert_eq!(viewers_of(site, "recording-1").await, ["mentee-2"]);
}

/// Who has a position or a session in a recording.
async fn viewers_of(site: &Site, recording: &str) -> Vec<String> {
    let mut viewers = Vec::new();
    for number in 1..=MENTEES {
        let user = format!("mentee-{number}");
        let (position, history) =
            (site.position(&user, recording).await, site.history(&user, recording).await);
        if position.is_some() || !history.is_empty() {
            viewers.push(user);
        }
    }
    viewers
}

/// How many there are in the dump.
const MENTEES: usize = 40;
