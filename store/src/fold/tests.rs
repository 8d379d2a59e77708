use super::*;
use crate::arbitrary::{Dice, hostile, viewer};
use EventKind::{Beat, Ended, Meta, Pause, Quality, Resume, Seek, StallEnd, StallStart, Start, Stop};

/// Folds native events, numbered as they stand, and compares what was watched, in seconds of the item.
fn watched(name: &str, events: &[Event], expect: &[(i64, i64)]) {
    let got: Vec<_> = native(events).intervals.iter().map(|part| (part.from_ms, part.to_ms)).collect();
    let expect: Vec<_> = expect.iter().map(|&(from_s, to_s)| (from_s * 1_000, to_s * 1_000)).collect();
    assert_eq!(got, expect, "{name}");
}

#[test]
fn playing_from_a_to_b_is_watched() {
    watched("from the start", &[at(Start, 0, 0), at(Beat, 10, 10), at(Beat, 20, 20)], &[(0, 20)]);
    watched("from where it was resumed", &[at(Start, 0, 600), at(Beat, 10, 610)], &[(600, 610)]);
    watched("startup takes its time", &[at(Start, 0, 0), at(Beat, 10, 7)], &[(0, 7)]);
    watched("until the viewer leaves", &[at(Beat, 0, 10), at(Stop, 4, 14)], &[(10, 14)]);
    watched("a beat alone is a place, not a stretch", &[at(Beat, 0, 10)], &[]);
    watched("twice", &[at(Beat, 0, 0), at(Beat, 10, 10), at(Seek, 10, 5), at(Beat, 20, 15)], &[(0, 15)]);
}

#[test]
fn a_pause_a_stall_and_a_seek_break_it() {
    let paused = [at(Beat, 0, 0), at(Pause, 5, 5), at(Resume, 500, 5), at(Beat, 510, 15)];
    watched("a pause in between", &paused, &[(0, 15)]);
    let moved = [at(Beat, 0, 0), at(Pause, 5, 5), at(Resume, 500, 305), at(Beat, 510, 315)];
    watched("moved while paused", &moved, &[(0, 5), (305, 315)]);
    let blind = [at(Beat, 0, 0), silent(Pause, 5), silent(Resume, 500), at(Beat, 503, 100)];
    watched("moved while paused, nobody said where", &blind, &[]);
    let waited = [at(Beat, 0, 0), silent(StallStart, 2), silent(StallEnd, 60), at(Beat, 62, 30)];
    watched("more than there was time for beside the stall", &waited, &[]);
    let sought = [at(Beat, 0, 0), seek(4, 4, 300), at(Beat, 14, 310)];
    watched("a seek says where it left", &sought, &[(0, 4), (300, 310)]);
    let unsaid = [at(Beat, 0, 0), at(Seek, 4, 300), at(Beat, 14, 310)];
    watched("a seek does not say where it left", &unsaid, &[(300, 310)]);
    watched("not even when it goes near", &[at(Beat, 0, 0), at(Seek, 10, 11)], &[]);
}

#[test]
fn dragging_to_the_end_is_not_watching_it() {
    watched(
        "one long drag",
        &[at(Start, 0, 0), seek(5, 5, 3_590), at(Ended, 15, 3_600)],
        &[(0, 5), (3_590, 3_600)],
    );
    watched("without saying so", &[at(Start, 0, 0), at(Beat, 10, 10), at(Beat, 20, 3_600)], &[(0, 10)]);
    let drag: Vec<_> = (0..600).map(|step| tenth(Seek, step, step * 60 + 20, step * 60 + 60)).collect();
    watched("a minute of many small seeks", &drag, &[]);
}

#[test]
fn an_advance_counts_only_if_the_time_allows_for_it() {
    for (elapsed_s, advance_s, rate, expect) in [
        (10, 10, 1_000, true),
        (10, 12, 1_000, true),
        (10, 14, 1_000, false),
        (10, 20, 2_000, true),
        (10, 25, 2_000, false),
        (10, 5, 500, true),
        (10, 8, 500, false),
        (600, 655, 1_000, true),
        (600, 700, 1_000, false),
        (1, 2, 1_000, true),
        (1, 3, 1_000, false),
        (28_800, 3, 1_000, true),
        (10, 0, 1_000, false),
        (10, -5, 1_000, false),
        (-10, 5, 1_000, false),
        (10, 1, 0, false),
    ] {
        let events = [with_rate(at(Beat, 100, 100), rate), at(Beat, 100 + elapsed_s, 100 + advance_s)];
        let expect_ms = if expect { advance_s * 1_000 } else { 0 };
        assert_eq!(native(&events).watched_ms, expect_ms, "{elapsed_s} s, {advance_s} s at {rate}");
    }
}

#[test]
fn each_stretch_between_two_positions_has_its_own_rates() {
    let faster = [at(Beat, 0, 0), with_rate(silent(EventKind::Rate, 5), 2_000), at(Beat, 10, 15)];
    watched("five seconds at one, five at two", &faster, &[(0, 15)]);
    watched("seventeen were possible", &[faster[0].clone(), faster[1].clone(), at(Beat, 10, 20)], &[]);
}

#[test]
fn a_beat_that_says_paused_or_stalled_is_believed() {
    for state in [PlayerState::Paused, PlayerState::Stalled] {
        let still = Event { state: Some(state), ..at(Beat, 0, 0) };
        watched("did not play", &[still, at(Beat, 10, 5)], &[]);
    }
}

#[test]
fn a_second_start_joins_nothing_to_what_was_before() {
    let next_item = [at(Start, 0, 0), at(Beat, 10, 10), at(Start, 14, 12), at(Beat, 24, 22)];
    watched("the page went on to another item", &next_item, &[(0, 10), (12, 22)]);
}

#[test]
fn an_end_without_a_position_is_at_the_items_length() {
    let long = Event { duration_ms: Some(18_000), ..at(Start, 0, 0) };
    watched("played out", &[long.clone(), at(Beat, 10, 10), silent(Ended, 18)], &[(0, 18)]);
    watched("not that far yet", &[long, at(Beat, 5, 5), silent(Ended, 6)], &[(0, 5)]);
}

#[test]
fn repeats_count_for_watched_and_once_for_unique() {
    let summary = native(&[at(Start, 0, 0), at(Beat, 10, 10), seek(10, 10, 4), at(Beat, 20, 14)]);
    assert_eq!((summary.watched_ms, summary.unique_watched_ms), (20_000, 14_000));
}

#[test]
fn a_session_ends_by_its_last_word_and_opens_again_when_played_on() {
    let paused_beat = Event { state: Some(PlayerState::Paused), ..silent(Beat, 3) };
    let (stopped, ended) = (Some(EndReason::Stopped), Some(EndReason::Ended));
    for (name, kinds, expect) in [
        ("nothing said", vec![silent(Start, 1), silent(Beat, 2)], None),
        ("left", vec![silent(Start, 1), silent(Stop, 2)], stopped),
        ("played out", vec![silent(Start, 1), silent(Ended, 2)], ended),
        ("played out, then left", vec![silent(Ended, 1), silent(Stop, 2)], ended),
        ("left, then said it had played out", vec![silent(Stop, 1), silent(Ended, 2)], ended),
        ("sought back after the end", vec![silent(Ended, 1), seek(2, 60, 0)], None),
        ("sought back, then left", vec![silent(Ended, 1), seek(2, 60, 0), silent(Stop, 3)], stopped),
        ("played on", vec![silent(Stop, 1), silent(Beat, 2)], None),
        ("resumed", vec![silent(Stop, 1), silent(Resume, 2)], None),
        ("a paused tab after the end", vec![silent(Ended, 1), paused_beat.clone()], ended),
        (
            "stragglers",
            vec![silent(Stop, 1), silent(StallEnd, 2), silent(Pause, 2), silent(Meta, 3)],
            stopped,
        ),
    ] {
        assert_eq!(native(&kinds).end_reason, expect, "{name}");
    }
}

#[test]
fn nothing_is_watched_after_the_end_until_played_on() {
    let events = [at(Beat, 0, 0), at(Stop, 5, 5), at(Meta, 10, 10), at(Resume, 20, 10), at(Beat, 25, 15)];
    watched("the gap is not watched", &events, &[(0, 5), (10, 15)]);
}

#[test]
fn stalls_take_as_long_as_the_player_says_or_as_the_clock_shows() {
    let said = |event: Event, stall_ms| Event { stall_ms: Some(stall_ms), ..event };
    let in_state = |state, event: Event| Event { state: Some(state), ..event };
    let starting = in_state(PlayerState::Stalled, silent(Start, 0));
    for (name, events, expect) in [
        ("said", vec![silent(StallStart, 1), said(silent(StallEnd, 9), 700)], (1, 700)),
        ("not said", vec![silent(StallStart, 1), silent(StallEnd, 3)], (1, 2_000)),
        ("only its end came", vec![silent(Beat, 1), said(silent(StallEnd, 3), 700)], (1, 700)),
        ("only its end came, nobody says how long", vec![silent(Beat, 1), silent(StallEnd, 3)], (0, 0)),
        ("its end never came", vec![silent(StallStart, 1), silent(Stop, 4)], (1, 3_000)),
        ("still open", vec![silent(StallStart, 1), silent(Meta, 6)], (1, 5_000)),
        ("said twice", vec![silent(StallStart, 1), silent(StallStart, 2), silent(StallEnd, 3)], (1, 2_000)),
        (
            "two",
            [[silent(StallStart, 1), silent(StallEnd, 2)], [silent(StallStart, 3), silent(StallEnd, 5)]]
                .concat(),
            (2, 3_000),
        ),
        (
            "a beat says so",
            vec![in_state(PlayerState::Stalled, silent(Beat, 1)), silent(Resume, 2)],
            (1, 1_000),
        ),
        ("startup is none", vec![starting, silent(Beat, 5)], (0, 0)),
        ("back in time", vec![silent(StallStart, 9), silent(StallEnd, 3)], (1, 0)),
    ] {
        let summary = native(&events);
        assert_eq!((summary.stall_count, summary.stall_ms), expect, "{name}");
    }
}

#[test]
fn bitrates_share_the_time_that_was_played() {
    let quality = |at_s, bitrate_kbps| Event { bitrate_kbps: Some(bitrate_kbps), ..silent(Quality, at_s) };
    let events = [silent(Start, 0), quality(1, 6_000), quality(4, 800), silent(Pause, 9), silent(Resume, 99)];
    let events = [events.to_vec(), vec![quality(101, 6_000), silent(Beat, 111)]].concat();
    assert_eq!(native(&events).bitrates, [(800, 7_000), (6_000, 13_000)]);
    let held = [silent(Beat, 0), with_rate(quality(0, 800), 0), silent(Beat, 10)];
    assert_eq!(native(&held).bitrates, [], "held at rate 0");
    let slept = [quality(0, 800), silent(Beat, 1), silent(Beat, 28_800)];
    assert_eq!(native(&slept).bitrates, [(800, SILENCE_MS_MAX)], "a closed laptop played nothing");
}

#[test]
fn facts_are_counted_and_the_last_word_stands() {
    let events = [
        Event { startup_ms: Some(400), duration_ms: Some(1_000), ..at(Start, 50, 0) },
        Event { startup_ms: Some(900), duration_ms: Some(2_000), ..at(Beat, 40, 0) },
        seek(60, 0, 5),
        silent(EventKind::Error, 70),
        silent(EventKind::Error, 65),
    ];
    let summary = native(&events);
    assert_eq!(
        (summary.started_at_ms, summary.last_event_at_ms),
        (40_000, 70_000),
        "whatever the numbers say"
    );
    assert_eq!((summary.startup_ms, summary.duration_ms), (Some(400), Some(2_000)));
    assert_eq!((summary.event_count, summary.seek_count, summary.error_count), (5, 1, 2));
    assert_eq!(native(&[]), SessionSummary::default());
}

#[test]
fn native_events_are_ordered_by_seq_alone_and_foreign_ones_by_time() {
    let event = |seq, at_s: i64| Event::new(Beat, seq, at_s * 1_000);
    for (order, expect) in [(SeqOrder::Native, [1, 2, 3]), (SeqOrder::Foreign, [3, 1, 2])] {
        let mut events = vec![event(2, 20), event(3, 10), event(1, 20), event(2, 20)];
        sort_events(order, &mut events);
        let seqs: Vec<_> = events.iter().map(|event| event.seq).collect();
        assert_eq!(seqs, expect, "{order:?}");
    }
}

#[test]
fn of_two_copies_of_one_identity_the_earliest_stays() {
    for order in [SeqOrder::Native, SeqOrder::Foreign] {
        for times in [[10, 20], [20, 10]] {
            let mut events = times.map(|at_ms| Event::new(Beat, 7, at_ms)).to_vec();
            events.push(Event::new(Beat, 8, 15));
            sort_events(order, &mut events);
            let times: Vec<_> = events.iter().map(|event| (event.seq, event.at_ms)).collect();
            assert_eq!(times, [(7, 10), (8, 15)], "{order:?}");
        }
    }
}

#[test]
fn a_fold_is_sane_whatever_it_is_given() {
    for seed in 0..10_000 {
        let mut dice = Dice::new(seed);
        let events: Vec<_> = (0..dice.between(0, 40)).map(|_| hostile::event(&mut dice)).collect();
        for order in [SeqOrder::Native, SeqOrder::Foreign] {
            let summary = fold(order, &events);
            let identities: std::collections::BTreeSet<_> = events.iter().map(|event| event.seq).collect();
            assert_eq!(summary.event_count, identities.len() as u64, "seed {seed}");
            assert!((0..=summary.watched_ms).contains(&summary.unique_watched_ms), "seed {seed}");
            assert!(summary.intervals.iter().all(|part| part.from_ms < part.to_ms), "seed {seed}");
            assert!(summary.intervals.windows(2).all(|pair| pair[0].to_ms < pair[1].from_ms), "seed {seed}");
            assert!(summary.stall_ms >= 0 && summary.bitrates.iter().all(|&(_, ms)| ms >= 0), "seed {seed}");
            assert!(summary.bitrates.is_sorted(), "seed {seed}");
        }
    }
}

#[test]
fn no_one_watches_more_than_the_time_and_rate_allow() {
    for seed in 0..2_000 {
        let mut dice = Dice::new(seed);
        let tape = viewer::tape(&mut dice, "user", "session", 1);
        let mut events = tape.events();
        for event in &mut events {
            event.position_ms = Some(dice.between(0, 3_600_000));
            event.from_ms = event.from_ms.map(|_| dice.between(0, 3_600_000));
        }
        let summary = fold(tape.order, &events);
        let session_ms = summary.last_event_at_ms - summary.started_at_ms;
        // The fastest rate of a made-up viewer is 2, and slack at most doubles it and drift adds a tenth.
        assert!(summary.watched_ms <= session_ms * 5, "seed {seed}");
    }
}

fn native(events: &[Event]) -> SessionSummary {
    let number = |(index, event): (usize, &Event)| Event { seq: index as u64 + 1, ..event.clone() };
    fold(SeqOrder::Native, &events.iter().enumerate().map(number).collect::<Vec<_>>())
}

/// An event at this second of the day, this many seconds into the item.
fn at(kind: EventKind, at_s: i64, position_s: i64) -> Event {
    Event { position_ms: Some(position_s * 1_000), ..silent(kind, at_s) }
}

/// An event that does not know the position.
fn silent(kind: EventKind, at_s: i64) -> Event {
    Event::new(kind, 0, at_s * 1_000)
}

fn seek(at_s: i64, from_s: i64, to_s: i64) -> Event {
    Event { from_ms: Some(from_s * 1_000), ..at(Seek, at_s, to_s) }
}

/// A seek at a tenth of a second, with positions in tenths.
fn tenth(kind: EventKind, at: i64, from: i64, to: i64) -> Event {
    let beginning = if at == 0 { Some(PlayerState::Playing) } else { None };
    Event {
        from_ms: Some(from * 100),
        position_ms: Some(to * 100),
        state: beginning,
        ..Event::new(kind, 0, at * 100)
    }
}

fn with_rate(event: Event, thousandths: u16) -> Event {
    Event { rate: Rate::from_thousandths(thousandths), ..event }
}
