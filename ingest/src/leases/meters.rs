//! What is counted of leases on this node.

use playhead_store::lease::StopReason;
use prometheus_client::metrics::{counter::Counter, gauge::Gauge};

/// The counters. Each session counts on the node on which it is live.
#[derive(Debug, Default)]
pub struct LeaseMeters {
    /// Sessions that hold a slot.
    pub held: Gauge,
    /// Sessions that were told to stop, by the reason: denied, evicted, taken over, stopped.
    pub stopped: ByReason,
    /// Sessions that were admitted although a rule that is only tried would have denied them, or evicted another for
    /// them.
    pub tolerated: ByReason,
    /// Sessions that got no answer of the hot store when they asked for a slot.
    pub unanswered: Counter,
    /// Kicks that came too fast; the sessions hear of them with their next beats.
    pub kicks_missed: Counter,
}

/// A counter for each reason.
#[derive(Debug, Default)]
pub struct ByReason([Counter; StopReason::ALL.len()]);

impl ByReason {
    /// The counter of this reason.
    #[must_use]
    pub fn of(&self, reason: StopReason) -> &Counter {
        let [first, ..] = &self.0;
        // Reasons are numbered from 1.
        self.0.get(usize::from(reason.number()) - 1).unwrap_or(first)
    }

    /// Every reason with its count.
    pub fn all(&self) -> impl Iterator<Item = (StopReason, u64)> {
        StopReason::ALL.into_iter().map(|reason| (reason, self.of(reason).get()))
    }
}
