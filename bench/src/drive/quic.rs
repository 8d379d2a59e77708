//! QUIC: what a client needs of it and nothing more. It trusts every certificate, since it plays with its own machine.

use std::{io, net::Ipv4Addr, net::SocketAddr, sync::Arc};

use bytes::{BufMut as _, Bytes, BytesMut};
use playhead_proto::ingest::v1::{ClientFrame, ServerFrame, client_frame, server_frame};
use prost::Message as _;
use quinn::{
    ClientConfig, Connection, Endpoint, RecvStream, SendStream, TransportConfig,
    crypto::rustls::QuicClientConfig,
};
use rustls::{
    DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use crate::sample;

/// A connection.
#[derive(Debug)]
pub struct Client {
    connection: Connection,
    is_by_datagram: bool,
    _endpoint: Endpoint,
}

/// One session's stream.
#[derive(Debug)]
pub struct Line {
    send: SendStream,
    answers: RecvStream,
    received: BytesMut,
    connection: Connection,
    /// What stands before each datagram, if events go as datagrams.
    prefix: Option<u8>,
}

impl Client {
    /// Shakes hands, from a port of its own.
    ///
    /// # Errors
    /// When nobody listens.
    pub async fn connect(address: SocketAddr, is_by_datagram: bool) -> io::Result<Self> {
        let endpoint = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into())?;
        let connecting = endpoint.connect_with(config()?, address, "localhost").map_err(io::Error::other)?;
        let connection = connecting.await?;
        Ok(Self { connection, is_by_datagram, _endpoint: endpoint })
    }

    /// Opens a stream with session number `index`, and waits for its welcome.
    ///
    /// # Errors
    /// When the server refuses it.
    pub async fn open_session(&self, index: usize) -> io::Result<Line> {
        let (send, answers) = self.connection.open_bi().await?;
        let id = u8::try_from(u64::from(send.id())).ok().filter(|&id| id < 64);
        let prefix = match self.is_by_datagram {
            true => Some(id.ok_or_else(|| io::Error::other("too many streams for datagrams"))?),
            false => None,
        };
        let connection = self.connection.clone();
        let mut line = Line { send, answers, received: BytesMut::new(), connection, prefix };
        let hello = hello(index, self.is_by_datagram).encode_length_delimited_to_vec();
        line.send.write_all(&hello).await?;
        loop {
            match line.ready()?.and_then(|frame| frame.frame) {
                Some(server_frame::Frame::Welcome(_)) => return Ok(line),
                Some(other) => return Err(io::Error::other(format!("no welcome: {other:?}"))),
                None if line.more().await? => {}
                None => return Err(io::Error::other("no welcome")),
            }
        }
    }

    /// Says farewell.
    pub fn close(self) {
        self.connection.close(0_u32.into(), b"");
    }
}

impl Line {
    pub(super) fn put(&self, out: &mut BytesMut, frame: &ClientFrame) {
        let put = match self.prefix {
            Some(prefix) => {
                out.put_u8(prefix);
                frame.encode(out)
            }
            None => frame.encode_length_delimited(out),
        };
        put.expect("a buffer that grows");
    }

    pub(super) async fn send(&mut self, bytes: Bytes) -> io::Result<()> {
        match self.prefix {
            Some(_) => self.connection.send_datagram(bytes).map_err(io::Error::other),
            None => Ok(self.send.write_chunk(bytes).await?),
        }
    }

    pub(super) fn ready(&mut self) -> io::Result<Option<ServerFrame>> {
        let Ok(length) = prost::decode_length_delimiter(&*self.received) else { return Ok(None) };
        let head = prost::length_delimiter_len(length);
        if self.received.len() < head + length {
            return Ok(None);
        }
        let frame = self.received.split_to(head + length);
        ServerFrame::decode(frame.get(head..).unwrap_or_default()).map(Some).map_err(io::Error::other)
    }

    pub(super) async fn more(&mut self) -> io::Result<bool> {
        let chunk = self.answers.read_chunk(usize::MAX, true).await?;
        Ok(chunk.map(|chunk| self.received.extend_from_slice(&chunk.bytes)).is_some())
    }
}

fn hello(index: usize, datagrams: bool) -> ClientFrame {
    let mut frame = sample::hello(index);
    if let Some(client_frame::Frame::Hello(hello)) = &mut frame.frame {
        hello.token = sample::token(index);
        hello.datagrams = datagrams;
    }
    frame
}

fn config() -> io::Result<ClientConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"playhead/1".to_vec()];
    // Every handshake is a whole one.
    tls.resumption = rustls::client::Resumption::disabled();
    let crypto = QuicClientConfig::try_from(tls).map_err(io::Error::other)?;
    let mut config = ClientConfig::new(Arc::new(crypto));
    config.transport_config(Arc::new(TransportConfig::default()));
    Ok(config)
}

/// Believes every certificate, and checks that its key signs.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
