//! `playhead demo`: the README's first command.

use std::process::Stdio;

use serde_json::Value;

use crate::process::{PATIENCE, Serve, lines_of, playhead, run, send_signal, stderr, stdout};

#[test]
fn alone_it_plays_on_a_server_of_its_own_and_reads_everything_back() {
    let folder = tempfile::tempdir().unwrap();
    let played = run(&["demo", "--duration-s", "3", "--viewers", "50"], folder.path());
    assert_eq!(played.status.code(), Some(0), "{}{}", stdout(&played), stderr(&played));
    let table = stdout(&played);
    for name in ["offered", "acked", "ack p50", "ack p99", "positions", "server's count", "GOOD"] {
        assert!(table.contains(name), "no {name} in\n{table}");
    }
    assert!(stderr(&played).lines().filter(|line| line.contains("acked")).count() >= 3, "a line per second");
    assert!(!stderr(&played).contains('\x1b'), "no redrawing off a terminal");
}

#[test]
fn against_a_running_server_the_figures_agree_with_the_server() {
    let data = tempfile::tempdir().unwrap();
    let server = Serve::start(data.path());
    let url = format!("http://{}", server.grpc);
    let flags = ["demo", "--server", &url, "--duration-s", "2", "--viewers", "20", "--output", "json"];
    let played = run(&flags, data.path());
    assert_eq!(played.status.code(), Some(0), "{}{}", stdout(&played), stderr(&played));
    let table: Value = serde_json::from_str(&stdout(&played)).unwrap();
    assert_eq!(table["good"], true);
    let acked = table["acked"].as_u64().unwrap();
    assert!(acked > 100, "{table:#}");
    assert_eq!(table["read_back"]["events"], acked);
    assert!(table["read_back"]["positions"].as_u64().unwrap() > 10, "{table:#}");
    assert_eq!(server.terminate().0, Some(0));
}

#[test]
fn nobody_there_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = run(&["demo", "--server", &format!("http://{free}")], folder.path());
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("no server answers at"), "{}", stderr(&refused));
}

#[test]
fn an_interrupt_ends_it_early_with_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let flags = ["demo", "--duration-s", "600", "--viewers", "20"];
    let mut demo =
        playhead(&flags, folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (said, table) = (lines_of(demo.stderr.take().unwrap()), lines_of(demo.stdout.take().unwrap()));
    while !said.recv_timeout(PATIENCE).unwrap().starts_with("  2 s") {}
    send_signal(&demo, "INT");
    let table: Vec<String> = std::iter::from_fn(|| table.recv_timeout(PATIENCE).ok()).collect();
    assert_eq!(demo.wait().unwrap().code(), Some(0), "{table:#?}");
    assert!(table.iter().any(|line| line.starts_with("GOOD")), "{table:#?}");
}
