//! What a listener counts.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
};

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
    /// Connections that were cut, by why.
    pub cut: Family<Why, Counter>,
}

/// Why connections were cut.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Why {
    /// The reason's name.
    pub reason: &'static str,
}

impl Counts {
    pub(super) fn cut(&self, cut: Cut) {
        self.cut.get_or_create(&Why { reason: cut.name() }).inc();
    }
}
