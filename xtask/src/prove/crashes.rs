//! `crashes`: `kill -9` every few seconds while players play on. Nothing that was acknowledged is missing, nothing is
//! there twice, and the server is ready again soon.

use std::time::{Duration, Instant};

use super::{ledger, load, stage::Stage, stop::Step};

/// Plays it.
pub(super) fn play(stage: &mut Stage<'_>) -> Step {
    let plan = stage.server_in(stage.folder.join("data"))?;
    let mut server = plan.start(stage.waiting)?;
    let duration = Duration::from_secs(stage.form(DURATION_S_SHORT, DURATION_S_LONG));
    let loading = load::Plan::players(EVENTS_PER_S, duration.as_secs()).start(stage, server.ports, "load")?;
    let (begun, mut kills, mut slowest) = (Instant::now(), 0, Duration::ZERO);
    loop {
        let wait = stage.moment(KILL_EVERY_MS);
        if begun.elapsed() + wait >= duration {
            break;
        }
        stage.waiting.nap(wait)?;
        server.kill()?;
        server = plan.start(stage.waiting)?;
        kills += 1;
        let ready = server.ready_after;
        slowest = slowest.max(ready);
        let allowed = READY_MAX * stage.form(NOISE, 1);
        stage.claim(ready <= allowed, format!("kill {kills}: ready after {ready:.2?}, allowed {allowed:?}"));
    }
    let (report, ledger) = loading.finish(stage)?;
    let acked = ledger::claim_all_there(stage, &ledger, server.ports, "after the last kill")?;
    stage.claim(kills > 0, "the server was killed at all");
    // A shared machine may be too slow for the rate; then it is no test of it, and the long form says so.
    let is_loaded = report.offered_per_s >= f64::from(EVENTS_PER_S) * stage.form(0.3, 0.9);
    stage.claim(is_loaded, format!("{:.0} events/s were offered, of {EVENTS_PER_S}", report.offered_per_s));
    stage.sum_up(format!(
        "{kills} kills at {:.0} events/s: {acked} acked, all there once; ready again after {:.2} s at most",
        report.offered_per_s,
        slowest.as_secs_f64()
    ));
    Ok(())
}

const EVENTS_PER_S: u32 = 10_000;
const DURATION_S_SHORT: u64 = 20;
const DURATION_S_LONG: u64 = 120;
const KILL_EVERY_MS: std::ops::RangeInclusive<u64> = 2_000..=5_000;
/// The promise.
const READY_MAX: Duration = Duration::from_secs(2);
/// What the short form allows on a machine that does other things too.
const NOISE: u32 = 4;
