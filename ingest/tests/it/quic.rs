//! The QUIC edge over real sockets, before a real engine.

mod bounds;
mod browser;
mod lossy;
mod migrating;
mod stopping;

use std::{
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::Arc,
};

use bytes::BytesMut;
use playhead_ingest::{
    edge::{
        listener::Places,
        quic::{self, Meters, Options, ServeError},
    },
    settings::Settings,
    tally::Count,
    tls::{Source, Tls, provider},
};
use playhead_proto::ingest::v1::{self as proto, client_frame, server_frame};
use prost::Message as _;
use quinn::{Connection, Endpoint, TransportConfig, crypto::rustls::QuicClientConfig};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
    version::TLS13,
};
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle};
use url::Url;
use web_transport_quinn::{
    RecvStream, SendStream, Session,
    proto::{ConnectRequest, VarInt},
};

use crate::{
    grpc::{events, hello_of, within},
    host::{Host, now_ms},
};

/// A served engine.
pub struct Site {
    pub host: Host,
    pub address: SocketAddr,
    pub meters: Meters,
    certificate: CertificateDer<'static>,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<Result<(), ServeError>>,
    _folder: TempDir,
}

impl Site {
    pub async fn start() -> Self {
        Self::with(Settings::default(), Options::default()).await
    }

    pub async fn with(settings: Settings, options: Options) -> Self {
        Self::with_places(settings, options, Places::unlimited()).await
    }

    pub async fn with_places(settings: Settings, options: Options, places: Places) -> Self {
        Self::before(Host::start(settings).await, options, places).await
    }

    /// The edge before an engine of the caller's own.
    pub async fn before(host: Host, options: Options, places: Places) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = Source::Development { folder: folder.path().into(), names: Vec::new() };
        let tls = Tls::open(source, now_ms()).unwrap();
        let certificate = CertificateDer::from_pem_file(folder.path().join("certificate.pem")).unwrap();
        let socket = loopback();
        let address = socket.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let (doors, meters) = (host.doors(), Meters::default());
        let counted = meters.clone();
        let served = tokio::spawn(async move {
            let shutdown = async { stopped.await.unwrap_or(()) };
            quic::serve(doors, socket, &tls, places, counted, options, shutdown).await
        });
        Self { host, address, meters, certificate, stop: Some(stop), served, _folder: folder }
    }

    pub fn begin_stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    pub async fn has_stopped(&mut self) {
        within(&mut self.served).await.unwrap().unwrap();
    }

    /// The counts once every event has its ending.
    pub async fn at_rest(&self) -> Count {
        until(|| self.host.engine.tally().count().held() == 0).await;
        self.host.engine.tally().count()
    }

    /// How a client speaks that trusts the server's certificate.
    pub fn client_config(&self, protocol: &[u8]) -> quinn::ClientConfig {
        quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(self.client_tls(protocol)).unwrap()))
    }

    pub fn client_tls(&self, protocol: &[u8]) -> rustls::ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let mut tls = rustls::ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![protocol.to_vec()];
        tls
    }
}

/// A UDP socket on a free port.
pub fn loopback() -> UdpSocket {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()
}

/// Waits until this is true.
pub async fn until(mut is_true: impl FnMut() -> bool) {
    within(async {
        while !is_true() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// A connection to a site.
pub struct Client {
    pub endpoint: Endpoint,
    pub connection: Connection,
    session: Session,
    is_web: bool,
}

impl Client {
    /// As a player connects.
    pub async fn native(site: &Site) -> Self {
        Self::native_with(site, site.client_config(b"playhead/1")).await
    }

    pub async fn native_with(site: &Site, config: quinn::ClientConfig) -> Self {
        let endpoint = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let connecting = endpoint.connect_with(config, site.address, "localhost").unwrap();
        let connection = within(connecting).await.unwrap();
        let session = Session::raw(connection.clone());
        Self { endpoint, connection, session, is_web: false }
    }

    /// As a browser connects.
    pub async fn web(site: &Site) -> Self {
        let endpoint = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let config = site.client_config(b"h3");
        let connecting = endpoint.connect_with(config, site.address, "localhost").unwrap();
        let connection = within(connecting).await.unwrap();
        let session =
            within(Session::connect(connection.clone(), request(site, "/v1/connect"))).await.unwrap();
        Self { endpoint, connection, session, is_web: true }
    }

    /// A stream on which nothing was said yet.
    pub async fn open(&self, token: &str, datagrams: bool) -> QuicLine {
        let (send, receive) = within(self.session.open_bi()).await.unwrap();
        let mut prefix = Vec::new();
        if !self.is_web {
            VarInt::try_from(u64::from(send.quic_id())).unwrap().encode(&mut prefix);
        }
        QuicLine {
            send,
            receive,
            token: token.to_owned(),
            datagrams: datagrams.then_some(prefix),
            session: self.session.clone(),
            _endpoint: self.endpoint.clone(),
            came: BytesMut::new(),
        }
    }

    /// A stream of ann's whose session is open.
    pub async fn talk(&self, session: &str, datagrams: bool) -> QuicLine {
        let mut line = self.open("ann", datagrams).await;
        line.hello(hello_of(session)).await;
        assert!(matches!(line.next().await, Some(server_frame::Frame::Welcome(_))));
        line
    }
}

pub fn request(site: &Site, path: &str) -> ConnectRequest {
    let url = format!("https://localhost:{}{path}", site.address.port());
    ConnectRequest::new(Url::parse(&url).unwrap())
}

/// A client's side of a session.
pub struct QuicLine {
    pub send: SendStream,
    pub receive: RecvStream,
    token: String,
    /// What stands before each datagram, if events go as datagrams.
    datagrams: Option<Vec<u8>>,
    pub session: Session,
    _endpoint: Endpoint,
    came: BytesMut,
}

impl QuicLine {
    pub async fn hello(&mut self, hello: proto::Hello) {
        let datagrams = self.datagrams.is_some();
        let hello = proto::Hello { token: self.token.clone(), datagrams, ..hello };
        self.send_frame(client_frame::Frame::Hello(hello)).await;
    }

    pub async fn send_frame(&mut self, frame: client_frame::Frame) {
        self.send_bytes(&proto::ClientFrame { frame: Some(frame) }.encode_to_vec()).await;
    }

    /// Sends a frame by its bytes, which may be no frame.
    pub async fn send_bytes(&mut self, frame: &[u8]) {
        let mut bytes = Vec::new();
        prost::encode_length_delimiter(frame.len(), &mut bytes).unwrap();
        bytes.extend_from_slice(frame);
        // A server that ended the stream wants no more.
        let _ = self.send.write_all(&bytes).await;
    }

    /// Sends events: as a datagram if that is how this line does it, and if they fit.
    pub async fn send_events(&mut self, batch: Vec<proto::Event>) {
        let frame = proto::ClientFrame { frame: Some(events(batch.clone())) }.encode_to_vec();
        match &self.datagrams {
            Some(prefix) if frame.len() + prefix.len() <= self.session.max_datagram_size() => {
                self.session.send_datagram([prefix, &*frame].concat().into()).unwrap();
            }
            _ => self.send_bytes(&frame).await,
        }
    }

    /// The next answer; `None` at the end.
    pub async fn next(&mut self) -> Option<server_frame::Frame> {
        loop {
            let head = prost::decode_length_delimiter(&*self.came).ok();
            let head = head.map(|length| (prost::length_delimiter_len(length), length));
            if let Some((head, length)) = head.filter(|(head, length)| head + length <= self.came.len()) {
                let frame = self.came.split_to(head + length);
                return proto::ServerFrame::decode(&frame[head..]).unwrap().frame;
            }
            match within(self.receive.read_chunk(usize::MAX, true)).await.unwrap() {
                Some(chunk) => self.came.extend_from_slice(&chunk.bytes),
                None => return None,
            }
        }
    }

    pub async fn ack(&mut self) -> proto::Ack {
        match self.next().await.unwrap() {
            server_frame::Frame::Ack(ack) => ack,
            other => panic!("{other:?}"),
        }
    }

    pub async fn acked_through(&mut self, seq: u64) -> proto::Ack {
        loop {
            let ack = self.ack().await;
            if ack.acked_through_seq >= seq {
                return ack;
            }
        }
    }

    /// How the stream ends, whatever comes before.
    pub async fn failure(&mut self) -> Option<proto::Failure> {
        while let Some(frame) = self.next().await {
            if let server_frame::Frame::Failure(failure) = frame {
                assert_eq!(self.next().await, None, "a failure is the last frame");
                return Some(failure);
            }
        }
        None
    }

    pub fn finish(&mut self) {
        self.send.finish().unwrap();
    }
}

/// A transport that never asks whether its peer is alive.
pub fn quiet() -> Arc<TransportConfig> {
    let mut transport = TransportConfig::default();
    transport.keep_alive_interval(None);
    Arc::new(transport)
}
