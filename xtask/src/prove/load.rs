//! `playhead load` as a process: a scenario file, a run, its report and its ledger.

use std::{
    fmt::Write,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command},
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{
    server::{Ports, clean},
    stage::Stage,
    stop::{Step, Stop, failed},
};

/// What is offered to a server, and how.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// One of the edges that the load generator knows.
    pub(super) edge: &'static str,
    pub(super) connections: u32,
    pub(super) sessions_per_connection: u32,
    pub(super) events_per_s: u32,
    pub(super) events_per_message: u32,
    pub(super) sessions_per_message: u32,
    pub(super) duration_s: u64,
    /// How long it goes on asking for what got no answer, behind its end.
    pub(super) settle_s: u64,
    /// Sends again what was turned away or cut off. Without, each event is tried once.
    pub(super) is_insistent: bool,
    /// How many different users there are.
    pub(super) users: u32,
}

/// A load that is running. Dropping it ends it.
pub(super) struct Loading {
    child: Child,
    report: PathBuf,
    ends_at: Instant,
    /// Where it notes what it sent and what was acknowledged.
    pub(super) ledger: PathBuf,
}

/// What a load says of itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Report {
    pub(super) offered: u64,
    pub(super) acked: u64,
    pub(super) busy: u64,
    pub(super) failed: u64,
    pub(super) offered_per_s: f64,
    pub(super) acked_per_s: f64,
    pub(super) ack_p99_ms: f64,
    pub(super) busy_p99_ms: f64,
    pub(super) rss_bytes_max: u64,
    /// When it began, Unix ms.
    pub(super) started_at_ms: u64,
    /// Second by second, unless it is longer than two hours.
    pub(super) timeline: Vec<Point>,
    /// Why its figures do not count, if they do not.
    pub(super) invalid: Option<String>,
}

/// A second of a load.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Point {
    /// Which one, from 0.
    pub(super) at_s: u64,
    /// Events that were due.
    pub(super) offered: u64,
    /// Events that were acknowledged.
    pub(super) acked: u64,
    /// Of these.
    pub(super) ack_p50_ms: f64,
    /// Likewise.
    pub(super) ack_p99_ms: f64,
    /// The longest that the generator itself was late.
    pub(super) lag_max_ms: f64,
}

impl Plan {
    /// Players on streams of their own, one event at a time, that insist on every event.
    pub(super) fn players(events_per_s: u32, duration_s: u64) -> Self {
        Self {
            edge: "grpc-connect",
            connections: 50,
            sessions_per_connection: 10,
            events_per_s,
            events_per_message: 1,
            sessions_per_message: 1,
            duration_s,
            settle_s: 20,
            is_insistent: true,
            users: USERS,
        }
    }

    /// Starts it against a server. What it writes bears this name.
    pub(super) fn start(&self, stage: &mut Stage<'_>, ports: Ports, name: &str) -> Step<Loading> {
        let seed = stage.load_seed();
        let at = |ending: &str| stage.folder.join(format!("{name}.{ending}"));
        let (scenario, ledger, report) = (at("toml"), at("ledger"), at("json"));
        fs::write(&scenario, self.scenario(name, seed, ports)).map_err(failed("the load's scenario"))?;
        let log = File::create(at("log")).map_err(failed("the load's log"))?;
        let mut command = Command::new(&stage.binary);
        command.arg("load").arg(&scenario).arg("--quiet").arg("--ledger").arg(&ledger);
        command.arg("--json").arg(&report);
        clean(&mut command, Some(&stage.folder)).stdout(log.try_clone().map_err(failed("the load's log"))?);
        let child = command.stderr(log).spawn().map_err(failed("playhead load did not start"))?;
        let ends_at = Instant::now() + Duration::from_secs(self.duration_s + self.settle_s) + PATIENCE;
        Ok(Loading { child, report, ends_at, ledger })
    }

    /// Starts it and waits for its end.
    pub(super) fn run(&self, stage: &mut Stage<'_>, ports: Ports, name: &str) -> Step<(Report, PathBuf)> {
        let loading = self.start(stage, ports, name)?;
        loading.finish(stage)
    }

    /// The scenario file.
    fn scenario(&self, name: &str, seed: u64, ports: Ports) -> String {
        let Ports { grpc, http, quic, admin } = ports;
        let mut text = format!(
            "name = \"{name}\"\nseed = {seed}\nduration_s = {}\nwarmup_s = 0\n\n[target]\n\
             grpc = \"http://127.0.0.1:{grpc}\"\nhttp = \"http://127.0.0.1:{http}\"\nadmin = \"http://127.0.0.1:{admin}\"\n\
             quic = \"127.0.0.1:{quic}\"\nquic_insecure_loopback = true\n\n\
             [load]\nedge = \"{}\"\n",
            self.duration_s, self.edge
        );
        let numbers = [
            ("connections", self.connections.to_string()),
            ("sessions_per_connection", self.sessions_per_connection.to_string()),
            ("events_per_s", self.events_per_s.to_string()),
            ("events_per_message", self.events_per_message.to_string()),
            ("reconnect", true.to_string()),
            ("resend", self.is_insistent.to_string()),
            ("settle_s", self.settle_s.to_string()),
        ];
        for (key, value) in numbers {
            // A String takes whatever is written to it.
            let _ = writeln!(text, "{key} = {value}");
        }
        if self.edge == PUBLISH {
            let _ = writeln!(text, "sessions_per_message = {}", self.sessions_per_message);
        }
        let _ = writeln!(text, "\n[viewers]\nusers = {}", self.users);
        text
    }
}

impl Loading {
    /// Waits for its end, and gives its report and its ledger.
    pub(super) fn finish(mut self, stage: &Stage<'_>) -> Step<(Report, PathBuf)> {
        let patience = self.ends_at.saturating_duration_since(Instant::now());
        let ended =
            stage.waiting.until(patience, || self.child.try_wait().map_err(failed("playhead load")))?;
        let ended = ended.ok_or_else(|| Stop::Failed("playhead load does not end".into()))?;
        if !ended.code().is_some_and(|code| [OK, INVALID, LIMIT_MISSED].contains(&code)) {
            let shown = self.report.with_extension("log");
            return Err(Stop::Failed(format!("playhead load ended with {ended}, see {}", shown.display())));
        }
        Ok((read_report(&self.report)?, self.ledger.clone()))
    }
}

impl Drop for Loading {
    fn drop(&mut self) {
        // It has ended already where the scenario went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_report(path: &Path) -> Step<Report> {
    let text = fs::read_to_string(path).map_err(failed("the load's report"))?;
    let json: Value = serde_json::from_str(&text).map_err(failed("the load's report"))?;
    Ok(Report::read(&json))
}

impl Report {
    /// Reads it from JSON; what is not there counts as zero.
    fn read(json: &Value) -> Self {
        let count = |path: &str| json.pointer(path).and_then(Value::as_u64).unwrap_or(0);
        let number = |path: &str| json.pointer(path).and_then(Value::as_f64).unwrap_or(0.0);
        let is_valid = json.get("valid").and_then(Value::as_bool).unwrap_or(true);
        let reason =
            || json.get("invalid_reason").and_then(Value::as_str).unwrap_or("no reason given").into();
        Self {
            offered: count("/offered"),
            acked: count("/acked"),
            busy: count("/busy"),
            failed: count("/failed"),
            offered_per_s: number("/offered_per_s"),
            acked_per_s: number("/acked_per_s"),
            ack_p99_ms: number("/ack_ms/p99"),
            busy_p99_ms: number("/busy_ms/p99"),
            rss_bytes_max: count("/server/rss_bytes_max"),
            started_at_ms: count("/started_at_ms"),
            timeline: json
                .get("timeline")
                .and_then(Value::as_array)
                .map_or(Vec::new(), |points| points.iter().map(Point::read).collect()),
            invalid: (!is_valid).then(reason),
        }
    }
}

impl Point {
    fn read(json: &Value) -> Self {
        let count = |key: &str| json.get(key).and_then(Value::as_u64).unwrap_or(0);
        let number = |key: &str| json.get(key).and_then(Value::as_f64).unwrap_or(0.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of a run")]
        let at_s = number("at_s") as u64;
        Self {
            at_s,
            offered: count("offered"),
            acked: count("acked"),
            ack_p50_ms: number("ack_p50_ms"),
            ack_p99_ms: number("ack_p99_ms"),
            lag_max_ms: number("lag_max_ms"),
        }
    }
}

/// How many users there are unless a scenario says otherwise, as by the load generator's default.
pub(super) const USERS: u32 = 100_000;
/// The edge whose messages hold several sessions.
pub(super) const PUBLISH: &str = "grpc-publish";
/// Exit codes of `playhead load` behind which there is a report.
const OK: i32 = 0;
const INVALID: i32 = 98;
const LIMIT_MISSED: i32 = 99;
/// How much later than planned it may end.
const PATIENCE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_scenario_says_where_what_and_how_long() {
        let ports = Ports { grpc: 1, http: 2, quic: 3, admin: 4 };
        let text = Plan::players(10_000, 7).scenario("crashes", 9, ports);
        for line in [
            "name = \"crashes\"",
            "seed = 9",
            "duration_s = 7",
            "grpc = \"http://127.0.0.1:1\"",
            "quic = \"127.0.0.1:3\"",
            "edge = \"grpc-connect\"",
            "events_per_s = 10000",
            "resend = true",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn a_report_is_read_and_what_is_absent_is_zero() {
        let json = json!({
            "valid": false, "invalid_reason": "lagged", "acked": 7, "acked_per_s": 1.5,
            "busy_ms": { "p99": 2.5 }, "server": null,
            "timeline": [
                { "at_s": 0.0, "acked": 4 },
                { "at_s": 1.0, "offered": 5, "acked": 3, "ack_p50_ms": 0.5, "ack_p99_ms": 1.5, "lag_max_ms": 9.5 },
            ],
        });
        let report = Report::read(&json);
        assert_eq!((report.acked, report.busy_p99_ms, report.rss_bytes_max), (7, 2.5, 0));
        assert_eq!(report.invalid.as_deref(), Some("lagged"));
        assert_eq!(
            report.timeline[1],
            Point { at_s: 1, offered: 5, acked: 3, ack_p50_ms: 0.5, ack_p99_ms: 1.5, lag_max_ms: 9.5 }
        );
        assert_eq!(Report::read(&json!({})), Report::default());
    }
}
