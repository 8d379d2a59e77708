//! A session that is live on this node.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicI64, Ordering},
};

use playhead_store::{
    Clock, Description, Event, SeqOrder, SessionKey,
    durable::{KnownSession, SessionWrite},
    seqs::SeqSet,
};

use super::{Holds, Opening, Playing, Viewer};
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
    state: Mutex<SessionState>,
}

/// What changes while a session is live.
#[derive(Debug, Default)]
pub struct SessionState {
    /// The events that were journaled or are in the durable store.
    pub(crate) seen: SeqSet,
    /// Acknowledged events that the durable store may lack, oldest first.
    unflushed: Vec<Event>,
    /// How many of `unflushed`, from the front, are being written right now.
    in_flight: usize,
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
            let live = state.unflushed.iter().filter(|event| !state.is_erased(event.at_ms));
            Some((state.description.clone()?, live.cloned().collect()))
        })
    }

    /// What the next write takes to the durable store, at most `events_max` events. Until [`Session::written`] or
    /// [`Session::not_written`] it is in flight.
    pub(crate) fn begin_write(&self, events_max: usize) -> Option<SessionWrite> {
        self.with(|state| {
            state.in_flight = state.unflushed.len().min(events_max);
            state.is_partial = state.in_flight < state.unflushed.len();
            let events = state.unflushed.get(..state.in_flight).filter(|events| !events.is_empty())?;
            Some(SessionWrite {
                key: self.key.clone(),
                clock: self.clock,
                description: state.description.clone()?,
                events: events.to_vec(),
            })
        })
    }

    /// Lets go of what was written. Returns how many events that were, and whether there is more to write.
    pub(crate) fn written(&self) -> (usize, bool) {
        self.with(|state| {
            let written = std::mem::take(&mut state.in_flight);
            state.unflushed.drain(..written);
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
            state.in_flight = 0;
            state.holds.keep_all();
        });
    }

    /// Notes that somebody used it.
    pub(crate) fn touch(&self, now_ms: i64) {
        self.used_at_ms.fetch_max(now_ms, Ordering::Relaxed);
    }

    pub(super) fn is_idle(&self, used_before_ms: i64) -> bool {
        self.used_at_ms.load(Ordering::Relaxed) < used_before_ms
            && self.with(|state| state.unflushed.is_empty() && !state.is_queued)
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

    /// Keeps events that have become durable in this segment. True when the session must now be queued for its flush.
    pub(crate) fn keep(
        &mut self,
        events: impl Iterator<Item = Event>,
        description: Description,
        hold: &Hold,
    ) -> bool {
        self.unflushed.extend(events);
        match &mut self.description {
            Some(known) => known.merge(&description),
            None => self.description = Some(description),
        }
        self.holds.add(hold, self.in_flight > 0);
        !std::mem::replace(&mut self.is_queued, true)
    }
}
