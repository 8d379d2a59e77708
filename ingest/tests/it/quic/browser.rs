//! What is WebTransport's own.

use web_transport_quinn::{ClientError, ConnectError};

use super::*;
use crate::grpc::beat;

#[tokio::test(flavor = "multi_thread")]
async fn another_path_is_not_found() {
    let site = Site::start().await;
    let client = Client::native(&site).await;
    let connecting = client.endpoint.connect_with(site.client_config(b"h3"), site.address, "localhost");
    let connection = within(connecting.unwrap()).await.unwrap();
    let refused = within(Session::connect(connection, request(&site, "/elsewhere"))).await.err().unwrap();
    let ClientError::HttpError(ConnectError::ProtoError(error)) = refused else { panic!("{refused:?}") };
    assert!(error.to_string().contains("404"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_any_origin_may_connect() {
    let site = Site::start().await;
    let client = Client::native(&site).await;
    let connecting = client.endpoint.connect_with(site.client_config(b"h3"), site.address, "localhost");
    let connection = within(connecting.unwrap()).await.unwrap();
    let mut request = request(&site, "/v1/connect");
    request.headers.insert("origin", "https://tv.example".parse().unwrap());
    let _session = within(Session::connect(connection, request)).await.unwrap();
    until(|| site.meters.web_connections.get() == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_has_one_stream_with_datagrams_and_many_without() {
    let site = Site::start().await;
    let client = Client::web(&site).await;
    let mut first = client.talk("s1", true).await;
    let mut plain = client.talk("s2", false).await;
    let mut second = client.open("ann", true).await;
    second.hello(hello_of("s3")).await;
    let failure = second.failure().await.unwrap();
    assert_eq!((failure.code, &*failure.field, &*failure.value), (3, "hello.datagrams", "true"));
    first.send_events(vec![beat(1)]).await;
    first.acked_through(1).await;
    plain.send_events(vec![beat(1)]).await;
    plain.acked_through(1).await;
    first.finish();
    assert_eq!(first.failure().await, None);
    client.talk("s3", true).await;
}
