//! Sessions over both transports: whatever happens on the way, each event ends once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use playhead_client::{
    Bounds, Client, Command, Event, EventKind, Next, SendError, Session, SessionError, SessionInfo, Token,
};

use crate::server::{Script, Server};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

fn beat(position_ms: i64) -> Event {
    Event { kind: EventKind::Beat.into(), position_ms: Some(position_ms), ..Event::default() }
}

fn open(client: &Client, id: &str) -> Session {
    client.session(SessionInfo::new(id, "movie-1")).unwrap()
}

/// Both transports, each with a server of this script.
async fn both(script: Script) -> [Server; 2] {
    [Server::quic(script.clone()), Server::grpc(script).await]
}

async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("it takes too long")
}

#[tokio::test]
async fn what_is_sent_is_acknowledged_and_closing_waits_for_it() {
    for server in both(Script::default()).await {
        let client = server.client().build().unwrap();
        let sessions = ["a", "b", "c"].map(|id| open(&client, id));
        for seq in 1..=100 {
            for session in &sessions {
                assert_eq!(within(session.send(beat(seq * 1_000))).await.unwrap(), seq.unsigned_abs());
            }
        }
        for session in sessions {
            let id = session.info().session_id.clone();
            let ended = within(session.close()).await.unwrap();
            assert_eq!((ended.acked_through, ended.rejected.len()), (100, 0));
            assert_eq!(server.stored(&id), (1..=100).collect::<Vec<_>>(), "{}", server.url);
        }
        assert_eq!(server.seen().came, 300, "nothing came twice");
        assert!(server.seen().stored["a"].values().all(|event| event.at_ms > 1_600_000_000_000), "dated");
    }
}

#[tokio::test]
async fn after_busy_the_client_comes_back_with_the_same() {
    for server in both(Script { is_busy_once: true, ..Script::default() }).await {
        let client = server.client().build().unwrap();
        let session = open(&client, "a");
        for _ in 0..3 {
            session.send(beat(1)).await.unwrap();
        }
        let progress = session.progress();
        assert_eq!(within(session.close()).await.unwrap().acked_through, 3);
        assert_eq!(server.stored("a"), [1, 2, 3]);
        assert_eq!(progress.borrow().busy, 1);
    }
}

#[tokio::test]
async fn a_stream_that_breaks_again_and_again_loses_nothing() {
    for server in both(Script { breaks_after: Some(4), ..Script::default() }).await {
        let client = server.client().build().unwrap();
        let session = open(&client, "a");
        for seq in 1..=20 {
            session.send(beat(seq)).await.unwrap();
        }
        // Each stream breaks behind its fourth event, so all of them come only once somebody acknowledges.
        within(session.progress().wait_for(|now| now.reconnects >= 3)).await.unwrap();
        server.seen().script.breaks_after = None;
        let ended = within(session.close()).await.unwrap();
        assert_eq!(ended.acked_through, 20);
        assert_eq!(server.stored("a"), (1..=20).collect::<Vec<_>>());
        let seen = server.seen();
        assert!(seen.came > 20 && seen.hellos.len() > 3, "{} came", seen.came);
    }
}

#[tokio::test]
async fn what_is_refused_is_told_once() {
    for server in both(Script { refuses: [2, 5].into(), ..Script::default() }).await {
        let client = server.client().build().unwrap();
        let session = open(&client, "a");
        for seq in 1..=3 {
            session.send(beat(seq)).await.unwrap();
        }
        within(session.settled(3)).await.unwrap();
        let told: Vec<u64> = session.take_rejected().iter().map(|rejection| rejection.seq).collect();
        assert_eq!(told, [2]);
        for seq in 4..=6 {
            session.send(beat(seq)).await.unwrap();
        }
        let ended = within(session.close()).await.unwrap();
        assert_eq!(ended.rejected.iter().map(|rejection| rejection.seq).collect::<Vec<_>>(), [5]);
    }
}

#[tokio::test]
async fn a_full_window_is_an_answer_or_a_wait() {
    for server in both(Script { is_mute: true, ..Script::default() }).await {
        let bounds = Bounds { events_max: 3, ..Bounds::default() };
        let client = server.client().bounds(bounds).build().unwrap();
        let session = open(&client, "a");
        for seq in 1..=3 {
            session.try_send(beat(seq)).unwrap();
        }
        let Err(SendError::Full { event, held: 3 }) = session.try_send(beat(4)) else {
            panic!("there was room")
        };
        assert_eq!(event.position_ms, Some(4));
        let mut waits = Box::pin(session.send(*event));
        assert!(futures_ready(&mut waits).await.is_none(), "there is no room");
        // The next stream answers.
        server.seen().script.is_mute = false;
        server.seen().script.breaks_after = None;
        session_breaks(&server, &client).await;
        assert_eq!(within(waits).await.unwrap(), 4);
        assert_eq!(within(session.close()).await.unwrap().acked_through, 4);
    }
}

/// Polls once.
async fn futures_ready<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    tokio::select! {
        biased;
        done = future => Some(done),
        () = std::future::ready(()) => None,
    }
}

/// A muted server says nothing of what it took, until an event of another session on the same connection breaks that.
async fn session_breaks(server: &Server, client: &Client) {
    server.seen().script.breaks_after = Some(1);
    let other = open(client, "other");
    other.send(beat(1)).await.unwrap();
    within(other.progress().wait_for(|now| now.reconnects >= 1)).await.unwrap();
    server.seen().script.breaks_after = None;
}

#[tokio::test]
async fn a_token_that_is_refused_is_asked_for_again_and_a_fixed_one_is_not() {
    for server in both(Script { token: Some("second".into()), ..Script::default() }).await {
        let fixed = server.client().token(Token::fixed("first")).build().unwrap();
        let session = open(&fixed, "a");
        let Err(SessionError::Refused(error)) = within(session.close()).await else { panic!("taken") };
        assert_eq!(error.next, Next::NewToken);
        let asked = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&asked);
        let token = Token::from_fn(move |_: &SessionInfo| {
            let is_first = count.fetch_add(1, Ordering::SeqCst) == 0;
            async move { Ok::<_, String>(if is_first { "first" } else { "second" }.to_owned()) }
        });
        let asking = server.client().token(token).build().unwrap();
        let session = open(&asking, "b");
        session.send(beat(1)).await.unwrap();
        assert_eq!(within(session.close()).await.unwrap().acked_through, 1);
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }
}

#[tokio::test]
async fn commands_and_the_rhythm_reach_the_player() {
    for server in both(Script { terminates: true, ..Script::default() }).await {
        let client = server.client().build().unwrap();
        let session = open(&client, "a");
        let mut progress = session.progress();
        let now = within(progress.wait_for(|now| now.command.is_some())).await.unwrap().clone();
        let Some(Command::Terminate { reason, by_device, .. }) = now.command else { panic!("no command") };
        assert_eq!((&*reason, &*by_device), ("limit", "tv"));
        assert_eq!(now.beat_interval, Duration::from_millis(700));
        assert!(now.is_connected && now.may_play);
        within(session.beat_due()).await;
    }
}

#[tokio::test]
async fn nobody_there_is_said_after_as_many_tries_as_allowed() {
    let gone = Server::grpc(Script::default()).await.url.clone();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for url in [gone, format!("http://{free}")] {
        let backoff =
            playhead_client::Backoff { first: Duration::from_millis(1), max: Duration::from_millis(2) };
        let client = Client::builder(url).backoff(backoff).tries_max(3).build().unwrap();
        let session = open(&client, "a");
        let Err(SessionError::Unreachable { tries: 3, .. }) = within(session.close()).await else {
            panic!("reached")
        };
    }
}

#[tokio::test]
async fn a_session_is_open_once() {
    let server = Server::quic(Script::default());
    let client = server.client().build().unwrap();
    let first = open(&client, "a");
    assert!(client.session(SessionInfo::new("a", "m")).is_err());
    within(first.close()).await.unwrap();
    assert!(client.session(SessionInfo::new("a", "m")).is_ok());
}

#[tokio::test]
async fn lost_datagrams_go_again_on_the_stream() {
    let server = Server::quic(Script { loses_datagram: Some(3), ..Script::default() });
    let client = server.client().datagrams(true).build().unwrap();
    let session = open(&client, "a");
    let start = Event { kind: EventKind::Start.into(), ..beat(0) };
    session.send(start).await.unwrap();
    within(session.settled(1)).await.unwrap();
    for seq in 2..=10 {
        session.send(beat(seq)).await.unwrap();
        within(session.settled(seq.unsigned_abs())).await.unwrap();
    }
    let progress = session.progress();
    assert_eq!(within(session.close()).await.unwrap().acked_through, 10);
    assert_eq!(server.stored("a"), (1..=10).collect::<Vec<_>>());
    assert_eq!((server.seen().datagrams, progress.borrow().datagrams_resent), (9, 3));
    assert!(server.seen().hellos.iter().all(|hello| hello.datagrams));
}

#[tokio::test]
async fn a_client_that_changes_its_port_keeps_its_session() {
    let server = Server::quic(Script::default());
    let client = server.client().build().unwrap();
    let session = open(&client, "a");
    for seq in 1..=5 {
        session.send(beat(seq)).await.unwrap();
        within(session.settled(seq.unsigned_abs())).await.unwrap();
        client.network_changed().unwrap();
    }
    assert_eq!(within(session.close()).await.unwrap().acked_through, 5);
    let seen = server.seen();
    assert_eq!(seen.hellos.len(), 1, "one stream all the while");
    assert!(seen.addresses.len() >= 4, "{:?}", seen.addresses);
}
