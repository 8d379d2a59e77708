//! A session: one playing of one item, as its player holds it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use playhead_proto::ingest::v1::{Event, ItemKind, Rejection, Session as Played};
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
};

use crate::{
    SendError, SessionError,
    progress::{Ended, Progress},
    tail::{SessionTail, TailError},
};

mod core;
mod drive;

pub(crate) use self::{
    core::{Core, Manner},
    drive::Drive,
};

/// What is played, and by which session.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SessionInfo {
    /// The session's id, chosen by the player: 1 to 128 bytes, unique for the user and never used again.
    pub session_id: String,
    /// The item's id, 1 to 128 bytes.
    pub item_id: String,
    /// Which thresholds apply to it.
    pub item_kind: ItemKind,
    /// Its length, ms, if it is known.
    pub duration_ms: Option<i64>,
    /// Where its closing credits begin, ms, if that is known.
    pub credits_ms: Option<i64>,
}

/// A session that plays. Dropping it without [`Session::close`] breaks it off: what has no ending stays in the tail file
/// if there is one, and is forgotten otherwise.
#[derive(Debug)]
pub struct Session {
    info: SessionInfo,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

/// What the handle and the task share.
#[derive(Debug)]
pub(crate) struct Shared {
    core: Mutex<Core>,
    /// Something is to be sent, or nothing will be any more.
    pub(crate) wake: Notify,
    progress: watch::Sender<Progress>,
    pub(crate) tail: Option<SessionTail>,
}

impl SessionInfo {
    /// A session of an item of which no more is known.
    #[must_use]
    pub fn new(session_id: impl Into<String>, item_id: impl Into<String>) -> Self {
        Self { session_id: session_id.into(), item_id: item_id.into(), ..Self::default() }
    }

    pub(crate) fn played(&self) -> Played {
        Played {
            session_id: self.session_id.clone(),
            item_id: self.item_id.clone(),
            item_kind: self.item_kind.into(),
            duration_ms: self.duration_ms,
            credits_ms: self.credits_ms,
        }
    }

    pub(crate) fn of(played: Played) -> Self {
        Self {
            item_kind: played.item_kind(),
            session_id: played.session_id,
            item_id: played.item_id,
            duration_ms: played.duration_ms,
            credits_ms: played.credits_ms,
        }
    }
}

impl Session {
    pub(crate) fn begin(info: SessionInfo, core: Core, tail: Option<SessionTail>, drive: Drive) -> Self {
        let (progress, _) = watch::channel(core.progress());
        let shared = Arc::new(Shared { core: Mutex::new(core), wake: Notify::new(), progress, tail });
        let task = tokio::spawn(drive.run(Arc::clone(&shared), info.clone()));
        Self { info, shared, task }
    }

    /// What is played.
    #[must_use]
    pub fn info(&self) -> &SessionInfo {
        &self.info
    }

    /// Takes an event, waiting for room. It gets the session's next number, whatever number it bears, and the present
    /// time if it bears none; the number is returned. Safe to cancel: the event is then not taken.
    ///
    /// With a tail file that syncs, the calling thread waits for the disk.
    ///
    /// # Errors
    /// [`SendError::Over`] when the session is over, [`SendError::Tail`] when the tail file fails.
    pub async fn send(&self, mut event: Event) -> Result<u64, SendError> {
        let mut progress = self.shared.progress.subscribe();
        loop {
            progress.mark_unchanged();
            match self.try_send(event) {
                Err(SendError::Full { event: again, .. }) => event = *again,
                answered => return answered,
            }
            if progress.changed().await.is_err() {
                return Err(SendError::Over(Arc::new(SessionError::Closed)));
            }
        }
    }

    /// The same without waiting for room.
    ///
    /// # Errors
    /// [`SendError`], with the event where trying again may help.
    pub fn try_send(&self, mut event: Event) -> Result<u64, SendError> {
        let mut core = self.shared.core();
        if let Some(over) = &core.progress().over {
            return Err(SendError::Over(Arc::clone(over)));
        }
        event.seq = core.next_seq();
        if event.at_ms == 0 {
            event.at_ms = drive::unix_ms();
        }
        if !core.has_room(&event) {
            return Err(full(event, &core));
        }
        match self.shared.tail.as_ref().map_or(Ok(()), |tail| tail.offered(&event)) {
            Ok(()) => {}
            Err(TailError::Full) => return Err(full(event, &core)),
            Err(TailError::Io(error)) => return Err(SendError::Tail { event: event.into(), error }),
        }
        let seq = event.seq;
        if let Err(handed_back) = core.offer(event, Instant::now()) {
            return Err(full(*handed_back.event, &core));
        }
        self.shared.tell(&core);
        drop(core);
        self.shared.wake.notify_one();
        Ok(seq)
    }

    /// Every event up to this number has its ending: it is durable on the server's side, or was refused.
    #[must_use]
    pub fn acked(&self) -> u64 {
        self.shared.progress.borrow().acked_through
    }

    /// How far the session is, now and whenever that changes.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.shared.progress.subscribe()
    }

    /// What was refused for good since this was asked last, at most the last thousand.
    #[must_use]
    pub fn take_rejected(&self) -> Vec<Rejection> {
        self.shared.core().take_rejected()
    }

    /// Waits until the next beat is due, which the server decides: so long after the last event, whatever it was.
    pub async fn beat_due(&self) {
        let mut progress = self.shared.progress.subscribe();
        loop {
            progress.mark_unchanged();
            let Some(due) = self.shared.core().beat_due() else { return };
            tokio::select! {
                () = tokio::time::sleep_until(due.into()) => return,
                changed = progress.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Waits until everything up to this number has its ending.
    ///
    /// # Errors
    /// [`SessionError`] when the session is over before.
    pub async fn settled(&self, seq: u64) -> Result<(), SessionError> {
        let mut progress = self.shared.progress.subscribe();
        let settled = progress.wait_for(|now| now.acked_through >= seq || now.over.is_some()).await;
        let settled = settled.map_err(|_| SessionError::Closed)?;
        match &settled.over {
            Some(over) if settled.acked_through < seq => Err((**over).clone()),
            _ => Ok(()),
        }
    }

    /// Waits until everything has its ending and the stream has ended well. Bound it with a timeout where that may take
    /// too long; what has no ending then stays in the tail file, if there is one.
    ///
    /// # Errors
    /// [`SessionError`] when the session is over before.
    pub async fn close(self) -> Result<Ended, SessionError> {
        self.shared.core().close();
        self.shared.wake.notify_one();
        let mut progress = self.shared.progress.subscribe();
        let over =
            progress.wait_for(|now| now.over.is_some()).await.map_err(|_| SessionError::Closed)?.clone();
        match over.over.as_deref() {
            None | Some(SessionError::Closed) => {
                Ok(Ended { acked_through: over.acked_through, rejected: self.shared.core().take_rejected() })
            }
            Some(error) => Err(error.clone()),
        }
    }
}

fn full(event: Event, core: &Core) -> SendError {
    SendError::Full { event: event.into(), held: core.progress().held_events }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    /// The rules. Not to be held across an await.
    pub(crate) fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the player how far it is.
    pub(crate) fn tell(&self, core: &Core) {
        self.progress.send_replace(core.progress());
    }
}
