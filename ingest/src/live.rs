//! What this node knows of the sessions and viewers that are live on it: a session's clock, the events it has seen,
//! and what is acknowledged but not yet in the durable store. Reads look here first.

mod session;
mod slot;
mod viewer;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use dashmap::DashMap;
use playhead_store::{
    AccountId, Clock, DeviceId, Playable, SeqOrder, SessionKey, UserId, durable::KnownSession, lease::Terms,
};
use tokio::sync::OnceCell;

pub use self::{
    session::{Session, SessionState},
    slot::{OpenStream, Slot},
    viewer::{UnflushedPosition, Viewer, ViewerState},
};
use crate::journal::Hold;

/// What is played, who pays, where: what every frame of a session says besides its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Playing {
    /// What is played.
    pub playable: Playable,
    /// Who pays.
    pub account: AccountId,
    /// Where.
    pub device: DeviceId,
    /// What the credential holds the stream to.
    pub terms: Arc<Terms>,
}

/// What a frame that opens a session says.
#[derive(Debug, Clone)]
pub struct Opening {
    /// The session.
    pub key: SessionKey,
    /// How its events are ordered.
    pub order: SeqOrder,
    /// What is played, who pays, where.
    pub playing: Playing,
}

/// All that is live on this node, bounded.
#[derive(Debug)]
pub struct Live {
    sessions: DashMap<SessionKey, Arc<OnceCell<Arc<Session>>>>,
    viewers: DashMap<UserId, Arc<Viewer>>,
    sessions_max: usize,
    count: AtomicUsize,
}

/// There are as many live sessions as the node may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the node holds as many live sessions as it may")]
pub struct TooManySessions;

impl Live {
    /// An empty register for at most `sessions_max` sessions.
    #[must_use]
    pub fn new(sessions_max: usize) -> Self {
        Self { sessions: DashMap::new(), viewers: DashMap::new(), sessions_max, count: AtomicUsize::new(0) }
    }

    /// The session, if it is live here.
    #[must_use]
    pub fn session(&self, key: &SessionKey) -> Option<Arc<Session>> {
        self.sessions.get(key).and_then(|cell| cell.get().cloned())
    }

    /// The viewer, if anything of theirs is live here.
    #[must_use]
    pub fn viewer(&self, user: &UserId) -> Option<Arc<Viewer>> {
        self.viewers.get(user).map(|viewer| Arc::clone(&viewer))
    }

    /// The viewer, made live if need be.
    #[must_use]
    pub fn viewer_or_new(&self, user: &UserId) -> Arc<Viewer> {
        if let Some(viewer) = self.viewer(user) {
            return viewer;
        }
        Arc::clone(&self.viewers.entry(user.clone()).or_insert_with(|| Arc::new(Viewer::new(user.clone()))))
    }

    /// The session, made live with what `look_up` finds if need be. Of many callers at once, one looks up.
    ///
    /// # Errors
    /// [`TooManySessions`] when a new one finds no room.
    pub async fn session_or_open(
        &self,
        opening: Opening,
        now_ms: i64,
        look_up: impl Future<Output = (Clock, KnownSession)>,
    ) -> Result<Arc<Session>, TooManySessions> {
        if let Some(session) = self.session(&opening.key) {
            session.touch(now_ms);
            return Ok(session);
        }
        let cell = self.cell(&opening.key)?;
        let session = cell.get_or_init(|| async {
            let (clock, known) = look_up.await;
            let viewer = self.viewer_or_new(&opening.key.user);
            let session = Arc::new(Session::new(opening, Arc::clone(&viewer), clock, known, now_ms));
            viewer.with(|state| state.add(&session));
            session
        });
        Ok(Arc::clone(session.await))
    }

    /// Hides all of a user up to `through_ms`: reads leave it out, and later events that are older end as erased.
    pub(crate) fn erase(&self, user: &UserId, through_ms: i64) {
        self.viewer_or_new(user).erase_through(Some(through_ms));
    }

    /// How many sessions are live.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// True when no session is live.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Lets go of sessions that nobody holds, that have nothing unflushed and that were last used before
    /// `used_before_ms`, and of viewers without sessions or unflushed positions. Returns how many sessions went.
    pub fn sweep(&self, used_before_ms: i64) -> usize {
        let before = self.sessions.len();
        self.sessions.retain(|_, cell| !is_abandoned(cell, used_before_ms));
        self.count.store(self.sessions.len(), Ordering::Relaxed);
        self.viewers
            .retain(|_, viewer| Arc::strong_count(viewer) > 1 || !viewer.with(|state| state.is_idle()));
        before.saturating_sub(self.sessions.len())
    }

    fn cell(&self, key: &SessionKey) -> Result<Arc<OnceCell<Arc<Session>>>, TooManySessions> {
        if let Some(cell) = self.sessions.get(key) {
            return Ok(Arc::clone(&cell));
        }
        if self.len() >= self.sessions_max {
            return Err(TooManySessions);
        }
        let cell = self.sessions.entry(key.clone()).or_insert_with(|| {
            self.count.fetch_add(1, Ordering::Relaxed);
            Arc::default()
        });
        Ok(Arc::clone(&cell))
    }
}

/// The register's own references are one each; the map's lock keeps anybody from taking another meanwhile.
fn is_abandoned(cell: &Arc<OnceCell<Arc<Session>>>, used_before_ms: i64) -> bool {
    Arc::strong_count(cell) == 1
        && cell.get().is_none_or(|session| Arc::strong_count(session) == 1 && session.is_idle(used_before_ms))
}

/// The journal segments that unflushed data rests in: what is being written, and what came since. Only the oldest of
/// each matters, for trimming goes oldest first.
#[derive(Debug, Default)]
pub(crate) struct Holds {
    oldest: Option<Hold>,
    since: Option<Hold>,
}

impl Holds {
    /// Notes that data of this segment came.
    fn add(&mut self, hold: &Hold, is_in_flight: bool) {
        let slot = if is_in_flight { &mut self.since } else { &mut self.oldest };
        slot.get_or_insert_with(|| hold.clone());
    }

    /// Notes that what was being written is in the durable store.
    fn release_written(&mut self) {
        self.oldest = self.since.take();
    }

    /// Notes that what was being written must be written again.
    fn keep_all(&mut self) {
        let since = self.since.take();
        self.oldest = self.oldest.take().or(since);
    }
}

#[cfg(test)]
mod tests;
