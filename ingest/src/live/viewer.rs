//! A user with something live on this node.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use playhead_store::{ItemId, SessionId, UserId, durable::PositionWrite, position::PositionRow};

use super::{Holds, Session};
use crate::journal::Hold;

/// A user with something live on this node.
#[derive(Debug)]
pub struct Viewer {
    /// Who.
    pub user: UserId,
    state: Mutex<ViewerState>,
}

/// What changes while a viewer is live.
#[derive(Debug, Default)]
pub struct ViewerState {
    /// Acknowledged positions that the durable store may lack.
    unflushed: HashMap<ItemId, UnflushedPosition>,
    /// The user's sessions on this node.
    sessions: HashMap<SessionId, Weak<Session>>,
    is_queued: bool,
    erased_through_ms: Option<i64>,
    /// True when all that the durable store remembers of erasures is in `erased_through_ms`.
    is_erasure_known: bool,
}

/// A position that the durable store may lack.
#[derive(Debug, Default)]
pub struct UnflushedPosition {
    /// All that is known of it since it was last written, joined.
    row: PositionRow,
    holds: Holds,
    /// What is being written right now, if anything.
    in_flight: Option<PositionRow>,
}

/// What [`ViewerState::keep`] changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kept {
    /// True when the position was not waiting before.
    pub(crate) is_new: bool,
    /// True when the viewer must now be queued for the flush.
    pub(crate) must_queue: bool,
}

impl Viewer {
    pub(super) fn new(user: UserId) -> Self {
        Self { user, state: Mutex::default() }
    }

    /// Looks at or changes the viewer's state. The work must not wait for anything.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut ViewerState) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The viewer's live sessions.
    #[must_use]
    pub fn sessions(&self) -> Vec<Arc<Session>> {
        self.with(|state| state.live_sessions())
    }

    /// Hides all up to this time, in the live sessions too, where it is not hidden already.
    pub(crate) fn erase_through(&self, through_ms: Option<i64>) {
        let sessions = self.with(|state| {
            state.erased_through_ms = state.erased_through_ms.max(through_ms);
            state.is_erasure_known = true;
            state.live_sessions()
        });
        for session in sessions {
            session.with(|state| state.erase_through(through_ms));
        }
    }

    /// Up to when all of theirs is hidden, as far as is known here.
    pub(crate) fn erased_through_ms(&self) -> Option<i64> {
        self.with(|state| state.erased_through_ms)
    }

    /// False while an erasure may be known to the durable store alone: it must be asked before anything is shown.
    pub(crate) fn is_erasure_known(&self) -> bool {
        self.with(|state| state.is_erasure_known)
    }

    /// The acknowledged positions that the durable store may lack.
    pub(crate) fn unflushed(&self) -> HashMap<ItemId, PositionRow> {
        self.with(|state| {
            let erased_through_ms = state.erased_through_ms;
            let live = |unflushed: &UnflushedPosition| {
                let mut row = unflushed.row.clone();
                erased_through_ms.is_none_or(|through_ms| !row.erase_through(through_ms)).then_some(row)
            };
            state.unflushed.iter().filter_map(|(item, one)| Some((item.clone(), live(one)?))).collect()
        })
    }

    /// What the next write takes to the durable store. Until [`Viewer::written`] or [`Viewer::not_written`] it is in
    /// flight.
    pub(crate) fn begin_write(&self) -> Vec<PositionWrite> {
        self.with(|state| {
            let begin = |(item, unflushed): (&ItemId, &mut UnflushedPosition)| {
                unflushed.in_flight = Some(unflushed.row.clone());
                PositionWrite { user: self.user.clone(), item: item.clone(), row: unflushed.row.clone() }
            };
            state.unflushed.iter_mut().map(begin).collect()
        })
    }

    /// Lets go of what was written. Returns how many positions wait no longer, and whether there is more to write.
    pub(crate) fn written(&self) -> (usize, bool) {
        self.with(|state| {
            let before = state.unflushed.len();
            state.unflushed.retain(|_, unflushed| match unflushed.in_flight.take() {
                Some(written) => {
                    unflushed.holds.release_written();
                    written != unflushed.row
                }
                None => true,
            });
            state.is_queued = !state.unflushed.is_empty();
            (before - state.unflushed.len(), state.is_queued)
        })
    }

    /// Keeps what was not written for another try.
    pub(crate) fn not_written(&self) {
        self.with(|state| {
            for unflushed in state.unflushed.values_mut() {
                unflushed.in_flight = None;
                unflushed.holds.keep_all();
            }
        });
    }
}

impl ViewerState {
    /// Joins what has become durable in this segment.
    pub(crate) fn keep(&mut self, item: ItemId, row: &PositionRow, hold: &Hold) -> Kept {
        let before = self.unflushed.len();
        let unflushed = self.unflushed.entry(item).or_default();
        unflushed.row.merge(row);
        unflushed.holds.add(hold, unflushed.in_flight.is_some());
        let is_new = self.unflushed.len() > before;
        Kept { is_new, must_queue: !std::mem::replace(&mut self.is_queued, true) }
    }

    /// Adds a session that was just looked up. The viewer may have been erased since.
    pub(super) fn add(&mut self, session: &Arc<Session>) {
        self.erased_through_ms = session.with(|state| state.erase_through(self.erased_through_ms));
        self.sessions.retain(|_, session| session.strong_count() > 0);
        self.sessions.insert(session.key.session.clone(), Arc::downgrade(session));
    }

    fn live_sessions(&self) -> Vec<Arc<Session>> {
        self.sessions.values().filter_map(Weak::upgrade).collect()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.unflushed.is_empty()
            && !self.is_queued
            && self.sessions.values().all(|session| session.strong_count() == 0)
    }
}
