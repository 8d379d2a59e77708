//! A course platform with tickets, from MySQL.

use playhead_import::NounKind;
use playhead_proto::{catalog::v1 as catalog, entitlement::v1::AccessReason};

use crate::site::{Site, counts, title};

#[tokio::test(flavor = "multi_thread")]
async fn a_course_platform_gets_its_questions_answered() {
    let (site, report) = Site::with("s2-courses").await;
    assert_eq!(counts(&report, NounKind::Plan).created, 0);
    lectures_and_files(&site).await;
    enrolled_or_ticket(&site).await;
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
