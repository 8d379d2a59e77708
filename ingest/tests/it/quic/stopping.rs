//! The stop.

use std::time::Duration;

use quinn::ConnectionError;

use super::*;
use crate::grpc::beat;

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_closes_connections_behind_the_last_answer() {
    let mut site = Site::start().await;
    let client = Client::native(&site).await;
    let sessionless = Client::native(&site).await;
    let mut line = client.talk("s1", false).await;
    site.host.gate.close();
    line.send_events(vec![beat(1)]).await;
    site.host.gate.is_waited_for().await;
    site.begin_stop();
    within(sessionless.connection.closed()).await;
    let refused = client.endpoint.connect_with(site.client_config(b"playhead/1"), site.address, "localhost");
    within(refused.unwrap()).await.unwrap_err();
    site.host.gate.open();
    line.acked_through(1).await;
    let failure = line.failure().await.unwrap();
    assert_eq!((failure.code, &*failure.reason, failure.retry_after_ms), (14, "STOPPING", 1_000));
    let ConnectionError::ApplicationClosed(close) = within(client.connection.closed()).await else {
        panic!()
    };
    assert_eq!(close.error_code.into_inner(), 0);
    site.has_stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_is_bounded_even_when_a_caller_stays() {
    let mut site = Site::with(Settings::default(), Options { drain_ms_max: 50, ..Options::default() }).await;
    let client = Client::native(&site).await;
    let mut line = client.talk("s1", false).await;
    site.host.gate.close();
    line.send_events(vec![beat(1)]).await;
    site.host.gate.is_waited_for().await;
    site.begin_stop();
    site.has_stopped().await;
    site.host.gate.open();
    tokio::time::timeout(Duration::from_secs(20), client.connection.closed()).await.unwrap();
}
