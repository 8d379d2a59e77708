//! Classes, creations, malls and manuals, from MySQL 8.

use playhead_proto::{
    catalog::v1::{self as catalog, Kind},
    entitlement::v1::AccessReason,
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
