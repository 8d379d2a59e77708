//! Players of the client crate against the real server: over gRPC, QUIC streams and QUIC datagrams, whoever of the two is
//! killed on the way, everything that was offered is there once in the end.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use playhead_client::{Backoff, Builder, Client, Event, EventKind, Session, SessionInfo, Token, Trust};
use playhead_proto::playback::v1::{GetSessionRequest, playback_service_client::PlaybackServiceClient};
use tonic::{Request, transport::Endpoint};

use crate::process::{PATIENCE, Serve, lines_of};

/// How a player gets to a server.
#[derive(Debug, Clone, Copy)]
enum Way {
    Grpc,
    Stream,
    Datagram,
}

const WAYS: [Way; 3] = [Way::Grpc, Way::Stream, Way::Datagram];

impl Way {
    fn url(self, server: &Serve) -> String {
        match self {
            Self::Grpc => format!("http://{}", server.grpc),
            Self::Stream | Self::Datagram => format!("quic://{}", server.quic),
        }
    }

    fn client(self, server: &Serve) -> Builder {
        let backoff = Backoff { max: Duration::from_millis(500), ..Backoff::default() };
        let builder = Client::builder(self.url(server)).trust(Trust::AnyoneOnLoopback).backoff(backoff);
        builder.token(Token::fixed("alice")).datagrams(matches!(self, Self::Datagram))
    }

    fn session(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}

async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("it takes too long")
}

async fn beat(session: &Session, seq: u64) {
    let kind = if seq == 1 { EventKind::Start } else { EventKind::Beat };
    let position_ms = Some(i64::try_from(seq).unwrap() * 1_000);
    let sent = session.send(Event { kind: kind.into(), position_ms, ..Event::default() });
    assert_eq!(within(sent).await.unwrap(), seq);
}

/// The numbers that the server has of one of alice's sessions, as often as it has them.
async fn stored(server: &Serve, session: &str) -> Vec<u64> {
    let channel = Endpoint::from_shared(format!("http://{}", server.grpc)).unwrap().connect().await.unwrap();
    let asked =
        GetSessionRequest { user_id: "alice".into(), session_id: session.to_owned(), ..Default::default() };
    let mut asked = Request::new(asked);
    asked.metadata_mut().insert("authorization", "Bearer alice".parse().unwrap());
    let found = PlaybackServiceClient::new(channel).get_session(asked).await.unwrap().into_inner();
    found.events.iter().map(|event| event.seq).collect()
}

#[tokio::test]
async fn over_tls_a_server_is_known_by_its_certificate_or_its_fingerprint() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Serve::start_set(data.path(), "tls.development=true");
    let line = server.wait_for("SHA-256 of the certificate");
    let shown = Trust::fingerprint(line.rsplit(' ').next().unwrap()).unwrap();
    let pem = std::fs::read_to_string(data.path().join("tls/certificate.pem")).unwrap();
    let urls = [format!("https://{}", server.grpc), format!("quic://{}", server.quic)];
    for (at, url) in urls.iter().enumerate() {
        for (case, trust) in [shown.clone(), Trust::Roots(pem.clone())].into_iter().enumerate() {
            let client = Client::builder(url).trust(trust).token(Token::fixed("alice")).build().unwrap();
            let session = client.session(SessionInfo::new(format!("tls-{at}-{case}"), "movie-1")).unwrap();
            beat(&session, 1).await;
            assert_eq!(within(session.close()).await.unwrap().acked_through, 1, "{url}");
        }
        let stranger = Trust::Fingerprint([7; 32]);
        let refused = Client::builder(url).trust(stranger).build().unwrap().connect().await.unwrap_err();
        assert_eq!(refused.reason, "UNREACHABLE", "{url}: {refused}");
    }
}

#[tokio::test]
async fn a_client_that_changes_its_port_keeps_its_session() {
    let data = tempfile::tempdir().unwrap();
    let server = Serve::start(data.path());
    for way in [Way::Stream, Way::Datagram] {
        let client = way.client(&server).build().unwrap();
        let session = client.session(SessionInfo::new(way.session(), "movie-1")).unwrap();
        for seq in 1..=20 {
            beat(&session, seq).await;
            within(session.settled(seq)).await.unwrap();
            client.network_changed().unwrap();
        }
        let progress = session.progress();
        assert_eq!(within(session.close()).await.unwrap().acked_through, 20);
        assert_eq!(progress.borrow().reconnects, 0, "one stream all the while");
        assert_eq!(stored(&server, &way.session()).await, (1..=20).collect::<Vec<_>>(), "{way:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_killed_in_the_middle_lacks_nothing_in_the_end() {
    let data = tempfile::tempdir().unwrap();
    let server = Serve::start(data.path());
    let sessions = WAYS.map(|way| {
        way.client(&server).build().unwrap().session(SessionInfo::new(way.session(), "movie-1")).unwrap()
    });
    for seq in 1..=100 {
        for session in &sessions {
            beat(session, seq).await;
        }
    }
    for session in &sessions {
        within(session.settled(50)).await.unwrap();
    }
    let addresses = server.addresses();
    server.kill();
    for seq in 101..=150 {
        for session in &sessions {
            beat(session, seq).await;
        }
    }
    let server = Serve::start_again(data.path(), addresses);
    for (way, session) in WAYS.into_iter().zip(sessions) {
        let progress = session.progress();
        assert_eq!(within(session.close()).await.unwrap().acked_through, 150, "{way:?}");
        assert!(progress.borrow().reconnects >= 1, "{way:?}");
        assert_eq!(stored(&server, &way.session()).await, (1..=150).collect::<Vec<_>>(), "{way:?}");
    }
}

#[tokio::test]
async fn a_client_that_is_killed_offline_sends_its_tail_when_it_is_started_again() {
    for way in WAYS {
        let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let server = Serve::start(data.path());
        let session = way.session();
        let endless = ["--session", &session, "--beats", "1000000", "--beat-ms", "2"];
        let (mut killed, said) = player(way, &server, folder.path(), &endless);
        // Some of it is acknowledged, and what comes behind the server's end is not.
        until(&said, |line| number(line, "acknowledged through ").is_some_and(|acked| acked >= 20));
        let addresses = server.addresses();
        server.kill();
        let offline = number(&said.recv_timeout(PATIENCE).unwrap(), "sent ").unwrap() + 50;
        until(&said, |line| number(line, "sent ").is_some_and(|sent| sent >= offline));
        killed.kill().unwrap();
        killed.wait().unwrap();
        let promised = said.iter().filter_map(|line| number(&line, "sent ")).max().unwrap_or(offline);

        let server = Serve::start_again(data.path(), addresses);
        let (mut again, said) =
            player(way, &server, folder.path(), &["--session", "another", "--beats", "0"]);
        let going_on = until(&said, |line| line.starts_with("going on with"));
        assert!(number(&going_on, ", ").is_some_and(|events| events >= 50), "{going_on}");
        assert!(again.wait().unwrap().success());
        let there = stored(&server, &session).await;
        assert!(there.len() as u64 >= promised, "{way:?}: {} of {promised}", there.len());
        assert_eq!(there, (1..=there.len() as u64).collect::<Vec<_>>(), "{way:?}: each once");
    }
}

/// The client crate's example as a process with a tail file, and what it says.
fn player(way: Way, server: &Serve, folder: &Path, more: &[&str]) -> (Child, mpsc::Receiver<String>) {
    let mut command = Command::new(example());
    command.arg(way.url(server)).args(["--viewer", "alice", "--anyone-on-loopback", "--tail"]);
    command.arg(folder.join("tail")).args(more).stdin(Stdio::null()).stdout(Stdio::piped());
    if matches!(way, Way::Datagram) {
        command.arg("--datagrams");
    }
    let mut child = command.spawn().unwrap();
    let said = lines_of(child.stdout.take().unwrap());
    (child, said)
}

/// Where the example is, built if need be: cargo tells of binaries, not of examples.
fn example() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let build = ["build", "--quiet", "--locked", "-p", "playhead-client", "--example", "player"];
    assert!(Command::new(cargo).args(build).status().unwrap().success());
    Path::new(env!("CARGO_BIN_EXE_playhead")).with_file_name("examples").join("player")
}

/// The first line that is meant.
fn until(said: &mpsc::Receiver<String>, is_meant: impl Fn(&str) -> bool) -> String {
    loop {
        let line = said.recv_timeout(PATIENCE).unwrap();
        if is_meant(&line) {
            return line;
        }
    }
}

/// The number behind a word.
fn number(line: &str, word: &str) -> Option<u64> {
    let (_, rest) = line.split_once(word)?;
    rest.split(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
}
