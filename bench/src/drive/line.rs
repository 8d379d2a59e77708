//! A session's stream, whatever carries it.

use std::{io, net::SocketAddr};

use bytes::{Bytes, BytesMut};
use h2::{SendStream, client::SendRequest};
use playhead_proto::ingest::v1::{ClientFrame, ServerFrame};

use super::{
    grpc::{self, Answers},
    quic,
};

/// What carries a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// gRPC Connect.
    Grpc,
    /// A QUIC stream.
    Quic,
    /// QUIC datagrams, answered on the stream.
    Datagrams,
}

/// A connection.
#[derive(Debug)]
pub enum Client {
    /// Of gRPC.
    Grpc(SendRequest<Bytes>),
    /// Of QUIC.
    Quic(quic::Client),
}

/// A stream whose session is open.
#[derive(Debug)]
pub enum Line {
    /// Of gRPC.
    Grpc(SendStream<Bytes>, Answers),
    /// Of QUIC.
    Quic(quic::Line),
}

impl Via {
    /// Opens a connection.
    ///
    /// # Errors
    /// When nobody listens.
    pub async fn connect(self, address: SocketAddr) -> io::Result<Client> {
        match self {
            Self::Grpc => Ok(Client::Grpc(grpc::connection(address).await?)),
            Self::Quic => Ok(Client::Quic(quic::Client::connect(address, false).await?)),
            Self::Datagrams => Ok(Client::Quic(quic::Client::connect(address, true).await?)),
        }
    }
}

impl Client {
    /// Opens a stream with session number `index`, and waits for its welcome.
    ///
    /// # Errors
    /// When the server refuses it.
    pub async fn open_session(&self, index: usize) -> io::Result<Line> {
        match self {
            Self::Grpc(client) => {
                let (send, answers) = grpc::open_session(client, index).await?;
                Ok(Line::Grpc(send, answers))
            }
            Self::Quic(client) => client.open_session(index).await.map(Line::Quic),
        }
    }
}

impl Line {
    /// Appends a frame as it travels.
    pub fn put(&self, out: &mut BytesMut, frame: &ClientFrame) {
        match self {
            Self::Grpc(..) => grpc::put(out, frame),
            Self::Quic(line) => line.put(out, frame),
        }
    }

    /// Sends what was put.
    ///
    /// # Errors
    /// When the stream is broken.
    pub async fn send(&mut self, out: BytesMut) -> io::Result<()> {
        match self {
            Self::Grpc(send, _) => send.send_data(out.freeze(), false).map_err(io::Error::other),
            Self::Quic(line) => line.send(out.freeze()).await,
        }
    }

    /// The next answer that has come already.
    ///
    /// # Errors
    /// When it cannot be decoded.
    pub fn ready(&mut self) -> io::Result<Option<ServerFrame>> {
        match self {
            Self::Grpc(_, answers) => answers.ready(),
            Self::Quic(line) => line.ready(),
        }
    }

    /// Waits for more bytes. False at the end.
    ///
    /// # Errors
    /// When the stream is broken.
    pub async fn more(&mut self) -> io::Result<bool> {
        match self {
            Self::Grpc(_, answers) => answers.more().await,
            Self::Quic(line) => line.more().await,
        }
    }
}
