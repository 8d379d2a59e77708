use super::*;
use crate::{SessionId, UserId, arbitrary::Dice};
use std::collections::BTreeSet;

const NOW_MS: i64 = 1_785_000_000_000;

fn key(user: i64, session: i64) -> SessionKey {
    let text = |prefix, number| format!("{prefix}{number}");
    SessionKey {
        user: UserId::new(&text("u", user)).unwrap(),
        session: SessionId::new(&text("s", session)).unwrap(),
    }
}

fn beat(dice: &mut Dice, terms: &Arc<Terms>) -> Beat {
    let (playing, new) = (Doing::Playing, Standing::New);
    Beat {
        item: ItemId::new("movie").unwrap(),
        kind: dice.pick(&[ItemKind::Movie, ItemKind::Live]),
        terms: Arc::clone(terms),
        doing: dice.pick(&[playing, playing, playing, Doing::Paused, Doing::Ended]),
        position_ms: dice.chance(80).then(|| dice.between(0, 5)),
        is_open: dice.chance(70),
        standing: dice.pick(&[
            new,
            new,
            Standing::Known,
            Standing::Returned,
            Standing::Running,
            Standing::Running,
        ]),
    }
}

fn rules(dice: &mut Dice) -> StreamRules {
    let tv = DeviceType::new("tv").unwrap();
    StreamRules {
        per_device_type: if dice.chance(30) { vec![(tv, 1)] } else { Vec::new() },
        per_item_kind: if dice.chance(30) { vec![(ItemKind::Live, 1)] } else { Vec::new() },
        devices_max: dice.chance(30).then_some(2),
        ..StreamRules::streams(u32::try_from(dice.between(1, 3)).unwrap(), dice.pick(&AtLimit::ALL))
    }
}

/// An account in whatever state a seed leads to; after each step its promises are held against it.
fn live_through(seed: u64) -> AccountLeases {
    let mut dice = Dice::new(seed);
    let times = LeaseTimes { playing_ms: 30, paused_ms: 300, stuck_ms: 100 };
    let rules = rules(&mut dice);
    let mut state = AccountLeases::default();
    let mut now_ms = NOW_MS;
    let mut stopped = BTreeSet::new();
    for _ in 0..dice.between(1, 60) {
        now_ms += dice.pick(&[0, 1, 5, 29, 31, 200]);
        let (user, session) = (dice.between(0, 2), dice.between(0, 3));
        let key = key(user, session);
        let device = DeviceId::new(&format!("d{}", (user + session) % 3)).unwrap();
        let device_type = dice.chance(50).then(|| DeviceType::new("tv").unwrap());
        let terms = Arc::new(Terms { device_type, rules: Some(rules.clone()) });
        let beat = beat(&mut dice, &terms);
        let as_of_ms = now_ms - dice.between(0, 40);
        let claim = Claim { key: &key, device: &device, since_ms: NOW_MS + session, as_of_ms, beat: &beat };
        let before = state.live(&times, now_ms);
        let decision = state.assert(&claim, &times, now_ms);
        let live = state.live(&times, now_ms);
        let fits = |most: u32, counts: &dyn Fn(&Lease) -> bool| {
            live.iter().filter(|lease| counts(lease)).count() <= most as usize
        };
        assert!(fits(rules.streams_max, &|_| true), "seed {seed}: {live:?}");
        let devices: BTreeSet<_> = live.iter().map(|lease| &lease.device).collect();
        assert!(rules.devices_max.is_none_or(|most| devices.len() <= most as usize), "seed {seed}: {live:?}");
        let is_live = |key: &SessionKey| live.iter().any(|lease| lease.key == *key);
        // Whoever lost a slot that did not run out was told, or is silent: a ghost, or paused.
        for lost in before.iter().filter(|lease| !is_live(&lease.key)) {
            let was_told = decision.kicked.iter().any(|(kicked, _)| *kicked == lost.key);
            let is_own = lost.key == key;
            let is_silent = !lost.is_playing || lost.device == device;
            assert!(was_told || is_own || is_silent, "seed {seed}: {lost:?}");
        }
        for (kicked, stop) in &decision.kicked {
            assert!(!is_live(kicked) && *kicked != key, "seed {seed}");
            if !stop.reason.is_denial() {
                stopped.insert(kicked.clone());
            }
        }
        if let Verdict::Stop(stop) = &decision.verdict {
            assert!(!is_live(&key), "seed {seed}: who must stop holds no slot");
            if !stop.reason.is_denial() {
                stopped.insert(key.clone());
            }
        } else {
            assert!(!stopped.contains(&key), "seed {seed}: who was stopped for good stays so");
        }
        let again = state.clone().assert(&claim, &times, now_ms);
        assert!(again.kicked.is_empty(), "seed {seed}: a repetition changes nothing");
        assert_eq!(again.verdict.stop().is_some(), decision.verdict.stop().is_some(), "seed {seed}");
    }
    state
}

#[test]
fn whatever_happens_the_rules_hold() {
    for seed in 0..20_000 {
        live_through(seed);
    }
}

#[test]
fn what_is_written_is_read_back_and_nothing_else_is_read() {
    let mut kept = 0;
    for seed in 0..2_000 {
        let state = live_through(seed);
        kept += usize::from(!state.is_empty());
        let bytes = state.to_bytes();
        assert_eq!(AccountLeases::from_bytes(&bytes), Ok(state), "seed {seed}");
        let mut dice = Dice::new(seed);
        let cut = usize::try_from(dice.between(1, i64::try_from(bytes.len()).unwrap() - 1)).unwrap();
        assert!(AccountLeases::from_bytes(&bytes[..cut]).is_err(), "seed {seed}: cut at {cut}");
        assert!(AccountLeases::from_bytes(&[&*bytes, &[0]].concat()).is_err(), "seed {seed}");
    }
    assert!(kept > 1_000);
    assert_eq!(AccountLeases::from_bytes(&[]), Ok(AccountLeases::default()));
    assert!(AccountLeases::from_bytes(&[1, 0, 0]).is_err(), "another version's");
}

#[test]
fn a_healing_account_kicks_nobody_who_was_within_the_limit() {
    for seed in 0..5_000 {
        let mut dice = Dice::new(seed);
        let times = LeaseTimes::default();
        let most = dice.between(1, 4);
        let rules = StreamRules::streams(u32::try_from(most).unwrap(), AtLimit::DenyNewest);
        let terms = Arc::new(Terms { device_type: None, rules: Some(rules) });
        let mut state = AccountLeases::default();
        let mut order: Vec<i64> = (0..most + dice.between(0, 3)).collect();
        for place in (1..order.len()).rev() {
            let other = usize::try_from(dice.between(0, i64::try_from(place).unwrap())).unwrap();
            order.swap(place, other);
        }
        let mut verdicts = Vec::new();
        // Everybody speaks twice, in whatever order, after all was forgotten; the numbers are the ages.
        for round in 0..2 {
            for &number in &order {
                let running = Standing::Running;
                let beat = Beat {
                    doing: Doing::Playing,
                    is_open: true,
                    standing: running,
                    ..beat(&mut dice, &terms)
                };
                let (key, device) = (key(number, 0), DeviceId::new(&format!("d{number}")).unwrap());
                let since_ms = NOW_MS + number;
                let claim = Claim { key: &key, device: &device, since_ms, as_of_ms: NOW_MS, beat: &beat };
                let verdict = state.assert(&claim, &times, NOW_MS + 100).verdict;
                if round == 1 {
                    verdicts.push((number, verdict == Verdict::Play));
                } else {
                    assert!(number >= most || verdict == Verdict::Play, "seed {seed}: {number} of {most}");
                }
            }
        }
        for (number, may_play) in verdicts {
            assert_eq!(may_play, number < most, "seed {seed}: {number} of {most}");
        }
    }
}

#[test]
fn a_stop_code_names_one_session_and_nothing_else() {
    let codes: BTreeSet<_> =
        (0..100).flat_map(|user| (0..100).map(move |session| StopCode::of(&key(user, session)))).collect();
    assert_eq!(codes.len(), 10_000);
    let code = StopCode::of(&key(1, 2));
    assert_eq!(StopCode::parse(&code.to_string()), Some(code));
    assert_eq!(code.to_string().len(), 16);
    for text in ["", "1", "0123456789abcdeg", "+123456789abcdef", "0123456789abcdef0"] {
        assert_eq!(StopCode::parse(text), None, "{text:?}");
    }
    assert_ne!(
        StopCode::of(&SessionKey { user: UserId::new("ab").unwrap(), session: SessionId::new("c").unwrap() }),
        StopCode::of(&SessionKey { user: UserId::new("a").unwrap(), session: SessionId::new("bc").unwrap() }),
    );
}

#[test]
fn an_account_remembers_no_more_than_its_bounds() {
    let (mut state, times, mut dice) = (AccountLeases::default(), LeaseTimes::default(), Dice::new(1));
    for number in 0..2_000 {
        let beat = Beat { doing: Doing::Playing, is_open: true, ..beat(&mut dice, &Terms::unlimited()) };
        let (key, device) = (key(number, 0), DeviceId::new("d").unwrap());
        let claim = Claim { key: &key, device: &device, since_ms: NOW_MS, as_of_ms: NOW_MS, beat: &beat };
        assert_eq!(state.assert(&claim, &times, NOW_MS).verdict, Verdict::Play);
    }
    assert_eq!(state.len(), UNLIMITED_LEASES_MAX);
    let later_ms = NOW_MS + times.playing_ms;
    assert_eq!(state.stop(&StopTarget::Session(key(0, 0)), None, &times, later_ms), None);
    assert_eq!(state.len(), 0);
    assert_eq!(state.expires_at_ms(&times), Some(later_ms + GONE_MS));
}

/// What three sessions of an account of two are told, the third of which slipped in while the store stood still for longer
/// than a lease lasts. They speak in this order; `heard` is how their nodes heard them meanwhile.
fn after_a_standstill(order: [i64; 3], heard: Standing) -> Vec<(i64, bool)> {
    let times = LeaseTimes::default();
    let rules = Some(StreamRules::streams(2, AtLimit::DenyNewest));
    let terms = Arc::new(Terms { device_type: None, rules });
    let mut state = AccountLeases::default();
    let mut say = |number: i64, standing, now_ms| {
        let beat = Beat {
            item: ItemId::new("movie").unwrap(),
            kind: ItemKind::Movie,
            terms: Arc::clone(&terms),
            doing: Doing::Playing,
            position_ms: None,
            is_open: true,
            standing,
        };
        let (key, device) = (key(number, 0), DeviceId::new(&format!("d{number}")).unwrap());
        let since_ms = NOW_MS + number;
        let claim = Claim { key: &key, device: &device, since_ms, as_of_ms: now_ms, beat: &beat };
        state.assert(&claim, &times, now_ms)
    };
    for number in [0, 1] {
        assert_eq!(say(number, Standing::New, NOW_MS + number).verdict, Verdict::Play);
    }
    let back_ms = NOW_MS + 60_000;
    let mut stopped = Vec::new();
    for round in [0, 10_000] {
        stopped =
            order.iter().map(|&of| (of, say(of, heard, back_ms + round).verdict.stop().is_some())).collect();
    }
    stopped.sort_unstable();
    stopped
}

#[test]
fn a_store_that_stood_still_stops_nobody_who_played_on() {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let stopped = after_a_standstill(order, Standing::Running);
        assert_eq!(stopped, [(0, false), (1, false), (2, true)], "in the order {order:?}");
    }
}

#[test]
fn who_was_away_for_too_long_asks_like_a_new_one() {
    let stopped = after_a_standstill([2, 0, 1], Standing::Returned);
    assert_eq!(stopped.iter().filter(|(_, is_stopped)| *is_stopped).count(), 1);
    assert_eq!(stopped[2], (2, false), "it was there when they were not");
}
