//! The ways to a server, one level below sessions: a [`Line`] is one stream with one session's frames both ways.
//!
//! Whoever keeps time, window and retries of their own (a load generator, a relay) starts here.

use std::{sync::Arc, time::Duration};

use playhead_proto::ingest::v1::{ClientFrame, ServerFrame, client_frame::Frame};
use tokio::sync::mpsc;

use crate::{LineError, Trust, trust::TrustError};

mod grpc;
mod quic;
mod target;

use grpc::Grpc;
use quic::Quic;
use target::{Scheme, Target};

/// A connection to a server, made when it is first needed and again when it broke. Cheap to clone; clones share it.
#[derive(Clone)]
pub struct Transport(Arc<Kind>);

enum Kind {
    Grpc(Box<Grpc>),
    Quic(Box<Quic>),
}

/// A server's address that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The text is no address.
    #[error(
        "url is {url:?}: {problem}; allowed are http://HOST:PORT, https://HOST:PORT (gRPC) and quic://HOST:PORT"
    )]
    Url {
        /// What was said.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Nothing says whom to trust.
    #[error("{url}: nothing says whom to trust; allowed are roots, a fingerprint, or anyone on loopback")]
    NoTrust {
        /// What was said.
        url: String,
    },
    /// What was said of trust cannot be used.
    #[error(transparent)]
    Trust(#[from] TrustError),
}

/// One stream with one session.
pub struct Line {
    /// Towards the server.
    pub outbound: Outbound,
    /// From it.
    pub inbound: Inbound,
}

/// Towards the server. Dropping it closes our side of the stream, behind all that was sent.
pub struct Outbound {
    frames: mpsc::Sender<ClientFrame>,
    datagrams: Option<quic::Datagrams>,
}

/// From the server.
pub struct Inbound(Heard);

enum Heard {
    Grpc(grpc::Heard),
    Quic(quic::Heard),
}

/// Room for one frame.
pub struct Room<'a>(mpsc::Permit<'a, ClientFrame>);

impl Transport {
    /// Prepares a connection. `http://` and `https://` are gRPC; `https://` and `quic://` need to know whom to trust.
    ///
    /// # Errors
    /// [`TargetError`]; nothing is connected yet.
    pub fn new(url: &str, trust: Option<&Trust>) -> Result<Self, TargetError> {
        let target = Target::parse(url)?;
        let needed = || trust.ok_or_else(|| TargetError::NoTrust { url: url.to_owned() });
        let kind = match target.scheme {
            Scheme::Http => Kind::Grpc(Grpc::plain(&target)?.into()),
            Scheme::Https => Kind::Grpc(Grpc::tls(&target, needed()?)?.into()),
            Scheme::Quic => Kind::Quic(Quic::new(target, needed()?)?.into()),
        };
        Ok(Self(Arc::new(kind)))
    }

    /// Another connection to the same server. Over QUIC both share a socket.
    #[must_use]
    pub fn another(&self) -> Self {
        Self(Arc::new(match &*self.0 {
            Kind::Grpc(grpc) => Kind::Grpc(grpc.another().into()),
            Kind::Quic(quic) => Kind::Quic(quic.another().into()),
        }))
    }

    /// Opens a stream with this Hello. `datagrams` asks for them; a transport that has none goes without.
    ///
    /// The server's Welcome comes as the first frame. Limits: [`OPEN_PATIENCE`] for the connection and as long again for
    /// the stream.
    ///
    /// # Errors
    /// [`LineError`].
    pub async fn open(&self, hello: ClientFrame, token: &str, datagrams: bool) -> Result<Line, LineError> {
        match &*self.0 {
            Kind::Grpc(grpc) => grpc.open(hello, token).await,
            Kind::Quic(quic) => quic.open(with(hello, token, datagrams), datagrams).await,
        }
    }

    /// Connects, or fails to.
    ///
    /// # Errors
    /// [`LineError`].
    pub async fn connect(&self) -> Result<(), LineError> {
        match &*self.0 {
            Kind::Grpc(grpc) => grpc.connect().await,
            Kind::Quic(quic) => quic.connect().await,
        }
    }

    /// The device has another network: go on from a new port. Over gRPC there is nothing to do, its connection breaks.
    ///
    /// # Errors
    /// The system's, when it gives no socket.
    pub fn network_changed(&self) -> std::io::Result<()> {
        match &*self.0 {
            Kind::Grpc(_) => Ok(()),
            Kind::Quic(quic) => quic.rebind(),
        }
    }
}

/// A Hello says by itself what headers say elsewhere.
fn with(mut hello: ClientFrame, token: &str, datagrams: bool) -> ClientFrame {
    if let Some(Frame::Hello(hello)) = &mut hello.frame {
        token.clone_into(&mut hello.token);
        hello.datagrams = datagrams;
    }
    hello
}

impl Outbound {
    /// Sends a frame on the stream, when there is room. Safe to cancel: the frame is then not sent.
    ///
    /// # Errors
    /// [`LineError`] when the stream takes nothing any more; [`Inbound::next`] says why.
    pub async fn send(&self, frame: ClientFrame) -> Result<(), LineError> {
        self.frames
            .send(frame)
            .await
            .map_err(|_| LineError::retry("BROKEN", "the stream takes nothing any more"))
    }

    /// Room for a frame on the stream, if there is any.
    #[must_use]
    pub fn room(&self) -> Option<Room<'_>> {
        self.frames.try_reserve().ok().map(Room)
    }

    /// Waits until there is room on the stream; for ever when it takes nothing any more, as [`Inbound::next`] says why.
    pub async fn has_room(&self) {
        if self.frames.reserve().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Sends a frame as a datagram, at once or never. False if the connection takes none of this size: use the stream.
    #[must_use]
    pub fn send_datagram(&self, frame: &ClientFrame) -> bool {
        self.datagrams.as_ref().is_some_and(|datagrams| datagrams.send(frame))
    }

    /// True if the connection takes datagrams.
    #[must_use]
    pub fn has_datagrams(&self) -> bool {
        self.datagrams.is_some()
    }
}

impl Room<'_> {
    /// Sends a frame.
    pub fn send(self, frame: ClientFrame) {
        self.0.send(frame);
    }
}

impl Inbound {
    /// The next frame; `None` when the server has said all. Safe to cancel.
    ///
    /// # Errors
    /// [`LineError`]: the server's own word where it gave one.
    pub async fn next(&mut self) -> Result<Option<ServerFrame>, LineError> {
        match &mut self.0 {
            Heard::Grpc(heard) => grpc::next(heard).await,
            Heard::Quic(heard) => heard.next().await,
        }
    }
}

/// Frames that wait for the connection.
pub const FRAMES_MAX: usize = 64;
/// How long connecting may take, and opening a stream on a connection.
pub const OPEN_PATIENCE: Duration = Duration::from_secs(10);
/// How often a silent connection says that it is there: middleboxes forget UDP flows after half a minute.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// How long a connection may be silent until it counts as lost: a server that was killed and is back does not know its
/// old connections, and cannot say so. Two keep-alives may get lost.
const SILENCE_MAX: Duration = Duration::from_secs(12);
