//! The seats of a subscription: never more than there are, whoever races.

use std::sync::Arc;

use playhead_proto::{
    catalog::v1::{self as catalog, Kind},
    entitlement::v1 as proto,
};
use tokio::task::JoinSet;
use tonic::Code;

use crate::site::{BEGIN_MS, Site, by, item, told};

/// A company with so many seats.
async fn company(site: &Site, seats: u32) {
    let plan =
        proto::Plan { id: "enterprise".into(), active: true, tier: 1, by_seat: true, ..Default::default() };
    site.rights().upsert_plan(site.keep(proto::UpsertPlanRequest { plan: Some(plan) })).await.unwrap();
    let subscription = proto::Subscription {
        id: "s-1".into(),
        account_id: "family".into(),
        plan_id: "enterprise".into(),
        status: proto::SubscriptionStatus::Active.into(),
        period_start_ms: BEGIN_MS,
        period_end_ms: BEGIN_MS + 1_000_000,
        seats,
        ..Default::default()
    };
    let request = proto::UpsertSubscriptionRequest { subscription: Some(subscription) };
    site.rights().upsert_subscription(site.keep(request)).await.unwrap();
}

async fn assign(site: &Site, token: &str, user: &str) -> Result<u32, String> {
    let request = proto::AssignSeatRequest {
        account_id: "family".into(),
        subscription_id: "s-1".into(),
        user_id: user.into(),
    };
    let answer = site.rights().assign_seat(by(token, request)).await;
    answer.map(|answer| answer.into_inner().number).map_err(|status| {
        let (code, reason, _) = told(&status);
        assert_eq!(code, Code::FailedPrecondition, "{status:?}");
        reason
    })
}

async fn release(site: &Site, user: &str) {
    let request = proto::ReleaseSeatRequest {
        account_id: "family".into(),
        subscription_id: "s-1".into(),
        user_id: user.into(),
    };
    site.rights().release_seat(site.keep(request)).await.unwrap();
}

async fn held(site: &Site) -> Vec<(u32, String)> {
    let request = proto::ListSeatsRequest { account_id: "family".into(), subscription_id: "s-1".into() };
    let answer = site.rights().list_seats(site.keep(request)).await.unwrap().into_inner();
    answer.seats.into_iter().map(|seat| (seat.number, seat.user_id)).collect()
}

async fn may(site: &Site, user: &str) -> bool {
    let request = proto::CheckAccessRequest { item_id: "lesson".into(), ..Default::default() };
    let answer = site.rights().check_access(site.watch(user, request)).await.unwrap().into_inner();
    let decision = answer.decision.unwrap();
    assert!(decision.allowed || decision.refusals[0].reason() == proto::AccessReason::NoSeat, "{decision:?}");
    decision.allowed
}

#[tokio::test(flavor = "multi_thread")]
async fn who_holds_a_seat_may_watch_and_nobody_else() {
    let site = Site::start().await;
    company(&site, 2).await;
    let subscription = Some(catalog::SubscriptionNeed::default());
    let way = catalog::AccessWay { subscription, ..Default::default() };
    let access = Some(catalog::AccessPolicy { ways: vec![way] });
    site.put(catalog::Item { access, ..item("lesson", Kind::Lesson, "", 0) }).await;
    let admin = site.admin();
    assert!(!may(&site, "ann").await);
    assert_eq!(assign(&site, &admin, "ann").await, Ok(1));
    assert_eq!(assign(&site, &admin, "ben").await, Ok(2));
    assert_eq!(assign(&site, &admin, "ann").await, Ok(1), "safe to repeat");
    assert_eq!(assign(&site, &admin, "cat").await, Err("SEATS_TAKEN".into()));
    assert_eq!(
        (may(&site, "ann").await, may(&site, "ben").await, may(&site, "cat").await),
        (true, true, false)
    );
    release(&site, "ann").await;
    release(&site, "ann").await;
    assert!(!may(&site, "ann").await);
    assert_eq!(assign(&site, &admin, "cat").await, Ok(1));
    assert_eq!(held(&site).await, [(1, "cat".into()), (2, "ben".into())]);
    company(&site, 1).await;
    assert_eq!(
        (may(&site, "cat").await, may(&site, "ben").await),
        (true, false),
        "seats above the number are none"
    );
    assert_eq!(held(&site).await, [(1, "cat".into())]);
    release(&site, "ben").await;
    company(&site, 2).await;
    assert_eq!(held(&site).await, [(1, "cat".into())], "what was released stays so");
}

#[tokio::test(flavor = "multi_thread")]
async fn racing_users_never_hold_more_seats_than_there_are() {
    const SEATS: u32 = 5;
    let site = Arc::new(Site::start().await);
    company(&site, SEATS).await;
    let admin = site.admin();
    let mut racers = JoinSet::new();
    for n in 0..20 {
        let (site, admin) = (Arc::clone(&site), admin.clone());
        racers.spawn(async move { assign(&site, &admin, &format!("user {n}")).await });
    }
    let mut numbers = Vec::new();
    while let Some(outcome) = racers.join_next().await {
        match outcome.unwrap() {
            Ok(number) => numbers.push(number),
            Err(reason) => assert_eq!(reason, "SEATS_TAKEN"),
        }
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=SEATS).collect::<Vec<_>>());
    assert_eq!(held(&site).await.len(), 5);
}
