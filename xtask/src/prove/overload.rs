//! `overload`: several times as much as the server can take. It goes on working near its peak, turns the rest away at
//! once, stays below its memory cap, and is itself again soon after.
//!
//! The peak is measured first, on the same machine in the same run. On a machine that does other things too only the long
//! form, run alone, judges how much was lost to overload and how fast refusals came; the short form judges what noise
//! cannot break.

use super::{
    ledger, load,
    peak::{self, Peak},
    server::{MEMORY_MB_MAX, Server},
    stage::Stage,
    stop::Step,
    strace::{self, Injection},
};

/// How much more than the peak is offered, and which share of the peak has to be acknowledged all the same.
const FACTORS: [(f64, f64); 3] = [(2.0, 0.8), (5.0, 0.8), (10.0, 0.6)];
/// What the short form does of it. A machine that does other things too may give the server a tenth of what it had.
const FACTORS_SHORT: [(f64, f64); 2] = [(2.0, 0.2), (10.0, 0.1)];

/// Plays it.
pub(super) fn play(stage: &mut Stage<'_>) -> Step {
    strace::available()?;
    let slow = Injection::slow_sync(SYNC_LONGER_MS, stage.folder.join("strace"));
    let plan = stage.server_in(stage.folder.join("data"))?.with(&SETTINGS).under(slow);
    let server = plan.start(stage.waiting)?;
    let peak = peak::measure(stage, server.ports)?;
    stage.claim(peak.events_per_s > 0.0, "the server takes events at all");
    let calm = calm_p99(stage, &server, peak, "calm-before")?;
    let mut found = Vec::new();
    let duration_s = stage.form(DURATION_S_SHORT, DURATION_S_LONG);
    let mut ledgers = Vec::new();
    for &(factor, share) in stage.form(&FACTORS_SHORT[..], &FACTORS) {
        let load = peak::batches(peak.times(factor), duration_s);
        let (report, ledger) = load.run(stage, server.ports, &format!("times-{factor}"))?;
        judge(stage, &report, peak, factor, share);
        found.push(format!("{factor} x: {:.0} %", 100.0 * report.acked_per_s / peak.events_per_s));
        ledgers.push(ledger);
    }
    recovers(stage, &server, peak, calm)?;
    let mut acked = 0;
    for ledger in &ledgers {
        acked += ledger::claim_all_there(stage, ledger, server.ports, "after the overload")?;
    }
    let found = found.join(", ");
    stage.sum_up(format!(
        "peak {:.0}/s; goodput at {found} of it; {acked} acked, all there",
        peak.events_per_s
    ));
    Ok(())
}

fn judge(stage: &mut Stage<'_>, report: &load::Report, peak: Peak, factor: f64, share: f64) {
    let goodput = report.acked_per_s / peak.events_per_s;
    let invalid = report.invalid.as_ref().map_or(String::new(), |reason| format!("; invalid: {reason}"));
    let (busy, busy_p99_ms) = (report.busy, report.busy_p99_ms);
    stage.say(format!(
        "{factor} x: goodput {:.0} % of the peak, {busy} busy within {busy_p99_ms:.1} ms (p99), {} failed, {} MB{invalid}",
        goodput * 100.0,
        report.failed,
        report.rss_bytes_max >> 20
    ));
    let rss_mb = report.rss_bytes_max >> 20;
    stage.claim(
        rss_mb > 0 && rss_mb <= MEMORY_MB_MAX,
        format!("{factor} x: {rss_mb} MB resident, cap {MEMORY_MB_MAX}"),
    );
    stage
        .claim(goodput >= share, format!("{factor} x: goodput is {goodput:.2} of the peak, allowed {share}"));
    if stage.is_long {
        stage.claim(report.invalid.is_none(), format!("{factor} x: the load generator kept up{invalid}"));
        stage.claim(busy > 0, format!("{factor} x: something was turned away"));
        stage.claim(
            busy_p99_ms <= BUSY_MS_MAX,
            format!("{factor} x: busy p99 {busy_p99_ms:.1} ms, allowed {BUSY_MS_MAX}"),
        );
    }
}

/// The p99 at half the peak.
fn calm_p99(stage: &mut Stage<'_>, server: &Server, peak: Peak, name: &str) -> Step<f64> {
    let (report, _) = peak::batches(peak.times(0.5), CALM_S).run(stage, server.ports, name)?;
    stage.say(format!("{name}: p99 {:.1} ms at half the peak", report.ack_p99_ms));
    Ok(report.ack_p99_ms)
}

/// Gives it ten seconds to come back to what it was.
fn recovers(stage: &mut Stage<'_>, server: &Server, peak: Peak, calm: f64) -> Step {
    let mut again = f64::INFINITY;
    for attempt in 1..=(RECOVERS_WITHIN_S / CALM_S) {
        again = again.min(calm_p99(stage, server, peak, &format!("calm-after-{attempt}"))?);
        if again <= calm * RECOVERED {
            return Ok(());
        }
    }
    let allowed = stage.form(calm * RECOVERED_SHORT + NOISE_MS, calm * RECOVERED);
    stage.claim(
        again <= allowed,
        format!("p99 is {again:.1} ms after the overload, was {calm:.1}, allowed {allowed:.1}"),
    );
    Ok(())
}

/// The disk is made what is too slow: it takes its time as a spinning one does, and a commit holds eighty events at most.
/// The load generator shares the machine with the server, and could not offer many times of what a server takes whose
/// processor is the limit.
const SYNC_LONGER_MS: u32 = 20;
const SETTINGS: [&str; 3] = ["engine.batch_events_max=20", "engine.shard_events_max=20", "engine.shards=4"];
const DURATION_S_SHORT: u64 = 6;
const DURATION_S_LONG: u64 = 60;
const CALM_S: u64 = 5;
const RECOVERS_WITHIN_S: u64 = 10;
/// How near to its p99 before the overload it has to come.
const RECOVERED: f64 = 1.1;
/// What the short form allows.
const RECOVERED_SHORT: f64 = 10.0;
const NOISE_MS: f64 = 500.0;
/// The promise.
const BUSY_MS_MAX: f64 = 10.0;
