//! A server before a cluster: away, it takes events all the same, or with no journal says busy; there, it holds them all.

use std::{
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};

use hyper::StatusCode;

use crate::{
    client::{ask, beat, get, try_beat},
    process::{PATIENCE, Serve, run, stderr},
};

const POSITION: &str = "/v1/users/alice/positions/movie-1";
const SESSION: &str = "/v1/users/alice/sessions/s-1";
/// Nobody listens there.
const AWAY: &str = "durable.contact_points=127.0.0.1:1";
/// A start waits so long for a cluster, and not longer.
const READY_MAX: Duration = Duration::from_secs(10);
const EVENTS: u64 = 3_000;

/// The flags of a server that keeps a thousand events in memory.
fn flags<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let small = ["durable.backend=scylla", "engine.batch_events_max=100", "engine.backlog_events_max=1000"];
    small.iter().chain(more).flat_map(|setting| ["--set", setting]).collect()
}

async fn metric(admin: SocketAddr, name: &str) -> f64 {
    let (status, page) = get(admin, "/metrics").await;
    assert_eq!(status, StatusCode::OK);
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in\n{page}")).parse().unwrap()
}

/// Sends beats by the hundred, and wants every one acknowledged.
async fn fill(http: SocketAddr) {
    for first in (1..=EVENTS).step_by(100) {
        let beats: Vec<String> = (first..first + 100)
            .map(|seq| format!(r#"{{"kind":"BEAT","seq":{seq},"position_ms":{}}}"#, seq * 1_000))
            .collect();
        let body = format!(
            r#"{{"session":{{"session_id":"s-1","item_id":"movie-1","item_kind":"MOVIE","duration_ms":5400000}},
                "events":[{}]}}"#,
            beats.join(",")
        );
        let (status, said) = ask("POST", http, "/v1/events", &body).await;
        assert_eq!(status, StatusCode::OK, "{said}");
        assert!(said.contains(&format!("\"acked_through_seq\":{}", first + 99)), "{said}");
    }
}

/// The real server that the tests are given, with a keyspace of this test's own that is made; none without a server.
pub(crate) fn real(folder: &Path) -> Option<[String; 2]> {
    let Ok(points) = std::env::var("PLAYHEAD_TEST_CQL") else {
        let is_required =
            std::env::var("PLAYHEAD_TEST_SERVICES").is_ok_and(|services| services == "required");
        assert!(!is_required, "PLAYHEAD_TEST_SERVICES is required, and PLAYHEAD_TEST_CQL is not set");
        eprintln!("SKIPPED: no CQL server, set PLAYHEAD_TEST_CQL (cargo xtask services up)");
        return None;
    };
    let name = folder.file_name().unwrap().to_str().unwrap().trim_start_matches('.').to_lowercase();
    let settings = [
        format!("durable.contact_points={points}"),
        format!("durable.keyspace=it_{}_{name}", std::process::id()),
    ];
    let [points, keyspace] = &settings;
    let made = run(
        &[
            "migrate",
            "--set=durable.backend=scylla",
            "--set=durable.replication=datacenter1:1",
            &format!("--set={points}"),
            &format!("--set={keyspace}"),
        ],
        folder,
    );
    assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
    Some(settings)
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_cluster_is_away_events_wait_in_the_journal_across_kills_until_it_is_back() {
    let data = tempfile::tempdir().unwrap();
    let server = Serve::start_flags(data.path(), &flags(&[AWAY]));
    fill(server.http).await;
    let waits = metric(server.admin, "playhead_journal_backlog_events").await;
    assert!(waits >= (EVENTS - 1_100) as f64, "{waits}");
    assert!(metric(server.admin, "playhead_store_away_seconds").await > 0.0);
    assert_eq!(metric(server.admin, "playhead_backlog_full_total").await, 0.0);
    // Where there is no cluster, nobody knows what it has: a read says so.
    assert_eq!(get(server.http, POSITION).await.0, StatusCode::SERVICE_UNAVAILABLE);
    server.kill();

    let server = Serve::start_flags(data.path(), &flags(&[AWAY]));
    assert!(server.ready_after < READY_MAX, "{:?}", server.ready_after);
    let left = metric(server.admin, "playhead_recovered_spilled_events").await;
    let taken = metric(server.admin, "playhead_recovered_events").await;
    assert_eq!(left + taken, EVENTS as f64);
    beat(server.http, "s-1", EVENTS + 1, 4_000_000).await;
    let (code, took) = server.terminate();
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(25), "{took:?}");

    let Some([points, keyspace]) = real(data.path()) else { return };
    let server = Serve::start_flags(data.path(), &flags(&[&points, &keyspace]));
    let (_, position) = get(server.http, POSITION).await;
    assert!(position.contains("\"position_ms\":4000000"), "at once: {position}");
    let begun = Instant::now();
    while metric(server.admin, "playhead_journal_backlog_events").await > 0.0
        || metric(server.admin, "playhead_backlog_events").await > 0.0
    {
        assert!(begun.elapsed() < PATIENCE, "not drained");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(server.terminate().0, Some(0));

    // Another server on another disk has it all from the cluster.
    let other = tempfile::tempdir().unwrap();
    let server = Serve::start_flags(other.path(), &flags(&[&points, &keyspace]));
    let (_, session) = get(server.http, SESSION).await;
    assert!(
        session.contains(&format!("\"event_count\":{}", EVENTS + 1)),
        "{}",
        session.get(..2_000).unwrap_or(&session)
    );
    assert_eq!(server.terminate().0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_journal_a_cluster_that_is_away_is_busy_and_nothing_rests_here() {
    let data = tempfile::tempdir().unwrap();
    let server = Serve::start_flags(data.path(), &flags(&[AWAY, "journal.mode=off"]));
    for seq in 1..=5 {
        let (status, said) = try_beat(server.http, "s-1", seq, 600_000).await;
        assert!(
            status == StatusCode::SERVICE_UNAVAILABLE || status == StatusCode::TOO_MANY_REQUESTS,
            "{said}"
        );
    }
    let (_, page) = get(server.admin, "/metrics").await;
    for line in [
        "playhead_events_ended_total{ending=\"STORED\",reason=\"\"} 0",
        "playhead_events_ended_total{ending=\"BUSY\",reason=\"\"} 5",
        "playhead_events_held 0",
        "playhead_journal_segments 0",
    ] {
        assert!(page.lines().any(|said| said == line), "no {line:?} in\n{page}");
    }
    assert_eq!(server.terminate().0, Some(0));
    assert!(!data.path().join("journal").exists(), "no journal is made");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_journal_what_is_acknowledged_is_in_the_cluster() {
    let data = tempfile::tempdir().unwrap();
    let Some([points, keyspace]) = real(data.path()) else { return };
    let flags = flags(&[&points, &keyspace, "journal.mode=off"]);
    let server = Serve::start_flags(data.path(), &flags);
    for seq in 1..=20 {
        beat(server.http, "s-1", seq, 600_000 + 1_000 * seq.cast_signed()).await;
    }
    server.kill();

    let other = tempfile::tempdir().unwrap();
    let server = Serve::start_flags(other.path(), &flags);
    let (_, position) = get(server.http, POSITION).await;
    assert!(position.contains("\"position_ms\":620000"), "{position}");
    // What comes again is known.
    beat(server.http, "s-1", 20, 620_000).await;
    let (_, page) = get(server.admin, "/metrics").await;
    assert!(page.contains("ending=\"DUPLICATE\",reason=\"\"} 1"), "{page}");
    let (_, session) = get(server.http, SESSION).await;
    assert!(session.contains("\"event_count\":20"), "{session}");
    assert_eq!(server.terminate().0, Some(0));
}
