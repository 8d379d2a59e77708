//! A course platform with tickets, from MySQL.

use playhead_import::NounKind;
use playhead_proto::{
    catalog::v1 as catalog,
    entitlement::v1::AccessReason,
    ingest::v1::EventKind::{Beat, Pause, Resume, Start, Stop},
};
use serde_json::{Value, json};

use crate::site::{NOW_MS, Site, by, counts, title};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

#[tokio::test(flavor = "multi_thread")]
async fn a_course_platform_gets_its_questions_answered() {
    let (site, report) = Site::with("s2-courses").await;
    assert_eq!(counts(&report, NounKind::Plan).created, 0);
    assert_eq!(counts(&report, NounKind::Session).created, 60);
    lectures_and_files(&site).await;
    enrolled_or_ticket(&site).await;
    playback_sessions_as_they_were(&site).await;
    playback_sessions_go_on(&site).await;
    average_rating(&site).await;
}

/// A course with its lectures and files.
async fn lectures_and_files(site: &Site) {
    let course = site.item("course-1").await;
    assert_eq!(title(&course, "ko"), "사랑의 불시착");
    assert_eq!(course.texts[0].description, "설명 1: it's \\ \"안녕\"\n둘째 줄");
    let lectures = site.children("", "course-1").await;
    assert!(lectures.len() >= 4);
    assert!(lectures.iter().all(|lecture| lecture.kind() == catalog::Kind::Lesson));
    let mut files = 0;
    for lecture in site.children("", "course-2").await.iter().chain(&lectures) {
        let main = lecture.assets.iter().find(|asset| asset.id == "main").unwrap();
        assert_eq!(main.kind(), catalog::AssetKind::Video);
        assert!(main.ready && main.url.ends_with(".m3u8") && lecture.duration_ms.is_some());
        let others = lecture.assets.iter().filter(|asset| asset.id != "main");
        files += others.inspect(|file| assert_ne!(file.kind(), catalog::AssetKind::Video)).count();
    }
    assert!(files > 0);
}

/// May this user watch: enrolled, or with a ticket that counts now.
async fn enrolled_or_ticket(site: &Site) {
    let lecture = &site.children("", "course-1").await[0].id;
    assert_eq!(site.may("1", lecture).await, Ok(()));
    let other = &site.children("", "course-2").await[0].id;
    let enrolled_elsewhere = site.grants("1").await.iter().all(|grant| grant.item_id != "course-2");
    assert_eq!(site.may("1", other).await.is_err(), enrolled_elsewhere);
    assert_eq!(site.may("71", lecture).await, Ok(()));
    assert_eq!(site.may("71", other).await, Ok(()), "a ticket opens every course");
    assert_eq!(
        site.may("72", lecture).await.unwrap_err(),
        [AccessReason::NotEnrolled, AccessReason::TicketExpired]
    );
    assert_eq!(
        site.may("73", lecture).await.unwrap_err(),
        [AccessReason::NotEnrolled, AccessReason::GrantNotBegun]
    );
    assert_eq!(
        site.may("99", lecture).await.unwrap_err(),
        [AccessReason::NotEnrolled, AccessReason::NoTicket]
    );
}

/// A user's playback sessions and their events, as they were there. Where the playhead was, nobody wrote down.
async fn playback_sessions_as_they_were(site: &Site) {
    let history = site.history("38", "").await;
    let [only] = &history[..] else { panic!("{history:?}") };
    let began_ms = NOW_MS - 23 * HOUR_MS;
    assert_eq!((only.session_id.as_str(), only.item_id.as_str()), ("playback-1", "lecture-77"));
    assert_eq!((only.started_at_ms, only.last_event_at_ms), (began_ms, began_ms + HOUR_MS));
    let (_, events) = site.session("38", "playback-1").await;
    let paused_ms = began_ms + 20 * MINUTE_MS;
    let expect = [(Start, began_ms), (Resume, began_ms), (Pause, paused_ms), (Stop, began_ms + HOUR_MS)];
    assert_eq!(events, expect);
    assert_eq!(site.position("38", "lecture-77").await, None);
    // A player that was never heard of again has ended all the same.
    let (_, events) = site.session("30", "playback-60").await;
    let began_ms = NOW_MS - 12 * HOUR_MS;
    let paused_ms = began_ms + 20 * MINUTE_MS;
    assert_eq!(events, [(Start, began_ms), (Resume, began_ms), (Pause, paused_ms), (Stop, paused_ms)]);
    let lectures: Vec<String> =
        site.history("1", "").await.into_iter().map(|session| session.item_id).collect();
    assert_eq!(lectures, ["lecture-50", "lecture-177", "lecture-24"]);
}

/// The same of what is played here, by a player that posts its events: seen at once, with the place.
async fn playback_sessions_go_on(site: &Site) {
    let lecture = &site.children("", "course-1").await[0].id;
    let playback = site.begin("1:1:laptop", lecture, "first").await;
    let post = async |events: Value| {
        let body = json!({ "session": {}, "events": events }).to_string();
        let (status, told) = site.post("/v1/events", &playback.session_token, "application/json", body).await;
        assert_eq!(status, 200, "{told}");
        serde_json::from_str::<Value>(&told).unwrap()
    };
    let began_ms = site.now_ms();
    let told = post(json!([{ "kind": "START", "seq": 1, "at_ms": began_ms, "position_ms": 0 },
        { "kind": "BEAT", "seq": 2, "at_ms": began_ms, "position_ms": 60_000 }]))
    .await;
    assert_eq!((&told["acked_through_seq"], &told["verdict"]), (&2.into(), &"PLAY".into()));
    assert_eq!(site.position_ms("1", lecture).await, 60_000);
    site.later(MINUTE_MS);
    post(json!([{ "kind": "STOP", "seq": 3, "at_ms": began_ms + MINUTE_MS, "position_ms": 120_000 }])).await;
    let (session, events) = site.session("1", "first").await;
    assert_eq!((session.device_id.as_str(), session.item_id.as_str()), ("laptop", lecture.as_str()));
    assert_eq!(events, [(Start, began_ms), (Beat, began_ms), (Stop, began_ms + MINUTE_MS)]);
    assert_eq!(site.history("1", "").await[0].session_id, "first", "the latest comes first");
    assert_eq!(site.begin("1", lecture, "second").await.resume.unwrap().position_ms, 120_000);
}

/// A course's average rating, and what it comes to when another user rates.
async fn average_rating(site: &Site) {
    let summary = async || {
        let request = catalog::GetRatingSummaryRequest { item_id: "course-1".into() };
        let answer = site.opinions().get_rating_summary(by("1", request)).await.unwrap();
        let summary = answer.into_inner().summary.unwrap();
        (summary.counts, summary.mean)
    };
    assert_eq!(summary().await, (vec![0, 3, 0, 2, 0], Some(2.8)));
    let request = catalog::RateItemRequest { item_id: "course-1".into(), stars: 5, ..Default::default() };
    site.opinions().rate_item(by("71", request)).await.unwrap();
    assert_eq!(summary().await.0, [0, 3, 0, 2, 1]);
}
