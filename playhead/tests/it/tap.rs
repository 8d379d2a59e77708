//! `playhead tap`: sees events as they become durable.

use std::process::Stdio;

use serde_json::Value;

use crate::{
    client::beat,
    process::{PATIENCE, Serve, lines_of, playhead, run, stderr},
};

#[tokio::test(flavor = "multi_thread")]
async fn it_prints_the_events_that_it_was_asked_for_and_stops_at_the_limit() {
    let data = tempfile::tempdir().unwrap();
    let server = Serve::start(data.path());
    let admin = server.admin.to_string();
    let flags = ["tap", "--admin", &admin, "--session", "s-2", "--limit", "2"];
    let mut tap =
        playhead(&flags, data.path()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (said, events) = (lines_of(tap.stderr.take().unwrap()), lines_of(tap.stdout.take().unwrap()));
    assert!(said.recv_timeout(PATIENCE).unwrap().contains("watching"));
    for seq in 1..=3 {
        beat(server.http, "s-1", seq, 100_000).await;
        beat(server.http, "s-2", seq, 200_000).await;
    }
    for seq in 1..=2 {
        let event: Value = serde_json::from_str(&events.recv_timeout(PATIENCE).unwrap()).unwrap();
        assert_eq!((&event["session"], &event["seq"]), (&"s-2".into(), &seq.into()), "{event}");
        assert_eq!((&event["user"], &event["kind"]), (&"alice".into(), &"BEAT".into()), "{event}");
        assert_eq!(event["position_ms"], 200_000);
    }
    assert_eq!(tap.wait().unwrap().code(), Some(0));
    assert!(events.recv_timeout(PATIENCE).is_err(), "nothing beyond the limit");
}

#[test]
fn nobody_there_is_said() {
    let folder = tempfile::tempdir().unwrap();
    // Nobody listens on a port that was just given back.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let refused = run(&["tap", "--admin", &free], folder.path());
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains(&format!("no answer from {free}")), "{}", stderr(&refused));
}
