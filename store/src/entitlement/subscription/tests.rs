use SubscriptionStatus::{Active, Cancelled, Expired, PastDue, PaymentFailed, Trialing};

use super::*;

/// The tests' time: a period from 1 000 to 2 000, and a grace of 300.
const GRACE_MS: i64 = 300;

fn subscription(status: SubscriptionStatus) -> Subscription {
    Subscription {
        id: SubscriptionId::new("s-1").unwrap(),
        account: AccountId::new("family").unwrap(),
        plan: PlanId::new("basic").unwrap(),
        status,
        period: Period { start_ms: 1_000, end_ms: 2_000 },
        since_ms: None,
        interval: None,
        anchor_ms: 1_000,
        zone: Zone::new("UTC").unwrap(),
        auto_renew: false,
        cancelled_at_ms: None,
        past_due_since_ms: None,
        ended_at_ms: None,
        seats: 0,
        external_ids: Vec::new(),
    }
}

/// A standing in short: the state, with `+` where it is honoured and `!` in grace, and until when.
fn told(subscription: &Subscription, now_ms: i64) -> String {
    let Standing { entitled, status, until_ms, in_grace } = subscription.standing(GRACE_MS, now_ms);
    let honoured = if entitled { "+" } else { "-" };
    let grace = if in_grace { "!" } else { "" };
    let until = until_ms.map_or("ever".to_owned(), |until_ms| until_ms.to_string());
    format!("{}{honoured}{grace} {until}", status.name())
}

#[test]
fn a_subscription_comes_to_this_at_each_moment() {
    let renewing = |status| Subscription { auto_renew: true, ..subscription(status) };
    let due = |since_ms| Subscription { past_due_since_ms: Some(since_ms), ..subscription(PastDue) };
    let cancelled = |at_ms| Subscription { cancelled_at_ms: Some(at_ms), ..renewing(Active) };
    let ended = |at_ms| Subscription { ended_at_ms: Some(at_ms), ..renewing(Active) };
    let times = [999, 1_000, 1_999, 2_000, 2_299, 2_300];
    for (name, subscription, expect) in [
        (
            "paid once",
            subscription(Active),
            [
                "ACTIVE- 1000",
                "ACTIVE+ 2000",
                "ACTIVE+ 2000",
                "EXPIRED- ever",
                "EXPIRED- ever",
                "EXPIRED- ever",
            ],
        ),
        (
            "to be renewed",
            renewing(Active),
            [
                "ACTIVE- 1000",
                "ACTIVE+ 2000",
                "ACTIVE+ 2000",
                "PAST_DUE+! 2300",
                "PAST_DUE+! 2300",
                "EXPIRED- ever",
            ],
        ),
        (
            "a trial",
            subscription(Trialing),
            [
                "TRIALING- 1000",
                "TRIALING+ 2000",
                "TRIALING+ 2000",
                "EXPIRED- ever",
                "EXPIRED- ever",
                "EXPIRED- ever",
            ],
        ),
        (
            "a trial that goes on",
            renewing(Trialing),
            [
                "TRIALING- 1000",
                "TRIALING+ 2000",
                "TRIALING+ 2000",
                "PAST_DUE+! 2300",
                "PAST_DUE+! 2300",
                "EXPIRED- ever",
            ],
        ),
        (
            "due since its end",
            due(2_000),
            [
                "PAST_DUE- 1000",
                "PAST_DUE+ 2300",
                "PAST_DUE+ 2300",
                "PAST_DUE+! 2300",
                "PAST_DUE+! 2300",
                "EXPIRED- ever",
            ],
        ),
        (
            "due since its midst: what was paid counts",
            due(1_500),
            [
                "PAST_DUE- 1000",
                "PAST_DUE+ 2000",
                "PAST_DUE+! 2000",
                "EXPIRED- ever",
                "EXPIRED- ever",
                "EXPIRED- ever",
            ],
        ),
        (
            "cancelled at its start, to be renewed or not",
            cancelled(1_000),
            [
                "ACTIVE- 1000",
                "CANCELLED+ 2000",
                "CANCELLED+ 2000",
                "EXPIRED- ever",
                "EXPIRED- ever",
                "EXPIRED- ever",
            ],
        ),
        (
            "cancelled from a moment on",
            cancelled(1_500),
            [
                "ACTIVE- 1000",
                "ACTIVE+ 1500",
                "CANCELLED+ 2000",
                "EXPIRED- ever",
                "EXPIRED- ever",
                "EXPIRED- ever",
            ],
        ),
        (
            "said to be cancelled",
            renewing(Cancelled),
            [
                "CANCELLED- 1000",
                "CANCELLED+ 2000",
                "CANCELLED+ 2000",
                "EXPIRED- ever",
                "EXPIRED- ever",
                "EXPIRED- ever",
            ],
        ),
        (
            "ended before its time",
            ended(1_999),
            [
                "ACTIVE- 1000",
                "ACTIVE+ 1999",
                "EXPIRED- ever",
                "EXPIRED- ever",
                "EXPIRED- ever",
                "EXPIRED- ever",
            ],
        ),
        (
            "ended in its grace",
            ended(2_100),
            [
                "ACTIVE- 1000",
                "ACTIVE+ 2000",
                "ACTIVE+ 2000",
                "PAST_DUE+! 2100",
                "EXPIRED- ever",
                "EXPIRED- ever",
            ],
        ),
        ("said to be over", renewing(Expired), ["EXPIRED- ever"; 6]),
        ("never paid", renewing(PaymentFailed), ["PAYMENT_FAILED- ever"; 6]),
    ] {
        assert_eq!(times.map(|now_ms| told(&subscription, now_ms)), expect, "{name}");
    }
}

/// What a standing says of its end is true: nothing changes before, and something does then.
#[test]
fn a_standing_stays_until_it_says_so() {
    for status in SubscriptionStatus::ALL {
        for bits in 0_u32..16 {
            let given = |bit, at_ms| (bits & bit != 0).then_some(at_ms);
            let subscription = Subscription {
                auto_renew: bits & 1 != 0,
                cancelled_at_ms: given(2, 1_400),
                past_due_since_ms: Some(if bits & 4 != 0 { 1_600 } else { 2_000 }),
                ended_at_ms: given(8, 1_700),
                ..subscription(*status)
            };
            let mut before = subscription.standing(GRACE_MS, 0);
            for now_ms in 1..2_500 {
                let standing = subscription.standing(GRACE_MS, now_ms);
                let told = Standing { in_grace: before.in_grace, ..standing };
                match before.until_ms {
                    Some(until_ms) if now_ms == until_ms => {
                        assert_ne!(told, before, "{subscription:?} at {now_ms}")
                    }
                    _ => assert_eq!(told, before, "{subscription:?} at {now_ms}"),
                }
                before = standing;
            }
        }
    }
}

#[test]
fn a_renewal_follows_the_period_and_is_made_once() {
    let zone = Zone::new("Asia/Seoul").unwrap();
    let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_millisecond();
    let (start_ms, end_ms) = (at("2028-01-30T15:00:00Z"), at("2028-02-28T15:00:00Z"));
    let monthly = Subscription {
        zone,
        anchor_ms: start_ms,
        period: Period { start_ms, end_ms },
        interval: Some(Interval::Months(1)),
        past_due_since_ms: Some(end_ms),
        ..subscription(PastDue)
    };
    let renewed = monthly.renewed(end_ms, None).unwrap();
    assert_eq!(
        renewed.period,
        Period { start_ms: end_ms, end_ms: at("2028-03-30T15:00:00Z") },
        "the 31st in Seoul"
    );
    assert_eq!((renewed.status, renewed.past_due_since_ms), (Active, None));
    assert_eq!(renewed.renewed(end_ms, None), Ok(renewed.clone()), "asked again");
    let said = monthly.renewed(end_ms, Some(end_ms + 5)).unwrap();
    assert_eq!(said.period.end_ms, end_ms + 5);
}

#[test]
fn an_early_renewal_takes_nothing_away() {
    let daily = Subscription { interval: Some(Interval::Days(1)), ..subscription(Active) };
    let renewed = daily.renewed(2_000, None).unwrap();
    let end_ms = renewed.period.end_ms;
    assert_eq!(told(&renewed, 999), "ACTIVE- 1000");
    for now_ms in [1_000, 1_999, 2_000] {
        assert_eq!(told(&renewed, now_ms), format!("ACTIVE+ {end_ms}"));
    }
    let twice = renewed.renewed(end_ms, None).unwrap();
    assert!(twice.standing(GRACE_MS, 1_000).entitled);
}

#[test]
fn what_is_written_anew_goes_on_where_there_is_no_gap() {
    let before = subscription(Active);
    let next = |start_ms| {
        let period = Period { start_ms, end_ms: 9_000 };
        Subscription { period, anchor_ms: start_ms, ..subscription(Active) }
    };
    let since = |next: Subscription, before: &Subscription| next.following(before).since_ms;
    assert_eq!(since(next(2_000), &before), Some(1_000));
    assert_eq!(since(next(1_000), &before), Some(1_000), "the same again");
    assert_eq!(since(next(500), &before), Some(500), "it began earlier");
    assert_eq!(since(next(2_001), &before), None, "a gap");
    let ended = Subscription { ended_at_ms: Some(1_500), ..subscription(Active) };
    assert_eq!(since(next(2_000), &ended), None, "ended before");
    assert_eq!(since(next(2_000), &subscription(Expired)), None);
    let long = before.clone().following(&Subscription { since_ms: Some(7), ..before });
    assert_eq!(since(next(2_000), &long), Some(7));
}

#[test]
fn what_cannot_be_renewed_says_why() {
    let monthly = Subscription { interval: Some(Interval::Days(1)), ..subscription(Active) };
    let change = |change: fn(&mut Subscription)| {
        let mut changed = monthly.clone();
        change(&mut changed);
        changed
    };
    let other = NotRenewed::OtherPeriod { period_end_ms: 2_000 };
    for (name, subscription, ending_ms, next_end_ms, expect) in [
        ("another period", monthly.clone(), 1_999, None, other),
        ("the first one's start", monthly.clone(), 1_000, None, other),
        ("cancelled", change(|s| s.cancelled_at_ms = Some(1_500)), 2_000, None, NotRenewed::Over),
        ("said to be cancelled", change(|s| s.status = Cancelled), 2_000, None, NotRenewed::Over),
        ("ended", change(|s| s.ended_at_ms = Some(1_500)), 2_000, None, NotRenewed::Over),
        ("no interval", change(|s| s.interval = None), 2_000, None, NotRenewed::NoInterval),
        ("backwards", monthly.clone(), 2_000, Some(2_000), NotRenewed::Backwards),
    ] {
        assert_eq!(subscription.renewed(ending_ms, next_end_ms).unwrap_err(), expect, "{name}");
    }
    for status in [Trialing, Active, PastDue, Expired, PaymentFailed] {
        let renewed = Subscription { status, ..monthly.clone() }.renewed(2_000, None).unwrap();
        assert_eq!(renewed.status, Active, "{status:?} is paid late, and goes on");
    }
}

#[test]
fn every_fault_names_field_value_and_range() {
    let good = subscription(Active);
    let period = |start_ms, end_ms| Subscription { period: Period { start_ms, end_ms }, ..good.clone() };
    for (subscription, expect) in [
        (
            period(1_000, 1_000),
            "period_end_ms is \"1000\"; allowed is more than period_start_ms, which is 1000",
        ),
        (period(999, 2_000), "anchor_ms is \"1000\"; allowed is at most period_start_ms, which is 999"),
        (subscription(PastDue), "past_due_since_ms is \"\"; allowed is a time, since status is PAST_DUE"),
        (Subscription { seats: 100_001, ..good.clone() }, "seats is \"100001\"; allowed is 0 to 100000"),
    ] {
        assert_eq!(subscription.check().unwrap_err().to_string(), expect);
    }
    assert_eq!(good.check(), Ok(()));
}
