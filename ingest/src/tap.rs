//! The tap: events as they become durable, for whoever watches. A watcher that is too slow misses some and is told how
//! many; the engine never waits for one.

use std::sync::Arc;

use playhead_store::{Event, SessionKey};
use tokio::sync::broadcast;

use crate::live::Playing;

/// How many events a watcher may be behind before it misses some.
pub const TAP_EVENTS_MAX: usize = 4_096;

/// Shows events as they become durable.
#[derive(Debug, Clone)]
pub struct Tap(broadcast::Sender<Arc<Tapped>>);

/// An event that has become durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tapped {
    /// Its session.
    pub key: SessionKey,
    /// What is played, who pays, where.
    pub playing: Arc<Playing>,
    /// It.
    pub event: Event,
}

impl Default for Tap {
    fn default() -> Self {
        Self(broadcast::Sender::new(TAP_EVENTS_MAX))
    }
}

impl Tap {
    /// Watches events from now on.
    #[must_use]
    pub fn watch(&self) -> broadcast::Receiver<Arc<Tapped>> {
        self.0.subscribe()
    }

    /// True when anybody watches; nothing is shown otherwise.
    pub(crate) fn is_watched(&self) -> bool {
        self.0.receiver_count() > 0
    }

    /// Shows an event to whoever watches.
    pub(crate) fn show(&self, tapped: Tapped) {
        // Nobody watching any more is no error.
        let _ = self.0.send(Arc::new(tapped));
    }
}
