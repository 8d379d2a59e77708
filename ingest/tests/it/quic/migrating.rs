//! A client that changes its address.

use super::*;
use crate::grpc::beat;

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_changes_its_port_keeps_its_session() {
    let site = Site::start().await;
    let client = Client::native(&site).await;
    for is_by_datagram in [false, true] {
        let mut line = client.talk("s1", is_by_datagram).await;
        line.send_events(vec![beat(1)]).await;
        line.acked_through(1).await;
        let before = client.endpoint.local_addr().unwrap();
        client.endpoint.rebind(loopback()).unwrap();
        assert_ne!(client.endpoint.local_addr().unwrap(), before);
        line.send_events(vec![beat(2)]).await;
        line.acked_through(2).await;
        line.send_events((3..=500).map(beat).collect()).await;
        line.acked_through(500).await;
        line.finish();
        assert_eq!(line.failure().await, None);
    }
    assert_eq!(site.meters.connections.open.get(), 1);
    assert_eq!(site.at_rest().await.stored, 500);
}
