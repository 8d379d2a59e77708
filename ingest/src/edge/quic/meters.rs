//! What the edge counts.

use prometheus_client::metrics::{counter::Counter, gauge::Gauge};

/// The edge's counters. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Meters {
    /// Connections that are open, WebTransport's among them.
    pub connections: Gauge,
    /// Connections that are open over WebTransport.
    pub web_connections: Gauge,
    /// Sessions whose stream is open.
    pub streams: Gauge,
    /// Attempts that were refused for want of room, for all or for their address.
    pub refused: Counter,
    /// Attempts that were asked to prove their address first.
    pub retried: Counter,
    /// Handshakes that failed or took too long.
    pub handshakes_failed: Counter,
    /// Connections that were closed because nobody opened a session on them.
    pub sessionless: Counter,
    /// Streams that were cut because their answers were not read.
    pub unread: Counter,
    /// Datagrams that came for no session, held no events, found no room or were too far above a gap.
    pub datagrams_dropped: Counter,
}

/// Counts one more for as long as it lives.
#[derive(Debug)]
pub(super) struct OneMore(Gauge);

impl OneMore {
    pub(super) fn of(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for OneMore {
    fn drop(&mut self) {
        self.0.dec();
    }
}
