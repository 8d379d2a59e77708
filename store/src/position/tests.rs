use super::*;
use crate::{
    ItemId, PlayerState, Rate,
    arbitrary::{Dice, hostile, position_row},
};

/// An hour-long film, in minutes.
const LENGTH_MIN: i64 = 60;

#[test]
fn only_some_events_move_a_position() {
    use EventKind::{
        Beat, Ended, Error, Meta, Pause, Quality, Resume, Seek, StallEnd, StallStart, Start, Stop,
    };
    use PlayerState::{Paused, Playing, Stalled};
    for (kind, state, expect) in [
        (Beat, None, true),
        (Beat, Some(Playing), true),
        (Beat, Some(Paused), false),
        (Beat, Some(Stalled), false),
        (Pause, Some(Paused), true),
        (Resume, None, true),
        (StallStart, Some(Stalled), true),
        (StallEnd, None, true),
        (Seek, Some(Paused), true),
        (Stop, None, true),
        (Ended, None, true),
        (Start, Some(Playing), false),
        (Quality, Some(Playing), false),
        (EventKind::Rate, None, false),
        (Error, None, false),
        (Meta, None, false),
    ] {
        let event = Event { state, ..event(kind, 100, 30) };
        assert_eq!(says(&event).is_some(), expect, "{kind:?} {state:?}");
        assert_eq!(says(&Event { position_ms: None, ..event }), None, "{kind:?} at an unknown position");
    }
}

#[test]
fn early_exit_does_not_erase_fifty_minutes() {
    let row = row(&[beat(100, 50), at_second(EventKind::Beat, 200, 4), at_second(EventKind::Stop, 201, 6)]);
    assert_eq!(minute(&row), Some(50));
    assert!(row.is_in_progress());
}

#[test]
fn an_opening_gives_way_to_any_settled_position_however_old() {
    let late = row(&[at_second(EventKind::Stop, 200, 9), beat(100, 50)]);
    assert_eq!(minute(&late), Some(50), "the opening came first");
}

#[test]
fn an_opening_counts_where_there_is_nothing_else_but_is_not_in_progress() {
    let row = row(&[at_second(EventKind::Beat, 100, 4)]);
    assert_eq!(row.current().map(|(_, position_ms)| position_ms), Some(4_000));
    assert!(!row.is_in_progress() && !row.is_finished());
}

#[test]
fn the_opening_ends_at_ten_seconds() {
    assert!(says(&at_second(EventKind::Beat, 1, 10)).unwrap().settled.is_some());
    assert!(says(&at_second(EventKind::Beat, 1, 9)).unwrap().opening.is_some());
    assert!(says(&at_second(EventKind::Seek, 1, 0)).unwrap().settled.is_some(), "sought to");
}

#[test]
fn going_back_to_the_beginning_on_purpose_is_settled() {
    let row = row(&[beat(100, 50), at_second(EventKind::Seek, 200, 0)]);
    assert_eq!(minute(&row), Some(0));
}

#[test]
fn newer_wins_even_if_it_is_further_back() {
    assert_eq!(minute(&row(&[beat(100, 50), beat(200, 20)])), Some(20));
    assert_eq!(minute(&row(&[beat(200, 20), beat(100, 50)])), Some(20), "the newer came first");
}

#[test]
fn equal_times_go_to_the_furthest_position() {
    assert_eq!(minute(&row(&[beat(100, 50), beat(100, 20)])), Some(50));
    assert_eq!(minute(&row(&[beat(100, 20), beat(100, 50)])), Some(50));
}

#[test]
fn equal_times_and_positions_go_to_the_greater_seq() {
    let with_seq = |seq| Event { seq, ..beat(100, 20) };
    for events in [[with_seq(8), with_seq(9)], [with_seq(9), with_seq(8)]] {
        assert_eq!(row(&events).settled.unwrap().seq, 9);
    }
}

#[test]
fn a_paused_tab_does_not_fight_the_television() {
    let paused_beat = |at_s| Event { state: Some(PlayerState::Paused), ..beat(at_s, 10) };
    let row = row(&[event(EventKind::Pause, 100, 10), beat(200, 40), paused_beat(300), paused_beat(400)]);
    assert_eq!(minute(&row), Some(40));
}

#[test]
fn a_mark_is_a_candidate_with_the_servers_time() {
    let mut row = row(&[beat(100, 50)]);
    row.merge(&PositionRow::set(5 * MINUTE_MS, 200_000));
    assert_eq!(minute(&row), Some(5));
    row.merge(&says(&beat(150, 52)).unwrap());
    assert_eq!(minute(&row), Some(5), "older than the mark");
    row.merge(&says(&beat(250, 53)).unwrap());
    assert_eq!(minute(&row), Some(53), "newer than the mark");
}

#[test]
fn a_position_set_within_the_opening_is_settled() {
    let mut row = row(&[beat(100, 50)]);
    row.merge(&PositionRow::set(0, 200_000));
    assert_eq!(minute(&row), Some(0));
}

#[test]
fn forgotten_is_not_revived_by_late_telemetry() {
    let mut row = row(&[beat(100, 50)]);
    row.merge(&PositionRow::forget(200_000));
    for late in
        [beat(199, 51), beat(200, 51), at_second(EventKind::Stop, 200, 3), event(EventKind::Ended, 199, 60)]
    {
        row.merge(&says(&late).unwrap());
        assert_eq!(row.current(), None, "{late:?}");
        assert!(!row.is_in_progress() && !row.is_finished(), "{late:?}");
        assert_eq!(row.watched.since_ms(), None, "{late:?}");
    }
}

#[test]
fn forgotten_begins_anew_with_whatever_is_newer() {
    let mut row = PositionRow::forget(200_000);
    row.merge(&says(&at_second(EventKind::Beat, 201, 3)).unwrap());
    assert_eq!(row.current().map(|(_, position_ms)| position_ms), Some(3_000));
    assert!(!row.is_in_progress(), "an opening only");
    row.merge(&says(&beat(300, 2)).unwrap());
    assert_eq!(minute(&row), Some(2));
    assert!(row.is_in_progress());
}

#[test]
fn forgotten_does_not_bring_back_what_was_before_an_early_exit() {
    let mut row = row(&[beat(100, 50), at_second(EventKind::Stop, 150, 4)]);
    row.merge(&PositionRow::forget(200_000));
    assert_eq!(row.current(), None);
}

#[test]
fn completion_is_reached_at_the_threshold_the_credits_or_the_end() {
    let ended = |position_min| event(EventKind::Ended, 100, position_min);
    for (event, duration_min, credits_min, expect) in [
        (beat(100, 56), Some(LENGTH_MIN), None, false),
        (beat(100, 57), Some(LENGTH_MIN), None, true),
        (beat(100, 53), Some(LENGTH_MIN), Some(54), false),
        (beat(100, 54), Some(LENGTH_MIN), Some(54), true),
        (beat(100, 54), None, Some(54), true),
        (ended(60), Some(LENGTH_MIN), None, true),
        (ended(57), Some(LENGTH_MIN), None, true),
        (ended(20), Some(LENGTH_MIN), None, false),
        (ended(20), None, None, true),
        (beat(100, 20), None, None, false),
        (ended(20), Some(0), None, true),
        (beat(100, 20), Some(0), Some(0), false),
        (beat(100, 20), Some(-1), Some(-1), false),
    ] {
        let playable = Playable {
            duration_ms: duration_min.map(|minutes| minutes * MINUTE_MS),
            credits_ms: credits_min.map(|minutes| minutes * MINUTE_MS),
            ..film()
        };
        let row = PositionRow::from_event(&event, &session(), &playable, PositionRules::default()).unwrap();
        let finished = (row.is_finished(), row.watched.since_ms());
        assert_eq!(
            finished,
            (expect, expect.then_some(100_000)),
            "{event:?} {duration_min:?} {credits_min:?}"
        );
    }
}

#[test]
fn the_length_that_an_event_says_comes_before_the_catalogs() {
    let said = Event { duration_ms: Some(20 * MINUTE_MS), ..beat(100, 19) };
    assert!(says(&said).unwrap().is_finished());
}

#[test]
fn thresholds_are_those_of_the_items_kind() {
    let mut book = PositionRuleBook::default();
    book.set(ItemKind::Lesson, PositionRules { opening_ms: 60_000, watched_percent: 50 });
    for (kind, expect) in [(ItemKind::Lesson, true), (ItemKind::Movie, false)] {
        let row = PositionRow::from_event(&beat(100, 30), &session(), &film(), book.of(kind)).unwrap();
        assert_eq!(row.is_finished(), expect, "{kind:?}");
    }
    let at_half_a_minute = at_second(EventKind::Beat, 1, 30);
    let row =
        PositionRow::from_event(&at_half_a_minute, &session(), &film(), book.of(ItemKind::Lesson)).unwrap();
    assert!(row.opening.is_some());
}

#[test]
fn a_clip_shorter_than_the_opening_can_be_finished() {
    let clip = Playable { duration_ms: Some(8_000), ..film() };
    let ended = at_second(EventKind::Ended, 100, 8);
    let row = PositionRow::from_event(&ended, &session(), &clip, PositionRules::default()).unwrap();
    assert!(row.is_finished());
}

#[test]
fn a_finished_item_leaves_continue_watching() {
    let row = row(&[beat(100, 50), beat(500, 58)]);
    assert!(row.is_finished() && !row.is_in_progress());
}

#[test]
fn a_rewatch_past_its_opening_brings_it_back() {
    let mut row = row(&[beat(100, 58), at_second(EventKind::Beat, 200, 5)]);
    assert!(row.is_finished() && !row.is_in_progress(), "an opening only");
    row.merge(&says(&beat(260, 1)).unwrap());
    assert!(row.is_in_progress() && !row.is_finished());
    assert_eq!(row.watched.since_ms(), Some(100_000), "watched it stays");
}

#[test]
fn watched_keeps_its_first_time() {
    let mut row = row(&[beat(300, 59), beat(100, 58), beat(200, 5)]);
    assert_eq!(row.watched.since_ms(), Some(100_000));
    row.merge(&PositionRow::mark_watched(true, 200_000));
    assert_eq!(row.watched.since_ms(), Some(100_000), "the mark came later");
}

#[test]
fn only_a_newer_mark_unsets_watched() {
    for (unmarked_s, expect) in [(50, Some(100_000)), (99, Some(100_000)), (100, None), (150, None)] {
        let mut row = row(&[beat(100, 58)]);
        row.merge(&PositionRow::mark_watched(false, unmarked_s * 1_000));
        assert_eq!(row.watched.since_ms(), expect, "{unmarked_s}");
        assert_eq!(row.is_finished(), expect.is_some(), "{unmarked_s}");
    }
}

#[test]
fn watching_it_again_after_unmarking_counts_again() {
    let mut row = row(&[beat(100, 58), beat(300, 58)]);
    row.merge(&PositionRow::mark_watched(false, 200_000));
    assert_eq!(row.watched.since_ms(), Some(300_000));
}

#[test]
fn marked_watched_is_finished_without_moving_the_position() {
    let mut row = row(&[beat(100, 20)]);
    row.merge(&PositionRow::mark_watched(true, 200_000));
    assert_eq!((minute(&row), row.is_finished(), row.is_in_progress()), (Some(20), true, false));
    assert_eq!(row.watched.since_ms(), Some(200_000));
    row.merge(&says(&beat(300, 21)).unwrap());
    assert!(row.is_in_progress(), "the viewer went on");
}

#[test]
fn marked_watched_without_a_position_stays_finished_through_an_early_exit() {
    let mut row = PositionRow::mark_watched(true, 100_000);
    assert!(row.is_finished() && !row.is_in_progress());
    row.merge(&says(&at_second(EventKind::Stop, 200, 4)).unwrap());
    assert!(row.is_finished() && !row.is_in_progress());
}

#[test]
fn merge_is_commutative_associative_and_idempotent() {
    for seed in 0..10_000 {
        let mut dice = Dice::new(seed);
        let [a, b, c] = [position_row(&mut dice), position_row(&mut dice), position_row(&mut dice)];
        assert_eq!(merged(&a, &b), merged(&b, &a), "seed {seed}");
        assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)), "seed {seed}");
        assert_eq!(merged(&a, &a), a, "seed {seed}");
        assert_eq!(merged(&merged(&a, &b), &b), merged(&a, &b), "seed {seed}");
        assert_eq!(merged(&a, &PositionRow::default()), a, "seed {seed}");
        assert!(!(a.is_finished() && a.is_in_progress()), "seed {seed}");
    }
}

#[test]
fn events_at_once_say_what_they_say_one_by_one() {
    for seed in 0..10_000 {
        let mut dice = Dice::new(seed);
        let mut events: Vec<Event> = (0..dice.between(0, 7)).map(|_| close_event(&mut dice)).collect();
        events.extend(events.first().cloned());
        let at_once = PositionRow::from_events(&events, &session(), &film(), PositionRules::default());
        assert_eq!(at_once.unwrap_or_default(), row(&events), "seed {seed}: {events:?}");
    }
}

#[test]
fn a_row_grows_no_older_by_merging() {
    for seed in 0..10_000 {
        let mut dice = Dice::new(seed);
        let (a, b) = (position_row(&mut dice), position_row(&mut dice));
        let both = merged(&a, &b);
        assert!(both.settled >= a.settled && both.settled >= b.settled, "seed {seed}");
        assert!(both.opening >= a.opening && both.opening >= b.opening, "seed {seed}");
    }
}

#[test]
fn the_wildest_values_are_only_values() {
    for position_ms in [i64::MIN, -1, 0, i64::MAX] {
        for duration_ms in [i64::MIN, -1, 0, 1, i64::MAX] {
            let rate = Rate::from_factor(f64::NAN);
            let event = Event {
                duration_ms: Some(duration_ms),
                rate,
                ..at_second(EventKind::Ended, i64::MAX / 1_000, 0)
            };
            let row = says(&Event { position_ms: Some(position_ms), ..event }).unwrap();
            assert_eq!(row.current().map(|(_, position_ms)| position_ms), Some(position_ms));
            assert!(!(row.is_finished() && row.is_in_progress()), "{position_ms} {duration_ms}");
        }
    }
}

/// A beat at this second of the day, this many minutes into the film.
fn beat(at_s: i64, position_min: i64) -> Event {
    event(EventKind::Beat, at_s, position_min)
}

fn event(kind: EventKind, at_s: i64, position_min: i64) -> Event {
    at_second(kind, at_s, position_min * 60)
}

fn at_second(kind: EventKind, at_s: i64, position_s: i64) -> Event {
    Event { position_ms: Some(position_s * 1_000), ..Event::new(kind, 1, at_s * 1_000) }
}

fn film() -> Playable {
    let item = ItemId::new("film").unwrap();
    Playable { item, kind: ItemKind::Movie, duration_ms: Some(LENGTH_MIN * MINUTE_MS), credits_ms: None }
}

fn session() -> SessionId {
    SessionId::new("session").unwrap()
}

fn says(event: &Event) -> Option<PositionRow> {
    PositionRow::from_event(event, &session(), &film(), PositionRules::default())
}

/// An event of a few kinds, times and places, so that many are alike; now and then a hostile one.
fn close_event(dice: &mut Dice) -> Event {
    if dice.chance(10) {
        return hostile::event(dice);
    }
    let kind = dice.pick(&[EventKind::Beat, EventKind::Seek, EventKind::Stop, EventKind::Ended]);
    let (at_s, position_s) = (dice.between(0, 3), dice.pick(&[1, 2, 3_600, LENGTH_MIN * 60]));
    Event { seq: dice.number() % 4, ..at_second(kind, at_s, position_s) }
}

/// What becomes of these events, in this order of arrival.
fn row(events: &[Event]) -> PositionRow {
    let mut row = PositionRow::default();
    for said in events.iter().filter_map(says) {
        row.merge(&said);
    }
    row
}

fn minute(row: &PositionRow) -> Option<i64> {
    row.current().map(|(_, position_ms)| position_ms / MINUTE_MS)
}

fn merged(a: &PositionRow, b: &PositionRow) -> PositionRow {
    let mut both = a.clone();
    both.merge(b);
    both
}

const MINUTE_MS: i64 = 60_000;

#[test]
fn an_explicit_position_at_the_end_of_a_known_length_finishes_the_item() {
    let set =
        |position_ms| PositionRow::set(position_ms, 7).in_item_of(Some(100_000), PositionRules::default());
    assert!(!set(94_999).is_finished() && set(94_999).watched.since_ms().is_none());
    assert!(set(95_000).is_finished());
    assert_eq!(set(95_000).watched.since_ms(), Some(7));
    assert_eq!(set(1).current().unwrap().0.duration_ms, Some(100_000));
    let unknown = PositionRow::set(95_000, 7).in_item_of(None, PositionRules::default());
    assert!(!unknown.is_finished());
}

#[test]
fn the_newest_time_is_that_of_the_newest_part() {
    let mut row = PositionRow::default();
    assert_eq!(row.newest_ms(), None);
    row.merge(&PositionRow::set(1, 50));
    assert_eq!(row.newest_ms(), Some(50));
    row.merge(&PositionRow::mark_watched(true, 60));
    assert_eq!(row.newest_ms(), Some(60));
    row.merge(&PositionRow::forget(70));
    assert_eq!(row.newest_ms(), Some(70));
}
