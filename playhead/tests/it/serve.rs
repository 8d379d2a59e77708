//! `playhead serve`: takes events, tells of itself, stops in order, and is the same after a restart.

use std::{net::SocketAddr, time::Duration};

use hyper::StatusCode;

use crate::{
    client::{beat, get, open, stuck, try_beat},
    process::{Serve, run, stderr},
};

const POSITION: &str = "/v1/users/alice/positions/movie-1";
const SESSION: &str = "/v1/users/alice/sessions/s-1";
/// What the operator was promised.
const STOP_MAX: Duration = Duration::from_secs(25);

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_is_the_same_after_an_orderly_restart() {
    let data = tempfile::tempdir().unwrap();
    let server = Serve::start(data.path());
    for seq in 1..=5 {
        beat(server.http, "s-1", seq, 600_000 + 1_000 * i64::try_from(seq).unwrap()).await;
    }
    let before = [get(server.http, POSITION).await, get(server.http, SESSION).await];
    assert_eq!(before[0].0, StatusCode::OK, "{}", before[0].1);
    assert!(before[0].1.contains("\"position_ms\":605000"), "{}", before[0].1);

    let (code, took) = server.terminate();
    assert_eq!(code, Some(0));
    assert!(took < STOP_MAX, "{took:?}");

    let server = Serve::start(data.path());
    assert_eq!([get(server.http, POSITION).await, get(server.http, SESSION).await], before);
    assert_eq!(server.terminate().0, Some(0));
}

/// The metrics once every event has its ending, which is counted a moment after it is told.
async fn settled_metrics(admin: SocketAddr) -> String {
    loop {
        let (status, page) = get(admin, "/metrics").await;
        assert_eq!(status, StatusCode::OK);
        if page.lines().any(|line| line == "playhead_events_held 0") {
            return page;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_admin_port_tells_how_it_is() {
    let data = tempfile::tempdir().unwrap();
    let server = Serve::start(data.path());
    beat(server.http, "s-1", 1, 700_000).await;
    assert_eq!(get(server.admin, "/healthz").await, (StatusCode::OK, "{\"status\":\"alive\"}\n".into()));
    let ready = (StatusCode::OK, "{\"phase\":\"ready\",\"ready\":true}\n".to_owned());
    assert_eq!(get(server.admin, "/readyz").await, ready);
    let page = settled_metrics(server.admin).await;
    for line in [
        "playhead_events_offered_total 1",
        "playhead_events_ended_total{ending=\"STORED\",reason=\"\"} 1",
        "playhead_events_ended_total{ending=\"LOST\",reason=\"JOURNAL_BROKEN\"} 0",
        "playhead_events_held 0",
        "playhead_live_sessions 1",
        "playhead_commit_seconds_count 1",
        "playhead_journal_append_seconds_count 1",
        "playhead_build_info{version=\"0.1.0\"} 1",
        "playhead_connections_accepted_total{edge=\"http\"} 1",
        "playhead_connections_full_total{edge=\"grpc\"} 0",
        "# EOF",
    ] {
        assert!(page.lines().any(|said| said == line), "no {line:?} in\n{page}");
    }
    assert!(page.contains("process_resident_memory_bytes "), "{page}");
    let health = ["health", "--admin", &server.admin.to_string(), "--grpc", &server.grpc.to_string()]
        .map(str::to_owned);
    let health: Vec<&str> = health.iter().map(String::as_str).collect();
    let healthy = run(&health, data.path());
    assert_eq!(healthy.status.code(), Some(0), "{healthy:?}");
    assert_eq!(server.terminate().0, Some(0));
    let unhealthy = run(&health, data.path());
    assert_eq!(unhealthy.status.code(), Some(1), "{unhealthy:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn quic_listens_beside_the_rest_and_is_counted() {
    let data = tempfile::tempdir().unwrap();
    let server = Serve::start(data.path());
    let taken = std::net::UdpSocket::bind(server.quic).unwrap_err();
    assert_eq!(taken.kind(), std::io::ErrorKind::AddrInUse);
    assert!(server.said.iter().any(|line| line.contains("SHA-256 of its development certificate")));
    let (_, page) = get(server.admin, "/metrics").await;
    assert!(page.contains("playhead_connections_open{edge=\"quic\"} 0"), "{page}");
    assert!(page.contains("playhead_quic_datagrams_dropped_total 0"), "{page}");
    let other = tempfile::tempdir().unwrap();
    let (folder, free, quic) = (other.path().to_str().unwrap(), "127.0.0.1:0", server.quic.to_string());
    let flags =
        ["serve", "--data-dir", folder, "--grpc", free, "--http", free, "--admin", free, "--quic", &quic];
    let second = run(&flags, data.path());
    assert!(stderr(&second).contains(&format!("listen.quic is {quic}: ")), "{}", stderr(&second));
    assert_eq!(server.terminate().0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_is_refused_by_folder_and_by_port() {
    let data = tempfile::tempdir().unwrap();
    let server = Serve::start(data.path());
    let (folder, free) = (data.path().to_str().unwrap(), "127.0.0.1:0");
    let flags =
        ["serve", "--data-dir", folder, "--grpc", free, "--http", free, "--admin", free, "--quic", free];
    let second = run(&flags, data.path());
    assert_eq!(second.status.code(), Some(1));
    assert!(stderr(&second).contains("in use by another process"), "{}", stderr(&second));

    let (other, taken) = (tempfile::tempdir().unwrap(), server.http.to_string());
    let folder = other.path().to_str().unwrap();
    let flags =
        ["serve", "--data-dir", folder, "--grpc", free, "--http", &taken, "--admin", free, "--quic=off"];
    let second = run(&flags, data.path());
    assert_eq!(second.status.code(), Some(1));
    let said = stderr(&second);
    assert!(said.contains(&format!("listen.http is {taken}: ")), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_drains_with_callers_that_do_not_leave() {
    let data = tempfile::tempdir().unwrap();
    let server = Serve::start(data.path());
    let (status, tap) = open("GET", server.admin, "/tap", "").await;
    assert_eq!(status, StatusCode::OK);
    let stuck = stuck(server.http).await;
    let (code, took) = server.terminate();
    assert_eq!(code, Some(0));
    assert!(took < STOP_MAX, "{took:?}");
    drop((tap, stuck));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_interrupt_ends_at_once_and_loses_nothing() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Serve::start(data.path());
    beat(server.http, "s-1", 1, 700_000).await;
    // Somebody who does not leave makes the drain last.
    let stuck = stuck(server.http).await;
    server.signal("INT");
    server.wait_for("draining");
    server.signal("INT");
    assert_eq!(server.exit_code(), Some(130));
    drop(stuck);
    let server = Serve::start(data.path());
    assert!(get(server.http, POSITION).await.1.contains("\"position_ms\":700000"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_journal_stops_the_server_and_what_was_acknowledged_stays() {
    let data = tempfile::tempdir().unwrap();
    // A segment that is soon too old makes the journal ask its folder for another, and the folder is gone.
    let mut server = Serve::start_set(data.path(), "journal.segment_age_ms=100");
    let (journal, aside) = (data.path().join("journal"), data.path().join("aside"));
    beat(server.http, "s-1", 1, 700_000).await;
    std::fs::rename(&journal, &aside).unwrap();
    let mut acked = 1;
    while try_beat(server.http, "s-1", acked + 1, 700_000).await.0 == StatusCode::OK {
        acked += 1;
    }
    assert_eq!(server.exit_code(), Some(1));
    let last = server.said.last().unwrap();
    assert!(last.starts_with("error: stopped: the journal is broken: "), "{last}");

    std::fs::rename(&aside, &journal).unwrap();
    let server = Serve::start(data.path());
    let (_, session) = get(server.http, SESSION).await;
    let session: serde_json::Value = serde_json::from_str(&session).unwrap();
    assert!(session["events"].as_array().unwrap().len() as u64 >= acked, "{acked} acked: {session:#}");
}
