//! The promise that the order of arrival does not matter, over the whole way from raw times to rows.

use super::*;
use crate::{
    codec::{Reader, put_events},
    fold::{SessionSummary, fold, sort_events},
    position::PositionRuleBook,
    seqs::SeqSet,
};
use std::collections::BTreeMap;

const CASES: u64 = 10_000;

#[test]
fn any_order_and_repetition_of_arrival_gives_the_same_rows() {
    for seed in 0..CASES {
        let mut dice = Dice::new(seed);
        let tapes = some_tapes(&mut dice);
        let in_order = Arrival::list(&tapes);
        let expect = arrive(&tapes, &in_order);
        let mixed = mix(&mut dice, &in_order);
        let got = arrive(&tapes, &mixed);
        assert_eq!(got.clocks, expect.clocks, "seed {seed}");
        assert_eq!(got.descriptions, expect.descriptions, "seed {seed}");
        assert_eq!(got.events, expect.events, "seed {seed}");
        assert_eq!(got.summaries, expect.summaries, "seed {seed}");
        assert_eq!(got.positions, expect.positions, "seed {seed}");
    }
}

#[test]
fn a_viewer_is_credited_with_what_was_played_and_nothing_else() {
    for seed in 0..CASES {
        let tape = viewer::tape(&mut Dice::new(seed), "user", "session", 1);
        let summary = fold(tape.order, &tape.events());
        let played_ms: i64 = tape.played.iter().map(|interval| interval.length_ms()).sum();
        assert_eq!(summary.watched_ms, played_ms, "seed {seed}");
        assert_eq!(summary.intervals, union(&tape.played), "seed {seed}");
        assert!(summary.unique_watched_ms <= played_ms, "seed {seed}");
        assert_eq!(summary.event_count, tape.events().len() as u64, "seed {seed}");
    }
}

#[test]
fn no_time_is_later_than_its_receipt_allows() {
    for seed in 0..CASES {
        let tape = hostile::tape(&mut Dice::new(seed), "user", "session", 1);
        for frame in &tape.frames {
            let latest_ms = frame.received_at_ms + crate::clock::FUTURE_MS_MAX;
            let times = tape.corrected(frame);
            assert!(times.iter().all(|event| (0..=latest_ms).contains(&event.at_ms)), "seed {seed}");
        }
    }
}

/// One event's coming in: which tape, which of its frames, which of the frame's events.
#[derive(Clone, Copy)]
struct Arrival {
    tape: usize,
    frame: usize,
    event: usize,
}

impl Arrival {
    fn list(tapes: &[Tape]) -> Vec<Self> {
        let mut all = Vec::new();
        for (tape, frames) in tapes.iter().map(|tape| &tape.frames).enumerate() {
            for (frame, events) in frames.iter().map(|frame| &frame.events).enumerate() {
                all.extend((0..events.len()).map(|event| Self { tape, frame, event }));
            }
        }
        all
    }
}

/// What is stored in the end.
#[derive(Default)]
struct Rest {
    clocks: BTreeMap<SessionKey, Clock>,
    descriptions: BTreeMap<SessionKey, Description>,
    events: BTreeMap<SessionKey, Vec<Event>>,
    summaries: BTreeMap<SessionKey, SessionSummary>,
    positions: BTreeMap<(UserId, ItemId), PositionRow>,
}

fn some_tapes(dice: &mut Dice) -> Vec<Tape> {
    let count = dice.between(1, 3);
    let tape = |number: i64| {
        let (user, session) = (format!("user-{}", dice.between(1, 2)), format!("session-{number}"));
        match dice.chance(60) {
            true => viewer::tape(dice, &user, &session, 2),
            false => hostile::tape(dice, &user, &session, 2),
        }
    };
    (0..count).map(tape).collect()
}

/// Any permutation, with some of it twice or more.
fn mix(dice: &mut Dice, arrivals: &[Arrival]) -> Vec<Arrival> {
    let mut mixed = Vec::new();
    for &arrival in arrivals {
        (0..dice.between(1, 3)).for_each(|_| mixed.push(arrival));
    }
    dice.shuffle(&mut mixed);
    mixed
}

fn arrive(tapes: &[Tape], arrivals: &[Arrival]) -> Rest {
    let mut rest = Rest::default();
    let mut chunks: BTreeMap<SessionKey, Vec<u8>> = BTreeMap::new();
    let clocks: Vec<Clock> = tapes.iter().map(Tape::clock).collect();
    for arrival in arrivals {
        let tape = &tapes[arrival.tape];
        let frame = &tape.frames[arrival.frame];
        let fixed = Clock::fix(frame.sent_at_ms, frame.received_at_ms);
        rest.clocks.entry(tape.key.clone()).or_insert(fixed).merge(fixed);
        let raw = &frame.events[arrival.event];
        let at_ms = clocks[arrival.tape].correct(raw.at_ms, frame.received_at_ms);
        let event = Event { at_ms, ..raw.clone() };
        let description = tape.description(at_ms);
        rest.descriptions.entry(tape.key.clone()).or_insert(description.clone()).merge(&description);
        merge_position(&mut rest.positions, tape, &event);
        put_events(chunks.entry(tape.key.clone()).or_default(), &[event]);
    }
    for tape in tapes {
        let (events, seqs) = read_chunks(&chunks[&tape.key]);
        rest.summaries.insert(tape.key.clone(), fold(tape.order, &events));
        let mut sorted = events;
        sort_events(tape.order, &mut sorted);
        assert_eq!(seqs.len(), sorted.len());
        rest.events.insert(tape.key.clone(), sorted);
    }
    rest
}

fn merge_position(rows: &mut BTreeMap<(UserId, ItemId), PositionRow>, tape: &Tape, event: &Event) {
    let rules = PositionRuleBook::default().of(tape.playable.kind);
    if let Some(row) = PositionRow::from_event(event, &tape.key.session, &tape.playable, rules) {
        rows.entry((tape.key.user.clone(), tape.playable.item.clone())).or_default().merge(&row);
    }
}

fn read_chunks(bytes: &[u8]) -> (Vec<Event>, SeqSet) {
    let (mut whole, mut scan) = (Reader::new(bytes), Reader::new(bytes));
    let (mut events, mut seqs) = (Vec::new(), SeqSet::default());
    while !whole.is_empty() {
        events.extend(whole.events().unwrap());
        scan.seqs(&mut seqs).unwrap();
    }
    (events, seqs)
}

/// The union, the slow and obvious way.
fn union(played: &[Interval]) -> Vec<Interval> {
    let mut sorted = played.to_vec();
    sorted.sort_by_key(|interval| interval.from_ms);
    let mut union: Vec<Interval> = Vec::new();
    for interval in sorted {
        match union.last_mut().filter(|last| interval.from_ms <= last.to_ms) {
            Some(last) => last.to_ms = last.to_ms.max(interval.to_ms),
            None => union.push(interval),
        }
    }
    union
}
