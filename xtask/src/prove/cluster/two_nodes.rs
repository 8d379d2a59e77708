//! `two-nodes`: two ingest nodes on one CQL server and one Redis are like one. A viewer whose events are split over both has
//! what a twin on one node has; 64 players that race over both for two slots are never three; a stop on one reaches a stream
//! that is open on the other.

use std::{path::Path, process::Command};

use serde_json::Value;

use super::{servers::Servers, split};
use crate::{
    prove::{
        server::{Ports, Server, clean},
        stage::Stage,
        stop::{Step, Stop, failed},
    },
    steps,
};

/// Plays it.
pub(in crate::prove) fn play(stage: &mut Stage<'_>) -> Step {
    let python = steps::peer_python(&stage.root).map_err(Stop::Failed)?.map_err(Stop::Skipped)?;
    let servers = Servers::of(stage, 1)?;
    let (first, second) = (node(stage, &servers, "first")?, node(stage, &servers, "second")?);
    let viewers = stage.form(VIEWERS_SHORT, VIEWERS_LONG);
    let events = split::play(stage, [first.ports, second.ports], viewers)?;
    stage.say(format!("{viewers} viewers split over both nodes: {events} events"));
    let seen = race_and_kick(stage, &python, first.ports, second.ports)?;
    seen.judge(stage);
    for mut server in [first, second] {
        let ended = server.terminate(stage.waiting, GIVE_UP)?;
        let code = ended.and_then(|(status, _)| status.code());
        stage.claim(code == Some(0), format!("a node ends with {code:?}"));
    }
    let reader = node(stage, &servers, "reader")?;
    split::claim_same(stage, reader.ports, viewers)?;
    reader.kill()?;
    stage.servers = Some(servers);
    let Seen { kicks, p50_ms, p99_ms, most_ms, rounds, .. } = seen;
    stage.sum_up(format!(
        "{kicks} stops on one node reached a stream on the other: p50 {p50_ms:.1} ms, p99 {p99_ms:.1}, most {most_ms:.1}; 64 \
         players over both nodes for 2 slots, {rounds} rounds: 2 each time; {viewers} viewers split over both: {events} \
         events, the same sessions and positions as on one"
    ));
    Ok(())
}

fn node(stage: &mut Stage<'_>, servers: &Servers, name: &str) -> Step<Server> {
    let settings = servers.settings();
    let settings: Vec<&str> = settings.iter().map(String::as_str).chain(["leases.streams_max=2"]).collect();
    stage.server_in(stage.folder.join(name))?.with(&settings).start(stage.waiting)
}

/// What the players saw.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    kicks: u64,
    p50_ms: f64,
    p99_ms: f64,
    most_ms: f64,
    rounds: u64,
    admitted_min: u64,
    admitted_max: u64,
}

impl Seen {
    fn read(json: &Value) -> Self {
        let count = |key: &str| json.get(key).and_then(Value::as_u64).unwrap_or(0);
        let ms = |key: &str| json.get(key).and_then(Value::as_f64).unwrap_or(f64::INFINITY);
        Self {
            kicks: count("kicks"),
            p50_ms: ms("p50_ms"),
            p99_ms: ms("p99_ms"),
            most_ms: ms("most_ms"),
            rounds: count("rounds"),
            admitted_min: count("admitted_min"),
            admitted_max: count("admitted_max"),
        }
    }

    fn judge(&self, stage: &mut Stage<'_>) {
        let Self { kicks, p99_ms, rounds, admitted_min, admitted_max, .. } = *self;
        stage.claim(kicks >= KICKS_MIN, format!("{kicks} streams were stopped, {KICKS_MIN} are needed"));
        stage
            .claim(p99_ms <= KICK_MS_MAX, format!("a stop took {p99_ms:.0} ms (p99), allowed {KICK_MS_MAX}"));
        let is_two = (admitted_min, admitted_max) == (2, 2) && rounds > 0;
        stage.claim(
            is_two,
            format!("of 64, {admitted_min} to {admitted_max} got one of two slots in {rounds} rounds"),
        );
    }
}

fn race_and_kick(stage: &Stage<'_>, python: &Path, first: Ports, second: Ports) -> Step<Seen> {
    let mut command = Command::new(python);
    command.arg("-B").arg(stage.root.join(SCRIPT)).arg("--protos").arg(stage.root.join("proto/proto"));
    command
        .arg(format!("--first=127.0.0.1:{}", first.grpc))
        .arg(format!("--second=127.0.0.1:{}", second.grpc));
    command.arg(format!("--kicks={}", stage.form(KICKS_MIN, KICKS_LONG)));
    command.arg(format!("--rounds={}", stage.form(ROUNDS_SHORT, ROUNDS_LONG)));
    let output = clean(&mut command, Some(&stage.folder)).output().map_err(failed(SCRIPT))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(Stop::Failed(format!("{SCRIPT} ended with {}: {said}", output.status)));
    }
    let json = serde_json::from_slice(&output.stdout).map_err(failed(SCRIPT))?;
    Ok(Seen::read(&json))
}

const SCRIPT: &str = "load-tests/peers/nodes.py";
const VIEWERS_SHORT: u32 = 10;
const VIEWERS_LONG: u32 = 100;
const KICKS_MIN: u64 = 100;
const KICKS_LONG: u64 = 500;
const ROUNDS_SHORT: u64 = 30;
const ROUNDS_LONG: u64 = 5_000;
/// The promise.
const KICK_MS_MAX: f64 = 1_500.0;
const GIVE_UP: std::time::Duration = std::time::Duration::from_secs(120);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_players_say_is_read() {
        let said = serde_json::json!({
            "kicks": 100, "p50_ms": 2.5, "p99_ms": 9.0, "most_ms": 11.0, "rounds": 30, "admitted_min": 2, "admitted_max": 3,
        });
        let seen = Seen::read(&said);
        assert_eq!((seen.kicks, seen.p99_ms, seen.rounds), (100, 9.0, 30));
        assert_eq!((seen.admitted_min, seen.admitted_max), (2, 3));
        assert!(Seen::read(&Value::Null).p99_ms.is_infinite(), "what was not measured is not fast");
    }
}
