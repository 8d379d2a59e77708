//! Both edges over TCP against peers that mean no good, frame by frame on the wire.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use playhead_ingest::{
    edge::{
        grpc, http,
        listener::{CUTS, Counts, Limits, Listener, Places},
    },
    settings::Settings,
    tls::{Reloaded, Source, Tls, provider},
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
};
use tokio_rustls::TlsConnector;

use crate::host::{Host, now_ms};

/// Which edge stands behind the guard.
#[derive(Debug, Clone, Copy)]
enum Edge {
    Grpc,
    Http,
}

const EDGES: [Edge; 2] = [Edge::Grpc, Edge::Http];

struct Site {
    address: SocketAddr,
    counts: Counts,
    _host: Host,
}

impl Site {
    async fn start(edge: Edge, guard: impl FnOnce(Listener) -> Listener) -> Self {
        let host = Host::start(Settings::default()).await;
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, counts) = (tcp.local_addr().unwrap(), Counts::default());
        let listener = guard(Listener::plain(tcp).with_counts(counts.clone()));
        let doors = host.doors();
        match edge {
            Edge::Grpc => {
                let served = grpc::serve(doors, listener, grpc::Options::default(), std::future::pending());
                tokio::spawn(async move { served.await.unwrap() });
            }
            Edge::Http => {
                let served = http::serve(doors, listener, http::Options::default(), std::future::pending());
                tokio::spawn(async move { served.await.unwrap() });
            }
        }
        Self { address, counts, _host: host }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// A connection that has said that it speaks HTTP/2.
    async fn http2(&self) -> TcpStream {
        let mut stream = self.connect().await;
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        stream.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
        stream
    }

    /// How many connections were cut for this reason, once no connection is open any more.
    async fn cut(&self, reason: &str) -> u64 {
        let closed = async {
            while self.counts.open.get() != 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, closed).await.expect("all connections are closed");
        CUTS.into_iter().filter(|cut| cut.name() == reason).map(|cut| self.counts.cuts(cut)).sum()
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [.., high, middle, low] = payload.len().to_be_bytes();
    let mut frame = vec![high, middle, low, kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A request's header block without dynamic entries: `POST` with this path.
fn headers(path: &str) -> Vec<u8> {
    let mut block = vec![0x83, 0x86, 0x04, path.len() as u8];
    block.extend(path.as_bytes());
    block.extend([0x01, 9]);
    block.extend(b"127.0.0.1");
    block
}

/// Reads until the peer closes, and returns the frames' kinds with their payloads.
async fn to_the_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut read = Vec::new();
    let end = stream.read_to_end(&mut read);
    // A reset is an end as well.
    let _ = tokio::time::timeout(PATIENCE, end).await.expect("the connection is closed");
    read
}

/// The payload of the first frame of a kind.
fn payload_of(kind: u8, mut bytes: &[u8]) -> Option<&[u8]> {
    while let [high, middle, low, found, _, _, _, _, _, rest @ ..] = bytes {
        let length = usize::from(*high) << 16 | usize::from(*middle) << 8 | usize::from(*low);
        let payload = rest.get(..length)?;
        if *found == kind {
            return Some(payload);
        }
        bytes = &rest[length..];
    }
    None
}

/// Writes as long as anybody takes it.
async fn flood(stream: &mut TcpStream, bytes: &[u8], times: usize) {
    for _ in 0..times {
        if stream.write_all(bytes).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn what_one_connection_may_do_is_told_in_the_settings() {
    for edge in EDGES {
        let site = Site::start(edge, |listener| listener).await;
        let mut stream = site.http2().await;
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.unwrap();
        assert_eq!(head[3], SETTINGS, "{edge:?}: the server's first frame");
        let mut payload = vec![0; usize::from(head[2]) | usize::from(head[1]) << 8];
        stream.read_exact(&mut payload).await.unwrap();
        let setting = |wanted: u16| {
            let found = payload.chunks(6).find(|entry| entry[..2] == wanted.to_be_bytes());
            found.map(|entry| u32::from_be_bytes(entry[2..].try_into().unwrap()))
        };
        let streams = setting(3).expect("MAX_CONCURRENT_STREAMS");
        assert!((1..=200).contains(&streams), "{edge:?}: {streams} streams");
        assert_eq!(setting(4), Some(256 << 10), "{edge:?}: INITIAL_WINDOW_SIZE");
        assert_eq!(setting(5).unwrap_or(16_384), 16_384, "{edge:?}: MAX_FRAME_SIZE");
        assert_eq!(setting(6), Some(32 << 10), "{edge:?}: MAX_HEADER_LIST_SIZE");
    }
}

#[tokio::test]
async fn who_says_nothing_or_half_is_cut() {
    let soon = Limits { headers_ms_max: 50, ..Limits::default() };
    let half_block = frame(HEADERS, 0, 1, &headers("/v1/events"));
    let half_preface = b"PRI * HT".to_vec();
    let half_text = b"POST /v1/events HTTP/1.1\r\nhost: a\r\n".to_vec();
    for edge in EDGES {
        for said in [Vec::new(), half_preface.clone(), half_block.clone(), half_text.clone()] {
            let site = Site::start(edge, |listener| listener.with_limits(soon)).await;
            let is_http2 = said.first() == Some(&0);
            let mut stream = if is_http2 { site.http2().await } else { site.connect().await };
            stream.write_all(&said).await.unwrap();
            to_the_end(&mut stream).await;
            assert_eq!(site.cut("SLOW_HEADERS").await, 1, "{edge:?} {said:?}");
        }
    }
}

#[tokio::test]
async fn floods_are_cut() {
    let request = frame(HEADERS, END_HEADERS, 1, &headers("/v1/events"));
    for edge in EDGES {
        for (flooding, cut) in [
            (frame(PING, 0, 0, &[0; 8]), Some(1)),
            (frame(SETTINGS, 0, 0, &[]), Some(1)),
            (frame(PRIORITY, 0, 1, &[0; 5]), Some(1)),
            // Here the HTTP library may be first.
            (frame(DATA, 0, 1, &[]), None),
        ] {
            let site = Site::start(edge, |listener| listener).await;
            let mut stream = site.http2().await;
            stream.write_all(&request).await.unwrap();
            flood(&mut stream, &flooding, 5_000).await;
            to_the_end(&mut stream).await;
            let found = site.cut("CONTROL_FLOOD").await;
            assert!(cut.is_none_or(|cut| cut == found), "{edge:?} {flooding:?}: {found}");
        }
    }
}

#[tokio::test]
async fn a_header_block_without_end_is_cut() {
    for edge in EDGES {
        let site = Site::start(edge, |listener| listener).await;
        let mut stream = site.http2().await;
        stream.write_all(&frame(HEADERS, 0, 1, &headers("/v1/events"))).await.unwrap();
        flood(&mut stream, &frame(CONTINUATION, 0, 1, &[0x82; 16]), 5_000).await;
        to_the_end(&mut stream).await;
        site.cut("").await;
    }
}

#[tokio::test]
async fn streams_opened_only_to_be_given_up_are_cut() {
    for edge in EDGES {
        let site = Site::start(edge, |listener| listener).await;
        let mut stream = site.http2().await;
        for at in 0..2_000_u32 {
            let id = 2 * at + 1;
            let open = frame(HEADERS, END_HEADERS, id, &headers("/v1/events"));
            let both = [open, frame(RST_STREAM, 0, id, &8_u32.to_be_bytes())].concat();
            flood(&mut stream, &both, 1).await;
        }
        to_the_end(&mut stream).await;
        site.cut("").await;
    }
}

#[tokio::test]
async fn streams_that_bring_nothing_are_read_more_slowly() {
    for edge in EDGES {
        let site = Site::start(edge, |listener| listener).await;
        let mut stream = site.http2().await;
        for at in 0..600_u32 {
            stream.write_all(&frame(HEADERS, END_HEADERS, 2 * at + 1, &headers("/v1/events"))).await.unwrap();
        }
        let slowed = async {
            while site.counts.slowed.get() == 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, slowed).await.expect("it is read more slowly");
        // Whether the HTTP library puts up with so many is its own affair.
        assert_eq!(
            CUTS.map(|cut| site.counts.cuts(cut)),
            [0; CUTS.len()],
            "{edge:?}: the guard does not cut"
        );
    }
}

#[tokio::test]
async fn a_peer_that_makes_us_reset_streams_is_sent_away() {
    for edge in EDGES {
        let site = Site::start(edge, |listener| listener).await;
        let mut stream = site.http2().await;
        for at in 0..2_000_u32 {
            let id = 2 * at + 1;
            let open = frame(HEADERS, END_HEADERS, id, &headers("/v1/events"));
            // A window beyond its bound is an error of the stream.
            let both = [open, frame(WINDOW_UPDATE, 0, id, &i32::MAX.to_be_bytes())].concat();
            flood(&mut stream, &both, 1).await;
        }
        let read = to_the_end(&mut stream).await;
        if let Some(goaway) = payload_of(GOAWAY, &read) {
            assert_eq!(goaway[4..8], [0, 0, 0, 11], "{edge:?}: ENHANCE_YOUR_CALM");
        }
        site.cut("").await;
    }
}

#[tokio::test]
async fn one_address_has_its_share_and_no_more() {
    for edge in EDGES {
        let places = Places::new(100, 2);
        let site = Site::start(edge, |listener| listener.with_places(places)).await;
        let (first, mut second) = (site.connect().await, site.http2().await);
        second.read_exact(&mut [0; 9]).await.unwrap();
        let mut third = site.connect().await;
        assert!(to_the_end(&mut third).await.is_empty(), "{edge:?}: closed at once");
        assert_eq!(site.counts.full.get(), 1);
        drop((first, second));
        site.cut("").await;
        let mut fourth = site.http2().await;
        fourth.read_exact(&mut [0; 9]).await.unwrap();
    }
}

#[tokio::test]
async fn who_never_reads_is_cut() {
    let soon = Limits { write_ms_max: 100, ..Limits::default() };
    let site = Site::start(Edge::Http, |listener| listener.with_limits(soon)).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut stream = socket.connect(site.address).await.unwrap();
    let asking = tokio::time::timeout(PATIENCE, async {
        let request = b"GET /v1/users/ann/positions HTTP/1.1\r\nhost: a\r\n\r\n".repeat(100);
        while stream.write_all(&request).await.is_ok() {}
    });
    asking.await.expect("the connection is cut");
    assert_eq!(site.cut("NEVER_READS").await, 1);
}

/// A client that trusts the certificate in this folder.
fn trusting(folder: &std::path::Path) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(folder.join("certificate.pem")).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

fn development(folder: &tempfile::TempDir) -> Tls {
    let source = Source::Development { folder: folder.path().to_path_buf(), names: Vec::new() };
    Tls::open(source, now_ms()).unwrap()
}

#[tokio::test]
async fn an_encrypted_edge_answers_and_shows_a_new_certificate_after_a_reload() {
    for edge in EDGES {
        let folder = tempfile::tempdir().unwrap();
        let tls = development(&folder);
        let site = Site::start(edge, |listener| listener.with_tls(&tls).unwrap()).await;
        let name = ServerName::try_from("localhost").unwrap();
        // Another client for each connection: one that resumes a session sees no certificate.
        let (old, old_again) = (trusting(folder.path()), trusting(folder.path()));
        let mut stream = old.connect(name.clone(), site.connect().await).await.unwrap();
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        stream.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.unwrap();
        assert_eq!(head[3], SETTINGS, "{edge:?}");

        // A certificate that is gone is made anew.
        std::fs::remove_file(folder.path().join("certificate.pem")).unwrap();
        assert_eq!(tls.reload(now_ms()).unwrap(), Reloaded::Changed);
        let refused = old_again.connect(name.clone(), site.connect().await).await;
        assert!(refused.is_err(), "{edge:?}: the old certificate is shown no more");
        trusting(folder.path()).connect(name, site.connect().await).await.unwrap();
        stream.write_all(&frame(PING, 0, 0, &[0; 8])).await.unwrap();
        stream.read_exact(&mut head).await.expect("an open connection goes on");
    }
}

#[tokio::test]
async fn half_a_handshake_and_plain_text_come_to_nothing() {
    let soon = Limits { handshake_ms_max: 50, ..Limits::default() };
    for edge in EDGES {
        let folder = tempfile::tempdir().unwrap();
        let tls = development(&folder);
        let site = Site::start(edge, |listener| listener.with_limits(soon).with_tls(&tls).unwrap()).await;
        for said in [&b""[..], &[22, 3, 1, 2, 0], b"GET / HTTP/1.1\r\n\r\n"] {
            let mut stream = site.connect().await;
            stream.write_all(said).await.unwrap();
            to_the_end(&mut stream).await;
        }
        site.cut("").await;
        assert_eq!(site.counts.handshake_failed.get(), 3, "{edge:?}");
    }
}

const PATIENCE: Duration = Duration::from_secs(30);
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;
