//! QUIC: a session is one bidirectional stream; the sessions of a transport share a connection.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::BytesMut;
use playhead_proto::ingest::v1::{ClientFrame, ServerFrame, server_frame::Frame};
use quinn::{
    ClientConfig, Connection, Endpoint, IdleTimeout, RecvStream, SendStream, TransportConfig,
    crypto::rustls::QuicClientConfig,
};
use tokio::{sync::mpsc, time::timeout};

use super::{
    FRAMES_MAX, Inbound, KEEP_ALIVE, Line, OPEN_PATIENCE, Outbound, SILENCE_MAX, TargetError, target::Target,
};
use crate::{
    LineError, Trust,
    frames::{self, Decoder},
    trust::TrustError,
};

/// The protocol that both ends speak.
const ALPN: &[u8] = b"playhead/1";

/// A connection that makes itself anew.
pub(super) struct Quic {
    target: Target,
    trust: Trust,
    config: ClientConfig,
    /// One socket for all connections of a family of transports.
    socket: Arc<Mutex<Option<Endpoint>>>,
    connection: tokio::sync::Mutex<Option<Connection>>,
}

/// Datagrams of one session.
pub(super) struct Datagrams {
    connection: Connection,
    stream: u64,
}

/// What a stream hears.
pub(super) struct Heard {
    stream: RecvStream,
    decoder: Decoder,
    /// The connection lives at least as long as its streams.
    connection: Connection,
}

impl Quic {
    pub(super) fn new(target: Target, trust: &Trust) -> Result<Self, TargetError> {
        let tls = QuicClientConfig::try_from(trust.config(ALPN)?)
            .map_err(|error| TrustError::Tls(error.to_string()))?;
        let mut config = ClientConfig::new(Arc::new(tls));
        config.transport_config(Arc::new(transport()));
        let (socket, connection) = (Arc::default(), tokio::sync::Mutex::new(None));
        Ok(Self { target, trust: trust.clone(), config, socket, connection })
    }

    pub(super) fn another(&self) -> Self {
        Self {
            target: self.target.clone(),
            trust: self.trust.clone(),
            config: self.config.clone(),
            socket: Arc::clone(&self.socket),
            connection: tokio::sync::Mutex::new(None),
        }
    }

    pub(super) async fn connect(&self) -> Result<(), LineError> {
        self.connection().await.map(|_| ())
    }

    pub(super) async fn open(&self, hello: ClientFrame, datagrams: bool) -> Result<Line, LineError> {
        let connection = self.connection().await?;
        let opened = timeout(OPEN_PATIENCE, connection.open_bi()).await;
        let opened =
            opened.map_err(|_| LineError::retry("NO_STREAM", "the server allows no more streams"))?;
        let (tx, rx) = opened.map_err(|error| broken(&error))?;
        let datagrams = (datagrams && connection.max_datagram_size().is_some())
            .then(|| Datagrams { connection: connection.clone(), stream: tx.id().into() });
        let (frames, waiting) = mpsc::channel(FRAMES_MAX);
        // The channel is new and has room.
        let _ = frames.try_send(hello);
        tokio::spawn(write(tx, waiting));
        let heard = Heard { stream: rx, decoder: Decoder::default(), connection };
        Ok(Line { outbound: Outbound { frames, datagrams }, inbound: Inbound(super::Heard::Quic(heard)) })
    }

    /// Goes on from another port: the server knows its connections by their ids.
    pub(super) fn rebind(&self) -> std::io::Result<()> {
        let socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(endpoint) = &*socket else { return Ok(()) };
        endpoint.rebind(UdpSocket::bind(anywhere(endpoint.local_addr()?))?)
    }

    /// The present connection, or a new one.
    async fn connection(&self) -> Result<Connection, LineError> {
        let mut present = self.connection.lock().await;
        if let Some(connection) = present.as_ref().filter(|connection| connection.close_reason().is_none()) {
            return Ok(connection.clone());
        }
        let address = self.target.address().await?;
        if !self.trust.allows(address.ip()) {
            let message = format!("{address} is not on loopback, and nothing else says whom to trust");
            return Err(LineError::retry("UNTRUSTED", &message));
        }
        let unreachable = |problem: String| LineError::retry("UNREACHABLE", &problem);
        let endpoint = self.endpoint(address).map_err(|error| unreachable(error.to_string()))?;
        let connecting = endpoint.connect_with(self.config.clone(), address, &self.target.host);
        let connecting = connecting.map_err(|error| unreachable(error.to_string()))?;
        let connected = timeout(OPEN_PATIENCE, connecting).await;
        let connected = connected.map_err(|_| unreachable("the server did not answer in time".to_owned()))?;
        let connection = connected.map_err(|error| unreachable(error.to_string()))?;
        *present = Some(connection.clone());
        Ok(connection)
    }

    fn endpoint(&self, server: SocketAddr) -> std::io::Result<Endpoint> {
        let mut socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(endpoint) = &*socket
            && endpoint.local_addr().is_ok_and(|local| local.is_ipv6() == server.is_ipv6())
        {
            return Ok(endpoint.clone());
        }
        let endpoint = Endpoint::client(anywhere(server))?;
        *socket = Some(endpoint.clone());
        Ok(endpoint)
    }
}

/// Any port on any interface of an address's family.
fn anywhere(like: SocketAddr) -> SocketAddr {
    match like.is_ipv6() {
        true => (Ipv6Addr::UNSPECIFIED, 0).into(),
        false => (Ipv4Addr::UNSPECIFIED, 0).into(),
    }
}

fn transport() -> TransportConfig {
    let mut transport = TransportConfig::default();
    transport.keep_alive_interval(Some(KEEP_ALIVE));
    transport.max_idle_timeout(IdleTimeout::try_from(SILENCE_MAX).ok());
    // Servers open no streams.
    transport.max_concurrent_bidi_streams(0_u8.into()).max_concurrent_uni_streams(0_u8.into());
    transport
}

/// Writes what is to be sent, as much at a time as there is, and closes our side when nothing more will come. Why it
/// fails is told to the reading half.
async fn write(mut stream: SendStream, mut frames: mpsc::Receiver<ClientFrame>) {
    let mut buffer = BytesMut::new();
    while let Some(frame) = frames.recv().await {
        frames::put_delimited(&frame, &mut buffer);
        while buffer.len() < WRITE_BYTES
            && let Ok(frame) = frames.try_recv()
        {
            frames::put_delimited(&frame, &mut buffer);
        }
        if stream.write_chunk(buffer.split().freeze()).await.is_err() {
            return;
        }
    }
    // It is closed already where the connection is.
    let _ = stream.finish();
}

impl Datagrams {
    pub(super) fn send(&self, frame: &ClientFrame) -> bool {
        self.connection.send_datagram(frames::datagram(self.stream, frame)).is_ok()
    }
}

impl Heard {
    pub(super) async fn next(&mut self) -> Result<Option<ServerFrame>, LineError> {
        loop {
            let frame = self.decoder.take().map_err(|error| LineError::retry("UNREADABLE", &error))?;
            match frame {
                Some(ServerFrame { frame: Some(Frame::Failure(failure)) }) => {
                    let retry_after = Duration::from_millis(failure.retry_after_ms.into());
                    return Err(LineError::said(failure.code, failure.reason, failure.message, retry_after));
                }
                Some(frame) => return Ok(Some(frame)),
                None => {}
            }
            match self.stream.read_chunk(READ_BYTES, true).await {
                Ok(Some(chunk)) => self.decoder.push(&chunk.bytes),
                Ok(None) if self.decoder.is_within_a_frame() => return Err(LineError::ended_early()),
                Ok(None) => return Ok(None),
                Err(error) => return Err(self.why(&error)),
            }
        }
    }

    fn why(&self, error: &quinn::ReadError) -> LineError {
        self.connection
            .close_reason()
            .map_or_else(|| LineError::retry("BROKEN", error), |reason| broken(&reason))
    }
}

fn broken(error: &quinn::ConnectionError) -> LineError {
    LineError::retry("BROKEN", error)
}

/// What is written together.
const WRITE_BYTES: usize = 16 << 10;
const READ_BYTES: usize = 16 << 10;
