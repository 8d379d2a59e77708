//! The intake by itself: an engine that shares this thread, so that offering is all that happens until somebody waits.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use playhead_ingest::{admission::RawEvent, engine::Threads};
use tokio::runtime::Runtime;

use crate::{
    null::{NullDisk, NullDurable},
    sample,
    site::{self, Site},
};

/// An engine whose disk and store keep nothing, with open sessions.
pub struct Door {
    runtime: Runtime,
    site: Site,
}

impl Door {
    /// Events in one round: a shard takes them all, should every session fall to the same.
    pub const EVENTS: usize = 4_000;

    /// Opens it.
    ///
    /// # Panics
    /// When it cannot start.
    #[must_use]
    pub fn open() -> Self {
        let runtime = site::one_room_at_a_time();
        let start = Site::start(site::settings(), NullDisk::shared(), Arc::new(NullDurable), Threads::Shared);
        let mut site = runtime.block_on(start);
        runtime.block_on(site.open(SESSIONS));
        Self { runtime, site }
    }

    /// Offers a round in frames of so many events, and says how long that took.
    pub fn offer(&mut self, frame_events: usize) -> Duration {
        let now_ms = sample::now_ms();
        let started = Instant::now();
        for frame in 0..Self::EVENTS / frame_events {
            self.site.offer(frame, Self::beats(frame_events, now_ms), now_ms);
        }
        started.elapsed()
    }

    /// The events of a frame, which allocate nothing.
    pub fn beats(events: usize, now_ms: i64) -> impl ExactSizeIterator<Item = RawEvent> {
        (0..events).map(move |place| sample::raw_beat(place as u64 + 1, now_ms))
    }

    /// Commits and flushes what was offered.
    pub fn empty(&self) {
        self.runtime.block_on(async {
            self.site.committed().await;
            self.site.flushed().await;
        });
    }

    /// Stops the engine in order.
    pub fn close(self) {
        self.runtime.block_on(self.site.stop());
    }
}

const SESSIONS: usize = 64;
