//! What nodes tell each other.

use super::{
    of_cluster,
    servers::{Server, cluster, connected, settings, until},
};
use playhead_store::hot::redis::{Message, RedisHot, Topic};
use std::time::Duration;
use tokio::sync::broadcast;

/// Publishes until the other node hears it: a subscription takes a moment to be there.
async fn is_heard(from: &RedisHot, receiver: &mut broadcast::Receiver<Message>, payload: &[u8]) {
    let receiver = tokio::sync::Mutex::new(receiver);
    until("the message is heard", async || {
        // Whoever publishes while there is no server is told.
        let _ = from.publish(Topic::Kicks, payload).await;
        let mut receiver = receiver.lock().await;
        let wait = Duration::from_millis(100);
        while let Ok(Ok(message)) = tokio::time::timeout(wait, receiver.recv()).await {
            assert_eq!(message.topic, Topic::Kicks);
            if &*message.payload == payload {
                return true;
            }
        }
        false
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_node_hears_what_one_says_also_after_the_server_went_away() {
    let Some(mut server) = Server::start(&[]).await else { return };
    let settings = settings(vec![server.url()]);
    let (speaker, listener) = (connected(&settings).await, connected(&settings).await);
    let (mut own, mut other) = (speaker.subscribe(), listener.subscribe());
    is_heard(&speaker, &mut other, b"first").await;
    is_heard(&speaker, &mut own, b"to myself").await;
    server.kill();
    server.start_again().await;
    is_heard(&speaker, &mut other, b"second").await;
    server.tell(&["CLIENT", "KILL", "TYPE", "PUBSUB"]).await;
    is_heard(&speaker, &mut other, b"third").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_do_not_mix() {
    let Some(server) = Server::start(&[]).await else { return };
    let hot = connected(&settings(vec![server.url()])).await;
    let mut receiver = hot.subscribe();
    is_heard(&hot, &mut receiver, b"kick").await;
    hot.publish(Topic::Stale, b"item-1").await.unwrap();
    let message = loop {
        let message = receiver.recv().await.unwrap();
        if &*message.payload != b"kick" {
            break message;
        }
    };
    assert_eq!((message.topic, &*message.payload), (Topic::Stale, &b"item-1"[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_cross_a_cluster() {
    let Some(mut servers) = cluster().await else { return };
    let settings = of_cluster(&servers);
    let (speaker, listener) = (connected(&settings).await, connected(&settings).await);
    let mut receiver = listener.subscribe();
    is_heard(&speaker, &mut receiver, b"first").await;
    // The node that the listener happens to listen to is found by trying all.
    for server in &mut servers {
        server.tell(&["CLIENT", "KILL", "TYPE", "PUBSUB"]).await;
    }
    is_heard(&speaker, &mut receiver, b"second").await;
}
