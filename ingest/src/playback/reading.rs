//! How many sessions are read as a whole at once.

use std::sync::Arc;

use playhead_store::Event;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::SessionView;

/// A session that was read as a whole. It takes room until it is dropped, so that not many of them are held at once.
#[derive(Debug)]
pub struct Reading {
    /// The session and what it came to.
    pub view: SessionView,
    /// Its events, in order.
    pub events: Vec<Event>,
    /// A place among all that are read.
    pub(super) _room: Option<OwnedSemaphorePermit>,
}

/// Room for sessions that are read as a whole: each may hold `session_events_max` events.
#[derive(Debug)]
pub(crate) struct Readings(Arc<Semaphore>);

impl Readings {
    /// A place, once there is one. Always some: the semaphore is never closed.
    pub(super) async fn room(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0).acquire_owned().await.ok()
    }
}

impl Default for Readings {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(READINGS_MAX)))
    }
}

/// The largest takes some 60 MB until its answer is written.
const READINGS_MAX: usize = 4;
