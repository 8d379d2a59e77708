//! `playhead load` and `playhead load check`, against a real server.

use std::{fs, path::Path, process::Stdio};

use serde_json::Value;

use crate::process::{PATIENCE, Serve, lines_of, playhead, run, stderr, stdout};

mod proxy;

use proxy::{Proxy, Tamper};

/// A small load on streams, of many short sessions.
const SMALL: &str = "name = \"small\"\nduration_s = 1\nlag_p99_ms_max = 60000\n\
    [load]\nconnections = 2\nsessions_per_connection = 4\nevents_per_s = 300\n\
    [viewers]\nsession_events = 20\nusers = 10\nitems = 10\n";

/// The flags that name a server.
fn at(server: &Serve) -> [String; 8] {
    let url = |address| format!("http://{address}");
    let (grpc, http, admin) = (url(server.grpc), url(server.http), url(server.admin));
    ["--grpc", &grpc, "--http", &http, "--admin", &admin, "--quic", &server.quic.to_string()]
        .map(ToOwned::to_owned)
}

/// Plays a scenario's text against a server, and gives exit code, report and what was said.
fn load(server: &Serve, folder: &Path, scenario: &str, more: &[&str]) -> (Option<i32>, Value, String) {
    fs::write(folder.join("scenario.toml"), scenario).unwrap();
    let at = at(server);
    let mut arguments = vec!["load", "scenario.toml", "--json", "report.json"];
    arguments.extend(at.iter().map(String::as_str));
    arguments.extend(more);
    let played = run(&arguments, folder);
    let report = fs::read_to_string(folder.join("report.json")).unwrap_or_default();
    let said = format!("{}{}", stdout(&played), stderr(&played));
    (played.status.code(), serde_json::from_str(&report).unwrap_or_default(), said)
}

fn check(grpc: &str, folder: &Path) -> (Option<i32>, Value) {
    let checked = run(&["load", "check", "ledger", "--grpc", grpc, "--output", "json"], folder);
    let found = serde_json::from_str(&stdout(&checked));
    (checked.status.code(), found.unwrap_or_else(|_| panic!("{}", stderr(&checked))))
}

#[test]
fn smoke_runs_over_every_edge_and_all_of_it_is_there_after_a_restart() {
    let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Serve::start(data.path());
    let smoke = Path::new(env!("CARGO_MANIFEST_DIR")).join("../load-tests/scenarios/smoke.toml");
    let smoke = fs::read_to_string(smoke).unwrap();
    let more = ["--duration-s", "3", "--ledger", "ledger", "--report", "report.html"];
    let (code, report, said) = load(&server, folder.path(), &smoke, &more);
    assert_eq!(code, Some(0), "{report:#}\n{said}");
    assert_eq!(report["edges"].as_array().unwrap().len(), 7, "every way in");
    assert!(report["offered"].as_u64().unwrap() > 2_500, "{report:#}");
    assert!(report["reads"].as_u64().unwrap() > 100, "{report:#}");
    assert!(report["server"]["cpu_s"].as_f64().unwrap() > 0.0, "{report:#}");
    let addresses = server.addresses();
    assert_eq!(server.terminate().0, Some(0));
    let server = Serve::start_again(data.path(), addresses);
    let (code, found) = check(&format!("http://{}", server.grpc), folder.path());
    assert_eq!(code, Some(0), "{found:#}");
    assert_eq!(found["found"], found["acked"]);
    assert!(found["positions"].as_u64().unwrap() > 20, "{found:#}");
    assert!(found["accepted"].as_u64().unwrap() > 100, "{found:#}");
}

#[test]
fn an_event_deleted_altered_doubled_or_invented_is_found() {
    let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Serve::start(data.path());
    let (code, report, said) = load(&server, folder.path(), SMALL, &["--ledger", "ledger"]);
    assert_eq!(code, Some(0), "{report:#}\n{said}");
    let honest = Proxy::start(&server, None);
    let (code, found) = check(&honest.url, folder.path());
    assert_eq!((code, &found["found"]), (Some(0), &found["acked"]), "{found:#}");
    for (tamper, kind) in [
        (Tamper::Delete, "missing"),
        (Tamper::Alter, "altered"),
        (Tamper::AlterTime, "altered"),
        (Tamper::Double, "doubled"),
        (Tamper::Invent, "strangers"),
    ] {
        let proxy = Proxy::start(&server, Some(tamper));
        let (code, found) = check(&proxy.url, folder.path());
        assert_eq!(code, Some(1), "{tamper:?}: {found:#}");
        let kinds = ["missing", "altered", "doubled", "strangers", "positions_wrong"];
        let wrong: Vec<&str> = kinds.into_iter().filter(|&kind| found[kind] == 1).collect();
        assert_eq!(wrong, [kind], "{tamper:?}: {found:#}");
        assert_eq!(found["examples"].as_array().unwrap().len(), 1, "{found:#}");
    }
}

#[test]
fn the_ledger_of_a_killed_generator_can_be_read() {
    let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Serve::start(data.path());
    fs::write(folder.path().join("scenario.toml"), SMALL).unwrap();
    let at = at(&server);
    let mut arguments = vec!["load", "scenario.toml", "--duration-s", "600", "--ledger", "ledger"];
    arguments.extend(at.iter().map(String::as_str));
    let mut generator =
        playhead(&arguments, folder.path()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let said = lines_of(generator.stderr.take().unwrap());
    while !said.recv_timeout(PATIENCE).unwrap().trim_start().starts_with("2/") {}
    generator.kill().unwrap();
    generator.wait().unwrap();
    let (code, found) = check(&format!("http://{}", server.grpc), folder.path());
    assert_eq!(code, Some(0), "{found:#}");
    assert!(found["acked"].as_u64().unwrap() > 100, "{found:#}");
}

#[test]
fn exit_codes_tell_a_missed_limit_a_lagging_generator_and_a_wrong_scenario() {
    let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Serve::start(data.path());
    let missed = format!("{SMALL}[limits]\nacked_per_s_min = 1e9\n");
    let (code, report, said) = load(&server, folder.path(), &missed, &[]);
    assert_eq!((code, &report["limits"][0]["ok"]), (Some(99), &Value::Bool(false)), "{report:#}\n{said}");
    let wrong = SMALL.replace("connections = 2", "connections = 0");
    let (code, _, said) = load(&server, folder.path(), &wrong, &[]);
    assert_eq!(code, Some(78));
    assert!(said.contains("load.connections is 0; allowed is a whole number from 1 to 100000"), "{said}");
    // Nothing is due in a run without a rate, so it says nothing of the server.
    let idle = SMALL.replace("events_per_s = 300", "events_per_s = 0");
    let (code, report, said) = load(&server, folder.path(), &idle, &[]);
    assert_eq!((code, &report["valid"]), (Some(98), &Value::Bool(false)), "{said}");
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = run(&["load", "scenario.toml", "--grpc", &format!("http://{free}")], folder.path());
    assert_eq!(nobody.status.code(), Some(1));
    assert!(stderr(&nobody).contains("no server answers at"), "{}", stderr(&nobody));
}
