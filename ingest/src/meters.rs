//! What the loops measure of themselves, for metrics.

use prometheus_client::metrics::{
    counter::Counter,
    histogram::{Histogram, exponential_buckets},
};

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
        }
    }
}
