//! What no player should send: any kind with any values, numbers used twice, clocks ten years off.

use super::{Dice, Frame, Tape, blank_tape};
use crate::{Event, EventKind, PlayerState, Rate};

/// A session of up to 30 such events, in up to 5 frames.
#[must_use]
pub fn tape(dice: &mut Dice, user: &str, session: &str, items: i64) -> Tape {
    let mut tape = blank_tape(dice, user, session, items);
    for _ in 0..dice.between(1, 5) {
        let events = (0..dice.between(1, 6)).map(|_| event(dice)).collect();
        let sent_at_ms = dice.chance(70).then(|| time(dice));
        tape.frames.push(Frame { sent_at_ms, received_at_ms: NOW_MS + dice.between(0, 100_000), events });
    }
    tape
}

/// One such event.
#[must_use]
pub fn event(dice: &mut Dice) -> Event {
    let seq = if dice.chance(80) { dice.between(0, 20).unsigned_abs() } else { dice.number() };
    Event {
        position_ms: dice.chance(70).then(|| media_time(dice)),
        from_ms: dice.chance(30).then(|| media_time(dice)),
        state: dice.chance(50).then(|| dice.pick(&PlayerState::ALL)),
        rate: if dice.chance(30) { Rate::from_thousandths(dice.pick(&[0, 1, 1_000, 16_000])) } else { None },
        bitrate_kbps: dice.chance(30).then(|| dice.pick(&[0, 800, 4_500, u32::MAX])),
        startup_ms: dice.chance(20).then(|| dice.pick(&[0, 350, u32::MAX])),
        stall_ms: dice.chance(20).then(|| dice.pick(&[0, 1_200, u32::MAX])),
        duration_ms: dice.chance(20).then(|| media_time(dice)),
        error_code: dice.chance(10).then(|| dice.pick(&["", "E1", "네트워크", "\u{0}"]).into()),
        ..Event::new(dice.pick(&EventKind::ALL), seq, time(dice))
    }
}

fn time(dice: &mut Dice) -> i64 {
    match dice.between(0, 9) {
        0 => dice.pick(&[i64::MIN, -1, 0, 1, i64::MAX]),
        1 => NOW_MS + TEN_YEARS_MS,
        2 => NOW_MS - TEN_YEARS_MS,
        _ => NOW_MS + dice.between(-100_000, 100_000),
    }
}

fn media_time(dice: &mut Dice) -> i64 {
    match dice.between(0, 9) {
        0 => dice.pick(&[i64::MIN, -1, i64::MAX - 1, i64::MAX]),
        1 => dice.pick(&[0, 9_999, 10_000]),
        _ => dice.between(0, 200_000),
    }
}

const NOW_MS: i64 = 1_700_000_000_000;
const TEN_YEARS_MS: i64 = 315_576_000_000;
