//! What nodes tell each other.

use super::{
    of_cluster,
    servers::{PATIENCE, Server, cluster, connected, settings, until},
};
use playhead_store::{
    ItemId,
    hot::{
        Hot as _, Notice, Stale,
        redis::{Message, RedisHot, Topic},
    },
};
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

/// The next notice, which has to come.
async fn notice(stale: &mut broadcast::Receiver<Notice>) -> Notice {
    tokio::time::timeout(PATIENCE, stale.recv()).await.expect("a notice comes in time").unwrap()
}

/// Whoever listened to a connection that broke may have missed something, and learns so when there is another.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_cut_off_is_told_that_anything_may_be_stale() {
    let Some(mut server) = Server::start(&[]).await else { return };
    let settings = settings(vec![server.url()]);
    let (speaker, listener) = (connected(&settings).await, connected(&settings).await);
    let mut stale = listener.stale();
    assert_eq!(notice(&mut stale).await, Notice::of_all(), "what was told before is not known");
    let written = Notice { from: 7, stale: [Stale::Item(ItemId::new("film").unwrap())].into() };
    speaker.tell_stale(&written).await.unwrap();
    assert_eq!(notice(&mut stale).await, written);
    server.tell(&["CLIENT", "KILL", "TYPE", "PUBSUB"]).await;
    assert_eq!(notice(&mut stale).await, Notice::of_all());
    server.kill();
    assert!(speaker.tell_stale(&written).await.is_err(), "who tells learns that nobody hears");
    server.start_again().await;
    assert_eq!(notice(&mut stale).await, Notice::of_all());
    // The connection of calls comes back by itself, and that of messages follows it.
    let stale = tokio::sync::Mutex::new(stale);
    until("what is written is heard again", async || {
        let _ = speaker.tell_stale(&written).await;
        let mut stale = stale.lock().await;
        let wait = Duration::from_millis(100);
        while let Ok(Ok(notice)) = tokio::time::timeout(wait, stale.recv()).await {
            if notice == written {
                return true;
            }
            assert_eq!(notice, Notice::of_all());
        }
        false
    })
    .await;
}

/// Another version's words may mean anything.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_understood_may_mean_anything() {
    let Some(server) = Server::start(&[]).await else { return };
    let hot = connected(&settings(vec![server.url()])).await;
    let mut stale = hot.stale();
    assert_eq!(notice(&mut stale).await, Notice::of_all());
    hot.publish(Topic::Stale, b"\xff").await.unwrap();
    assert_eq!(notice(&mut stale).await, Notice::of_all());
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
