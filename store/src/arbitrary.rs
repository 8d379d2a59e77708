//! Made-up viewers and rows, for tests of this crate and of others: whatever a seed gives, it gives again.
//!
//! [`viewer`] plays an item as people do, on a device whose clock may be years off, and knows what was really
//! watched; [`hostile`] sends what no player should.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "test support may fail loudly"
)]

pub mod hostile;
pub mod viewer;

#[cfg(test)]
mod tests;

use crate::{
    AccountId, Clock, Description, DeviceId, Event, ItemId, ItemKind, Playable, SeqOrder, SessionId,
    SessionKey, UserId,
    fold::Interval,
    position::{Place, PositionRow, Register, Watched},
};

/// A seeded source of choices (SplitMix64).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The same seed gives the same choices.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from `least` to `most`, both included; `least` where there is none between.
    pub fn between(&mut self, least: i64, most: i64) -> i64 {
        let width = most.saturating_sub(least).max(0).unsigned_abs().saturating_add(1);
        least.saturating_add_unsigned(self.number() % width)
    }

    /// True so many times in a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.number() % 100 < percent
    }

    /// One of them. There must be one.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[(self.number() % from.len() as u64) as usize]
    }

    /// Puts them in any order.
    pub fn shuffle<T>(&mut self, all: &mut [T]) {
        for end in (1..all.len()).rev() {
            all.swap(end, (self.number() % (end as u64 + 1)) as usize);
        }
    }
}

/// A session as its player sends it.
#[derive(Debug, Clone)]
pub struct Tape {
    /// Who watches, in which session.
    pub key: SessionKey,
    /// Who pays.
    pub account: AccountId,
    /// Where it is watched.
    pub device: DeviceId,
    /// What is watched.
    pub playable: Playable,
    /// How its events are ordered.
    pub order: SeqOrder,
    /// What is sent, in the order of sending.
    pub frames: Vec<Frame>,
    /// What was really played, in the order of playing; empty when hostile.
    pub played: Vec<Interval>,
}

/// Some events, sent and received together.
#[derive(Debug, Clone)]
pub struct Frame {
    /// When it was sent, by the player's clock, Unix ms.
    pub sent_at_ms: Option<i64>,
    /// When it was received, by the server's clock, Unix ms.
    pub received_at_ms: i64,
    /// The events, with times by the player's clock.
    pub events: Vec<Event>,
}

impl Tape {
    /// The session's clock, which its first received frame fixes.
    #[must_use]
    pub fn clock(&self) -> Clock {
        let fixed = self.frames.iter().map(|frame| Clock::fix(frame.sent_at_ms, frame.received_at_ms));
        fixed.min().expect("a tape has at least one frame")
    }

    /// A frame's events with corrected times.
    #[must_use]
    pub fn corrected(&self, frame: &Frame) -> Vec<Event> {
        let clock = self.clock();
        let correct = |event: &Event| Event {
            at_ms: clock.correct(event.at_ms, frame.received_at_ms),
            ..event.clone()
        };
        frame.events.iter().map(correct).collect()
    }

    /// All events with corrected times, in the order of sending.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.frames.iter().flat_map(|frame| self.corrected(frame)).collect()
    }

    /// What an event of this time says of the session.
    #[must_use]
    pub fn description(&self, as_of_ms: i64) -> Description {
        let (account, device) = (self.account.clone(), self.device.clone());
        Description { as_of_ms, playable: self.playable.clone(), account, device, order: self.order }
    }
}

/// A session of this user that has sent nothing yet, of one of `items` items.
#[must_use]
pub fn blank_tape(dice: &mut Dice, user: &str, session: &str, items: i64) -> Tape {
    let duration_ms = dice.between(3, 120) * 60_000;
    let is_known = dice.chance(80);
    let has_credits = dice.chance(40);
    Tape {
        key: SessionKey { user: id(UserId::new, user), session: id(SessionId::new, session) },
        account: id(AccountId::new, user),
        device: id(DeviceId::new, dice.pick(&["phone", "tablet", "television"])),
        playable: Playable {
            item: id(ItemId::new, &format!("item-{}", dice.between(1, items))),
            kind: dice.pick(&ItemKind::ALL),
            duration_ms: is_known.then_some(duration_ms),
            credits_ms: has_credits.then_some(duration_ms - 45_000),
        },
        order: dice.pick(&[SeqOrder::Native, SeqOrder::Foreign]),
        frames: Vec::new(),
        played: Vec::new(),
    }
}

/// Any row, with values from so small a choice that two rows often tie.
#[must_use]
pub fn position_row(dice: &mut Dice) -> PositionRow {
    let watched = Watched {
        first_ms: dice.chance(50).then(|| few(dice)),
        last_ms: dice.chance(50).then(|| few(dice)),
        mark: dice.chance(50).then(|| (few(dice), dice.chance(50))),
    };
    PositionRow {
        settled: dice.chance(70).then(|| register(dice)),
        opening: dice.chance(50).then(|| register(dice)),
        watched,
    }
}

fn register(dice: &mut Dice) -> Register {
    Register {
        at_ms: few(dice),
        place: if dice.chance(20) { Place::Forgotten } else { Place::At(few(dice)) },
        seq: dice.pick(&[0, 1, 2, u64::MAX]),
        session: dice.chance(70).then(|| id(SessionId::new, dice.pick(&["a", "b"]))),
        duration_ms: dice.chance(50).then(|| few(dice)),
        finished: dice.chance(30),
    }
}

/// One of few numbers, extremes included.
fn few(dice: &mut Dice) -> i64 {
    dice.pick(&[i64::MIN, -1, 0, 1, 9_999, 10_000, 1_700_000_000_000, i64::MAX])
}

fn id<T, E: std::fmt::Debug>(new: impl FnOnce(&str) -> Result<T, E>, text: &str) -> T {
    new(text).expect("test ids are short and not empty")
}
