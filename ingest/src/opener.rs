//! Looks a session up in the stores when it becomes live on this node.

use std::{sync::Arc, time::Duration};

use playhead_store::{
    Clock, SessionKey,
    durable::{Durable, KnownSession},
    hot::Hot,
};

use crate::{meters::Meters, record::Record, spill::Spill};

/// Looks sessions up, and goes on without a store that does not answer in time.
#[derive(Clone)]
pub(crate) struct Opener {
    pub(crate) spill: Arc<Spill>,
    pub(crate) durable: Arc<dyn Durable>,
    pub(crate) hot: Arc<dyn Hot>,
    pub(crate) meters: Arc<Meters>,
    /// How long each store may take.
    pub(crate) patience: Duration,
}

impl Opener {
    /// What the stores and the journal know of a session, and its clock: the one that was written, else the one that the
    /// hot store keeps, else the proposed one.
    ///
    /// Without an answer of the durable store the session begins blind: events that it already holds are written again,
    /// which changes nothing there.
    pub(crate) async fn look_up(&self, key: &SessionKey, proposed: Clock) -> (Clock, KnownSession) {
        // Before the store is asked: what is caught up meanwhile is there by then.
        let waiting = self.spill.of_user(&key.user);
        let mut known = match tokio::time::timeout(self.patience, self.durable.open_session(key)).await {
            Ok(Ok(known)) => known,
            Ok(Err(_)) | Err(_) => {
                self.meters.opened_blind.inc();
                KnownSession::default()
            }
        };
        waiting.iter().for_each(|record| know(&mut known, key, record));
        let clock = match known.clock {
            Some(clock) => clock,
            None => self.fix_clock(key, proposed).await,
        };
        (clock, known)
    }

    async fn fix_clock(&self, key: &SessionKey, proposed: Clock) -> Clock {
        match tokio::time::timeout(self.patience, self.hot.fix_clock(key, proposed)).await {
            Ok(Ok(clock)) => clock,
            Ok(Err(_)) | Err(_) => proposed,
        }
    }
}

/// Adds what a record that waits for the durable store says of a session.
fn know(known: &mut KnownSession, key: &SessionKey, record: &Record) {
    match record {
        Record::Events { key: of, clock, events, .. } if of == key => {
            known.clock.get_or_insert(*clock).merge(*clock);
            // What was erased will not be in the store, and may come again with a later time.
            let erased_through_ms = known.erased_through_ms.unwrap_or(i64::MIN);
            for event in events.iter().filter(|event| event.at_ms > erased_through_ms) {
                known.seqs.insert(event.seq);
            }
        }
        Record::Events { .. } | Record::Mark { .. } => {}
    }
}
