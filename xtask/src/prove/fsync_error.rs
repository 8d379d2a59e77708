//! `fsync-error`: each of the first calls that make data durable fails. Nothing is acknowledged from then on, the process
//! ends and says why, and after a restart everything that was acknowledged is there.
//!
//! strace answers the call, so what it should have written stays in memory only. Where a disk image can be mounted its
//! power is cut behind the failure: an acknowledgement that followed it would be missing after the boot.

use std::{path::PathBuf, process::ExitStatus, time::Duration};

use super::{
    image::{self, Image},
    ledger, load,
    server::{Plan, Server},
    stage::Stage,
    stop::Step,
    strace::{self, Injected, Injection},
};

/// Plays it.
pub(super) fn play(stage: &mut Stage<'_>) -> Step {
    strace::available()?;
    let has_power = image::available().is_ok();
    if !has_power {
        stage.say("no disk image here, so the power stays on: this part is NOT CHECKED");
    }
    let calls: Vec<u32> = stage.form(CALLS_SHORT.to_vec(), (1..=CALLS_LONG).collect());
    let mut found = Found::default();
    for &call in &calls {
        fail(stage, call, has_power, &mut found)?;
    }
    stage.claim(found.acked > 0, "events were acknowledged before a call failed, at least once");
    let Found { acked, journal, others, .. } = found;
    stage.sum_up(format!(
        "{} failing calls ({journal} of the journal, {others} of other files): each ended the process, {acked} acked, all \
         there",
        calls.len()
    ));
    Ok(())
}

#[derive(Default)]
struct Found {
    acked: u64,
    journal: u64,
    others: u64,
}

/// Lets one call fail and looks what becomes of it.
fn fail(stage: &mut Stage<'_>, call: u32, has_power: bool, found: &mut Found) -> Step {
    let folder = stage.folder.join(format!("call-{call}"));
    std::fs::create_dir_all(&folder).map_err(super::stop::failed("the call's folder"))?;
    let mut image = if has_power { Some(Image::mount(&folder, IMAGE_BYTES)?) } else { None };
    let data = image.as_ref().map_or(folder.join("data"), |image| image.folder.join("data"));
    let plan = stage.server_in(data)?;
    made_before(stage, &plan)?;
    let injection = Injection::failing_call(call, folder.join("strace"));
    let server = plan.under(injection.clone()).spawn()?;
    let ended = end(stage, server, call)?;
    let first = injection.seen().into_iter().next();
    judge_end(stage, call, &ended, first.as_ref());
    match first {
        Some(hit) if hit.file.ends_with(".segment") => found.journal += 1,
        Some(_) => found.others += 1,
        None => {}
    }
    if let Some(image) = &mut image {
        image.cut_power()?;
        image.boot()?;
    }
    if let Some(ledger) = ended.ledger {
        let server = plan.start(stage.waiting)?;
        let checked = ledger::check(stage, &ledger, server.ports)?;
        let is_good = checked.is_good && checked.missing == 0;
        stage.claim(is_good, format!("call {call}, after the restart: {}", checked.text()));
        found.acked += checked.acked;
    }
    Ok(())
}

/// A folder that a server was in before: the many calls that make a store are none of a running server's.
fn made_before(stage: &Stage<'_>, plan: &Plan) -> Step {
    let mut server = plan.start(stage.waiting)?;
    server.terminate(stage.waiting, ENDS_WITHIN)?;
    Ok(())
}

/// How a server with a failing call ended.
struct Ended {
    status: Option<ExitStatus>,
    said: String,
    ledger: Option<PathBuf>,
}

/// Loads the server until the failing call ends it.
fn end(stage: &mut Stage<'_>, mut server: Server, call: u32) -> Step<Ended> {
    let mut ledger = None;
    if server.is_ready_within(stage.waiting, ENDS_WITHIN)? {
        let players =
            load::Plan { settle_s: 0, is_insistent: false, ..load::Plan::players(EVENTS_PER_S, LOAD_S) };
        let loading = players.start(stage, server.ports, &format!("call-{call}-load"))?;
        server.end_within(stage.waiting, ENDS_WITHIN)?;
        let (_, noted) = loading.finish(stage)?;
        ledger = Some(noted);
    }
    let status = server.end_within(stage.waiting, Duration::ZERO)?;
    let said = server.last_line();
    Ok(Ended { status, said, ledger })
}

fn judge_end(stage: &mut Stage<'_>, call: u32, ended: &Ended, first: Option<&Injected>) {
    let hit = first.map_or("no call", |hit| &hit.file);
    stage.claim(first.is_some(), format!("call {call}: strace let a call fail"));
    let is_failure = ended.status.is_some_and(|status| status.code().is_some_and(|code| code != 0));
    let status = ended.status.map_or("did not end".to_owned(), |status| status.to_string());
    stage.claim(
        is_failure,
        format!("call {call} ({hit}): {status}; it has to end with an exit code that is not 0"),
    );
    let is_clear = ended.said.starts_with("error: ") && ended.said.contains("data.dir");
    stage.claim(!is_failure || is_clear, format!("call {call} ({hit}): no clear last line: {}", ended.said));
    stage.say(format!("call {call} ({hit}): {status}: {}", ended.said));
}

const IMAGE_BYTES: u64 = 512 << 20;
const EVENTS_PER_S: u32 = 2_000;
const LOAD_S: u64 = 4;
const CALLS_LONG: u32 = 20;
const CALLS_SHORT: [u32; 5] = [1, 2, 3, 8, 20];
/// Longer than any end takes on a busy machine.
const ENDS_WITHIN: Duration = Duration::from_secs(20);
