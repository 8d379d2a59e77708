//! Writing to the durable store until it has it all, however long that takes.

use std::sync::Arc;

use playhead_store::{
    StoreError,
    durable::{Durable, WriteBatch},
};
use tokio::time::Instant;

use super::{again::Again, backoff::Backoff};
use crate::meters::Meters;

/// Writes, and asks again later and later while the store cannot take it.
pub(crate) struct Writing {
    pub(crate) durable: Arc<dyn Durable>,
    pub(crate) meters: Arc<Meters>,
    pub(crate) backoff: Backoff,
    pub(crate) again: Arc<Again>,
}

impl Writing {
    /// Writes until the store has it all, or refuses it for good.
    pub(crate) async fn write(&mut self, batch: &WriteBatch) -> Result<(), StoreError> {
        loop {
            let error = match self.durable.write(batch).await {
                Ok(()) => {
                    self.backoff.reset();
                    self.meters.outage.is_over();
                    self.again.answered(Instant::now());
                    return Ok(());
                }
                Err(error) => error,
            };
            if !error.is_retryable() {
                return Err(error);
            }
            self.again.failed(&error, Instant::now());
            let (attempt, delay) = self.backoff.next();
            self.meters.outage.goes_on(Instant::now());
            self.meters.flush_retried.inc();
            tracing::warn!(%error, attempt, delay_ms = delay.as_millis(), "flush failed, will retry");
            tokio::time::sleep(delay).await;
        }
    }
}
