//! `drain-killed`: an ingest node with a backlog is killed while it drains its journal into the CQL server, and starts again.
//! What was drained before is there once, what was not is drained by the next process.

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
    let (away, kills) = (Duration::from_secs(stage.form(8, 40)), stage.form(2, 6));
    let servers = Servers::of(stage, 1)?;
    let duration = CALM + away + EACH * kills;
    let mut trial = Trial::begin(stage, &servers, &SETTINGS, duration)?;
    trial.calm(stage)?;
    let from = At::now();
    servers.freeze_cql()?;
    stage.waiting.nap(away)?;
    let (waiting, to) = (trial.backlog()?, At::now());
    servers.thaw_cql()?;
    stage.say(format!("{waiting} events wait and are drained"));
    let mut drained = Drained::default();
    for kill in 1..=kills {
        let Some(left) = half_drained(stage, &trial)? else {
            stage.say(format!("all was drained before kill {kill}"));
            break;
        };
        drained = drained.and(kill_and_start(stage, &mut trial, left)?);
    }
    let caught_up = trial.catch_up(stage, Instant::now())?;
    let found = trial.finish(stage, &servers)?;
    let seconds = found.seconds(stage, from, to, "while they gathered");
    drained.judge(stage);
    let Drained { kills, known, events, left, slowest } = drained;
    stage.sum_up(format!(
        "{waiting} events gathered, {seconds}; {kills} kills while they were drained: {events} drained again or later, \
         {known} of the journal's were there already, {left} were caught up unasked; \
         ready again after {:.1} s at most; drained {:.1} s after the last; {}",
        slowest.as_secs_f64(),
        caught_up.as_secs_f64(),
        found.summary()
    ));
    stage.servers = Some(servers);
    Ok(())
}

/// What the starts behind the kills found in the journal.
#[derive(Debug, Clone, Copy, Default)]
struct Drained {
    kills: u32,
    /// Events that the CQL server had already.
    known: u64,
    /// Events that it lacked, as far as the starts asked it.
    events: u64,
    /// Events that the starts left in the journal without asking it.
    left: u64,
    /// The slowest start.
    slowest: Duration,
}

impl Drained {
    fn and(self, other: Self) -> Self {
        Self {
            kills: self.kills + other.kills,
            known: self.known + other.known,
            events: self.events + other.events,
            left: self.left + other.left,
            slowest: self.slowest.max(other.slowest),
        }
    }

    fn judge(&self, stage: &mut Stage<'_>) {
        stage.claim(self.kills > 0, "it was killed while it drained");
        stage.claim(self.known + self.left > 0, "a part of the journal was drained before a kill");
        stage.claim(self.events + self.left > 0, "a part of the journal was not drained before a kill");
        let ready = self.slowest;
        stage.claim(ready <= READY_MAX, format!("ready after {ready:.1?}, allowed {READY_MAX:?}"));
    }
}

/// Waits until a part of what waits is drained; nothing when all was, before anybody looked.
fn half_drained(stage: &mut Stage<'_>, trial: &Trial) -> Step<Option<u64>> {
    let part = stage.throw(DRAINED_PERCENT);
    let mut most = 0;
    let seen = stage.waiting.until(GIVE_UP, || {
        let left = trial.backlog()?;
        most = most.max(left);
        let is_drained = left <= trial.backlog_calm();
        Ok(match is_drained || left <= most * (100 - part) / 100 {
            true => Some((!is_drained).then_some(left)),
            false => None,
        })
    })?;
    seen.ok_or_else(|| Stop::Failed("the backlog is not drained".into()))
}

fn kill_and_start(stage: &mut Stage<'_>, trial: &mut Trial, left: u64) -> Step<Drained> {
    trial.restart(stage)?;
    let metrics = trial.server.metrics()?;
    let recovered = |what: &str| metrics.sum(&format!("playhead_recovered_{what}"));
    let (events, known, unasked) =
        (recovered("events"), recovered("known_events"), recovered("spilled_events"));
    let slowest = trial.server.ready_after;
    stage.say(format!(
        "killed with {left} left; of the journal {events} were not there, {known} were, {unasked} are to be caught up"
    ));
    Ok(Drained { kills: 1, known, events, left: unasked, slowest })
}

/// So slow that there is time to be killed in it.
const SETTINGS: [&str; 2] = ["durable.requests_max=2", "engine.flush_events_max=500"];
/// Kill and start and some draining, each time.
const EACH: Duration = Duration::from_secs(4);
/// How much of what waits is drained when it is killed.
const DRAINED_PERCENT: std::ops::RangeInclusive<u64> = 10..=40;
/// The promise.
const READY_MAX: Duration = Duration::from_secs(10);
const GIVE_UP: Duration = Duration::from_secs(120);
