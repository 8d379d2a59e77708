//! A session that is live on this node.

use std::sync::{
    Arc, Mutex, OnceLock, PoisonError,
    atomic::{AtomicI64, Ordering},
};

use playhead_store::{
    Clock, Description, Event, SeqOrder, SessionKey,
    durable::{KnownSession, SessionWrite},
    seqs::SeqSet,
};

use super::{Holds, Opening, Playing, Slot, Viewer};
use crate::journal::Hold;

/// A session that is live on this node. Whoever holds it may offer events without a look-up.
#[derive(Debug)]
pub struct Session {
    /// Its name.
    pub key: SessionKey,
    /// How its events are ordered.
    pub order: SeqOrder,
    /// Its clock, fixed once.
    pub clock: Clock,
    /// Who watches.
    pub viewer: Arc<Viewer>,
    /// What the frame that opened it said.
    pub playing: Arc<Playing>,
    used_at_ms: AtomicI64,
    shard_hash: OnceLock<u64>,
    /// Its hold on one of its account's stream slots.
    pub(crate) slot: Slot,
    state: Mutex<SessionState>,
}

/// What changes while a session is live.
#[derive(Debug, Default)]
pub struct SessionState {
    /// The events that were journaled or are in the durable store.
    pub(crate) seen: SeqSet,
    /// Acknowledged events that are being written right now, or were and have to be again.
    in_flight: Arc<Vec<Event>>,
    is_in_flight: bool,
    /// Acknowledged events that came since, oldest first.
    unflushed: Vec<Event>,
    /// True when the write in flight leaves out some that waited when it began.
    is_partial: bool,
    /// What the latest unflushed event says of the session.
    description: Option<Description>,
    holds: Holds,
    is_queued: bool,
    erased_through_ms: Option<i64>,
}

impl Session {
    pub(super) fn new(
        opening: Opening,
        viewer: Arc<Viewer>,
        clock: Clock,
        known: KnownSession,
        now_ms: i64,
    ) -> Self {
        let state = SessionState {
            seen: known.seqs,
            erased_through_ms: known.erased_through_ms,
            ..SessionState::default()
        };
        Self {
            key: opening.key,
            order: opening.order,
            clock,
            viewer,
            playing: Arc::new(opening.playing),
            used_at_ms: AtomicI64::new(now_ms),
            shard_hash: OnceLock::new(),
            slot: Slot::default(),
            state: Mutex::new(state),
        }
    }

    /// Looks at or changes the session's state. The work must not wait for anything.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut SessionState) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What a frame that says this of the session plays: the session's own record of it where it is the same.
    #[must_use]
    pub fn playing(&self, said: Playing) -> Arc<Playing> {
        if *self.playing == said { Arc::clone(&self.playing) } else { Arc::new(said) }
    }

    /// The acknowledged events that the durable store may lack, and what the latest says of the session.
    pub(crate) fn unflushed(&self) -> Option<(Description, Vec<Event>)> {
        self.with(|state| {
            let events = state.in_flight.iter().chain(&state.unflushed);
            let live = events.filter(|event| !state.is_erased(event.at_ms));
            Some((state.description.clone()?, live.cloned().collect()))
        })
    }

    /// What the next write takes to the durable store, at most `events_max` events. Until [`Session::written`] or
    /// [`Session::not_written`] it is in flight.
    pub(crate) fn begin_write(&self, events_max: usize) -> Option<SessionWrite> {
        self.with(|state| {
            let events = state.take_in_flight(events_max);
            if events.is_empty() {
                return None;
            }
            let description = state.description.clone()?;
            Some(SessionWrite { key: self.key.clone(), clock: self.clock, description, events })
        })
    }

    /// Lets go of what was written. Returns how many events that were, and whether there is more to write.
    pub(crate) fn written(&self) -> (usize, bool) {
        self.with(|state| {
            let written = std::mem::take(&mut state.in_flight).len();
            state.is_in_flight = false;
            if state.is_partial {
                state.holds.keep_all()
            } else {
                state.holds.release_written()
            }
            state.is_queued = !state.unflushed.is_empty();
            (written, state.is_queued)
        })
    }

    /// Keeps what was not written for another try.
    pub(crate) fn not_written(&self) {
        self.with(|state| {
            state.is_in_flight = false;
            state.holds.keep_all();
        });
    }

    /// The hash by which the intake chooses its shard, made once.
    pub(crate) fn shard_hash(&self, make: impl FnOnce() -> u64) -> u64 {
        *self.shard_hash.get_or_init(make)
    }

    /// Notes that somebody used it.
    pub(crate) fn touch(&self, now_ms: i64) {
        self.used_at_ms.fetch_max(now_ms, Ordering::Relaxed);
    }

    pub(super) fn is_idle(&self, used_before_ms: i64) -> bool {
        self.used_at_ms.load(Ordering::Relaxed) < used_before_ms
            && self.with(|state| state.unflushed.is_empty() && state.in_flight.is_empty() && !state.is_queued)
    }
}

impl SessionState {
    /// True when the viewer was erased after this time.
    pub(crate) fn is_erased(&self, at_ms: i64) -> bool {
        self.erased_through_ms.is_some_and(|through_ms| at_ms <= through_ms)
    }

    /// Hides all up to this time, or to a later one that is known already, which it returns.
    pub(super) fn erase_through(&mut self, through_ms: Option<i64>) -> Option<i64> {
        self.erased_through_ms = self.erased_through_ms.max(through_ms);
        self.erased_through_ms
    }

    /// Puts what waits in flight, at most `events_max` events, behind what a failed write left there.
    fn take_in_flight(&mut self, events_max: usize) -> Arc<Vec<Event>> {
        // No write holds them any more, so nothing is copied.
        let mut events = Arc::unwrap_or_clone(std::mem::take(&mut self.in_flight));
        match events.is_empty() {
            true => events = std::mem::take(&mut self.unflushed),
            false => events.append(&mut self.unflushed),
        }
        self.unflushed = events.split_off(events_max.min(events.len()));
        self.is_partial = !self.unflushed.is_empty();
        self.is_in_flight = !events.is_empty();
        self.in_flight = Arc::new(events);
        Arc::clone(&self.in_flight)
    }

    /// Keeps events that have become durable in this segment. True when the session must now be queued for its flush.
    pub(crate) fn keep(&mut self, events: &[Event], description: &Description, hold: &Hold) -> bool {
        self.unflushed.extend_from_slice(events);
        match &mut self.description {
            Some(known) => known.merge(description),
            None => self.description = Some(description.clone()),
        }
        self.holds.add(hold, self.is_in_flight);
        !std::mem::replace(&mut self.is_queued, true)
    }
}
