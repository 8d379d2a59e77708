//! What all tasks of one worker share. A worker is one thread, so nothing here is locked but what others look at.

use std::{
    cell::{Cell, RefCell},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::{
    ledger::{
        record::{Session as SessionRow, Word},
        write::Pen,
    },
    names::Names,
    play::Session,
    scenario::Edge,
    tally::Tally,
};

/// The run's time: monotonic, with what the wall clock showed at its beginning.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    pub(crate) begun: Instant,
    pub(crate) begun_at_ms: i64,
}

impl Clock {
    /// What the wall clock shows then, Unix ms.
    pub(crate) fn unix_ms(&self, at: Instant) -> i64 {
        let since = at.saturating_duration_since(self.begun);
        self.begun_at_ms.saturating_add(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// A tally that its worker fills and the run looks at.
pub(crate) type SharedTally = Arc<Mutex<Tally>>;

/// What tasks share.
pub(crate) struct Stage {
    pub(crate) clock: Clock,
    pub(crate) names: Names,
    pub(crate) pen: RefCell<Pen>,
    tally: SharedTally,
    held: Cell<usize>,
    held_max: usize,
}

impl Stage {
    pub(crate) fn new(clock: Clock, names: Names, pen: Pen, tally: SharedTally, held_max: usize) -> Self {
        Self { clock, names, pen: RefCell::new(pen), tally, held: Cell::new(0), held_max }
    }

    /// The counters. Not to be held across an await.
    pub(crate) fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes room for events without an ending; false when there is none.
    pub(crate) fn hold(&self, events: usize) -> bool {
        let held = self.held.get() + events;
        let fits = held <= self.held_max;
        if fits {
            self.held.set(held);
        }
        fits
    }

    /// Gives room back.
    pub(crate) fn release(&self, events: usize) {
        self.held.set(self.held.get().saturating_sub(events));
    }

    /// Events without an ending.
    pub(crate) fn held(&self) -> usize {
        self.held.get()
    }

    /// Notes that a session begins.
    pub(crate) fn begin(&self, session: &Session, edge: Edge) {
        self.tally().counts.sessions += 1;
        let Session { number, seat, .. } = session;
        let (user, item, device) = (seat.user, seat.item, seat.device);
        self.pen.borrow_mut().session(SessionRow {
            number: *number,
            user,
            item,
            device,
            edge: edge.number(),
        });
    }

    /// Notes the last word on a session's events in a range of numbers.
    pub(crate) fn ended(&self, session: u64, from: u64, through: u64, word: Word) {
        self.pen.borrow_mut().ended(session, from, through, word);
    }
}

/// How long to wait before try number `tries` (from 0) at something that failed: doubling, with a seeded half of it at
/// random, so that a thousand clients do not come back at once.
pub(crate) fn back_off(tries: u32, dice: f64) -> Duration {
    let whole = BACK_OFF_MIN.saturating_mul(1 << tries.min(10)).min(BACK_OFF_MAX);
    whole.mul_f64(0.5 + dice.clamp(0.0, 1.0) / 2.0)
}

const BACK_OFF_MIN: Duration = Duration::from_millis(50);
/// A server that restarts is found again soon after it is ready.
const BACK_OFF_MAX: Duration = Duration::from_millis(1_000);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_off_doubles_up_to_its_bound_and_spreads() {
        let whole: Vec<u128> = (0..8).map(|tries| back_off(tries, 1.0).as_millis()).collect();
        assert_eq!(whole, [50, 100, 200, 400, 800, 1_000, 1_000, 1_000]);
        assert_eq!(back_off(1, 0.0), Duration::from_millis(50));
        assert!(back_off(u32::MAX, 0.5) <= BACK_OFF_MAX);
    }
}
