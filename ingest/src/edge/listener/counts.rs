//! What a listener counts.

use prometheus_client::metrics::{counter::Counter, gauge::Gauge};

use super::Cut;

/// A listener's counters. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// Connections that were accepted.
    pub accepted: Counter,
    /// Connections that are open.
    pub open: Gauge,
    /// Connections that were closed at once, because their address had as many as it may have.
    pub full: Counter,
    /// TLS handshakes that failed or took too long.
    pub handshake_failed: Counter,
    /// Times that a connection was read no further for a while, because its streams brought nothing.
    pub slowed: Counter,
    slow_headers: Counter,
    control_flood: Counter,
    reset_flood: Counter,
    never_reads: Counter,
}

impl Counts {
    /// Connections that were cut for this reason.
    #[must_use]
    pub fn cuts(&self, cut: Cut) -> u64 {
        self.of(cut).get()
    }

    pub(super) fn cut(&self, cut: Cut) {
        self.of(cut).inc();
    }

    fn of(&self, cut: Cut) -> &Counter {
        match cut {
            Cut::SlowHeaders => &self.slow_headers,
            Cut::ControlFlood => &self.control_flood,
            Cut::ResetFlood => &self.reset_flood,
            Cut::NeverReads => &self.never_reads,
        }
    }
}
