//! The limit of the QUIC edge: the same transport and the same messages, decoded and answered by a server that does
//! nothing else. All frames of a stream that have come are answered with one Ack.

use std::{net::UdpSocket, sync::Arc};

use bytes::{Buf, Bytes, BytesMut};
use futures_util::FutureExt;
use playhead_proto::ingest::v1::ClientFrame;
use prost::Message;
use quinn::{
    Connection, Endpoint, EndpointConfig, Incoming, RecvStream, SendStream, ServerConfig, TokioRuntime,
    TransportConfig, crypto::rustls::QuicServerConfig,
};
use rustls::{
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivatePkcs8KeyDer},
};

use crate::no_op::answer;

/// How events come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Events {
    /// On their stream.
    OnStream,
    /// As datagrams of the connection's only stream.
    ByDatagram,
}

/// Serves for ever.
///
/// # Panics
/// When the socket breaks.
pub async fn serve(socket: UdpSocket, events: Events) {
    let config = EndpointConfig::default();
    let endpoint = Endpoint::new(config, Some(server_config()), socket, Arc::new(TokioRuntime));
    let endpoint = endpoint.expect("an endpoint on an open socket");
    while let Some(incoming) = endpoint.accept().await {
        tokio::spawn(visit(incoming, events));
    }
}

/// A connection that breaks has its answers or wants none.
async fn visit(incoming: Incoming, events: Events) {
    let Ok(connection) = incoming.await else { return };
    while let Ok((send, frames)) = connection.accept_bi().await {
        let datagrams = (events == Events::ByDatagram).then(|| connection.clone());
        tokio::spawn(converse(Stream { frames, datagrams, received: BytesMut::new() }, send));
    }
}

/// Where a session's frames come from.
struct Stream {
    frames: RecvStream,
    datagrams: Option<Connection>,
    received: BytesMut,
}

async fn converse(mut stream: Stream, mut send: SendStream) {
    while let Some(mut frame) = stream.next().await {
        while let Some(Some(next)) = stream.next().now_or_never() {
            frame = next;
        }
        let bytes = answer(&frame).encode_length_delimited_to_vec();
        if send.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

impl Stream {
    /// The next frame; `None` at the end, and where the client breaks off.
    async fn next(&mut self) -> Option<ClientFrame> {
        loop {
            if let Some(frame) = self.whole() {
                return ClientFrame::decode(frame).ok();
            }
            let chunk = match &self.datagrams {
                None => self.frames.read_chunk(usize::MAX, true).await,
                Some(connection) => tokio::select! {
                    datagram = connection.read_datagram() => {
                        let mut datagram = datagram.ok()?;
                        // The stream's id, one byte for the first 16 streams.
                        datagram.advance(1);
                        return ClientFrame::decode(datagram).ok();
                    }
                    chunk = self.frames.read_chunk(usize::MAX, true) => chunk,
                },
            };
            self.received.extend_from_slice(&chunk.ok()??.bytes);
        }
    }

    fn whole(&mut self) -> Option<Bytes> {
        let length = prost::decode_length_delimiter(&*self.received).ok()?;
        let head = prost::length_delimiter_len(length);
        if self.received.len() < head + length {
            return None;
        }
        let mut frame = self.received.split_to(head + length);
        frame.advance(head);
        Some(frame.freeze())
    }
}

fn server_config() -> ServerConfig {
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = PrivatePkcs8KeyDer::from(pair.signing_key.serialize_der());
    let chain = vec![CertificateDer::from(pair.cert)];
    let mut tls = rustls::ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("a provider with TLS 1.3")
        .with_no_client_auth()
        .with_single_cert(chain, key.into())
        .expect("a key that fits");
    tls.alpn_protocols = vec![b"playhead/1".to_vec()];
    let crypto = QuicServerConfig::try_from(tls).expect("a provider with QUIC's first cipher");
    let mut config = ServerConfig::with_crypto(Arc::new(crypto));
    config.transport_config(Arc::new(TransportConfig::default()));
    config
}
