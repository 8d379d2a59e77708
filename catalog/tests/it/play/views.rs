//! Views: one for each item in a period, never one too many.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::*;

/// A plan of so many views in a period.
fn counted(views_max: u32) -> proto::Plan {
    proto::Plan { views_max: Some(views_max), stream_rules: None, ..one_stream(proto::AtLimit::DenyNewest) }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_item_takes_one_view_however_often_it_is_begun() {
    let site = Site::start().await;
    for id in ["a", "b", "c"] {
        site.put(for_subscribers(id)).await;
    }
    subscribe(&site, counted(2)).await;
    let ann = on(&site, "ann", "tv");
    for (id, session) in [("a", "s-1"), ("a", "s-1"), ("a", "s-2"), ("b", "s-3"), ("b", "s-3")] {
        begins(site.play(&ann, id, session).await);
    }
    assert_eq!(reasons(site.play(&ann, "c", "s-4").await), "VIEWS_USED_UP");
    assert_eq!(
        reasons(site.play(&on(&site, "ben", "phone"), "c", "s-1").await),
        "VIEWS_USED_UP",
        "the account's"
    );
    begins(site.play(&ann, "a", "s-5").await);
    let renew = proto::RenewSubscriptionRequest {
        account_id: "family".into(),
        id: "s-1".into(),
        ending_ms: BEGIN_MS + 30 * 24 * 3_600_000,
        next_end_ms: None,
    };
    site.rights().renew_subscription(site.keep(renew)).await.unwrap();
    site.later(30 * 24 * 3_600_000);
    begins(site.play(&on(&site, "ann", "tv"), "c", "s-4").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_no_slot_pays_no_view() {
    let site = Site::start().await;
    for id in ["a", "b", "c"] {
        site.put(for_subscribers(id)).await;
    }
    subscribe(&site, proto::Plan { views_max: Some(2), ..one_stream(proto::AtLimit::DenyNewest) }).await;
    begins(site.play(&on(&site, "ann", "tv"), "a", "s-1").await);
    for session in ["s-1", "s-2"] {
        no_slot(site.play(&on(&site, "ben", "phone"), "b", session).await);
    }
    site.later(30_001);
    begins(site.play(&on(&site, "ben", "phone"), "c", "s-3").await);
    site.later(30_001);
    assert_eq!(reasons(site.play(&on(&site, "ben", "phone"), "b", "s-4").await), "VIEWS_USED_UP");
}

#[tokio::test(flavor = "multi_thread")]
async fn racing_items_never_take_one_view_too_many() {
    const VIEWS: u32 = 3;
    let site = Arc::new(Site::start().await);
    for n in 0..12 {
        site.put(for_subscribers(&format!("film-{n}"))).await;
    }
    subscribe(&site, counted(VIEWS)).await;
    let mut racers = JoinSet::new();
    for n in 0..12 {
        // Twice each: retries race as well.
        for _ in 0..2 {
            let site = Arc::clone(&site);
            racers.spawn(async move {
                let user = format!("user {n}");
                let answer = site.play(&on(&site, &user, "tv"), &format!("film-{n}"), "s-1").await.unwrap();
                let reasons = answer.decision.unwrap().refusals;
                assert!(
                    reasons.iter().all(|why| why.reason() == proto::AccessReason::ViewsUsedUp),
                    "{reasons:?}"
                );
                answer.playback.map(|_| n)
            });
        }
    }
    let mut played: Vec<u32> = racers.join_all().await.into_iter().flatten().collect();
    played.sort_unstable();
    played.dedup();
    assert_eq!(played.len(), 3, "{played:?}");
}
