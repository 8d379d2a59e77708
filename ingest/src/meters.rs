//! What the loops measure of themselves, for metrics.

use std::sync::{Mutex, MutexGuard, PoisonError};

use prometheus_client::metrics::{
    counter::Counter,
    histogram::{Histogram, exponential_buckets},
};
use tokio::time::{Duration, Instant};

/// The loops' meters. Durations are in seconds.
#[derive(Debug)]
pub struct Meters {
    /// From taking a commit's events to settling their tickets.
    pub commit: Histogram,
    /// One journal append with its fsync.
    pub append: Histogram,
    /// One write to the durable store, repeats included.
    pub flush: Histogram,
    /// Commits that found the journal's disk full.
    pub journal_full: Counter,
    /// Commits that the hot store did not answer in time.
    pub hot_failed: Counter,
    /// Writes that the durable store did not take at once.
    pub flush_retried: Counter,
    /// Writes that the durable store refused for good; they stay in the journal and are tried again.
    pub flush_refused: Counter,
    /// Events that were written again behind an outage, since the durable store may have lost them in it.
    pub flush_repeated: Counter,
    /// Sessions that were opened without an answer of the durable store.
    pub opened_blind: Counter,
    /// Events and marks that were left to the journal alone, since memory had no room for them.
    pub spilled: Counter,
    /// Those of them that went from there to the durable store.
    pub caught_up: Counter,
    /// Times that the journal had no room for a backlog either, and the commit had to wait for the store.
    pub backlog_full: Counter,
    /// Since when the durable store takes nothing.
    pub outage: Outage,
}

/// How long the durable store took nothing: from the first write that failed to the next that did not.
#[derive(Debug, Default)]
pub struct Outage(Mutex<Away>);

#[derive(Debug, Default)]
struct Away {
    since: Option<Instant>,
    before: Duration,
}

impl Outage {
    /// Notes a write that was not taken.
    pub(crate) fn goes_on(&self, now: Instant) {
        self.away().since.get_or_insert(now);
    }

    /// Notes a write that was.
    pub(crate) fn is_over(&self) {
        let mut away = self.away();
        if let Some(since) = away.since.take() {
            away.before += since.elapsed();
        }
    }

    /// How long it has lasted; zero when there is none.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.away().since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// How long all together lasted, this one included.
    #[must_use]
    pub fn total(&self) -> Duration {
        let away = self.away();
        away.before + away.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn away(&self) -> MutexGuard<'_, Away> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Meters {
    fn default() -> Self {
        // From 50 us, a commit without an fsync, to 26 s, a store that is about to be given up.
        let durations = || Histogram::new(exponential_buckets(0.000_05, 2.0, 20));
        Self {
            commit: durations(),
            append: durations(),
            flush: durations(),
            journal_full: Counter::default(),
            hot_failed: Counter::default(),
            flush_retried: Counter::default(),
            flush_refused: Counter::default(),
            flush_repeated: Counter::default(),
            opened_blind: Counter::default(),
            spilled: Counter::default(),
            caught_up: Counter::default(),
            backlog_full: Counter::default(),
            outage: Outage::default(),
        }
    }
}
