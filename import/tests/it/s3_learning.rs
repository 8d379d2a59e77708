//! A course platform of versions, languages and seats, from PostgreSQL.

use playhead_import::NounKind;
use playhead_proto::{
    catalog::v1 as catalog,
    entitlement::v1::{self as rights, AccessReason},
    ingest::v1::EventKind::{Beat, Ended, Start, Stop},
    playback::v1 as playback,
    screen::v1 as screen,
};

use crate::{
    player::{over_quic, says},
    site::{DAY_MS, NOW_MS, Site, by, counts, title},
};

const COURSE: &str = "course-11111111-1111-4111-8111-111111111111";

fn version(number: u8) -> String {
    format!("version-22222222-2222-4222-8222-00000000000{number}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_learning_platform_gets_its_questions_answered() {
    let (mut site, report) = Site::with("s3-learning").await;
    assert!(counts(&report, NounKind::Item).skipped > 0, "a course was deleted, with all in it");
    assert_eq!(counts(&report, NounKind::Seat).created, 2);
    published_tree(&site).await;
    categories(&site).await;
    subscriptions_and_seats(&site).await;
    enrolments(&site).await;
    progress_per_lesson(&mut site).await;
    progress_per_course(&site).await;
    what_learners_think(&site).await;
}

/// A published course's tree in a language, with fallback.
async fn published_tree(site: &Site) {
    let tree = async |languages: &[&str]| {
        let languages = languages.iter().map(|&one| one.to_owned()).collect();
        let request = catalog::GetTreeRequest { id: COURSE.into(), languages, ..Default::default() };
        site.catalog().get_tree(by("ann", request)).await.unwrap().into_inner().root.unwrap()
    };
    let root = tree(&["en"]).await;
    assert_eq!(title(root.item.as_ref().unwrap(), "en"), "Rust in Depth");
    assert_eq!(root.item.as_ref().unwrap().texts[0].description, "it's\n\\backslash\t'quoted'");
    // The second version is the one that is published; the first is archived, the third a draft.
    let shown: Vec<&str> = root.children.iter().map(|node| node.item.as_ref().unwrap().id.as_str()).collect();
    assert_eq!(shown, [version(2)]);
    let modules = &root.children[0].children;
    assert_eq!(modules.iter().map(|node| node.item.as_ref().unwrap().order).collect::<Vec<_>>(), [10, 20]);
    let lesson = modules[0].children[0].item.as_ref().unwrap();
    assert!(title(lesson, "en").starts_with("L1.1 en"), "{lesson:?}");
    // Japanese for the course; its lessons are told in English and Korean alone.
    let root = tree(&["ja", "ko"]).await;
    assert_ne!(title(root.item.as_ref().unwrap(), "ja"), "");
    let lesson = root.children[0].children[0].children[0].item.as_ref().unwrap();
    assert!(title(lesson, "ko").starts_with("L1.1 ko"), "{lesson:?}");
    // What is played lies with the lesson.
    let kept = site.item(&lesson.id).await;
    let video = kept.assets.iter().find(|asset| asset.mime_type == "video/mp4").unwrap();
    assert_eq!((video.variants[0].width, video.variants[0].height), (1_920, 1_080));
    assert_eq!(site.item(&version(1)).await.version.unwrap().changelog, "version 1: it's better");
}

/// Categories are a tree, though those below come first in the dump.
async fn categories(site: &Site) {
    let request = catalog::ListCategoriesRequest { languages: vec!["ko".into()] };
    let all = site.catalog().list_categories(by("ann", request)).await.unwrap().into_inner().categories;
    assert_eq!(all.len(), 16);
    assert_eq!(all.iter().filter(|category| category.parent_id.is_empty()).count(), 4);
    assert!(all.iter().all(|category| category.texts[0].language == "ko" && !category.slug.is_empty()));
    let of_course = &site.item(COURSE).await.category_ids;
    assert!(all.iter().any(|category| category.id == of_course[0]));
}

/// Is the learner's, or the company's, subscription valid; seats.
async fn subscriptions_and_seats(site: &Site) {
    let standing = async |account: &str| {
        let (entitled, best) = site.subscribed(account).await;
        (entitled, best.map(|best| best.standing.unwrap().status()))
    };
    use rights::SubscriptionStatus::{Active, PastDue, PaymentFailed, Trialing};
    assert_eq!(standing("solo-1").await, (true, Some(Active)));
    assert_eq!(standing("solo-2").await, (true, Some(PastDue)));
    assert_eq!(standing("solo-3").await, (false, Some(PaymentFailed)));
    assert_eq!(standing("solo-4").await, (true, Some(Trialing)));
    assert_eq!(standing("company-acme").await, (true, Some(Active)));
    let lesson = site.children("ann", &version(2)).await[0].id.clone();
    let lesson = site.children("ann", &lesson).await[0].id.clone();
    assert_eq!(site.may("worker-1:company-acme", &lesson).await, Ok(()));
    let reasons = site.may("worker-3:company-acme", &lesson).await.unwrap_err();
    assert_eq!(reasons, [AccessReason::NotEnrolled, AccessReason::NoSeat]);
    assert_eq!(site.may("solo-1", &lesson).await, Ok(()));
    let request = rights::GetPlanRequest { id: "plan-33333333-3333-4333-8333-000000000001".into() };
    let plan = site.rights().get_plan(request).await.unwrap().into_inner().plan.unwrap();
    let amounts: Vec<&str> = plan.prices.iter().map(|price| price.amount.as_str()).collect();
    assert_eq!((amounts, plan.trial_days, plan.by_seat), (vec!["14.99", "149.90"], 14, false));
}

/// Who is enrolled in an earlier version goes on with it; who was thrown out does not.
async fn enrolments(site: &Site) {
    let granted = site.grants("early-1").await;
    assert_eq!(granted[0].item_id, version(1));
    assert_eq!(granted[0].status(), rights::GrantStatus::Completed);
    let module = site.children("", &version(1)).await[0].id.clone();
    let lesson = site.children("", &module).await[0].id.clone();
    // The version is archived: it is there for viewers no more, enrolled or not.
    assert!(site.is_hidden("early-1", &lesson).await);
    assert_eq!(site.grants("gone-1").await[0].status(), rights::GrantStatus::Revoked);
}

/// The lessons of the published version, in their order, with their lengths.
async fn lessons(site: &Site) -> Vec<(String, i64)> {
    let mut lessons = Vec::new();
    for module in site.children("ann", &version(2)).await {
        let children = site.children("ann", &module.id).await;
        lessons.extend(children.into_iter().map(|lesson| (lesson.id, lesson.duration_ms.unwrap())));
    }
    lessons
}

/// A learner's progress per lesson: as it was there, and as it goes on here. What was not begun is nowhere.
async fn progress_per_lesson(site: &mut Site) {
    let lessons = lessons(site).await;
    let ids: Vec<String> = lessons.iter().map(|(id, _)| id.clone()).collect();
    let progress = async |site: &Site| {
        let found = site.positions("solo-1", &ids).await;
        let told = found.into_iter().map(|one| (one.item_id, one.position_ms, one.finished, one.watched));
        told.collect::<Vec<_>>()
    };
    let [(first, first_ms), (second, second_ms), ..] = &lessons[..] else { panic!("{lessons:?}") };
    let before =
        [(first.clone(), *first_ms, true, true), (second.clone(), second_ms * 40 / 100, false, false)];
    assert_eq!(progress(site).await, before);
    let completed = site.position("solo-1", first).await.unwrap();
    assert_eq!((completed.at_ms, completed.watched_at_ms), (NOW_MS - 3 * DAY_MS, Some(NOW_MS - 3 * DAY_MS)));

    // The first lesson of the last module is watched over QUIC: half of it, then all.
    let quic = site.open_quic();
    let last_module = site.children("ann", &version(2)).await.pop().unwrap().id;
    let lesson = site.children("ann", &last_module).await.remove(0);
    let (id, length_ms) = (lesson.id, lesson.duration_ms.unwrap());
    let playback = site.begin("solo-1:solo-1:laptop", &id, "morning").await;
    let session = over_quic(quic, "morning", &id, &playback.session_token);
    says(&session, &[(Start, 0), (Beat, 60_000), (Beat, length_ms / 2)]).await;
    assert_eq!(progress(site).await[2..], [(id.clone(), length_ms / 2, false, false)]);
    assert_eq!(site.going_on("solo-1").await[0], (id.clone(), length_ms / 2));
    says(&session, &[(Ended, length_ms), (Stop, length_ms)]).await;
    session.close().await.unwrap();
    assert_eq!(progress(site).await[2..], [(id.clone(), length_ms, true, true)]);
    let going_on: Vec<String> = site.going_on("solo-1").await.into_iter().map(|(item, _)| item).collect();
    assert_eq!(going_on, std::slice::from_ref(second));
}

/// A learner's progress per course: how many lessons are done, and the course when all are.
async fn progress_per_course(site: &Site) {
    let mut lessons = Vec::new();
    for (lesson, length_ms) in self::lessons(site).await {
        // What is read is not played.
        if site.item(&lesson).await.kind() == catalog::Kind::Lesson {
            lessons.push((lesson, length_ms));
        }
    }
    let progress = async || {
        let request = screen::GetProgressRequest { item_id: COURSE.into(), ..Default::default() };
        let answer = site.screens().get_progress(by("solo-1", request)).await.unwrap().into_inner();
        (answer.progress.unwrap(), answer.leaves)
    };
    let (before, leaves) = progress().await;
    let all = u32::try_from(lessons.len()).unwrap();
    assert_eq!((before.leaves, before.leaves_done, before.percent), (all, 2, 2 * 100 / all));
    assert_eq!((before.complete, before.completed_at_ms), (false, None));
    let told: Vec<_> = leaves.iter().map(|leaf| (leaf.item_id.clone(), leaf.duration_ms.unwrap())).collect();
    assert_eq!(told, lessons, "in their order");
    let done: Vec<_> = leaves.iter().filter(|leaf| leaf.done).map(|leaf| leaf.fraction).collect();
    assert_eq!(done, [Some(1.0), Some(1.0)]);

    for (item_id, _) in lessons {
        let request = playback::MarkWatchedRequest { user_id: "solo-1".into(), item_id, watched: true };
        site.playback().mark_watched(by("solo-1", request)).await.unwrap();
    }
    let (complete, _) = progress().await;
    assert_eq!((complete.leaves_done, complete.percent, complete.complete), (all, 100, true));
    assert!(complete.completed_at_ms.is_some());
}

/// What learners think of a course. What they think of one that was deleted is left out.
async fn what_learners_think(site: &Site) {
    let request = catalog::GetRatingSummaryRequest { item_id: COURSE.into() };
    let answer = site.opinions().get_rating_summary(by("ann", request)).await.unwrap().into_inner();
    let summary = answer.summary.unwrap();
    assert_eq!((summary.counts, summary.mean), (vec![0, 0, 1, 1, 1], Some(4.0)));
    let request = catalog::GetRatingRequest { item_id: COURSE.into(), ..Default::default() };
    let answer = site.opinions().get_rating(by("solo-1", request)).await.unwrap().into_inner();
    assert_eq!(answer.rating.unwrap().comment, "it's\tgood");
    // Whoever has changed their mind here keeps to it, whatever is imported again.
    site.later(1_000);
    let request = catalog::RateItemRequest { item_id: COURSE.into(), stars: 1, ..Default::default() };
    site.opinions().rate_item(by("solo-1", request)).await.unwrap();
    let again = site.import("s3-learning").await.unwrap();
    let ratings = counts(&again, NounKind::Rating);
    assert_eq!((ratings.unchanged, ratings.changed, ratings.skipped), (3, 0, 1), "{}", again.table());
    let request = catalog::GetRatingRequest { item_id: COURSE.into(), ..Default::default() };
    let answer = site.opinions().get_rating(by("solo-1", request)).await.unwrap().into_inner();
    assert_eq!(answer.rating.unwrap().stars, 1);
}
