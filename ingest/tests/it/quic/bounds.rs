//! What a hostile or careless client meets.

use std::time::Duration;

use playhead_ingest::settings::Limits;
use proto::client_frame::Frame::Ping;
use quinn::ConnectionError;

use super::*;
use crate::grpc::beat;

#[tokio::test(flavor = "multi_thread")]
async fn another_protocol_is_refused_in_the_handshake() {
    let site = Site::start().await;
    let endpoint = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let mut nameless = site.client_tls(b"");
    nameless.alpn_protocols.clear();
    let nameless = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(nameless).unwrap()));
    for config in [site.client_config(b"playhead/2"), nameless] {
        let connecting = endpoint.connect_with(config, site.address, "localhost").unwrap();
        let refused = match within(connecting).await {
            Err(refused) => refused,
            // The client may be done before the server has said no.
            Ok(connection) => within(connection.closed()).await,
        };
        assert!(matches!(refused, ConnectionError::ConnectionClosed(_)), "{refused:?}");
    }
    until(|| site.meters.connections.handshake_failed.get() == 2).await;
    assert_eq!(site.meters.connections.open.get(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_visit_cannot_begin_before_its_handshake() {
    let site = Site::start().await;
    let mut tls = site.client_tls(b"playhead/1");
    tls.enable_early_data = true;
    let config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
    for _ in 0..2 {
        let client = Client::native_with(&site, config.clone()).await;
        // What a later visit needs comes with the first answer at the latest.
        client.talk("s1", false).await;
        client.connection.close(0_u32.into(), b"");
    }
    let endpoint = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let connecting = endpoint.connect_with(config, site.address, "localhost").unwrap();
    assert!(connecting.into_0rtt().is_err(), "the server has allowed no early data");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_is_not_finished_is_given_up() {
    let options = Options { handshake_ms_max: 50, ..Options::default() };
    let site = Site::with(Settings::default(), options).await;
    // The HTTP/3 part belongs to the handshake: this one never says what it wants.
    let client = Client::native_with(&site, site.client_config(b"h3")).await;
    within(client.connection.closed()).await;
    assert_eq!(site.meters.connections.handshake_failed.get(), 1);
    // Of this one the server hears the first packet only.
    let deaf = loopback();
    let endpoint = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let catcher = deaf.local_addr().unwrap();
    let _connecting = endpoint.connect_with(site.client_config(b"playhead/1"), catcher, "localhost").unwrap();
    let first = tokio::task::spawn_blocking(move || {
        let mut packet = vec![0; 2_000];
        let length = deaf.recv(&mut packet).unwrap();
        packet.truncate(length);
        (deaf, packet)
    });
    let (deaf, packet) = within(first).await.unwrap();
    deaf.send_to(&packet, site.address).unwrap();
    until(|| site.meters.connections.handshake_failed.get() == 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_proves_itself_when_many_shake_hands() {
    let options = Options { handshakes_unproved_max: 0, ..Options::default() };
    let site = Site::with(Settings::default(), options).await;
    let client = Client::native(&site).await;
    client.talk("s1", false).await;
    assert_eq!((site.meters.retried.get(), site.meters.connections.full.get()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_no_more_connections_than_it_may() {
    let site = Site::with_places(Settings::default(), Options::default(), Places::new(10, 2)).await;
    let clients = [Client::native(&site).await, Client::native(&site).await];
    let endpoint = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let config = site.client_config(b"playhead/1");
    let third = endpoint.connect_with(config, site.address, "localhost").unwrap();
    let refused = within(third).await.unwrap_err();
    assert!(matches!(refused, ConnectionError::ConnectionClosed(_)), "{refused:?}");
    assert_eq!((site.meters.retried.get(), site.meters.connections.full.get()), (1, 1));
    clients[0].connection.close(0_u32.into(), b"");
    until(|| site.meters.connections.open.get() == 1).await;
    Client::native(&site).await.talk("s1", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_length_beyond_the_limit_is_refused_before_its_bytes_come() {
    let site = Site::start().await;
    let client = Client::native(&site).await;
    let mut line = client.talk("s1", false).await;
    let mut length = Vec::new();
    prost::encode_length_delimiter(usize::MAX >> 1, &mut length).unwrap();
    line.send.write_all(&length).await.unwrap();
    let failure = line.failure().await.unwrap();
    let bytes = (usize::MAX >> 1).to_string();
    assert_eq!((&*failure.reason, failure.value), ("MESSAGE_TOO_LARGE", format!("{bytes} bytes")));
    assert_eq!(failure.allowed, "at most 1048576 bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_is_cut_off_is_told_so() {
    let site = Site::start().await;
    let client = Client::native(&site).await;
    let mut line = client.talk("s1", false).await;
    line.send.write_all(b"\x0aab").await.unwrap();
    line.finish();
    let failure = line.failure().await.unwrap();
    assert_eq!((&*failure.field, &*failure.value), ("frame", "a frame that is cut off"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_reads_is_cut() {
    let options = Options { answer_ms_max: 50, ..Options::default() };
    let site = Site::with(Settings::default(), options).await;
    let mut config = site.client_config(b"playhead/1");
    let mut transport = TransportConfig::default();
    transport.stream_receive_window(1_024_u32.into());
    config.transport_config(Arc::new(transport));
    let client = Client::native_with(&site, config).await;
    let mut line = client.talk("s1", false).await;
    // Each ping is answered at once, until the answers have no room on the way.
    while site.meters.unread.get() == 0 {
        let ping = proto::ClientFrame { frame: Some(Ping(proto::Ping {})) }.encode_length_delimited_to_vec();
        let sent = tokio::time::timeout(Duration::from_secs(20), line.send.write_all(&ping)).await;
        if sent.expect("what cannot be answered is not read, and then the stream is cut").is_err() {
            break;
        }
    }
    until(|| site.meters.unread.get() == 1 && site.meters.streams.get() == 0).await;
    client.talk("s2", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_has_no_more_streams_than_it_may() {
    let site = Site::with(Settings::default(), Options { streams_max: 2, ..Options::default() }).await;
    let client = Client::native(&site).await;
    let (mut first, _second) = (client.talk("s1", false).await, client.talk("s2", false).await);
    let third = tokio::spawn({
        let session = first.session.clone();
        async move { session.open_bi().await.map(drop) }
    });
    first.send_events(vec![beat(1)]).await;
    first.acked_through(1).await;
    assert!(!third.is_finished());
    first.finish();
    assert_eq!(first.failure().await, None);
    within(third).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_without_a_session_is_closed() {
    let site =
        Site::with(Settings::default(), Options { sessionless_ms_max: 20, ..Options::default() }).await;
    let client = Client::native(&site).await;
    within(client.connection.closed()).await;
    until(|| site.meters.sessionless.get() == 1 && site.meters.connections.open.get() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_beyond_the_room_is_told_when_to_come_again() {
    let settings =
        Settings { limits: Limits { sessions_max: 1, ..Limits::default() }, ..Settings::default() };
    let site = Site::with(settings, Options::default()).await;
    let client = Client::native(&site).await;
    let _first = client.talk("s1", false).await;
    let mut second = client.open("ann", false).await;
    second.hello(hello_of("s2")).await;
    let failure = second.failure().await.unwrap();
    assert_eq!((failure.code, &*failure.reason, failure.retry_after_ms), (14, "BUSY", 250));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_falls_silent_is_gone() {
    let options = Options { idle_ms_max: 100, keepalive_ms: 1_000, ..Options::default() };
    let site = Site::with(Settings::default(), options).await;
    let mut config = site.client_config(b"playhead/1");
    config.transport_config(quiet());
    let client = Client::native_with(&site, config).await;
    let _line = client.talk("s1", false).await;
    within(client.connection.closed()).await;
    until(|| site.meters.connections.open.get() == 0 && site.meters.streams.get() == 0).await;
}
