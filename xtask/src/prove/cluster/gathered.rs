//! `cql-backlog`: the CQL server is away until two million events wait in the journal. The node is killed and starts without
//! it; then the server comes back, and the journal is drained into it beside players who play on.

use std::time::{Duration, Instant};

use super::{
    seconds::At,
    servers::Servers,
    trial::{CALM, Trial, read_elsewhere},
};
use crate::prove::{load, stage::Stage, stop::Step};

/// Plays it.
pub(in crate::prove) fn play(stage: &mut Stage<'_>) -> Step {
    let (events_per_s, gathers_s) = (stage.form(2_000, 20_000), stage.form(8, 104));
    let settings: &[&str] = if stage.is_long { &[] } else { &SPILLS_SOON };
    let mut servers = Servers::of(stage, 1)?;
    let gathering = load::Plan::players(events_per_s, CALM.as_secs() + gathers_s);
    let mut trial = Trial::begin_with(stage, &servers, settings, &gathering)?;
    trial.calm(stage)?;
    servers.kill_cql(0)?;
    let (gathered, ledger) = trial.end_load(stage)?;
    let metrics = trial.server.metrics()?;
    let (waiting, spilled) = (metrics.backlog(), metrics.sum("playhead_journal_backlog_events"));
    stage.say(format!("{waiting} events wait, {spilled} of them in the journal alone"));
    stage.claim(spilled > 0, "a part of it waits in the journal alone");
    let least = u64::from(events_per_s) * gathers_s;
    stage.claim(waiting >= least, format!("{waiting} events wait, {least} were offered meanwhile"));
    stage.claim(gathered.busy == 0, format!("{} were answered busy", gathered.busy));
    trial.restart(stage)?;
    let ready = trial.server.ready_after;
    stage.claim(ready <= READY_MAX, format!("ready after {ready:.1?}, allowed {READY_MAX:?}"));
    let from = At::now();
    trial.play_on(stage, Duration::from_secs(stage.form(30, 120)))?;
    servers.start_cql(0)?;
    let drained = drain(stage, &trial)?;
    let to = At::now();
    let found = trial.finish(stage, &servers)?;
    let acked = read_elsewhere(stage, &servers, &ledger)?;
    let seconds = found.seconds(stage, from, to, "while it was started and all was drained");
    stage.sum_up(format!(
        "{waiting} events waited for it, {spilled} of them in the journal alone; killed, and ready without it after {:.1} s; \
         drained {:.0} s after it was back, meanwhile {seconds}; {acked} acked before, all there once; {}",
        ready.as_secs_f64(),
        drained.as_secs_f64(),
        found.summary()
    ));
    stage.servers = Some(servers);
    Ok(())
}

/// Waits until no more waits than while all is well, and says how long that took.
fn drain(stage: &mut Stage<'_>, trial: &Trial) -> Step<Duration> {
    let begun = Instant::now();
    let is_drained = || Ok((trial.backlog()? <= trial.backlog_calm()).then_some(()));
    let drained = stage.waiting.until(DRAINED_WITHIN, is_drained)?;
    let left = trial.backlog()?;
    stage.claim(drained.is_some(), format!("{left} events wait {DRAINED_WITHIN:?} after it is back"));
    Ok(begun.elapsed())
}

/// So that few events are too many for memory.
const SPILLS_SOON: [&str; 1] = ["engine.backlog_events_max=4000"];
/// The promise.
const READY_MAX: Duration = Duration::from_secs(10);
const DRAINED_WITHIN: Duration = Duration::from_secs(300);
