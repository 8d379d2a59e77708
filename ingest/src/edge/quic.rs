//! The QUIC edge: the frames of Connect on one bidirectional stream per session (ALPN `playhead/1`), and the same over
//! WebTransport for browsers (ALPN `h3`), on one UDP port.
//!
//! A connection's path: `admission` says whether its address is let in, `connection` shakes hands and takes streams,
//! `session` answers one of them from what `frames` reads, `datagrams` brings it what came beside the stream, and `web`
//! is what browsers say first. What is said on a stream is in `edge/talk.rs`. 0-RTT is off; a client may change
//! its address.

use std::{io, net::UdpSocket, pin::pin, sync::Arc, time::Duration};

use quinn::VarInt;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, timeout_at},
};

use self::admission::{Admission, Admitted};
pub use self::meters::Meters;
use super::{Doors, listener::Places};
use crate::tls::{Tls, TlsError};

mod admission;
mod connection;
mod datagrams;
mod endpoint;
mod frames;
mod meters;
mod session;
mod web;

/// What the operator chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// The most handshakes at once.
    pub handshakes_max: usize,
    /// From so many handshakes at once on, an address must first prove that it is its own (stateless retry).
    pub handshakes_unproved_max: usize,
    /// How long a handshake may take, ms.
    pub handshake_ms_max: u64,
    /// The most sessions at once on one connection.
    pub streams_max: u32,
    /// How long a connection may be without a session, ms.
    pub sessionless_ms_max: u64,
    /// How long a connection may be silent, ms: then its peer is gone.
    pub idle_ms_max: u64,
    /// How often a quiet connection is asked whether it is alive, ms. It also keeps a home router's mapping.
    pub keepalive_ms: u64,
    /// How long a peer may leave its answers unread, ms.
    pub answer_ms_max: u64,
    /// How much of one stream may be on its way unread, bytes.
    pub stream_window_bytes: u32,
    /// How much of all streams of a connection may be on its way unread, bytes.
    pub connection_window_bytes: u32,
    /// How much of the answers on a connection may be on its way, bytes.
    pub answer_window_bytes: u32,
    /// The most datagrams of a session, and bytes of datagrams of a connection, that wait to be read.
    pub datagrams_waiting_max: usize,
    /// See [`Options::datagrams_waiting_max`].
    pub datagram_bytes_max: usize,
    /// How long stopping waits for callers to take their last answers, ms.
    pub drain_ms_max: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            handshakes_max: 1_024,
            handshakes_unproved_max: 64,
            handshake_ms_max: 5_000,
            streams_max: 100,
            sessionless_ms_max: 30_000,
            idle_ms_max: 60_000,
            // Home routers forget UDP mappings after 30 s and more (RFC 4787, section 4.3).
            keepalive_ms: 25_000,
            answer_ms_max: 30_000,
            stream_window_bytes: 64 << 10,
            connection_window_bytes: 256 << 10,
            answer_window_bytes: 64 << 10,
            datagrams_waiting_max: 64,
            datagram_bytes_max: 64 << 10,
            drain_ms_max: 10_000,
        }
    }
}

/// Why the edge could not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// There is no certificate that QUIC can use.
    #[error("transport security cannot be set up")]
    Tls(#[from] TlsError),
    /// The provider lacks the cipher that QUIC begins with.
    #[error("the cryptography of QUIC cannot be set up")]
    Cipher(#[from] quinn::crypto::rustls::NoInitialCipherSuite),
    /// The network failed.
    #[error("the QUIC listener failed")]
    Socket(#[from] io::Error),
}

/// What all connections share.
struct House {
    doors: Doors,
    options: Options,
    meters: Meters,
    /// True once the server stops.
    stopping: watch::Receiver<bool>,
}

/// Serves until `shutdown`, then stops: no more is accepted, streams acknowledge what is outstanding, say that the server
/// stops, and end; then their connections are closed. Returns when all callers are gone, at most
/// [`Options::drain_ms_max`] later.
///
/// # Errors
/// [`ServeError`] when serving cannot begin or the socket breaks.
pub async fn serve(
    doors: Doors,
    socket: UdpSocket,
    tls: &Tls,
    places: Places,
    meters: Meters,
    options: Options,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    let endpoint = endpoint::open(socket, tls, &options)?;
    let (stop, stopping) = watch::channel(false);
    let admission = Admission::new(places, options, meters.clone());
    let house = Arc::new(House { doors, options, meters, stopping });
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => {}
            incoming = endpoint.accept() => {
                let incoming = incoming.ok_or_else(|| io::Error::other("its socket is gone"))?;
                if let Some(Admitted { connecting, place }) = admission.admit(incoming) {
                    connections.spawn(connection::serve(Arc::clone(&house), connecting, place));
                }
            }
        }
    }
    stop.send_replace(true);
    drain(&endpoint, connections, options.drain_ms_max).await;
    Ok(())
}

/// Waits for the connections to end by themselves, and sends away who comes meanwhile; then closes what is left.
async fn drain(endpoint: &quinn::Endpoint, mut connections: JoinSet<()>, drain_ms_max: u64) {
    let end = Instant::now() + Duration::from_millis(drain_ms_max);
    let all_gone = async {
        loop {
            tokio::select! {
                gone = connections.join_next() => if gone.is_none() { break },
                Some(incoming) = endpoint.accept() => incoming.refuse(),
            }
        }
    };
    if timeout_at(end, all_gone).await.is_err() {
        tracing::warn!(drain_ms_max, "QUIC callers did not leave in time");
    }
    endpoint.close(VarInt::from_u32(0), b"stopping");
    // The closes have left when this is over; a peer that does not hear of them finds out by itself.
    let _ = timeout_at(end.max(Instant::now() + CLOSE_PATIENCE), endpoint.wait_idle()).await;
}

/// How long closing waits for its last packets to be sent.
const CLOSE_PATIENCE: Duration = Duration::from_millis(200);
