//! A streaming service with series and episodes, from MySQL.

use playhead_import::NounKind;
use playhead_proto::{catalog::v1 as catalog, entitlement::v1 as rights};

use crate::site::{DAY_MS, NOW_MS, Site, by, counts, ids, title};

#[tokio::test(flavor = "multi_thread")]
async fn a_streaming_service_gets_its_questions_answered() {
    let (site, report) = Site::with("s1-streaming").await;
    assert_eq!(counts(&report, NounKind::Plan).created, 2);
    assert_eq!(counts(&report, NounKind::Subscription).created, 50);
    episodes_in_order(&site).await;
    subscriptions(&site).await;
    parental_control(&site).await;
}

/// Episodes of a series in order, though the dump has them shuffled, and before their series.
async fn episodes_in_order(site: &Site) {
    let series = site.item("series-1").await;
    assert_eq!((series.kind(), title(&series, "ko")), (catalog::Kind::Series, "도깨비"));
    assert_eq!(
        series.external_ids[0],
        catalog::ExternalId { system: "streaming.series".into(), id: "1".into() }
    );
    assert_eq!(title(&site.item("series-12").await, "ko"), "두 줄 제목", "a title is one line");
    assert_eq!(title(&site.item("series-11").await, "ko"), "C:\\Users\\네모");
    assert_eq!(title(&site.item("series-15").await, "ko"), "👻 고스트 👩‍🚀");
    let request =
        catalog::GetTreeRequest { id: "series-1".into(), languages: vec!["en".into()], ..Default::default() };
    let root = site.catalog().get_tree(by("ann", request)).await.unwrap().into_inner().root.unwrap();
    let seasons = &root.children;
    assert_eq!(seasons.len().to_string(), series.attributes["total_seasons"]);
    for (season, at) in seasons.iter().zip(1..) {
        let item = season.item.as_ref().unwrap();
        assert_eq!((item.id.as_str(), item.order), (format!("season-1-{at}").as_str(), at));
        assert_eq!(title(item, "en"), format!("Season {at}"));
        let orders: Vec<i32> = season.children.iter().map(|node| node.item.as_ref().unwrap().order).collect();
        assert_eq!(orders, (1..=i32::try_from(orders.len()).unwrap()).collect::<Vec<_>>());
        assert!(season.children.iter().all(|node| node.item.as_ref().unwrap().duration_ms >= Some(600_000)));
    }
    // And so on, from one season into the next.
    let last = seasons[0].children.last().unwrap().item.as_ref().unwrap().id.clone();
    let request = by("ann", catalog::NextItemRequest { id: last, ..Default::default() });
    let next = site.catalog().next_item(request).await.unwrap().into_inner().item.map(|item| item.id);
    let expect = seasons.get(1).map(|season| season.children[0].item.as_ref().unwrap().id.clone());
    assert_eq!(next, expect);
    // What is upcoming is not shown yet.
    let request = catalog::GetItemRequest { id: "series-30".into(), ..Default::default() };
    assert!(site.catalog().get_item(by("ann", request)).await.is_err());
}

/// Is the subscription active; renew it; access by it.
async fn subscriptions(site: &Site) {
    let episode = &site.children("ann", "season-1-1").await[0].id;
    let (entitled, best) = site.subscribed("user-1").await;
    let subscription = best.unwrap().subscription.unwrap();
    assert!(entitled && subscription.auto_renew);
    // 31 January, midnight in Seoul, a month after 31 December.
    assert_eq!(subscription.period_end_ms, 1_801_321_200_000);
    assert_eq!(subscription.period_start_ms, 1_798_642_800_000);
    assert_eq!(site.may("user-1", episode).await, Ok(()));
    // Cancelled, and honoured until its period ends; expired; due for a day, and honoured for the days of grace.
    assert!(site.subscribed("user-2").await.0);
    assert!(!site.subscribed("user-3").await.0);
    let (entitled, best) = site.subscribed("user-4").await;
    assert!(entitled && best.unwrap().standing.unwrap().in_grace);
    let reasons = site.may("user-3", episode).await.unwrap_err();
    assert_eq!(reasons, [rights::AccessReason::SubscriptionNotCurrent]);
    assert_eq!(site.may("nobody", episode).await.unwrap_err(), [rights::AccessReason::NoSubscription]);
    // Renewed from the 31st to the last of February, reckoned in Seoul.
    let request = rights::RenewSubscriptionRequest {
        account_id: "user-1".into(),
        id: subscription.id,
        ending_ms: subscription.period_end_ms,
        next_end_ms: None,
    };
    let renewed = site.rights().renew_subscription(request).await.unwrap().into_inner().subscription.unwrap();
    assert_eq!(renewed.period_end_ms, 1_803_740_400_000);
    assert!(renewed.period_end_ms > NOW_MS + 30 * DAY_MS);
    assert!(ids(&site.children("ann", "series-1").await).contains(&"season-1-1"));
}

/// A profile's age limit came along.
async fn parental_control(site: &Site) {
    let request = rights::GetViewerLimitsRequest { user_id: "user-7".into(), ..Default::default() };
    let limits = site.rights().get_viewer_limits(request).await.unwrap().into_inner().limits.unwrap();
    assert!(matches!(limits.maturity_age_max, Some(12 | 15)), "{limits:?}");
    let request = rights::GetViewerLimitsRequest { user_id: "user-8".into(), ..Default::default() };
    let limits = site.rights().get_viewer_limits(request).await.unwrap().into_inner().limits.unwrap();
    assert_eq!(limits.maturity_age_max, None);
}
