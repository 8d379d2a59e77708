//! `power-loss`: the power of the disk is cut under load, again and again. What was acknowledged is there after each boot.
//!
//! The same is done to a server whose fsync does nothing, which strace sees to; the check has to miss acknowledged events
//! then, or it would prove nothing.

use std::{path::PathBuf, time::Duration};

use super::{
    image::{self, Image},
    ledger::{self, Checked},
    load,
    server::{Plan, Server},
    stage::Stage,
    stop::Step,
    strace::{self, Injection},
};

/// Plays it.
pub(super) fn play(stage: &mut Stage<'_>) -> Step {
    image::available()?;
    let rounds = stage.form(ROUNDS_SHORT, ROUNDS_LONG);
    // Without the lie the rounds would prove nothing.
    strace::available()?;
    let (ledgers, acked) = lose_and_boot(stage, rounds)?;
    let control = lie_until_caught(stage)?;
    stage.sum_up(format!(
        "{} power losses: {acked} acked, all there after each boot; {control}",
        ledgers.len()
    ));
    Ok(())
}

/// The rounds. Returns their ledgers and how many events were acknowledged.
fn lose_and_boot(stage: &mut Stage<'_>, rounds: u64) -> Step<(Vec<PathBuf>, u64)> {
    let mut image = Image::mount(&stage.folder, IMAGE_BYTES)?;
    let plan = stage.server_in(image.folder.join("data"))?;
    let mut server = plan.start(stage.waiting)?;
    let (mut ledgers, mut all_acked) = (Vec::<PathBuf>::new(), 0);
    for round in 1..=rounds {
        let ledger = lose(stage, &image, server, &format!("round-{round}"))?;
        image.boot()?;
        server = plan.start(stage.waiting)?;
        let acked = ledger::claim_none_missing(stage, &ledger, server.ports, &format!("round {round}"))?;
        stage.say(format!("round {round}: {acked} acked, ready after {:.2?}", server.ready_after));
        all_acked += acked;
        ledgers.push(ledger);
        // An older one too, whose events went to the store meanwhile.
        let older = stage.throw(0..=ledgers.len() - 1);
        if let Some(older) = ledgers.get(older) {
            ledger::claim_none_missing(
                stage,
                older,
                server.ports,
                &format!("round {round}, an older ledger"),
            )?;
        }
    }
    stage.claim(all_acked > 0, "events were acknowledged at all");
    for ledger in &ledgers {
        ledger::claim_none_missing(stage, ledger, server.ports, "in the end")?;
    }
    Ok((ledgers, all_acked))
}

/// Cuts the power at a random moment under load. Server and disk stop at once, as they do when the power goes: an answer
/// that left after the disk was cut off would be one that no server without power gives.
fn lose(stage: &mut Stage<'_>, image: &Image, server: Server, name: &str) -> Step<PathBuf> {
    let powered = stage.moment(POWERED_MS);
    let duration_s = (BEGINS_WITHIN + powered).as_millis().div_ceil(1_000);
    let players = load::Plan {
        settle_s: 0,
        is_insistent: false,
        ..load::Plan::players(EVENTS_PER_S, u64::try_from(duration_s).unwrap_or(u64::MAX))
    };
    let loading = players.start(stage, server.ports, name)?;
    stage.waiting.until(BEGINS_WITHIN, || Ok((server.metrics()?.of(ENDED, STORED) > 0).then_some(())))?;
    stage.waiting.nap(powered)?;
    server.freeze(stage.waiting)?;
    image.cut_power()?;
    server.kill()?;
    let (_, ledger) = loading.finish(stage)?;
    Ok(ledger)
}

/// The control: a server whose fsync does nothing loses what it acknowledged, and the check says so.
fn lie_until_caught(stage: &mut Stage<'_>) -> Step<String> {
    for attempt in 1..=LIES_MAX {
        let mut image = Image::mount(&stage.folder, IMAGE_BYTES)?;
        let honest = stage.server_in(image.folder.join("data"))?;
        let lying = honest.under(Injection::no_sync(stage.folder.join("no-sync.strace")));
        match lie(stage, &mut image, &lying, &honest)? {
            Some(Checked { acked, missing, .. }) if missing > 0 => {
                return Ok(format!("with fsync switched off {missing} of {acked} acked events were missing"));
            }
            Some(checked) => stage.say(format!("lie {attempt} came out well: {}", checked.text())),
            None => stage.say(format!("lie {attempt} left nothing that starts")),
        }
    }
    stage.claim(false, "a server whose fsync does nothing is caught");
    Ok("A LIE WAS NOT CAUGHT".to_owned())
}

/// Lies once. Returns what the check found; nothing if no server starts on what is left.
fn lie(stage: &mut Stage<'_>, image: &mut Image, lying: &Plan, honest: &Plan) -> Step<Option<Checked>> {
    let server = lying.start(stage.waiting)?;
    let ledger = lose(stage, image, server, "no-sync")?;
    image.boot()?;
    let mut server = honest.spawn()?;
    match server.is_ready_within(stage.waiting, STARTS_WITHIN)? {
        true => Ok(Some(ledger::check(stage, &ledger, server.ports)?)),
        false => Ok(None),
    }
}

const IMAGE_BYTES: u64 = 1 << 30;
const ROUNDS_SHORT: u64 = 3;
const ROUNDS_LONG: u64 = 30;
const EVENTS_PER_S: u32 = 5_000;
/// When the power is cut, ms after the first event was stored.
const POWERED_MS: std::ops::RangeInclusive<u64> = 100..=3_000;
/// How long players may take to get going on a busy machine; then the power is cut all the same.
const BEGINS_WITHIN: Duration = Duration::from_secs(2);
const ENDED: &str = "playhead_events_ended_total";
const STORED: &str = "ending=\"STORED\"";
/// The file system writes by itself every few seconds, so a lie may come out well once.
const LIES_MAX: u32 = 3;
/// A start on what a lying disk left.
const STARTS_WITHIN: Duration = Duration::from_secs(30);
