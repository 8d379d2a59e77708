//! Watches the two loops, so that a dead one cannot go unnoticed.

use std::sync::Arc;

use tokio::sync::{oneshot, watch};

use super::{Failure, rooms::Rooms};
use crate::{edge::Doors, journal::JournalError};

/// How the loops ended, for whoever wants to know.
pub(super) struct Loops {
    failure: watch::Receiver<Option<Failure>>,
    committed: watch::Receiver<bool>,
    flushed: watch::Receiver<Option<bool>>,
}

impl Loops {
    /// Watches both. When either fails, the engine takes no more, and what is committed stays in the journal.
    pub(super) fn watch(
        commit: oneshot::Receiver<Result<(), JournalError>>,
        flush: oneshot::Receiver<bool>,
        doors: &Doors,
        rooms: &Rooms,
    ) -> Self {
        let (failure_tx, failure) = watch::channel(None);
        let (committed_tx, committed) = watch::channel(false);
        let (flushed_tx, flushed) = watch::channel(None);
        let flush_failure_tx = failure_tx.clone();
        let (intake, backlog) = (Arc::clone(&doors.intake), Arc::clone(&rooms.backlog));
        tokio::spawn(async move {
            let failure = match commit.await {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(Failure::Journal(Arc::new(error))),
                Err(_) => Some(Failure::Died("commit")),
            };
            if failure.is_some() {
                intake.close();
                backlog.abandon();
                failure_tx.send_replace(failure);
            }
            committed_tx.send_replace(true);
        });
        let intake = Arc::clone(&doors.intake);
        tokio::spawn(async move {
            let ended = flush.await;
            if ended.is_err() {
                intake.close();
                flush_failure_tx.send_replace(Some(Failure::Died("flush")));
            }
            flushed_tx.send_replace(Some(ended.unwrap_or(false)));
        });
        Self { failure, committed, flushed }
    }

    /// Resolves when a loop failed.
    pub(super) async fn failed(&self) -> Failure {
        let mut failure = self.failure.clone();
        loop {
            if let Some(failure) = failure.borrow_and_update().clone() {
                return failure;
            }
            if failure.changed().await.is_err() {
                // Both loops ended well: there will never be a failure.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Resolves when the commit has ended.
    pub(super) async fn committed(&self) {
        // An error means that the watcher is gone, and with it the loop.
        let _ = self.committed.clone().wait_for(|ended| *ended).await;
    }

    /// Resolves when the flush has ended: true when it left nothing in the journal.
    pub(super) async fn flushed(&self) -> bool {
        match self.flushed.clone().wait_for(Option::is_some).await {
            Ok(ended) => ended.unwrap_or(false),
            Err(_) => false,
        }
    }
}
