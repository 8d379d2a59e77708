//! What makes a commit durable: the journal, or without one the durable store itself.

use std::sync::Arc;

use playhead_store::{
    StoreError, StoreErrorKind,
    durable::{Durable, WriteBatch},
};
use tokio::time::{Duration, Instant, sleep};

use super::work::Work;
use crate::{
    gathered::Gathered,
    journal::{Batch, Hold, Journal, JournalError},
    meters::Meters,
    settings::Settings,
};

/// Where commits go.
pub(crate) enum Log {
    /// The journal; the flush takes them to the durable store later.
    Journal(Box<Journal>),
    /// The durable store, at once: nothing is kept here.
    Store(Arc<dyn Durable>),
}

/// Where the records of a commit are now.
pub(super) enum Rest {
    /// Nowhere, for there are none; or in the durable store already.
    Done,
    /// In the journal: their segment, and where in it the first begins, in bytes.
    Journal(Hold, usize),
}

/// Why a commit is not durable.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotDurable {
    /// The journal's disk is full, or it is broken.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The durable store did not take it, or did not say so.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The engine stops, and the durable store did not answer in time.
    #[error("the store did not answer before the stop")]
    Stopping,
}

impl Log {
    /// Makes all that is new durable. While anything spills, a segment is not closed for its age.
    ///
    /// # Errors
    /// [`NotDurable`]. What was not known to be done may be there all the same; repeating it changes nothing.
    pub(super) async fn append(
        &mut self,
        work: &Work,
        batch: &mut Batch,
        now_ms: i64,
        is_spilling: bool,
        (settings, meters): (&Settings, &Meters),
    ) -> Result<Rest, NotDurable> {
        match self {
            Self::Journal(journal) => {
                work.encode(batch).map_err(JournalError::from)?;
                if batch.is_empty() {
                    return Ok(Rest::Done);
                }
                let hold = match is_spilling {
                    true => journal.commit_at_any_age(batch, now_ms)?,
                    false => journal.commit(batch, now_ms)?,
                };
                Ok(Rest::Journal(hold, journal.began_at()))
            }
            Self::Store(durable) => {
                let mut gathered = Gathered::new(settings);
                gathered.extend(work.records());
                write_through(&**durable, gathered, meters).await?;
                Ok(Rest::Done)
            }
        }
    }
}

/// Writes until the store has it all. Positions go first: an event that is found in the store later counts as known, and
/// its position must be there by then, though this write broke off between the two.
async fn write_through(durable: &dyn Durable, gathered: Gathered, meters: &Meters) -> Result<(), StoreError> {
    let WriteBatch { sessions, positions } = gathered.into_batch();
    if !positions.is_empty() {
        write(durable, &WriteBatch { positions, ..WriteBatch::default() }, meters).await?;
    }
    if !sessions.is_empty() {
        write(durable, &WriteBatch { sessions, ..WriteBatch::default() }, meters).await?;
    }
    Ok(())
}

/// Without an answer it asks again, some times; when told no, it gives up at once.
async fn write(durable: &dyn Durable, batch: &WriteBatch, meters: &Meters) -> Result<(), StoreError> {
    let mut attempt = 1;
    loop {
        let error = match durable.write(batch).await {
            Ok(()) => {
                meters.outage.is_over();
                return Ok(());
            }
            Err(error) => error,
        };
        meters.outage.goes_on(Instant::now());
        if error.kind != StoreErrorKind::Unknown || attempt == ATTEMPTS_MAX {
            return Err(error);
        }
        meters.flush_retried.inc();
        tracing::warn!(%error, attempt, "write of unknown outcome, once more");
        attempt += 1;
        sleep(REPEAT_AFTER).await;
    }
}

/// How often a write is tried whose outcome nobody knows, before its callers are told to come again.
const ATTEMPTS_MAX: u32 = 3;
/// How long after a write of unknown outcome it is made again.
const REPEAT_AFTER: Duration = Duration::from_millis(20);
