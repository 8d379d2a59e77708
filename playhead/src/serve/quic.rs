//! The QUIC edge as the configuration wants it.

use std::{io, net::SocketAddr, net::UdpSocket};

use playhead_ingest::{
    edge::{
        Doors, Now,
        listener::Places,
        quic::{self, Meters, Options},
    },
    tls::Tls,
};

use super::{DRAIN_MS_MAX, ServeError, certificate, error::beneath};
use crate::config::Config;

/// A QUIC edge that has its socket and its certificate, and does not serve yet.
pub(super) struct QuicEdge {
    /// Where it will listen, with the port that it got.
    pub(super) address: SocketAddr,
    /// What it will show.
    pub(super) tls: Tls,
    /// What it will count.
    pub(super) meters: Meters,
    socket: UdpSocket,
    places: Places,
    options: Options,
}

impl QuicEdge {
    /// Binds the socket, if there is to be one. QUIC is always encrypted: where nothing else is, with a development
    /// certificate.
    pub(super) fn bind(
        config: &Config,
        tls: Option<&Tls>,
        now: &Now,
        places: Places,
    ) -> Result<Option<Self>, ServeError> {
        let Some(wanted) = config.listen.quic else { return Ok(None) };
        let not_had = |error| ServeError::Listener { key: "listen.quic", address: wanted, error };
        let socket = UdpSocket::bind(wanted).map_err(not_had)?;
        let tls = tls.cloned().map_or_else(|| certificate::development(config, now), Ok)?;
        let address = socket.local_addr().unwrap_or(wanted);
        let (meters, options) = (Meters::default(), options(config));
        Ok(Some(Self { address, tls, meters, socket, places, options }))
    }

    /// Serves until `stop`.
    pub(super) async fn serve(self, doors: Doors, stop: impl Future<Output = ()> + Send) -> io::Result<()> {
        let Self { socket, tls, places, meters, options, .. } = self;
        let served = quic::serve(doors, socket, &tls, places, meters, options, stop).await;
        served.map_err(|error| io::Error::other(format!("{error}{}", beneath(&error))))
    }
}

fn options(config: &Config) -> Options {
    let edge = &config.edge;
    Options {
        handshake_ms_max: edge.limits.handshake_ms_max,
        answer_ms_max: edge.limits.write_ms_max,
        streams_max: edge.quic_streams_max,
        drain_ms_max: DRAIN_MS_MAX,
        ..Options::default()
    }
}
