//! Plans, subscriptions and grants as they are kept, and who may play what.

use std::sync::atomic::Ordering;

use playhead_proto::{
    catalog::v1::{self as catalog, Kind},
    entitlement::v1 as proto,
};
use tonic::Code;

use crate::{
    site::{BEGIN_MS, Site, item, told},
    stores::{self, Stores},
};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

pub fn plan(id: &str, tier: u32) -> proto::Plan {
    proto::Plan { id: id.into(), active: true, tier, grace_days: 3, ..proto::Plan::default() }
}

/// A subscription of the family's, paid from now on for 30 days.
pub fn subscription(plan: &str) -> proto::Subscription {
    proto::Subscription {
        id: "s-1".into(),
        account_id: "family".into(),
        plan_id: plan.into(),
        status: proto::SubscriptionStatus::Active.into(),
        period_start_ms: BEGIN_MS,
        period_end_ms: BEGIN_MS + 30 * DAY_MS,
        interval: Some(proto::Interval { months: 1, days: 0 }),
        time_zone: "Asia/Seoul".into(),
        auto_renew: true,
        ..proto::Subscription::default()
    }
}

pub fn grant(kind: catalog::GrantKind, item: &str) -> proto::Grant {
    let (id, user_id) = (format!("g-{item}"), "ann".into());
    proto::Grant { id, user_id, kind: kind.into(), item_id: item.into(), ..proto::Grant::default() }
}

impl Site {
    pub async fn put_plan(&self, plan: proto::Plan) -> Result<proto::Plan, (Code, String, Vec<String>)> {
        let answer =
            self.rights().upsert_plan(self.keep(proto::UpsertPlanRequest { plan: Some(plan) })).await;
        answer.map(|answer| answer.into_inner().plan.unwrap()).map_err(|status| told(&status))
    }

    pub async fn subscribe(
        &self,
        subscription: proto::Subscription,
    ) -> Result<(proto::Subscription, proto::Standing), (Code, String, Vec<String>)> {
        let request = proto::UpsertSubscriptionRequest { subscription: Some(subscription) };
        let answer = self.rights().upsert_subscription(self.keep(request)).await;
        let answer = answer.map_err(|status| told(&status))?.into_inner();
        Ok((answer.subscription.unwrap(), answer.standing.unwrap()))
    }

    pub async fn grant(&self, grant: proto::Grant) -> Result<proto::Grant, (Code, String, Vec<String>)> {
        let answer =
            self.rights().upsert_grant(self.keep(proto::UpsertGrantRequest { grant: Some(grant) })).await;
        answer.map(|answer| answer.into_inner().grant.unwrap()).map_err(|status| told(&status))
    }

    /// Whether ann may play an item, in short: `yes`, or the reasons against.
    pub async fn ann_may(&self, item: &str, consistency: catalog::Consistency) -> String {
        let consistency = consistency.into();
        let request = proto::CheckAccessRequest { item_id: item.into(), consistency, ..Default::default() };
        let answer = self.rights().check_access(self.watch("ann", request)).await.unwrap().into_inner();
        short(&answer.decision.unwrap())
    }

    /// Whether the family's subscription counts, its state, and until when.
    async fn family(&self) -> (bool, proto::SubscriptionStatus, Option<i64>) {
        let request = proto::CheckSubscriptionRequest {
            consistency: catalog::Consistency::Fresh.into(),
            ..Default::default()
        };
        let answer = self.rights().check_subscription(self.watch("ann", request)).await.unwrap().into_inner();
        let standing = answer.best.unwrap().standing.unwrap();
        assert_eq!(standing.entitled, answer.entitled);
        (answer.entitled, standing.status(), standing.until_ms)
    }
}

fn short(decision: &proto::AccessDecision) -> String {
    let reasons =
        decision.refusals.iter().map(|refusal| refusal.reason().as_str_name().replace("ACCESS_REASON_", ""));
    match decision.allowed {
        true => "yes".to_owned(),
        false => reasons.collect::<Vec<_>>().join(" "),
    }
}

pub fn ways(ways: Vec<catalog::AccessWay>) -> Option<catalog::AccessPolicy> {
    Some(catalog::AccessPolicy { ways })
}

pub fn by_tier(tier_min: u32) -> catalog::AccessWay {
    let subscription = Some(catalog::SubscriptionNeed { tier_min, ..Default::default() });
    catalog::AccessWay { subscription, ..Default::default() }
}

pub fn by_grant(kind: catalog::GrantKind) -> catalog::AccessWay {
    let grant = Some(catalog::GrantNeed { kind: kind.into(), role: String::new() });
    catalog::AccessWay { grant, ..Default::default() }
}

pub const CACHED: catalog::Consistency = catalog::Consistency::Cached;
pub const FRESH: catalog::Consistency = catalog::Consistency::Fresh;

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_opens_what_its_tier_does_for_as_long_as_it_is_honoured() {
    let site = Site::start().await;
    site.put(catalog::Item { access: ways(vec![by_tier(2)]), ..item("series", Kind::Series, "", 0) }).await;
    site.put(item("e1", Kind::Episode, "series", 1)).await;
    site.put_plan(plan("basic", 1)).await.unwrap();
    site.put_plan(plan("best", 2)).await.unwrap();
    assert_eq!(site.ann_may("e1", CACHED).await, "NO_SUBSCRIPTION");
    site.subscribe(subscription("basic")).await.unwrap();
    assert_eq!(
        site.ann_may("e1", CACHED).await,
        "PLAN_TOO_LOW",
        "what was written here is known here at once"
    );
    let (written, standing) = site.subscribe(subscription("best")).await.unwrap();
    assert_eq!((written.etag.as_str(), standing.entitled), ("v2", true));
    assert_eq!(site.ann_may("e1", CACHED).await, "yes");
    let end_ms = BEGIN_MS + 30 * DAY_MS;
    for (at_ms, may, expect) in [
        (end_ms - 1, "yes", (true, proto::SubscriptionStatus::Active, Some(end_ms))),
        (end_ms, "yes", (true, proto::SubscriptionStatus::PastDue, Some(end_ms + 3 * DAY_MS))),
        (
            end_ms + 3 * DAY_MS - 1,
            "yes",
            (true, proto::SubscriptionStatus::PastDue, Some(end_ms + 3 * DAY_MS)),
        ),
        (end_ms + 3 * DAY_MS, "SUBSCRIPTION_NOT_CURRENT", (false, proto::SubscriptionStatus::Expired, None)),
    ] {
        site.clock.store(at_ms, Ordering::SeqCst);
        assert_eq!(
            (site.ann_may("e1", CACHED).await.as_str(), site.family().await),
            (may, expect),
            "{at_ms}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_is_made_once_and_a_cancellation_ends_with_the_period() {
    let site = Site::start().await;
    site.put_plan(plan("basic", 1)).await.unwrap();
    let (first, _) = site.subscribe(subscription("basic")).await.unwrap();
    let renew = async |ending_ms: i64| {
        let request = proto::RenewSubscriptionRequest {
            account_id: "family".into(),
            id: "s-1".into(),
            ending_ms,
            next_end_ms: None,
        };
        let answer = site.rights().renew_subscription(site.keep(request)).await;
        answer.map(|answer| answer.into_inner().subscription.unwrap()).map_err(|status| told(&status))
    };
    let renewed = renew(first.period_end_ms).await.unwrap();
    // 2027-01-15T17:00 in Seoul; the period of 30 days ends on the 14th of February, the next on the 15th.
    assert_eq!(renewed.period_start_ms, first.period_end_ms);
    assert_eq!(renewed.period_end_ms, BEGIN_MS + 31 * DAY_MS);
    assert_eq!(renew(first.period_end_ms).await.unwrap(), renewed, "asked again, it is answered as it is");
    let (code, reason, _) = renew(BEGIN_MS + 1).await.unwrap_err();
    assert_eq!((code, reason.as_str()), (Code::FailedPrecondition, "OTHER_PERIOD"));
    let cancel = async |at_once: bool| {
        let (account_id, id) = ("family".into(), "s-1".into());
        let request = proto::CancelSubscriptionRequest { account_id, id, at_once };
        let answer = site.rights().cancel_subscription(site.keep(request)).await.unwrap().into_inner();
        let standing = answer.standing.unwrap();
        (standing.entitled, standing.status(), standing.until_ms)
    };
    let cancelled = proto::SubscriptionStatus::Cancelled;
    assert_eq!(cancel(false).await, (true, cancelled, Some(renewed.period_end_ms)));
    assert_eq!(cancel(false).await, (true, cancelled, Some(renewed.period_end_ms)), "safe to repeat");
    assert_eq!(renew(renewed.period_end_ms).await.unwrap_err().1, "SUBSCRIPTION_OVER");
    assert_eq!(cancel(true).await, (false, proto::SubscriptionStatus::Expired, None));
    assert_eq!(site.family().await, (false, proto::SubscriptionStatus::Expired, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_is_said_again_is_not_written_again() {
    let site = Site::start().await;
    site.put_plan(plan("basic", 1)).await.unwrap();
    let etag = async |subscription| site.subscribe(subscription).await.unwrap().0.etag;
    let active = etag(subscription("basic")).await;
    assert_eq!(etag(subscription("basic")).await, active);
    // A month later, and then over: each of them counts once.
    let next = || proto::Subscription {
        period_start_ms: BEGIN_MS + 30 * DAY_MS,
        period_end_ms: BEGIN_MS + 60 * DAY_MS,
        ..subscription("basic")
    };
    let over = || proto::Subscription { status: proto::SubscriptionStatus::Expired.into(), ..next() };
    let renewed = etag(next()).await;
    assert_ne!(renewed, active);
    assert_eq!(etag(next()).await, renewed);
    let ended = etag(over()).await;
    assert_ne!(ended, renewed);
    assert_eq!(etag(over()).await, ended);
}

#[tokio::test(flavor = "multi_thread")]
async fn grants_open_a_course_with_all_in_it_and_a_ticket_opens_everything() {
    use catalog::GrantKind::{Enrollment, Purchase, Ticket};
    let site = Site::start().await;
    let policy = ways(vec![by_grant(Enrollment), by_grant(Ticket), by_grant(Purchase)]);
    site.put(catalog::Item { access: policy, ..item("course", Kind::Course, "", 0) }).await;
    site.put(item("l1", Kind::Lesson, "course", 1)).await;
    site.put(item("best", Kind::Collection, "", 0)).await;
    let none = "NOT_ENROLLED NO_TICKET NOT_PURCHASED";
    assert_eq!(site.ann_may("l1", CACHED).await, none);
    let enrolled = site.grant(grant(Enrollment, "course")).await.unwrap();
    assert_eq!(site.ann_may("l1", CACHED).await, "yes");
    let revoked = proto::Grant { status: proto::GrantStatus::Revoked.into(), ..enrolled };
    site.grant(revoked).await.unwrap();
    assert_eq!(site.ann_may("l1", CACHED).await, "GRANT_ENDED NO_TICKET NOT_PURCHASED");
    let ticket = proto::Grant { ends_at_ms: Some(BEGIN_MS + DAY_MS), ..grant(Ticket, "") };
    site.grant(ticket).await.unwrap();
    assert_eq!(site.ann_may("l1", CACHED).await, "yes");
    site.clock.fetch_add(DAY_MS, Ordering::SeqCst);
    assert_eq!(site.ann_may("l1", CACHED).await, "GRANT_ENDED TICKET_EXPIRED NOT_PURCHASED");
    site.grant(grant(Purchase, "best")).await.unwrap();
    let hold = async |item_ids: &[&str]| {
        let item_ids = item_ids.iter().map(|&id| id.to_owned()).collect();
        let request = catalog::SetCollectionItemsRequest {
            collection_id: "best".into(),
            item_ids,
            ..Default::default()
        };
        site.catalog().set_collection_items(site.keep(request)).await.unwrap();
    };
    hold(&["course"]).await;
    assert_eq!(site.ann_may("l1", CACHED).await, "yes", "she bought the collection that the course is in");
    hold(&[]).await;
    assert_eq!(site.ann_may("l1", CACHED).await, "GRANT_ENDED TICKET_EXPIRED NOT_PURCHASED");
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_and_countries_count_before_what_was_bought() {
    let site = Site::start().await;
    let everybody = ways(vec![catalog::AccessWay { everybody: true, ..Default::default() }]);
    let korea = catalog::AvailabilityWindow { countries: vec!["KR".into()], ..Default::default() };
    site.put(catalog::Item {
        access: everybody.clone(),
        maturity_age: Some(15),
        ..item("film", Kind::Movie, "", 0)
    })
    .await;
    site.put(catalog::Item { access: everybody, windows: vec![korea], ..item("local", Kind::Movie, "", 0) })
        .await;
    assert_eq!(site.ann_may("film", CACHED).await, "yes");
    let limits =
        proto::ViewerLimits { user_id: "ann".into(), maturity_age_max: Some(12), ..Default::default() };
    site.rights()
        .set_viewer_limits(site.keep(proto::SetViewerLimitsRequest { limits: Some(limits) }))
        .await
        .unwrap();
    assert_eq!(site.ann_may("film", CACHED).await, "MATURITY");
    assert_eq!(
        site.ann_may("local", CACHED).await,
        "COUNTRY",
        "a viewer's word on where it is does not count"
    );
    let ask = |user_id: &str, country: &str| proto::CheckAccessRequest {
        item_id: "local".into(),
        user_id: user_id.into(),
        account_id: user_id.into(),
        country: country.into(),
        ..Default::default()
    };
    let by_viewer =
        proto::CheckAccessRequest { country: "KR".into(), item_id: "local".into(), ..Default::default() };
    let refused = site.rights().check_access(site.watch("ann", by_viewer)).await.unwrap_err();
    assert_eq!(told(&refused), (Code::InvalidArgument, "MALFORMED".into(), vec!["country".into()]));
    for (country, expect) in [("kr", "yes"), ("US", "COUNTRY"), ("", "COUNTRY")] {
        let answer = site.rights().check_access(site.keep(ask("ben", country))).await.unwrap().into_inner();
        assert_eq!(short(&answer.decision.unwrap()), expect, "{country}");
    }
    let draft = catalog::PublicationStatus::Draft.into();
    site.put(catalog::Item { status: draft, ..item("local", Kind::Movie, "", 0) }).await;
    for item_id in ["nowhere", "local"] {
        let absent = proto::CheckAccessRequest { item_id: item_id.into(), ..Default::default() };
        let refused = site.rights().check_access(site.watch("ann", absent)).await.unwrap_err();
        assert_eq!(told(&refused).0, Code::NotFound, "{item_id}");
    }
    let answer = site.rights().check_access(site.keep(ask("ben", "KR"))).await.unwrap().into_inner();
    assert_eq!(short(&answer.decision.unwrap()), "NOT_PUBLISHED", "a service may know");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_kept_is_refused_by_its_field() {
    let site = Site::start().await;
    let field = |refused: (Code, String, Vec<String>)| {
        assert_eq!((refused.0, refused.1.as_str()), (Code::InvalidArgument, "MALFORMED"));
        refused.2.concat()
    };
    let subscribe = async |subscription| field(site.subscribe(subscription).await.unwrap_err());
    assert_eq!(subscribe(subscription("nowhere")).await, "subscription.plan_id");
    site.put_plan(plan("basic", 1)).await.unwrap();
    let with = |change: fn(&mut proto::Subscription)| {
        let mut changed = subscription("basic");
        change(&mut changed);
        changed
    };
    assert_eq!(subscribe(with(|s| s.status = 0)).await, "subscription.status");
    assert_eq!(subscribe(with(|s| s.time_zone = "Seoul".into())).await, "subscription.time_zone");
    assert_eq!(subscribe(with(|s| s.period_end_ms = 0)).await, "subscription.period_end_ms");
    assert_eq!(
        subscribe(with(|s| s.interval = Some(proto::Interval { months: 1, days: 1 }))).await,
        "subscription.interval.days"
    );
    let bad_plan = proto::Plan { tier: 1_000_001, ..plan("x", 0) };
    assert_eq!(field(site.put_plan(bad_plan).await.unwrap_err()), "plan.tier");
    let bad_grant = grant(catalog::GrantKind::Role, "x");
    assert_eq!(field(site.grant(bad_grant).await.unwrap_err()), "grant.role");
    let stale = proto::Plan { etag: "v9".into(), ..plan("basic", 7) };
    assert_eq!(site.put_plan(stale).await.unwrap_err(), (Code::Aborted, "CHANGED".into(), vec![]));
}

/// A revoked grant on another node: known at once to whoever asks for what is fresh, else within the time to live.
#[tokio::test(flavor = "multi_thread")]
async fn what_another_node_wrote_is_known_within_the_time_to_live() {
    let stores = Stores::fresh().await;
    let here = Site::on(stores.documents.clone(), stores::settings()).await;
    let there = Site::on(stores.documents.clone(), stores::settings()).await;
    let policy = ways(vec![by_grant(catalog::GrantKind::Ticket)]);
    there.put(catalog::Item { access: policy, ..item("film", Kind::Movie, "", 0) }).await;
    let ticket = there.grant(grant(catalog::GrantKind::Ticket, "film")).await.unwrap();
    assert_eq!(here.ann_may("film", CACHED).await, "yes");
    there.grant(proto::Grant { status: proto::GrantStatus::Revoked.into(), ..ticket.clone() }).await.unwrap();
    assert_eq!(here.ann_may("film", CACHED).await, "yes", "as old as an answer may be");
    assert_eq!(here.ann_may("film", FRESH).await, "GRANT_ENDED");
    assert_eq!(here.ann_may("film", CACHED).await, "GRANT_ENDED", "what was read fresh is remembered");
    there.grant(proto::Grant { etag: String::new(), ..ticket }).await.unwrap();
    here.clock.fetch_add(10_000, Ordering::SeqCst);
    assert_eq!(here.ann_may("film", CACHED).await, "GRANT_ENDED", "read 10 s ago");
    here.clock.fetch_add(1, Ordering::SeqCst);
    assert_eq!(here.ann_may("film", CACHED).await, "yes", "read more than 10 s ago");
}
