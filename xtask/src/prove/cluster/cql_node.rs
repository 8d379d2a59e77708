//! `cql-node`: one of three CQL nodes is killed and comes back. With three copies and LOCAL_QUORUM writes go on without it.

use std::time::{Duration, Instant};

use super::{
    seconds::At,
    servers::Servers,
    trial::{CALM, Trial},
};
use crate::prove::{stage::Stage, stop::Step};

/// Plays it.
pub(in crate::prove) fn play(stage: &mut Stage<'_>) -> Step {
    let (away, kills) = (Duration::from_secs(stage.form(6, 30)), stage.form(1, NODES.into()));
    let mut servers = Servers::of(stage, NODES)?;
    let first = stage.throw(0..=usize::from(NODES) - 1);
    let trial = Trial::begin(stage, &servers, &[], CALM + (away + STARTS) * kills)?;
    trial.calm(stage)?;
    let (from, mut most, mut caught_up) = (At::now(), 0, Duration::ZERO);
    for kill in 0..kills {
        let node = (first + kill as usize) % usize::from(NODES);
        servers.kill_cql(node)?;
        stage.say(format!("node {} is killed", node + 1));
        most = most.max(watch(stage, &trial, away)?);
        servers.start_cql(node)?;
        caught_up = caught_up.max(trial.catch_up(stage, Instant::now())?);
    }
    let to = At::now();
    let allowed = trial.backlog_calm() * BEHIND;
    stage.claim(most <= allowed, format!("writes go on: at most {most} events waited, allowed {allowed}"));
    let found = trial.finish(stage, &servers)?;
    let seconds = found.seconds(stage, from, to, "while a node was away or starting");
    stage.sum_up(format!(
        "{kills} times one of {NODES} killed for {:.0} s: {seconds}; at most {most} events waited meanwhile; {}",
        away.as_secs_f64(),
        found.summary()
    ));
    stage.servers = Some(servers);
    Ok(())
}

/// Waits, and says how many events waited at most.
fn watch(stage: &Stage<'_>, trial: &Trial, away: Duration) -> Step<u64> {
    let (begun, mut most) = (Instant::now(), 0);
    while begun.elapsed() < away {
        most = most.max(trial.backlog()?);
        stage.waiting.nap(LOOK_EVERY)?;
    }
    Ok(most)
}

const NODES: u8 = 3;
/// How long a node takes to start beside two others.
const STARTS: Duration = Duration::from_secs(15);
/// How many times as much as while all is well may wait: requests to the node that is gone have to be made again.
const BEHIND: u64 = 3;
const LOOK_EVERY: Duration = Duration::from_millis(200);
