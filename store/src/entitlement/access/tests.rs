use super::*;
use crate::{
    AccountId, PlanId, UserId,
    catalog::{Deletion, GrantKind, Kind, Status, SubscriptionNeed, Window},
    entitlement::{GrantStatus, Period, Plan, Subscription, SubscriptionStatus, Zone},
};

/// The tests' moment.
const NOW_MS: i64 = 5_000;

/// A lesson in a course, a user with grants and an account with subscriptions: changed by each case.
struct Case {
    lesson: Item,
    course: Item,
    collections: Vec<ItemId>,
    country: Option<Country>,
    share_token: Option<&'static str>,
    age_max: Option<u8>,
    grants: Vec<Grant>,
    subscribed: Vec<Subscribed>,
}

impl Case {
    fn new(ways: Vec<Way>) -> Self {
        let item = |id: &str, kind| Item { status: Status::Published, ..Item::new(id_of(id), kind) };
        Self {
            lesson: Item { parent: Some(id_of("course")), ..item("lesson", Kind::Lesson) },
            course: Item { access: Some(Policy { ways }), ..item("course", Kind::Course) },
            collections: Vec::new(),
            country: None,
            share_token: None,
            age_max: None,
            grants: Vec::new(),
            subscribed: Vec::new(),
        }
    }

    fn with(mut self, change: impl Fn(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn decide(&self) -> Decision {
        let user = UserId::new("ann").unwrap();
        let limits = ViewerLimits { user, maturity_age_max: self.age_max };
        let access = Access {
            chain: &[&self.lesson, &self.course],
            collections: &self.collections,
            country: self.country,
            share_token: self.share_token,
            limits: Some(&limits),
            grants: &self.grants,
            subscribed: &self.subscribed,
        };
        access.decide(NOW_MS)
    }

    /// The decision in short: what lets in, or the reasons against, each with its end and what is needed.
    fn told(&self) -> String {
        let Decision { allowed, refusals, grant, subscription, until_ms } = self.decide();
        let until =
            |until_ms: Option<i64>| until_ms.map_or(String::new(), |until_ms| format!(" until {until_ms}"));
        if !allowed {
            assert_eq!(until_ms, refusals.iter().filter_map(|refusal| refusal.until_ms).min());
            let told = |Refusal { reason, until_ms, needed }: &Refusal| {
                let needed = if needed.is_empty() { String::new() } else { format!(" {needed}") };
                format!("{}{needed}{}", reason.name(), until(*until_ms))
            };
            return refusals.iter().map(told).collect::<Vec<_>>().join(", ");
        }
        let by = grant.iter().map(GrantId::as_str).chain(subscription.iter().map(SubscriptionId::as_str));
        format!("yes by {}{}", by.collect::<Vec<_>>().join(" and "), until(until_ms))
    }
}

fn id_of(id: &str) -> ItemId {
    ItemId::new(id).unwrap()
}

fn everybody() -> Way {
    Way { everybody: true, ..Way::default() }
}

fn by_tier(tier_min: u32) -> Way {
    Way { subscription: Some(SubscriptionNeed { tier_min, ..Default::default() }), ..Way::default() }
}

fn by_grant(kind: GrantKind) -> Way {
    Way { grant: Some(GrantNeed { kind, role: None }), ..Way::default() }
}

fn by_role(role: &str) -> Way {
    Way { grant: Some(GrantNeed { kind: GrantKind::Role, role: Some(role.into()) }), ..Way::default() }
}

fn grant(id: &str, kind: GrantKind, item: Option<&str>) -> Grant {
    Grant {
        id: GrantId::new(id).unwrap(),
        user: UserId::new("ann").unwrap(),
        kind,
        item: item.map(id_of),
        status: GrantStatus::Active,
        starts_at_ms: None,
        ends_at_ms: None,
        role: None,
        external_ids: Vec::new(),
    }
}

fn subscribed(id: &str, tier: u32, end_ms: i64) -> Subscribed {
    let plan = Plan::new(PlanId::new(&format!("tier-{tier}")).unwrap(), tier);
    let subscription = Subscription {
        id: SubscriptionId::new(id).unwrap(),
        account: AccountId::new("family").unwrap(),
        plan: plan.id.clone(),
        status: SubscriptionStatus::Active,
        period: Period { start_ms: 1_000, end_ms },
        since_ms: None,
        interval: None,
        anchor_ms: 1_000,
        zone: Zone::new("").unwrap(),
        auto_renew: false,
        cancelled_at_ms: None,
        past_due_since_ms: None,
        ended_at_ms: None,
        seats: 0,
        external_ids: Vec::new(),
    };
    Subscribed { subscription, plan, has_seat: false, views: Views::default() }
}

fn check(name: &str, case: &Case, expect: &str) {
    assert_eq!(case.told(), expect, "{name}");
}

#[test]
fn what_holds_for_everybody_comes_first() {
    let case = || Case::new(vec![everybody()]);
    let window = |starts_at_ms, ends_at_ms| Window { starts_at_ms, ends_at_ms, ..Window::default() };
    let korea = || Window { countries: vec![Country::new("KR").unwrap()], ..Window::default() };
    check("open to all", &case(), "yes by ");
    check("a draft", &case().with(|c| c.lesson.status = Status::Draft), "NOT_PUBLISHED");
    check("in a paused course", &case().with(|c| c.course.status = Status::Paused), "NOT_PUBLISHED");
    let deletion = || Some(Deletion { at_ms: 1, root: id_of("course") });
    check("in a deleted course", &case().with(|c| c.course.deletion = deletion()), "NOT_PUBLISHED");
    check(
        "not yet",
        &case().with(|c| c.lesson.windows = vec![window(Some(5_001), None)]),
        "WINDOW until 5001",
    );
    check("no more", &case().with(|c| c.lesson.windows = vec![window(None, Some(5_000))]), "WINDOW");
    check(
        "for a while",
        &case().with(|c| c.lesson.windows = vec![window(None, Some(5_001))]),
        "yes by  until 5001",
    );
    let both = case().with(|c| {
        c.lesson.windows = vec![window(Some(6_000), None)];
        c.course.windows = vec![window(Some(7_000), None)];
    });
    check("when both have opened", &both, "WINDOW until 7000");
    let never = case().with(|c| {
        c.lesson.windows = vec![window(Some(6_000), None)];
        c.course.windows = vec![window(None, Some(1_000))];
    });
    check("when one never opens again", &never, "WINDOW");
    check("somewhere", &case().with(|c| c.course.windows = vec![korea()]), "COUNTRY");
    let there = case().with(|c| (c.course.windows, c.country) = (vec![korea()], Country::new("kr")));
    check("there", &there, "yes by ");
    let aged = |age, age_max| case().with(move |c| (c.course.maturity_age, c.age_max) = (age, age_max));
    check("for older ones", &aged(Some(15), Some(12)), "MATURITY 15");
    check("of that age", &aged(Some(15), Some(15)), "yes by ");
    check("for all", &aged(None, Some(7)), "yes by ");
    check("to a user without a limit", &aged(Some(19), None), "yes by ");
    let unpaid = Case::new(vec![by_tier(1)]).with(|c| c.lesson.windows = vec![window(Some(9_000), None)]);
    check("what is closed sells nothing", &unpaid, "WINDOW until 9000");
}

#[test]
fn without_a_policy_nobody_may() {
    check("no ways", &Case::new(Vec::new()), "NO_POLICY");
    check("no policy", &Case::new(Vec::new()).with(|c| c.course.access = None), "NO_POLICY");
    check("a way that names nothing", &Case::new(vec![Way::default()]), "NO_POLICY");
    let own =
        Case::new(vec![everybody()]).with(|c| c.lesson.access = Some(Policy { ways: vec![by_tier(0)] }));
    check("the nearest policy counts", &own, "NO_SUBSCRIPTION");
}

#[test]
fn grants_let_in_as_their_window_and_state_say() {
    use GrantKind::{Enrollment, Purchase, Role, Ticket};
    let case = |kind, item: Option<&'static str>, change: fn(&mut Grant)| {
        let mut grant = grant("g", kind, item);
        change(&mut grant);
        Case::new(vec![by_grant(kind)]).with(|c| c.grants = vec![grant.clone()])
    };
    let same = |_: &mut Grant| {};
    check("none", &Case::new(vec![by_grant(Enrollment)]), "NOT_ENROLLED");
    check("of the course", &case(Enrollment, Some("course"), same), "yes by g");
    check("of the lesson", &case(Enrollment, Some("lesson"), same), "yes by g");
    check("of everything", &case(Ticket, None, same), "yes by g");
    check("of another", &case(Purchase, Some("other"), same), "NOT_PURCHASED");
    let collected = case(Purchase, Some("summer"), same).with(|c| c.collections = vec![id_of("summer")]);
    check("of a collection that it is in", &collected, "yes by g");
    check("done", &case(Enrollment, None, |g| g.status = GrantStatus::Completed), "yes by g");
    check("pending", &case(Enrollment, None, |g| g.status = GrantStatus::Pending), "GRANT_PENDING");
    check("given up", &case(Enrollment, None, |g| g.status = GrantStatus::Cancelled), "GRANT_ENDED");
    check("taken away", &case(Enrollment, None, |g| g.status = GrantStatus::Revoked), "GRANT_ENDED");
    check("from now on", &case(Ticket, None, |g| g.starts_at_ms = Some(NOW_MS)), "yes by g");
    check("to come", &case(Ticket, None, |g| g.starts_at_ms = Some(5_001)), "GRANT_NOT_BEGUN until 5001");
    check("until soon", &case(Ticket, None, |g| g.ends_at_ms = Some(5_001)), "yes by g until 5001");
    check("a ticket until now", &case(Ticket, None, |g| g.ends_at_ms = Some(NOW_MS)), "TICKET_EXPIRED");
    check("a purchase until now", &case(Purchase, None, |g| g.ends_at_ms = Some(NOW_MS)), "GRANT_EXPIRED");
    let role = |has: &'static str, needs: &str| {
        let grant = Grant { role: Some(has.into()), ..grant("g", Role, None) };
        Case::new(vec![by_role(needs)]).with(|c| c.grants = vec![grant.clone()])
    };
    check("the role", &role("owner", "owner"), "yes by g");
    check("another role", &role("guest", "owner"), "NO_ROLE owner");
    let many = Case::new(vec![by_grant(Ticket)]).with(|c| {
        let until = |id: &str, ends_at_ms| Grant { ends_at_ms, ..grant(id, Ticket, None) };
        c.grants = vec![
            until("old", Some(9)),
            until("soon", Some(6_000)),
            until("long", Some(9_000)),
            until("now", Some(NOW_MS)),
        ];
    });
    check("the longest counts", &many, "yes by long until 9000");
}

#[test]
fn subscriptions_let_in_as_their_plan_says() {
    let case = |change: fn(&mut Subscribed)| {
        let mut subscribed = subscribed("s", 5, 9_000);
        change(&mut subscribed);
        Case::new(vec![by_tier(5)]).with(|c| c.subscribed = vec![subscribed.clone()])
    };
    check("none", &Case::new(vec![by_tier(5)]), "NO_SUBSCRIPTION 5");
    check("paid", &case(|_| {}), "yes by s until 9000");
    check("over", &case(|s| s.subscription.period.end_ms = NOW_MS), "SUBSCRIPTION_NOT_CURRENT");
    let to_come = case(|s| s.subscription.period.start_ms = 5_500);
    check("to come", &to_come, "SUBSCRIPTION_NOT_CURRENT until 5500");
    check("below the tier", &case(|s| s.plan.tier = 4), "PLAN_TOO_LOW 5");
    let late = case(|s| {
        (s.subscription.period.end_ms, s.subscription.auto_renew, s.plan.grace_days) = (4_000, true, 1);
    });
    check("in its grace", &late, "yes by s until 86404000");
    check("without a seat", &case(|s| s.plan.by_seat = true), "NO_SEAT");
    check("on a seat", &case(|s| (s.plan.by_seat, s.has_seat) = (true, true)), "yes by s until 9000");
    let viewed = |taken, has_this| {
        let views = Views { taken, has_this };
        case(|s| s.plan.views_max = Some(3)).with(move |c| c.subscribed[0].views = views)
    };
    check("two of three views", &viewed(2, false), "yes by s until 9000");
    check("three of three", &viewed(3, false), "VIEWS_USED_UP 3 until 9000");
    check("one of the three", &viewed(3, true), "yes by s until 9000");
    let feature = |feature: &str, plans: &[&str]| {
        let plans = plans.iter().map(|plan| PlanId::new(plan).unwrap()).collect();
        let need = SubscriptionNeed { tier_min: 0, feature: Some(feature.into()), plans };
        Case::new(vec![Way { subscription: Some(need), ..Way::default() }]).with(|c| {
            let mut subscribed = subscribed("s", 5, 9_000);
            subscribed.plan.features = vec!["vod".into()];
            c.subscribed = vec![subscribed];
        })
    };
    check("with the feature", &feature("vod", &[]), "yes by s until 9000");
    check("without the feature", &feature("4k", &[]), "FEATURE_MISSING 4k");
    check("of another plan", &feature("vod", &["tier-9"]), "PLAN_TOO_LOW");
    check("of one of the plans", &feature("vod", &["tier-9", "tier-5"]), "yes by s until 9000");
    let many = Case::new(vec![by_tier(5)]).with(|c| {
        c.subscribed =
            vec![subscribed("low", 4, 9_000), subscribed("soon", 5, 6_000), subscribed("long", 6, 8_000)];
    });
    check("the longest counts", &many, "yes by long until 8000");
    let near = Case::new(vec![by_tier(5)]).with(|c| {
        c.subscribed = vec![subscribed("low", 4, 9_000), subscribed("over", 9, 2_000)];
    });
    check("the nearest tells", &near, "PLAN_TOO_LOW 5");
}

#[test]
fn a_way_needs_all_that_it_names_and_one_way_is_enough() {
    let both = Way { grant: by_grant(GrantKind::Enrollment).grant, ..by_tier(1) };
    let enrolled = |c: &mut Case| c.grants = vec![grant("g", GrantKind::Enrollment, None)];
    let paid = |c: &mut Case| c.subscribed = vec![subscribed("s", 1, 9_000)];
    check("neither", &Case::new(vec![both.clone()]), "NOT_ENROLLED");
    check("enrolled", &Case::new(vec![both.clone()]).with(enrolled), "NO_SUBSCRIPTION 1");
    check("paid", &Case::new(vec![both.clone()]).with(paid), "NOT_ENROLLED");
    check("both", &Case::new(vec![both]).with(enrolled).with(paid), "yes by g and s until 9000");
    let either = vec![by_grant(GrantKind::Enrollment), by_grant(GrantKind::Ticket), by_tier(1)];
    check("nothing", &Case::new(either.clone()), "NOT_ENROLLED, NO_TICKET, NO_SUBSCRIPTION 1");
    check("one of three", &Case::new(either).with(paid), "yes by s until 9000");
    check("told once", &Case::new(vec![by_tier(1), by_tier(1)]), "NO_SUBSCRIPTION 1");
}

#[test]
fn a_share_link_leads_to_all_that_lies_below_it() {
    let link = || Case::new(vec![Way { share_link: true, ..Way::default() }]);
    let shared = || link().with(|c| c.course.share_token = Some("0123456789abcdef".into()));
    check("no link", &link(), "LINK_REQUIRED");
    check("without it", &shared(), "LINK_REQUIRED");
    for wrong in ["", "0123456789abcdeF", "0123456789abcde", "0123456789abcdef0"] {
        check(wrong, &shared().with(|c| c.share_token = Some(wrong)), "LINK_REQUIRED");
    }
    check("with it", &shared().with(|c| c.share_token = Some("0123456789abcdef")), "yes by ");
    check("where there is none", &link().with(|c| c.share_token = Some("")), "LINK_REQUIRED");
}
