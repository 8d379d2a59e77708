//! `disk-full`: a small disk filled up under load. New events are turned away with `busy`, in time; what is there can be
//! read; soon after there is space again events are taken again; nothing that was acknowledged is missing.

mod probe;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use super::{
    image::{self, Image},
    ledger, load,
    server::{Plan, Server},
    stage::Stage,
    stop::Step,
};
use probe::{Answered, Probe, Tally};

/// Plays it.
pub(super) fn play(stage: &mut Stage<'_>) -> Step {
    image::available()?;
    let image = Image::mount(&stage.folder, IMAGE_BYTES)?;
    let plan = stage.server_in(image.folder.join("data"))?.with(&SETTINGS);
    let server = plan.start(stage.waiting)?;
    let mut probe = Probe::new(server.ports);
    stage.claim(probe.write().0 == Answered::Taken, "an event is taken before the disk is full");
    let (_, before) = players().run(stage, server.ports, "before")?;

    let full_s = stage.form(FULL_S_SHORT, FULL_S_LONG);
    let insistent = load::Plan { duration_s: full_s, ..players() }.start(stage, server.ports, "insistent")?;
    let (tally, during) = while_full(stage, &image, &server, &mut probe)?;
    image.free()?;
    let accepted = accepts_again(stage, &server, &mut probe)?;
    let (report, insistent) = insistent.finish(stage)?;
    let (offered, acked) = (report.offered, report.acked);
    stage
        .claim(acked == offered, format!("players that insist got {acked} of {offered} events acknowledged"));
    flushes_again(stage, &server)?;

    let ledgers = [before, during, insistent];
    check_all(stage, &ledgers, &server, "after there was space")?;
    let acked = crash_behind(stage, &plan, server, &ledgers)?;
    stage.sum_up(format!(
        "{tally}; taken again after {:.1} s; {acked} acked, all there",
        accepted.as_secs_f64()
    ));
    Ok(())
}

fn players() -> load::Plan {
    load::Plan::players(EVENTS_PER_S, LOAD_S)
}

/// Fills the disk and keeps it full for a while. Whatever is given back meanwhile is taken at once.
fn while_full(
    stage: &mut Stage<'_>,
    image: &Image,
    server: &Server,
    probe: &mut Probe,
) -> Step<(Tally, PathBuf)> {
    let duration = Duration::from_secs(stage.form(FULL_S_SHORT, FULL_S_LONG));
    let unary = load::Plan { edge: "http-json", is_insistent: false, settle_s: 1, ..players() };
    let unary = load::Plan { duration_s: duration.as_secs(), ..unary };
    let loading = unary.start(stage, server.ports, "full")?;
    stage.say(format!("the disk is full: {} bytes were left", image.fill()?));
    let (begun, mut tally) = (Instant::now(), Tally::default());
    while begun.elapsed() < duration {
        image.fill()?;
        tally.write(probe.write());
        tally.read(probe.read());
        stage.waiting.nap(PROBE_EVERY)?;
    }
    judge(stage, &tally);
    let (report, ledger) = loading.finish(stage)?;
    let (acked, busy, failed) = (report.acked, report.busy, report.failed);
    stage.say(format!("the load meanwhile: {acked} acked, {busy} busy, {failed} failed"));
    stage.claim(failed == 0, format!("{failed} events of the load failed instead of being busy"));
    Ok((tally, ledger))
}

fn judge(stage: &mut Stage<'_>, tally: &Tally) {
    stage.say(tally.to_string());
    stage.claim(tally.busy > 0, "a full disk is answered with busy");
    stage.claim(tally.others == 0, format!("{} answers were neither: {}", tally.others, tally.example));
    let slowest = tally.slowest_busy.max(tally.slowest_taken);
    stage.claim(slowest <= ANSWER_MAX, format!("answers took up to {slowest:.2?}, allowed {ANSWER_MAX:?}"));
    stage.claim(tally.reads_failed == 0, format!("{} of {} reads failed", tally.reads_failed, tally.reads));
}

/// Waits until an event is taken, and says how long that took.
fn accepts_again(stage: &mut Stage<'_>, server: &Server, probe: &mut Probe) -> Step<Duration> {
    let begun = Instant::now();
    let taken = stage.waiting.until(GIVE_UP, || Ok((probe.write().0 == Answered::Taken).then_some(())))?;
    let took = begun.elapsed();
    let said =
        if taken.is_some() { String::new() } else { format!("; it said last: {}", server.last_line()) };
    stage.claim(
        taken.is_some() && took <= ACCEPTS_WITHIN,
        format!("events are taken again after {took:.1?}, allowed {ACCEPTS_WITHIN:?}{said}"),
    );
    Ok(took)
}

/// What waited for the store beside a full disk reaches it.
fn flushes_again(stage: &mut Stage<'_>, server: &Server) -> Step {
    let flushed = stage.waiting.until(FLUSHES_WITHIN, || {
        let waiting = server.metrics()?.backlog();
        Ok((waiting == 0).then_some(()))
    })?;
    let metrics = server.metrics()?;
    let (waiting, refused) = (metrics.backlog(), metrics.sum("playhead_store_refused_total"));
    stage.claim(
        flushed.is_some(),
        format!("{waiting} events still wait for the store, which refused {refused} writes for good"),
    );
    Ok(())
}

fn check_all(stage: &mut Stage<'_>, ledgers: &[PathBuf], server: &Server, when: &str) -> Step<u64> {
    let mut acked = 0;
    for ledger in ledgers {
        let checked = ledger::check(stage, ledger, server.ports)?;
        let name = ledger.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let is_good = checked.is_good && checked.missing == 0;
        stage.claim(is_good, format!("{when}, ledger {name}: {}", checked.text()));
        acked += checked.acked;
    }
    Ok(acked)
}

/// Kills the server and looks again: what was acknowledged beside a full disk is on it.
fn crash_behind(stage: &mut Stage<'_>, plan: &Plan, server: Server, ledgers: &[PathBuf]) -> Step<u64> {
    server.kill()?;
    let server = plan.start(stage.waiting)?;
    check_all(stage, ledgers, &server, "after a crash behind it")
}

const IMAGE_BYTES: u64 = 64 << 20;
/// Segments of 4 MB, and everything else small enough for the image. A segment lives long enough for the store to meet the
/// full disk before the journal does: what is taken then has to reach it later. Nothing is trimmed, or the journal would live
/// on what it gives back itself.
const SETTINGS: [&str; 6] = [
    "journal.segment_mb=4",
    "journal.segment_age_ms=4000",
    "engine.commit_events_max=1024",
    "engine.shard_events_max=1024",
    "engine.trim_every_ms=60000",
    "store.write_buffer_mb=1",
];
const EVENTS_PER_S: u32 = 500;
const LOAD_S: u64 = 3;
const FULL_S_SHORT: u64 = 12;
const FULL_S_LONG: u64 = 60;
const PROBE_EVERY: Duration = Duration::from_millis(50);
/// How soon a caller has to know.
const ANSWER_MAX: Duration = Duration::from_secs(1);
/// The promise.
const ACCEPTS_WITHIN: Duration = Duration::from_secs(5);
/// Longer than the store's longest pause between two attempts.
const FLUSHES_WITHIN: Duration = Duration::from_secs(15);
const GIVE_UP: Duration = Duration::from_secs(30);
