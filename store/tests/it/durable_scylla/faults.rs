//! What a cluster that does not answer, or cannot, is told as.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use playhead_store::{
    StoreErrorKind,
    contract::Dice,
    durable::{
        Durable,
        scylla::{Credentials, ScyllaDurable, ScyllaSettings, migrate},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::sleep,
};

use super::server::{self, Server, one_copy};

/// A way to the server that can be held up: what is on it waits.
struct Road {
    address: String,
    is_held: Arc<AtomicBool>,
}

impl Road {
    async fn to(server: &Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let is_held = Arc::new(AtomicBool::new(false));
        let (to, held) = (server.contact_point().to_owned(), is_held.clone());
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let far = TcpStream::connect(&to).await.unwrap();
                let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
                tokio::spawn(carry(near_in, far_out, held.clone()));
                tokio::spawn(carry(far_in, near_out, held.clone()));
            }
        });
        Self { address, is_held }
    }

    fn hold(&self, is_held: bool) {
        self.is_held.store(is_held, Ordering::SeqCst);
    }
}

async fn carry(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    is_held: Arc<AtomicBool>,
) {
    let mut bytes = vec![0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        while is_held.load(Ordering::SeqCst) {
            sleep(Duration::from_millis(5)).await;
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_without_an_answer_is_of_unknown_outcome_and_made_again() {
    let Some(server) = Server::shared().await else { return };
    let road = Road::to(&server).await;
    // The driver learns the server's own address, and would go there.
    let settings = ScyllaSettings {
        contact_points: vec![road.address.clone()],
        request_ms_max: 1_000,
        addresses: [(server.contact_point().parse().unwrap(), road.address.parse().unwrap())].into(),
        ..server.settings()
    };
    let store = ScyllaDurable::new(settings);
    let mut dice = Dice::new();
    let user = dice.user();
    let key = dice.session(&user);
    let batch = server::beats(&mut dice, &key, 1..=200);
    store.connect().await.unwrap();
    let allowed = store.requests_allowed();
    road.hold(true);
    let error = store.write(&batch).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unknown, "{error:?}");
    let error = store.session(&key).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable, "a read leaves no doubt: {error:?}");
    assert!(store.requests_allowed() < allowed);
    road.hold(false);
    // What was held arrives by and by, beside what is written again.
    let mut written = store.write(&batch).await;
    for _ in 0..20 {
        if written.is_ok() {
            break;
        }
        sleep(Duration::from_millis(250)).await;
        written = store.write(&batch).await;
    }
    written.unwrap();
    assert_eq!(store.session(&key).await.unwrap().unwrap().0.event_count, 200);
}

/// One node cannot be a quorum of three.
#[tokio::test(flavor = "multi_thread")]
async fn a_quorum_that_is_not_there_is_unavailable() {
    let Some(server) = Server::empty() else { return };
    migrate(&server.settings(), &one_copy(), false).await.unwrap();
    let store = ScyllaDurable::new(server.settings());
    store.connect().await.unwrap();
    let session = server.session().await;
    let copies = "{'class': 'NetworkTopologyStrategy', 'datacenter1': 9}";
    let change = format!("ALTER KEYSPACE {} WITH replication = {copies}", server.keyspace());
    session.query_unpaged(change, ()).await.unwrap();
    let mut dice = Dice::new();
    let user = dice.user();
    let key = dice.session(&user);
    let error = store.write(&server::beats(&mut dice, &key, 1..=20)).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable, "{error:?}");
    assert_eq!(store.positions(&user).await.unwrap_err().kind, StoreErrorKind::Unavailable);
    let text = format!("DROP KEYSPACE {}", server.keyspace());
    session.query_unpaged(text, ()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_is_not_there_yet_is_found_when_it_is() {
    let Some(server) = Server::shared().await else { return };
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let settings = ScyllaSettings { contact_points: vec![nobody.to_string()], ..server.settings() };
    let store = ScyllaDurable::new(settings);
    let mut dice = Dice::new();
    let user = dice.user();
    for _ in 0..2 {
        let error = store.positions(&user).await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Unavailable, "{error:?}");
    }
    let listener = TcpListener::bind(nobody).await.unwrap();
    let to = server.contact_point().to_owned();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let to = to.clone();
            tokio::spawn(async move {
                let mut far = TcpStream::connect(to).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    assert_eq!(store.positions(&user).await.unwrap(), []);
}

/// A server that asks for no password takes any; one that is given is not told.
#[test]
fn a_password_is_not_shown() {
    let credentials = Credentials { username: "playhead".into(), password: "hunter2".into() };
    let settings = ScyllaSettings { credentials: Some(credentials), ..ScyllaSettings::default() };
    let shown = format!("{settings:?}");
    assert!(shown.contains("playhead") && !shown.contains("hunter2"), "{shown}");
}
