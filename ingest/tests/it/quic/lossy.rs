//! Datagrams that are lost, come twice, or come for nobody.

use proto::client_frame::Frame::Ping;

use super::*;
use crate::grpc::beat;

/// A datagram with these events, as a client sends it that is not a `QuicLine`.
fn datagram(prefix: &[u8], batch: Vec<proto::Event>) -> bytes::Bytes {
    let frame = proto::ClientFrame { frame: Some(events(batch)) };
    [prefix, &frame.encode_to_vec()].concat().into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_datagram_holds_the_acknowledgement_until_its_events_come_again() {
    let site = Site::start().await;
    let client = Client::native(&site).await;
    let mut line = client.talk("s1", true).await;
    line.send_events(vec![beat(1)]).await;
    line.acked_through(1).await;
    // The second is lost on the way.
    for seq in 3..=5 {
        line.send_events(vec![beat(seq)]).await;
    }
    until(|| site.host.engine.tally().count().stored == 4).await;
    line.send_frame(Ping(proto::Ping {})).await;
    assert_eq!(line.ack().await.acked_through_seq, 1, "durable, but not without a gap");
    // It comes again on the stream, and once more by datagram.
    line.send_frame(events(vec![beat(2)])).await;
    line.acked_through(5).await;
    line.send_events(vec![beat(2)]).await;
    line.send_events(vec![beat(6)]).await;
    line.acked_through(6).await;
    let count = site.at_rest().await;
    assert_eq!((count.stored, count.duplicate), (6, 1));
    assert_eq!(site.meters.datagrams_dropped.get(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_comes_back_begins_where_it_was_acknowledged() {
    let site = Site::start().await;
    let client = Client::native(&site).await;
    let mut line = client.open("ann", true).await;
    line.hello(proto::Hello { unacked_from_seq: 7, ..hello_of("s1") }).await;
    line.next().await.unwrap();
    line.send_events(vec![beat(8)]).await;
    until(|| site.host.engine.tally().count().stored == 1).await;
    line.send_frame(Ping(proto::Ping {})).await;
    assert_eq!(line.ack().await.acked_through_seq, 6);
    line.send_events(vec![beat(7)]).await;
    line.acked_through(8).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_far_above_a_gap_are_told_what_is_missing_or_dropped() {
    let site = Site::start().await;
    let client = Client::native(&site).await;
    let mut line = client.talk("s1", true).await;
    line.send_events(vec![beat(5_000)]).await;
    until(|| site.meters.datagrams_dropped.get() == 1).await;
    line.send_frame(events(vec![beat(5_000)])).await;
    let busy = line.ack().await.busy.unwrap();
    assert_eq!((busy.from_seq, busy.retry_after_ms), (1, 250));
    let count = site.at_rest().await;
    assert_eq!((count.offered, count.busy), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_datagram_for_nobody_is_dropped_and_counted() {
    let site = Site::start().await;
    let client = Client::native(&site).await;
    let mut undeclared = client.talk("s1", false).await;
    // The first bidirectional stream of a client has the id 0, the next 4.
    for prefix in [b"\x00", b"\x04"] {
        client.connection.send_datagram(datagram(prefix, vec![beat(1)])).unwrap();
    }
    client.connection.send_datagram(bytes::Bytes::from_static(b"\xff")).unwrap();
    until(|| site.meters.datagrams_dropped.get() == 3).await;
    undeclared.send_frame(events(vec![beat(1)])).await;
    undeclared.acked_through(1).await;
    assert_eq!(site.at_rest().await.offered, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn datagrams_of_several_sessions_share_a_connection() {
    let site = Site::start().await;
    let client = Client::native(&site).await;
    let mut lines = Vec::new();
    for session in ["s1", "s2", "s3"] {
        lines.push(client.talk(session, true).await);
    }
    for seq in 1..=20 {
        for line in &mut lines {
            line.send_events(vec![beat(seq)]).await;
        }
        // One behind the other, so that none finds its queue full.
        for line in &mut lines {
            line.acked_through(seq).await;
        }
    }
    assert_eq!(site.at_rest().await.stored, 60);
}
