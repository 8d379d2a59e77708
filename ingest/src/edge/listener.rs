//! Connections over TCP, made safe before an edge speaks on them: bounded in number, per address too, encrypted where
//! there is a certificate, and watched for as long as they live (`guard`).
//!
//! A connection's path: `places` says whether there is room for its address, the handshake has its time, then
//! [`Connection`] is read and written by the edge's HTTP library and cut by its guard.

mod budget;
mod connection;
mod counts;
mod frames;
mod guard;
mod places;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

pub use self::{
    connection::Connection,
    counts::Counts,
    guard::{CUTS, Cut},
    places::{Place, Places},
};
use crate::tls::{Tls, TlsError};

/// What a listener allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long a TLS handshake may take, ms.
    pub handshake_ms_max: u64,
    /// How long the first request's headers may take to come, ms; any later HTTP/2 header block, too.
    pub headers_ms_max: u64,
    /// How long a peer may not read what is written to it, ms.
    pub write_ms_max: u64,
    /// Handshakes under way at once; more wait to be accepted.
    pub handshakes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { handshake_ms_max: 5_000, headers_ms_max: 10_000, write_ms_max: 30_000, handshakes_max: 1_024 }
    }
}

/// A listener that hands out connections that are ready to be spoken on.
pub struct Listener {
    tcp: TcpListener,
    tls: Option<TlsAcceptor>,
    limits: Limits,
    places: Places,
    counts: Counts,
    handshakes: JoinSet<Option<Connection>>,
}

impl Listener {
    /// A listener without encryption, with room for all who come.
    #[must_use]
    pub fn plain(tcp: TcpListener) -> Self {
        Self {
            tcp,
            tls: None,
            limits: Limits::default(),
            places: Places::unlimited(),
            counts: Counts::default(),
            handshakes: JoinSet::new(),
        }
    }

    /// The same with these limits.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// The same with room for as many as these places, which listeners may share.
    #[must_use]
    pub fn with_places(self, places: Places) -> Self {
        Self { places, ..self }
    }

    /// The same, counting here.
    #[must_use]
    pub fn with_counts(self, counts: Counts) -> Self {
        Self { counts, ..self }
    }

    /// The same with encryption.
    ///
    /// # Errors
    /// As [`Tls::tcp`].
    pub fn with_tls(self, tls: &Tls) -> Result<Self, TlsError> {
        let config = tls.tcp(&[b"h2", b"http/1.1"])?;
        Ok(Self { tls: Some(TlsAcceptor::from(Arc::new(config))), ..self })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The socket's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// The next connection that is ready. Safe to cancel.
    ///
    /// # Errors
    /// When the listener can accept no more. What goes wrong with one connection is passed over.
    pub async fn accept(&mut self) -> io::Result<Connection> {
        loop {
            let has_room = self.handshakes.len() < self.limits.handshakes_max;
            let accepted = tokio::select! {
                Some(shaken) = self.handshakes.join_next() => match shaken {
                    Ok(Some(connection)) => return Ok(connection),
                    _ => continue,
                },
                accepted = accept(&self.tcp, &self.places), if has_room => accepted,
            };
            match accepted {
                Ok((stream, address, place)) => {
                    if let Some(connection) = self.admit(stream, address, place) {
                        return Ok(connection);
                    }
                }
                Err(error) => rest_after(error).await?,
            }
        }
    }

    /// A connection at once where nothing is encrypted; else its handshake begins.
    fn admit(&mut self, stream: TcpStream, address: SocketAddr, place: Option<Place>) -> Option<Connection> {
        let Some(place) = place else {
            self.counts.full.inc();
            return None;
        };
        self.counts.accepted.inc();
        // Answers are small and whole: waiting to fill a segment would only delay them.
        let _ = stream.set_nodelay(true);
        let guard = guard::Guard::new(self.limits, self.counts.clone());
        let Some(tls) = self.tls.clone() else {
            return Some(Connection::plain(stream, address, guard, place));
        };
        let (patience, failed) =
            (Duration::from_millis(self.limits.handshake_ms_max), self.counts.handshake_failed.clone());
        self.handshakes.spawn(async move {
            match timeout(patience, tls.accept(stream)).await {
                Ok(Ok(stream)) => Some(Connection::tls(stream, address, guard.afresh(), place)),
                Ok(Err(_)) | Err(_) => {
                    failed.inc();
                    None
                }
            }
        });
        None
    }
}

impl From<TcpListener> for Listener {
    fn from(tcp: TcpListener) -> Self {
        Self::plain(tcp)
    }
}

/// The next connection, once there is room for one more at all, and its place, if its address may have one.
async fn accept(
    listener: &TcpListener,
    places: &Places,
) -> io::Result<(TcpStream, SocketAddr, Option<Place>)> {
    let seat = places.seat().await;
    let (stream, address) = listener.accept().await?;
    Ok((stream, address, places.take(seat, address.ip())))
}

/// Passes over what went wrong with one connection, and waits a little where the machine ran out of something.
async fn rest_after(error: io::Error) -> io::Result<()> {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, InvalidInput, NotConnected};
    match error.kind() {
        ConnectionAborted | ConnectionRefused | ConnectionReset => Ok(()),
        InvalidInput | NotConnected => Err(error),
        _ => {
            tracing::warn!(%error, "accept failed, will retry");
            tokio::time::sleep(ACCEPT_RETRY).await;
            Ok(())
        }
    }
}

/// How long to wait when no connection can be accepted: file descriptors may have become free by then.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
