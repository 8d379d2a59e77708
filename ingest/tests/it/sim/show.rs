//! A session as its player has it: a script of events, and what became of each.

use std::collections::BTreeSet;

use playhead_ingest::{
    admission::{RawEvent, RejectReason, Rejection},
    intake::{Offered, Unreadable},
    live::{Opening, Playing},
};
use playhead_store::{
    AccountId, DeviceId, EventKind, ItemId, ItemKind, Playable, PlayerState, SeqOrder, SessionId, SessionKey,
    UserId, lease::Terms,
};

use super::world::{BEGIN_MS, World};

/// A session and its script.
#[derive(Clone)]
pub struct Show {
    pub opening: Opening,
    /// What the page of a foreign player goes on to under the same session.
    pub next: Playing,
    /// How far the device's clock runs ahead, ms; `None` when frames do not say when they were sent.
    pub ahead_ms: Option<i64>,
    pub script: Vec<Line>,
}

/// One event of a script.
#[derive(Clone)]
pub struct Line {
    pub event: Offered,
    /// Why it must be refused, if it must.
    pub wrong: Option<RejectReason>,
    /// What its player knows of it.
    pub state: LineState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineState {
    /// Not sent, or not answered.
    Unanswered,
    Acked,
    /// It is not sent again.
    Refused,
}

impl Line {
    pub fn seq(&self) -> u64 {
        match &self.event {
            Ok(raw) => raw.seq,
            Err(unreadable) => unreadable.seq,
        }
    }

    /// It is not sent again, except by accident.
    pub fn give_up(&mut self) {
        self.state = LineState::Refused;
    }
}

impl Show {
    /// A session of a user on a device.
    pub fn new(world: &World, user: &UserId, device: &str, session: &str) -> Self {
        let order = if world.chance(70) { SeqOrder::Native } else { SeqOrder::Foreign };
        let ahead_ms = world.pick(&[0, 0, 900, -1_700, 3 * HOUR_MS, -5 * HOUR_MS, 400 * 24 * HOUR_MS]);
        let key = SessionKey { user: user.clone(), session: SessionId::new(session).unwrap() };
        let mut show = Self {
            opening: Opening { key, order, playing: playing(world, user, device) },
            next: playing(world, user, device),
            ahead_ms: world.chance(85).then_some(ahead_ms),
            script: Vec::new(),
        };
        show.write(world);
        show
    }

    /// What a frame that is sent now says of the session.
    pub fn playing(&self, world: &World) -> Playing {
        let goes_on = self.opening.order == SeqOrder::Foreign && world.chance(20);
        if goes_on { self.next.clone() } else { self.opening.playing.clone() }
    }

    pub fn sent_at_ms(&self, now_ms: i64) -> Option<i64> {
        self.ahead_ms.map(|ahead_ms| now_ms + ahead_ms)
    }

    /// The lines that wait for an answer.
    pub fn unanswered(&self) -> Vec<usize> {
        (0..self.script.len()).filter(|&line| self.script[line].state == LineState::Unanswered).collect()
    }

    /// True if its numbers rise from line to line, as a stream needs it.
    pub fn can_stream(&self) -> bool {
        let numbered: Vec<u64> = self.script.iter().map(Line::seq).filter(|&seq| seq != 0).collect();
        self.opening.order == SeqOrder::Native && numbered.is_sorted_by(|a, b| a < b)
    }

    fn write(&mut self, world: &World) {
        let ahead_ms = self.ahead_ms.unwrap_or(0);
        let mut at_ms = BEGIN_MS - world.pick(&[0, 5_000, 60_000, 2 * HOUR_MS]);
        let mut position_ms = world.pick(&[0, 0, 4_000, 600_000, 3_500_000]);
        let mut seq = 0;
        let mut used = BTreeSet::new();
        for _ in 0..world.count(1, 14) {
            let step_ms = world.pick(&[0, 300, 5_000, 10_000, 90_000]);
            (at_ms, position_ms) = (at_ms + step_ms, position_ms + step_ms);
            seq = match self.opening.order {
                SeqOrder::Native => seq + world.pick(&[1, 1, 1, 1, 1, 2, 5]),
                SeqOrder::Foreign => world.number(i64::MAX as u64 - 1) + 1,
            };
            if !used.insert(seq) {
                continue;
            }
            let raw = good(world, seq, at_ms + ahead_ms, position_ms);
            self.script.push(if world.chance(8) { wrong(world, raw) } else { line(Ok(raw), None) });
            if world.chance(2) {
                // The same number again for something else: whichever comes first counts.
                self.script.push(line(Ok(good(world, seq, at_ms + ahead_ms, position_ms + 1)), None));
            }
        }
    }
}

fn line(event: Offered, wrong: Option<RejectReason>) -> Line {
    Line { event, wrong, state: LineState::Unanswered }
}

fn good(world: &World, seq: u64, at_ms: i64, position_ms: i64) -> RawEvent {
    let kind = match world.between(0, 9) {
        0 => EventKind::Seek,
        1 => EventKind::Pause,
        2 => world.pick(&EventKind::ALL),
        _ => EventKind::Beat,
    };
    RawEvent {
        position_ms: world.chance(85).then_some(position_ms),
        from_ms: (kind == EventKind::Seek).then_some(position_ms / 2),
        state: Ok(world.chance(40).then(|| world.pick(&PlayerState::ALL))),
        rate: world.chance(10).then_some(1.5),
        duration_ms: world.chance(10).then_some(3_600_000),
        error_code: (kind == EventKind::Error).then(|| "E42".into()),
        ..RawEvent::new(kind, seq, world.chance(95).then_some(at_ms))
    }
}

/// The same event with one thing wrong.
fn wrong(world: &World, mut raw: RawEvent) -> Line {
    let reason = match world.between(0, 9) {
        0 => {
            let seq = world.pick(&[0, raw.seq]);
            let rejection = Rejection::new(RejectReason::Malformed, "", "?", "an event");
            return line(Err(Unreadable { seq, rejection }), Some(RejectReason::Malformed));
        }
        1 => {
            raw.kind = Err("NAP".into());
            RejectReason::UnknownKind
        }
        2 => {
            raw.state = Err("ASLEEP".into());
            RejectReason::UnknownState
        }
        3 => {
            raw.seq = 0;
            RejectReason::SeqOutOfRange
        }
        4 => {
            raw.at_ms = Some(-1);
            RejectReason::TimeOutOfRange
        }
        5 => {
            raw.position_ms = Some(-1);
            RejectReason::PositionOutOfRange
        }
        6 => {
            raw.rate = Some(f64::NAN);
            RejectReason::RateOutOfRange
        }
        7 => {
            raw.duration_ms = Some(-7);
            RejectReason::DurationOutOfRange
        }
        _ => {
            raw.error_code = Some("x".repeat(65).into());
            RejectReason::BadText
        }
    };
    line(Ok(raw), Some(reason))
}

fn playing(world: &World, user: &UserId, device: &str) -> Playing {
    Playing {
        playable: Playable {
            item: item(world.count(0, ITEMS - 1)),
            kind: world.pick(&ItemKind::ALL),
            duration_ms: world.chance(70).then_some(3_600_000),
            credits_ms: world.chance(30).then_some(3_400_000),
        },
        account: AccountId::new(user.as_str()).unwrap(),
        device: DeviceId::new(device).unwrap(),
        terms: Terms::unlimited(),
    }
}

/// One of the items that there are.
pub fn item(number: usize) -> ItemId {
    ItemId::new(&format!("item-{number}")).unwrap()
}

/// How many items there are: few, so that sessions meet in one.
pub const ITEMS: usize = 2;
const HOUR_MS: i64 = 3_600_000;
