//! The durable store of a cluster keeps the contract against a real CQL server, and what it says of replays, races, faults
//! and its schema.

mod faults;
mod migrations;
mod replays;
mod secure;
mod server;

use std::{any::Any, sync::Arc};

use playhead_store::{
    contract::Dice,
    durable::{
        Durable,
        documents::Documents,
        embedded::{EmbeddedDurable, EmbeddedSettings},
        scylla::ScyllaDurable,
    },
};
use server::Server;

/// What is kept until a case is over.
type Guard = Box<dyn Any + Send>;

/// A store of a keyspace that all cases share. Without a server the embedded one passes in its place, and the test says
/// so.
async fn open() -> (Guard, Arc<dyn Durable>) {
    match Server::shared().await {
        Some(server) => (Box::new(()), Arc::new(ScyllaDurable::new(server.settings()))),
        None => {
            let dir = tempfile::tempdir().unwrap();
            let store = EmbeddedDurable::open(dir.path(), EmbeddedSettings::default()).unwrap();
            (Box::new(dir), Arc::new(store))
        }
    }
}

mod contract {
    playhead_store::durable_contract!(super::open);
}

/// The same for documents.
async fn open_documents() -> (Guard, Arc<dyn Documents>) {
    match Server::shared().await {
        Some(server) => (Box::new(()), Arc::new(ScyllaDurable::new(server.settings()))),
        None => {
            let dir = tempfile::tempdir().unwrap();
            let store = EmbeddedDurable::open(dir.path(), EmbeddedSettings::default()).unwrap();
            (Box::new(dir), Arc::new(store))
        }
    }
}

mod documents_contract {
    playhead_store::documents_contract!(super::open_documents);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_users_own_documents_go_and_no_others() {
    let Some(server) = Server::shared().await else { return };
    let store = ScyllaDurable::new(server.settings());
    crate::erases_own_documents(&store, &store).await;
}

/// Reading what a long session holds is what opening it on a node waits for.
#[tokio::test(flavor = "multi_thread")]
async fn the_numbers_of_ten_thousand_events_are_read_in_good_time() {
    let Some(server) = Server::shared().await else { return };
    let store = ScyllaDurable::new(server.settings());
    let mut dice = Dice::new();
    let user = dice.user();
    let key = dice.session(&user);
    store.write(&server::beats(&mut dice, &key, 1..=10_000)).await.unwrap();
    let begun = std::time::Instant::now();
    let known = store.open_session(&key).await.unwrap();
    let took = begun.elapsed();
    assert_eq!(known.seqs, (1..=10_000).collect());
    println!("10 000 numbers read in {took:?}");
    // A busy machine is slow; the figures are in docs/cluster.md.
    assert!(took.as_secs() < 5, "{took:?}");
}
