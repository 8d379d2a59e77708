//! The backlog: what is committed and waits for its flush, oldest first. The commit adds, the flush takes.

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use playhead_store::{ItemId, position::PositionRow};
use tokio::{sync::Notify, time::Instant};

use crate::{
    commit::Durable,
    flag::Flag,
    journal::Hold,
    live::{Session, Viewer},
};

/// What waits for its flush.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    queue: Mutex<VecDeque<Due>>,
    /// What the store refused for good; it is tried again much later, and does not stand in the way of the queue.
    refused: Mutex<Vec<Due>>,
    events: AtomicUsize,
    /// From how many events on their age does not matter.
    enough: usize,
    /// Notified when there are that many.
    pub(crate) is_enough: Notify,
    /// Notified when something was added.
    pub(crate) arrived: Notify,
    /// Notified when something was flushed.
    pub(crate) flushed: Notify,
    stopping: Flag,
    abandoned: Flag,
}

/// Something with unflushed data, and since when.
#[derive(Debug)]
pub(crate) struct Due {
    /// The process's own clock: no step of the wall clock makes anything wait.
    pub(crate) since: Instant,
    pub(crate) what: Unflushed,
}

/// Something with unflushed data.
#[derive(Debug, Clone)]
pub(crate) enum Unflushed {
    Session(Arc<Session>),
    Viewer(Arc<Viewer>),
}

impl fmt::Display for Unflushed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session(session) => write!(f, "session {} of {}", session.key.session, session.key.user),
            Self::Viewer(viewer) => write!(f, "positions of {}", viewer.user),
        }
    }
}

impl Backlog {
    /// An empty backlog; from so many events on their age does not matter.
    pub(crate) fn new(enough: usize) -> Self {
        Self { enough, ..Self::default() }
    }

    /// Keeps what has become durable in this segment where reads see it, until it is flushed.
    pub(crate) fn keep(&self, durable: Durable<'_>, hold: &Hold, now: Instant) {
        match durable {
            Durable::Mark { viewer, item, row } => self.keep_position(viewer, item, row, hold, now),
            Durable::Events { session, playing, description, events, position } => {
                if let Some(row) = position {
                    let item = playing.playable.item.clone();
                    self.keep_position(&session.viewer, item, row, hold, now);
                }
                let must_queue = session.with(|state| state.keep(events, description, hold));
                if must_queue {
                    self.add(Due { since: now, what: Unflushed::Session(Arc::clone(session)) });
                }
                self.grow(events.len());
            }
        }
    }

    fn keep_position(
        &self,
        viewer: &Arc<Viewer>,
        item: ItemId,
        row: &PositionRow,
        hold: &Hold,
        now: Instant,
    ) {
        let kept = viewer.with(|state| state.keep(item, row, hold));
        if kept.must_queue {
            self.add(Due { since: now, what: Unflushed::Viewer(Arc::clone(viewer)) });
        }
        self.grow(usize::from(kept.is_new));
    }

    /// Adds to the end of the queue.
    pub(crate) fn add(&self, due: Due) {
        self.queue().push_back(due);
    }

    fn grow(&self, events: usize) {
        let before = self.events.fetch_add(events, Ordering::Relaxed);
        if before < self.enough && before + events >= self.enough {
            self.is_enough.notify_one();
        }
        // While something waits, the flush looks at the time.
        if before == 0 {
            self.arrived.notify_one();
        }
    }

    /// Counts events that wait no longer.
    pub(crate) fn shrink(&self, events: usize) {
        self.events.fetch_sub(events, Ordering::Relaxed);
        self.flushed.notify_waiters();
    }

    /// How many events wait, explicit marks included.
    pub(crate) fn events(&self) -> usize {
        self.events.load(Ordering::Relaxed)
    }

    /// When the oldest came, if any waits.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        self.queue().front().map(|due| due.since)
    }

    /// Takes the oldest if it came no later than `before`.
    pub(crate) fn take_due(&self, before: Instant) -> Option<Due> {
        let mut queue = self.queue();
        match queue.front() {
            Some(due) if due.since <= before => queue.pop_front(),
            _ => None,
        }
        .or_else(|| self.take_refused(before))
    }

    /// Puts back what the store refused; it is due again at its `since`.
    pub(crate) fn add_refused(&self, due: Due) {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).push(due);
    }

    /// Says that nothing more will be added, so that age does not matter any more.
    pub(crate) fn stop(&self) {
        self.stopping.set();
        self.arrived.notify_one();
    }

    /// True once nothing more will be added.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.is_set()
    }

    /// Waits until nothing more will be added.
    pub(crate) async fn stopped(&self) {
        self.stopping.wait().await;
    }

    /// Says that the flush should give up: what is left stays in the journal for the next start.
    pub(crate) fn abandon(&self) {
        self.abandoned.set();
        self.arrived.notify_one();
    }

    /// Waits until the flush should give up.
    pub(crate) async fn given_up(&self) {
        self.abandoned.wait().await;
    }

    fn take_refused(&self, before: Instant) -> Option<Due> {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let due = refused.iter().position(|due| due.since <= before)?;
        Some(refused.swap_remove(due))
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<Due>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
