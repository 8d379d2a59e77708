//! A viewer who plays, pauses, seeks, waits for data, goes offline and comes back, on a device with its own clock.

use super::{Dice, Frame, Tape, blank_tape};
use crate::{Event, EventKind, PlayerState, Rate, SeqOrder, fold::Interval};

/// A session of 5 to 40 actions. Its events say exactly where the playhead is, so that what was played is known.
#[must_use]
pub fn tape(dice: &mut Dice, user: &str, session: &str, items: i64) -> Tape {
    let tape = blank_tape(dice, user, session, items);
    let mut viewer = Viewer::sits_down(dice, tape);
    for _ in 0..viewer.dice.between(5, 40) {
        viewer.act();
    }
    viewer.leaves()
}

struct Viewer<'a> {
    dice: &'a mut Dice,
    tape: Tape,
    /// The true time, Unix ms.
    now_ms: i64,
    /// How far the device's clock runs ahead of the server's, ms.
    ahead_ms: i64,
    position_ms: i64,
    duration_ms: i64,
    rate: Rate,
    seq: u64,
    /// What waits to be sent.
    unsent: Vec<Event>,
}

impl<'a> Viewer<'a> {
    fn sits_down(dice: &'a mut Dice, tape: Tape) -> Self {
        let duration_ms = tape.playable.duration_ms.unwrap_or(3_600_000);
        let mut viewer = Self {
            now_ms: 1_700_000_000_000 + dice.between(0, 86_400_000),
            ahead_ms: dice.pick(&[0, 0, 700, -1_500, 3 * HOUR_MS, -5 * HOUR_MS, TEN_YEARS_MS, -TEN_YEARS_MS]),
            position_ms: if dice.chance(60) { 0 } else { dice.between(0, duration_ms) },
            dice,
            tape,
            duration_ms,
            rate: Rate::NORMAL,
            seq: 0,
            unsent: Vec::new(),
        };
        viewer.say(EventKind::Start, |_, event| event.startup_ms = Some(420));
        viewer
    }

    fn act(&mut self) {
        match self.dice.between(0, 11) {
            0 => self.pauses(),
            1 => self.seeks(),
            2 => self.waits_for_data(),
            3 => self.changes_the_rate(),
            4 => self.gets_another_bitrate(),
            5 => self.plays_until(EventKind::Meta),
            _ => self.beats(),
        }
    }

    fn beats(&mut self) {
        let state = self.dice.chance(70).then_some(PlayerState::Playing);
        self.plays();
        self.say(EventKind::Beat, |_, event| event.state = state);
    }

    fn plays_until(&mut self, kind: EventKind) {
        self.plays();
        self.say(kind, |_, _| {});
    }

    fn pauses(&mut self) {
        self.plays_until(EventKind::Pause);
        for _ in 0..self.dice.between(0, 3) {
            self.now_ms += self.dice.between(1, HOUR_MS);
            self.say(EventKind::Beat, |_, event| event.state = Some(PlayerState::Paused));
        }
        self.now_ms += self.dice.between(1, HOUR_MS);
        self.say(EventKind::Resume, |_, _| {});
    }

    fn seeks(&mut self) {
        self.plays();
        let from_ms = self.position_ms;
        self.position_ms = self.dice.between(0, self.duration_ms);
        self.say(EventKind::Seek, |_, event| event.from_ms = Some(from_ms));
    }

    fn waits_for_data(&mut self) {
        self.plays_until(EventKind::StallStart);
        let waited_ms = self.dice.between(1, 20_000);
        self.now_ms += waited_ms;
        let said_ms = u32::try_from(waited_ms).ok().filter(|_| self.dice.chance(50));
        self.say(EventKind::StallEnd, |_, event| event.stall_ms = said_ms);
    }

    fn changes_the_rate(&mut self) {
        self.plays();
        self.rate =
            Rate::from_thousandths(self.dice.pick(&[500, 1_000, 1_250, 2_000])).unwrap_or(Rate::NORMAL);
        self.say(EventKind::Rate, |viewer, event| event.rate = Some(viewer.rate));
    }

    fn gets_another_bitrate(&mut self) {
        let bitrate_kbps = self.dice.pick(&[800, 2_400, 6_000]);
        self.plays();
        self.say(EventKind::Quality, |_, event| event.bitrate_kbps = Some(bitrate_kbps));
    }

    /// Says goodbye, or is never heard of again.
    fn leaves(mut self) -> Tape {
        if self.dice.chance(80) {
            self.plays();
            let is_at_end = self.position_ms == self.duration_ms;
            self.say(if is_at_end { EventKind::Ended } else { EventKind::Stop }, |_, _| {});
        }
        self.sends();
        self.tape
    }

    /// Up to a beat passes, and the playhead moves on, at most to the end.
    fn plays(&mut self) {
        let elapsed_ms = self.dice.between(1, 10_000);
        let from_ms = self.position_ms;
        self.now_ms += elapsed_ms;
        let to_ms = from_ms + elapsed_ms * i64::from(self.rate.thousandths()) / 1_000;
        self.position_ms = to_ms.min(self.duration_ms);
        if from_ms < self.position_ms {
            self.tape.played.push(Interval { from_ms, to_ms: self.position_ms });
        }
    }

    /// Adds an event, and sends what waits unless the device is offline.
    fn say(&mut self, kind: EventKind, fill: impl FnOnce(&Self, &mut Event)) {
        self.seq += 1;
        let seq = match self.tape.order {
            SeqOrder::Native => self.seq,
            SeqOrder::Foreign => self.dice.number() >> 1,
        };
        // No two events of the made-up viewer share a time, since hashes do not say which was first.
        self.now_ms += 1;
        let mut event = Event::new(kind, seq, self.now_ms + self.ahead_ms);
        event.position_ms = Some(self.position_ms);
        fill(self, &mut event);
        self.unsent.push(event);
        if self.dice.chance(70) {
            self.sends();
        }
    }

    fn sends(&mut self) {
        if self.unsent.is_empty() {
            return;
        }
        let received_at_ms = self.now_ms + self.dice.between(5, 900);
        let events = std::mem::take(&mut self.unsent);
        self.tape.frames.push(Frame {
            sent_at_ms: Some(self.now_ms + self.ahead_ms),
            received_at_ms,
            events,
        });
    }
}

const HOUR_MS: i64 = 3_600_000;
const TEN_YEARS_MS: i64 = 315_576_000_000;
