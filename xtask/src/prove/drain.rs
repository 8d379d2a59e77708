//! `drain`: SIGTERM at random moments while players play on. Each time the server ends by itself, in order and in time,
//! and nothing that was acknowledged is missing.

use std::time::Duration;

use super::{
    ledger, load,
    stage::Stage,
    stop::{Step, Stop},
};

/// Plays it.
pub(super) fn play(stage: &mut Stage<'_>) -> Step {
    let plan = stage.server_in(stage.folder.join("data"))?;
    let drains = stage.form(DRAINS_SHORT, DRAINS_LONG);
    // As long as the drains take on average: the last ones may come when the load only asks for what is open.
    let duration_s = drains * (MOMENT_MS.end() / 2 + TAKES_MS) / 1_000;
    let mut server = plan.start(stage.waiting)?;
    let loading = load::Plan::players(EVENTS_PER_S, duration_s).start(stage, server.ports, "load")?;
    let mut slowest = Duration::ZERO;
    for drain in 1..=drains {
        let moment = stage.moment(MOMENT_MS);
        stage.waiting.nap(moment)?;
        let Some((status, took)) = server.terminate(stage.waiting, GIVE_UP)? else {
            return Err(Stop::Failed(format!("drain {drain}: the server does not end")));
        };
        stage.claim(status.code() == Some(0), format!("drain {drain}: ended with {status}"));
        stage.claim(took <= DRAIN_MAX, format!("drain {drain}: took {took:.1?}, allowed {DRAIN_MAX:?}"));
        slowest = slowest.max(took);
        server = plan.start(stage.waiting)?;
    }
    let (report, ledger) = loading.finish(stage)?;
    let acked = ledger::claim_all_there(stage, &ledger, server.ports, "after the last drain")?;
    stage.sum_up(format!(
        "{drains} drains at {:.0} events/s: {acked} acked, each ended within {:.1} s",
        report.offered_per_s,
        slowest.as_secs_f64()
    ));
    Ok(())
}

const EVENTS_PER_S: u32 = 5_000;
const DRAINS_SHORT: u64 = 5;
const DRAINS_LONG: u64 = 50;
/// When the signal comes, ms after the server is ready.
const MOMENT_MS: std::ops::RangeInclusive<u64> = 100..=3_000;
/// What a drain and the next start are reckoned with.
const TAKES_MS: u64 = 1_000;
/// The promise.
const DRAIN_MAX: Duration = Duration::from_secs(25);
/// Whoever needs so long is stuck.
const GIVE_UP: Duration = Duration::from_secs(60);
