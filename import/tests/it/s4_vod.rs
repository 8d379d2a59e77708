//! Recordings, collections and plans with features, from Oracle.

use playhead_import::NounKind;
use playhead_proto::{
    catalog::v1 as catalog,
    entitlement::v1::{self as rights, AccessReason},
};

use crate::site::{Site, by, counts, ids, title};

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_library_gets_its_questions_answered() {
    let (site, report) = Site::with("s4-vod").await;
    assert_eq!(counts(&report, NounKind::Collection).created, 8);
    a_collections_recordings(&site).await;
    plan_features_and_quota(&site).await;
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
