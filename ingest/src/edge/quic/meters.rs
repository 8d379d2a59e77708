//! What the edge counts.

use prometheus_client::metrics::{counter::Counter, gauge::Gauge};

use crate::edge::listener::Counts;

/// The edge's counters. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Meters {
    /// Connections, WebTransport's among them; `full` are attempts that were refused for want of room, for all or for
    /// their address.
    pub connections: Counts,
    /// Connections that are open over WebTransport.
    pub web_connections: Gauge,
    /// Sessions whose stream is open.
    pub streams: Gauge,
    /// Attempts that were asked to prove their address first.
    pub retried: Counter,
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
