//! A streaming service with series and episodes, from MySQL.

use playhead_client::Command;
use playhead_import::NounKind;
use playhead_proto::{
    catalog::v1 as catalog,
    entitlement::v1 as rights,
    ingest::v1::{
        EventKind::{Beat, Ended, Pause, Start, Stop},
        StopReason,
    },
    screen::v1 as screen,
};

use crate::{
    player::{PATIENCE, says},
    site::{DAY_MS, NOW_MS, Site, by, counts, ids, title},
};

/// Somebody of the first account, on two devices.
const ON_TV: &str = "user-1:user-1:tv-1";
const ON_PHONE: &str = "user-1:user-1:phone-1";

#[tokio::test(flavor = "multi_thread")]
async fn a_streaming_service_gets_its_questions_answered() {
    let (site, report) = Site::with("s1-streaming").await;
    assert_eq!(counts(&report, NounKind::Plan).created, 2);
    assert_eq!(counts(&report, NounKind::Subscription).created, 50);
    assert_eq!(counts(&report, NounKind::Session).created, 103);
    episodes_in_order(&site).await;
    progress_as_it_was(&site).await;
    progress_goes_on(&site).await;
    an_import_moves_nobody_back(&site).await;
    the_next_episode_follows(&site).await;
    concurrent_viewing(&site).await;
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

/// A user's progress in one item, in all, and what to go on with, as it was there: as old as it was, and the latest of all
/// devices.
async fn progress_as_it_was(site: &Site) {
    let one = site.position("user-1", "episode-1002").await.unwrap();
    assert_eq!((one.position_ms, one.duration_ms), (900_000, Some(4_658_000)));
    assert_eq!((one.at_ms, one.session_id.as_str()), (NOW_MS - DAY_MS, "progress-user-1-1002-phone-1"));
    let asked = ["episode-1001", "episode-1002", "episode-1003"].map(str::to_owned);
    let several = site.positions("user-1", &asked).await;
    let finished: Vec<_> = several.iter().map(|one| (one.item_id.as_str(), one.finished)).collect();
    assert_eq!(finished, [("episode-1001", true), ("episode-1002", false)]);
    let going_on = site.going_on("user-1").await;
    let places: Vec<_> = going_on.iter().map(|(item, ms)| (item.as_str(), *ms)).collect();
    let expect = [("episode-1002", 900_000), ("episode-1182", 1_067_000), ("episode-1474", 2_720_000)];
    assert_eq!(places, expect);
    let history = site.history("user-1", "episode-1002").await;
    let devices: Vec<&str> = history.iter().map(|session| session.device_id.as_str()).collect();
    assert_eq!(devices, ["phone-1", "tv-1"]);
}

/// A viewer goes on where another device left off, and is seen there at once.
async fn progress_goes_on(site: &Site) {
    let tv = site.begin(ON_TV, "episode-1002", "evening").await;
    assert_eq!(tv.resume.unwrap().position_ms, 900_000);
    let session = site.over_grpc("evening", "episode-1002", &tv.session_token);
    says(&session, &[(Start, 900_000), (Beat, 960_000)]).await;
    assert_eq!(site.position_ms("user-1", "episode-1002").await, 960_000);
    says(&session, &[(Pause, 1_000_000), (Stop, 1_000_000)]).await;
    assert_eq!(session.close().await.unwrap().acked_through, 4);
    let phone = site.begin(ON_PHONE, "episode-1002", "on the train").await;
    assert_eq!(phone.resume.unwrap().position_ms, 1_000_000);
    assert_eq!(site.going_on("user-1").await[0], ("episode-1002".to_owned(), 1_000_000));
    let session = site.over_grpc("on the train", "episode-1002", &phone.session_token);
    says(&session, &[(Stop, 1_000_000)]).await;
    session.close().await.unwrap();
    assert_eq!(site.history("user-1", "episode-1002").await.len(), 4);
}

/// What was watched here is newer than what is imported once more.
async fn an_import_moves_nobody_back(site: &Site) {
    let again = site.import("s1-streaming").await.unwrap();
    let sessions = counts(&again, NounKind::Session);
    assert_eq!((sessions.unchanged, sessions.created, sessions.changed), (103, 0, 0));
    assert_eq!(site.position_ms("user-1", "episode-1002").await, 1_000_000);
}

/// Continue watching leads to the next episode, once one is finished.
async fn the_next_episode_follows(site: &Site) {
    let request = by("user-1", catalog::NextItemRequest { id: "episode-1002".into(), ..Default::default() });
    let next = site.catalog().next_item(request).await.unwrap().into_inner().item.unwrap().id;
    let up_next = async || {
        let request = by("user-1", screen::ListUpNextRequest::default());
        let entries = site.screens().list_up_next(request).await.unwrap().into_inner().entries;
        entries.into_iter().next().unwrap()
    };
    let before = up_next().await;
    assert_eq!(
        (before.item_id.as_str(), before.reason(), before.position_ms),
        ("episode-1002", screen::UpNextReason::Resume, 1_000_000)
    );
    site.later(1_000);
    let tv = site.begin(ON_TV, "episode-1002", "to the end").await;
    let session = site.over_grpc("to the end", "episode-1002", &tv.session_token);
    says(&session, &[(Start, 1_000_000), (Ended, 4_658_000), (Stop, 4_658_000)]).await;
    session.close().await.unwrap();
    let after = up_next().await;
    assert_eq!((&after.item_id, after.reason()), (&next, screen::UpNextReason::Next));
    assert_eq!((after.position_ms, after.after_item_id.as_str()), (0, "episode-1002"));
    assert_eq!(after.container_id, "series-1");
}

/// How many devices play at once: at the limit, who is in the way is told, and stopping it by its code lets the next in.
async fn concurrent_viewing(site: &Site) {
    let request = rights::GetPlanRequest { id: "monthly".into() };
    let plan = site.rights().get_plan(request).await.unwrap().into_inner().plan.unwrap();
    let at_limit = rights::AtLimit::DenyNewest.into();
    let one = rights::StreamRules { streams_max: 1, at_limit, devices_max: None };
    let plan = rights::Plan { stream_rules: Some(one), ..plan };
    site.rights().upsert_plan(rights::UpsertPlanRequest { plan: Some(plan) }).await.unwrap();

    let tv = site.begin(ON_TV, "episode-1003", "on tv").await;
    let on_tv = site.over_grpc("on tv", "episode-1003", &tv.session_token);
    says(&on_tv, &[(Start, 0), (Beat, 20_000)]).await;
    let pressed = site.press(ON_PHONE, "episode-1004", "on phone").await;
    let no_slot = pressed.no_slot.unwrap();
    assert_eq!((pressed.playback, no_slot.code()), (None, StopReason::StreamLimit));
    let [way] = &no_slot.in_the_way[..] else { panic!("{no_slot:?}") };
    assert_eq!((way.device_id.as_str(), way.item_id.as_str()), ("tv-1", "episode-1003"));

    site.stop(ON_PHONE, &way.stop_code).await;
    let mut told = on_tv.progress();
    let told = tokio::time::timeout(PATIENCE, told.wait_for(|now| now.command.is_some())).await.unwrap();
    let Some(Command::Terminate { code, by_device, .. }) = told.unwrap().command.clone() else { panic!() };
    assert_eq!((code, by_device.as_str()), (StopReason::Stopped, "phone-1"));
    let phone = site.begin(ON_PHONE, "episode-1004", "on phone").await;
    let on_phone = site.over_grpc("on phone", "episode-1004", &phone.session_token);
    says(&on_phone, &[(Start, 0), (Stop, 20_000)]).await;
    on_phone.close().await.unwrap();
    site.begin(ON_TV, "episode-1003", "on tv again").await;
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

/// A profile's age limit came along, and keeps from it what is for older ones.
async fn parental_control(site: &Site) {
    let request = rights::GetViewerLimitsRequest { user_id: "user-7".into(), ..Default::default() };
    let limits = site.rights().get_viewer_limits(request).await.unwrap().into_inner().limits.unwrap();
    assert!(matches!(limits.maturity_age_max, Some(12 | 15)), "{limits:?}");
    let request = rights::GetViewerLimitsRequest { user_id: "user-8".into(), ..Default::default() };
    let limits = site.rights().get_viewer_limits(request).await.unwrap().into_inner().limits.unwrap();
    assert_eq!(limits.maturity_age_max, None);
    let series = catalog::Item { maturity_age: Some(19), etag: String::new(), ..site.item("series-1").await };
    let request = catalog::UpsertItemRequest { item: Some(series), update_mask: None };
    site.catalog().upsert_item(request).await.unwrap();
    let episode = &site.children("ann", "season-1-1").await[0].id;
    let refused = async |user: &str| site.may(user, episode).await.err().unwrap_or_default();
    assert!(refused("user-7").await.contains(&rights::AccessReason::Maturity));
    assert_eq!(site.may("user-1", episode).await, Ok(()));
}
