//! Classes, creations, malls and manuals, from MySQL 8.

use playhead_proto::{
    catalog::v1::{self as catalog, Kind},
    entitlement::v1::{AccessReason, Playback},
    ingest::v1::{Event, EventKind, PublishRequest, Session, SessionEvents, Verdict},
};

use crate::site::{Site, by, ids, title};

#[tokio::test(flavor = "multi_thread")]
async fn a_commerce_platform_gets_its_questions_answered() {
    let (site, report) = Site::with("s5-commerce").await;
    assert!(report.counts.values().any(|counts| counts.skipped > 0), "a class and a creation were deleted");
    videos_of_a_shop_a_category_a_class(&site).await;
    enrolled(&site).await;
    shared_public_private(&site).await;
    roles_in_their_windows(&site).await;
    a_users_history(&site).await;
    views_and_watch_time(&site).await;
    reviews(&site).await;
}

/// The videos of a shop, a category or a class.
async fn videos_of_a_shop_a_category_a_class(site: &Site) {
    let class = site.item("class-1").await;
    assert_eq!((title(&class, "ko"), class.texts[0].subtitle.as_str()), ("👩‍🎨 가죽 공예", "it's for 初心者"));
    assert_eq!(class.duration_ms, Some(90 * 60_000));
    let lessons = site.children("", "class-1").await;
    assert_eq!(ids(&lessons), ["class-1-1", "class-1-2"]);
    assert_eq!(
        lessons.iter().map(|lesson| title(lesson, "ko")).collect::<Vec<_>>(),
        ["첫 수업 \"환영\"", "It's\\둘"]
    );
    assert_eq!(lessons[1].duration_ms, Some(30 * 60_000 + 30_000));
    let shop = site.children("", "shop-1").await;
    let kinds = |kind| shop.iter().filter(|item| item.kind() == kind).count();
    assert!(kinds(Kind::Course) > 0 && kinds(Kind::Clip) > 0 && kinds(Kind::Reading) > 0);
    let request =
        catalog::ListItemsRequest { category_id: "category-5".into(), page_size: 100, ..Default::default() };
    let of_category = site.catalog().list_items(by("ann", request)).await.unwrap().into_inner().items;
    assert!(ids(&of_category).contains(&"class-1"));
    let tag = Some(catalog::Tag { group: String::new(), name: "it's".into() });
    let request = catalog::ListItemsRequest { tag, page_size: 100, ..Default::default() };
    let tagged = site.catalog().list_items(request).await.unwrap().into_inner().items;
    assert!(!tagged.is_empty() && tagged.iter().all(|item| item.id.starts_with("creation-")));
}

/// May this user watch: a confirmed enrolment.
async fn enrolled(site: &Site) {
    assert_eq!(site.may("student-1", "class-1-1").await, Ok(()));
    assert_eq!(site.may("student-2", "class-1-1").await.unwrap_err(), [AccessReason::GrantPending]);
    assert_eq!(site.may("student-3", "class-1-1").await.unwrap_err(), [AccessReason::GrantEnded]);
    assert_eq!(site.may("nobody", "class-1-1").await.unwrap_err(), [AccessReason::NotEnrolled]);
}

/// May this user watch: public, by share link, private.
async fn shared_public_private(site: &Site) {
    assert_eq!(site.may("ann", "creation-3").await, Ok(()));
    assert_eq!(site.may("ann", "creation-1").await.unwrap_err(), [AccessReason::LinkRequired]);
    assert_eq!(site.may_by("ann", "creation-1", "share-link-token-0001").await, Ok(()));
    assert!(site.may_by("ann", "creation-1", "share-link-token-0004").await.is_err());
    assert_eq!(site.may("ann", "creation-2").await.unwrap_err(), [AccessReason::NoPolicy]);
    let manuals = site.children("ann", "shop-1").await;
    let manual = manuals.iter().find(|item| item.id.starts_with("manual-")).unwrap();
    assert_eq!(site.may("ann", &manual.id).await, Ok(()));
}

/// May this user watch: a role in its window.
async fn roles_in_their_windows(site: &Site) {
    assert_eq!(site.may("guide-1", "mall-1").await, Ok(()));
    assert_eq!(site.may("guide-2", "mall-1").await.unwrap_err(), [AccessReason::GrantExpired]);
    assert_eq!(site.may("guide-3", "mall-1").await.unwrap_err(), [AccessReason::GrantNotBegun]);
    assert_eq!(site.may("owner-1", "mall-1").await, Ok(()));
    assert_eq!(site.may("owner-2", "mall-1").await.unwrap_err(), [AccessReason::GrantEnded]);
    assert_eq!(site.may("guide-1", "mall-3").await.unwrap_err(), [AccessReason::NoRole]);
}

/// Plays from one place to another in as much time, and stops: what a player of a session with this token publishes.
async fn play(site: &Site, playback: &Playback, from_ms: i64, to_ms: i64) {
    let began_ms = site.now_ms();
    site.later(to_ms - from_ms);
    let event = |seq, kind: EventKind, at_ms, position_ms| Event {
        kind: kind.into(),
        seq,
        at_ms,
        position_ms: Some(position_ms),
        ..Event::default()
    };
    let session = SessionEvents {
        // The token says which.
        session: Some(Session::default()),
        events: vec![
            event(1, EventKind::Start, began_ms, from_ms),
            event(2, EventKind::Resume, began_ms, from_ms),
            event(3, EventKind::Stop, site.now_ms(), to_ms),
        ],
        ..SessionEvents::default()
    };
    let request = by(&playback.session_token, PublishRequest { sessions: vec![session] });
    let outcome = site.ingest().publish(request).await.unwrap().into_inner().sessions.remove(0);
    assert_eq!((outcome.stored, outcome.verdict()), (3, Verdict::Play), "{outcome:?}");
}

/// A user's history: what was played of classes, of what is public, and of what came by a link.
async fn a_users_history(site: &Site) {
    let class = site.begin("student-1:student-1:phone", "class-1-1", "at home").await;
    play(site, &class, 0, 120_000).await;
    assert_eq!(site.position_ms("student-1", "class-1-1").await, 120_000);
    let public = site.begin("student-1", "creation-3", "in the shop").await;
    play(site, &public, 0, 30_000).await;
    assert!(site.press("student-1", "creation-1", "no link").await.playback.is_none());
    let shared = site.press_by("student-1", "creation-1", "by a link", "share-link-token-0001").await;
    play(site, &shared.playback.unwrap(), 0, 20_000).await;
    let history = site.history("student-1", "").await;
    let played: Vec<_> =
        history.iter().map(|session| (session.item_id.as_str(), session.watched_ms)).collect();
    assert_eq!(played, [("creation-1", 20_000), ("creation-3", 30_000), ("class-1-1", 120_000)]);
    let again = site.begin("student-1", "class-1-1", "again").await;
    assert_eq!(again.resume.unwrap().position_ms, 120_000);
    play(site, &again, 60_000, 180_000).await;
}

/// How often and how long a user watched a lesson, and how much of it.
async fn views_and_watch_time(site: &Site) {
    let sessions = site.history("student-1", "class-1-1").await;
    let watched_ms: i64 = sessions.iter().map(|session| session.watched_ms).sum();
    let parts: Vec<_> = sessions
        .iter()
        .flat_map(|session| session.intervals.iter().map(|part| (part.from_ms, part.to_ms)))
        .collect();
    assert_eq!((sessions.len(), watched_ms), (2, 240_000));
    assert_eq!(parts, [(60_000, 180_000), (0, 120_000)]);
}

/// What students think of a class. What they think of its teacher is not of the class.
async fn reviews(site: &Site) {
    let request = catalog::GetRatingSummaryRequest { item_id: "class-1".into() };
    let answer = site.opinions().get_rating_summary(by("ann", request)).await.unwrap().into_inner();
    let summary = answer.summary.unwrap();
    assert_eq!((summary.counts, summary.mean), (vec![1, 1, 0, 0, 0], Some(1.5)));
}
