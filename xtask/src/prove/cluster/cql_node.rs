//! `cql-node`: one of three CQL nodes is killed and comes back. With three copies and LOCAL_QUORUM writes go on without it.

use std::time::{Duration, Instant};

use super::{
    seconds::At,
    servers::Servers,
    trial::{CALM, Trial},
};
use crate::prove::{
    stage::Stage,
    stop::{Step, Stop},
};

/// Plays it.
pub(in crate::prove) fn play(stage: &mut Stage<'_>) -> Step {
    let (away, kills) = (Duration::from_secs(stage.form(12, 30)), stage.form(1, NODES.into()));
    let mut servers = Servers::of(stage, NODES)?;
    let first = stage.throw(0..=usize::from(NODES) - 1);
    let starts = stage.form(STARTS, STARTS_ONE_AFTER_THE_OTHER);
    let load = Load { begun: Instant::now(), lasting: CALM + (away + starts) * kills, starts };
    let trial = Trial::begin(stage, &servers, &[], load.lasting)?;
    trial.calm(stage)?;
    let (from, mut caught_up) = (At::now(), Duration::ZERO);
    // In each of the outages there have to be writes.
    let mut meanwhile = Meanwhile { writes: u64::MAX, most: 0 };
    for kill in 0..kills {
        let node = (first + kill as usize) % usize::from(NODES);
        servers.kill_cql(node)?;
        stage.say(format!("node {} is killed", node + 1));
        meanwhile = meanwhile.and(watch(stage, &trial, away)?);
        load.goes_on()?;
        servers.start_cql(node)?;
        caught_up = caught_up.max(trial.catch_up(stage, Instant::now())?);
    }
    let to = At::now();
    let Meanwhile { writes, most } = meanwhile;
    stage.claim(writes > 0, "writes go on while a node is away");
    if stage.is_long {
        // A machine with other things to do writes slowly at all times.
        let allowed = trial.backlog_calm() + away.as_secs() * trial.events_per_s() / 2;
        stage.claim(most <= allowed, format!("at most {most} events waited, allowed {allowed}"));
    }
    let found = trial.finish(stage, &servers)?;
    let seconds = found.seconds(stage, from, to, "while a node was away or starting");
    stage.sum_up(format!(
        "{kills} times one of {NODES} killed for {:.0} s: {seconds}; at least {writes} writes meanwhile, at most {most} events \
         waited; caught up {:.1} s after it was back; {}",
        away.as_secs_f64(),
        caught_up.as_secs_f64(),
        found.summary()
    ));
    stage.servers = Some(servers);
    Ok(())
}

/// The players' load.
struct Load {
    begun: Instant,
    lasting: Duration,
    /// How long a node may take to start.
    starts: Duration,
}

impl Load {
    /// Fails where it is over: then nobody writes, whichever nodes there are.
    fn goes_on(&self) -> Step {
        match self.begun.elapsed() <= self.lasting {
            true => Ok(()),
            false => {
                let starts = self.starts;
                Err(Stop::Failed(format!("the nodes start slower than in {starts:?}: the load is over")))
            }
        }
    }
}

/// What went on while a node was away.
#[derive(Debug, Clone, Copy)]
struct Meanwhile {
    /// Writes that the others took.
    writes: u64,
    /// The most events that waited.
    most: u64,
}

impl Meanwhile {
    fn and(self, other: Self) -> Self {
        let writes = self.writes.min(other.writes);
        Self { writes, most: self.most.max(other.most) }
    }
}

fn watch(stage: &Stage<'_>, trial: &Trial, away: Duration) -> Step<Meanwhile> {
    let writes = || Ok(trial.server.metrics()?.sum("playhead_store_write_seconds_count"));
    let (begun, before, mut most) = (Instant::now(), writes()?, 0);
    while begun.elapsed() < away {
        most = most.max(trial.backlog()?);
        stage.waiting.nap(LOOK_EVERY)?;
    }
    Ok(Meanwhile { writes: writes()? - before, most })
}

const NODES: u8 = 3;
/// The most that a node takes to start. Beside two others that write on the same core it is 110 s, alone 7 s.
const STARTS: Duration = Duration::from_secs(150);
/// The third of three that were killed one after the other took more than 180 s.
const STARTS_ONE_AFTER_THE_OTHER: Duration = Duration::from_secs(290);
const LOOK_EVERY: Duration = Duration::from_millis(200);
