//! Listeners as the configuration wants them.

use playhead_ingest::{
    edge::listener::{Counts, Listener, Places},
    tls::Tls,
};
use tokio::net::TcpListener;

use super::ServeError;
use crate::config::Config;

/// Makes listeners that share their places.
pub(super) struct Guards<'a> {
    config: &'a Config,
    tls: Option<&'a Tls>,
    places: Places,
}

impl<'a> Guards<'a> {
    pub(super) fn new(config: &'a Config, tls: Option<&'a Tls>) -> Self {
        let edge = config.edge;
        Self { config, tls, places: Places::new(edge.connections_max, edge.connections_per_address_max) }
    }

    /// The room that all listeners share.
    pub(super) fn places(&self) -> Places {
        self.places.clone()
    }

    /// A guarded listener, and what it counts.
    pub(super) fn guard(&self, tcp: TcpListener) -> Result<(Listener, Counts), ServeError> {
        let counts = Counts::default();
        let listener = Listener::plain(tcp)
            .with_limits(self.config.edge.limits)
            .with_places(self.places.clone())
            .with_counts(counts.clone());
        let listener = match self.tls {
            Some(tls) => listener.with_tls(tls).map_err(|error| ServeError::Tls { error })?,
            None => listener,
        };
        Ok((listener, counts))
    }
}
