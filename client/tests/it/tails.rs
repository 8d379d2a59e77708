//! A client that ends in the middle and is started again with its tail file.

use std::{path::Path, time::Duration};

use playhead_client::{
    Client, Event, EventKind, SessionInfo,
    tail::{Sync, TailSettings},
};

use crate::server::{Script, Server};

const PATIENCE: Duration = Duration::from_secs(30);

fn beat(position_ms: i64) -> Event {
    Event { kind: EventKind::Beat.into(), position_ms: Some(position_ms), ..Event::default() }
}

fn client(server: &Server, folder: &Path) -> Client {
    let tail = TailSettings { sync: Sync::Never, ..TailSettings::at(folder.join("tail")) };
    server.client().tail(tail).build().unwrap()
}

/// The same behind a client that was dropped: the file is free when its sessions' tasks have ended.
async fn client_again(server: &Server, folder: &Path) -> Client {
    let tail = TailSettings { sync: Sync::Never, ..TailSettings::at(folder.join("tail")) };
    loop {
        match server.client().tail(tail.clone()).build() {
            Ok(client) => return client,
            Err(_) => tokio::task::yield_now().await,
        }
    }
}

#[tokio::test]
async fn a_client_that_comes_back_sends_its_tail_and_goes_on_with_its_numbers() {
    for server in [Server::quic(Script::default()), Server::grpc(Script::default()).await] {
        let folder = tempfile::tempdir().unwrap();
        server.seen().script.is_mute = true;
        let first = client(&server, folder.path());
        let session = first.session(SessionInfo::new("a", "movie-1")).unwrap();
        for seq in 1..=7 {
            session.send(beat(seq)).await.unwrap();
        }
        // Ends without a word, as far as the server and the file can tell.
        drop((session, first));
        server.seen().script.is_mute = false;
        let second = client_again(&server, folder.path()).await;
        let mut resumed = second.resume().unwrap();
        let session = resumed.pop().unwrap();
        assert_eq!((resumed.len(), session.info()), (0, &SessionInfo::new("a", "movie-1")));
        assert_eq!(session.send(beat(8)).await.unwrap(), 8);
        let ended = tokio::time::timeout(PATIENCE, session.close()).await.unwrap().unwrap();
        assert_eq!(ended.acked_through, 8);
        assert_eq!(server.stored("a"), (1..=8).collect::<Vec<_>>());
        assert!(second.resume().unwrap().is_empty(), "a closed session is not resumed");
        let positions: Vec<_> = server.seen().stored["a"].values().map(|event| event.position_ms).collect();
        assert_eq!(positions, (1..=8).map(Some).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn opening_a_session_that_was_left_goes_on_with_it() {
    let (server, folder) = (Server::quic(Script::default()), tempfile::tempdir().unwrap());
    let client = client(&server, folder.path());
    let session = client.session(SessionInfo::new("a", "m")).unwrap();
    session.send(beat(1)).await.unwrap();
    tokio::time::timeout(PATIENCE, session.settled(1)).await.unwrap().unwrap();
    drop(session);
    // Its place is given back when its task has ended.
    let again = loop {
        match client.session(SessionInfo::new("a", "m")) {
            Ok(session) => break session,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    assert_eq!((again.acked(), again.send(beat(2)).await.unwrap()), (1, 2));
}

#[tokio::test]
async fn two_clients_cannot_share_a_file() {
    let (server, folder) = (Server::quic(Script::default()), tempfile::tempdir().unwrap());
    let tail = TailSettings::at(folder.path().join("tail"));
    let _first = server.client().tail(tail.clone()).build().unwrap();
    let second = server.client().tail(tail).build().err().unwrap();
    assert!(second.to_string().contains("another process has this tail file"), "{second}");
}
