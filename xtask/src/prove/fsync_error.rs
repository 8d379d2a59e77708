//! `fsync-error`: each of the first calls that make data durable fails. Nothing is acknowledged from then on, the process
//! ends and says why, and after a restart everything that was acknowledged is there.
//!
//! Behind the journal stands the store, which makes itself lasting before the journal is trimmed. Where a call of its own
//! fails the process may go on instead, if the store mends itself: acknowledgements never waited for it.
//!
//! strace answers the call, so what it should have written stays in memory only. Where a disk image can be mounted its
//! power is cut behind the failure: an acknowledgement that followed it would be missing after the boot.

use std::{path::PathBuf, process::ExitStatus, time::Duration};

use super::{
    image::{self, Image},
    ledger, load,
    server::{Plan, Server},
    stage::Stage,
    stop::{Step, failed},
    strace::{self, Injected, Injection},
};

/// Plays it.
pub(super) fn play(stage: &mut Stage<'_>) -> Step {
    strace::available()?;
    let has_power = image::available().is_ok();
    if !has_power {
        stage.say("no disk image here, so the power stays on: this part is NOT CHECKED");
    }
    let cases = stage.form(cases(&ANY_SHORT, &STORE_SHORT), cases(&ANY_LONG, &STORE_LONG));
    let mut found = Found::default();
    for case in &cases {
        fail(stage, case, has_power, &mut found)?;
    }
    stage.claim(found.acked > 0, "events were acknowledged before a call failed, at least once");
    let Found { acked, journal, others, mended } = found;
    stage.sum_up(format!(
        "{} failing calls ({journal} of the journal, {others} of the store): {mended} mended, the others ended \
         the process; {acked} acked, all there",
        cases.len()
    ));
    Ok(())
}

/// Which call fails: counted in each thread by itself, over all files or over one.
struct Case {
    call: u32,
    file: Option<&'static str>,
    name: String,
}

fn cases(any: &[u32], store: &[u32]) -> Vec<Case> {
    let any = any.iter().map(|&call| Case { call, file: None, name: format!("call-{call}") });
    let store = store.iter();
    any.chain(store.map(|&call| Case { call, file: Some(STORE_FILE), name: format!("store-call-{call}") }))
        .collect()
}

#[derive(Default)]
struct Found {
    acked: u64,
    journal: u64,
    others: u64,
    mended: u64,
}

/// Lets one call fail and looks what becomes of it.
fn fail(stage: &mut Stage<'_>, case: &Case, has_power: bool, found: &mut Found) -> Step {
    let folder = stage.folder.join(&case.name);
    std::fs::create_dir_all(&folder).map_err(failed("the call's folder"))?;
    let mut image = if has_power { Some(Image::mount(&folder, IMAGE_BYTES)?) } else { None };
    let data = image.as_ref().map_or(folder.join("data"), |image| image.folder.join("data"));
    let plan = stage.server_in(data)?.with(&SETTINGS);
    made_before(stage, &plan)?;
    let mut injection = Injection::failing_call(case.call, folder.join("strace"));
    if let Some(file) = case.file {
        injection = injection.of(plan.data.join(file));
    }
    let server = plan.under(injection.clone()).spawn()?;
    let ended = end(stage, server, case, &injection)?;
    let first = injection.seen().into_iter().next();
    judge_end(stage, &case.name, &ended, first.as_ref());
    found.count(first.as_ref());
    found.mended += u64::from(ended.is_mended);
    if let Some(image) = &mut image {
        image.cut_power()?;
        image.boot()?;
    }
    if let Some(ledger) = ended.ledger {
        let server = plan.start(stage.waiting)?;
        let checked = ledger::check(stage, &ledger, server.ports)?;
        let is_good = checked.is_good && checked.missing == 0;
        stage.claim(is_good, format!("{}, after the restart: {}", case.name, checked.text()));
        found.acked += checked.acked;
    }
    Ok(())
}

impl Found {
    fn count(&mut self, hit: Option<&Injected>) {
        match hit {
            Some(hit) if hit.file.ends_with(".segment") => self.journal += 1,
            Some(_) => self.others += 1,
            None => {}
        }
    }
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
    /// It went on, and nothing waits for the store any more.
    is_mended: bool,
    said: String,
    ledger: Option<PathBuf>,
}

/// Loads the server until the failing call ends it, or until it has got over it.
fn end(stage: &mut Stage<'_>, mut server: Server, case: &Case, injection: &Injection) -> Step<Ended> {
    let (mut ledger, mut is_mended) = (None, false);
    if server.is_ready_within(stage.waiting, ENDS_WITHIN)? {
        let players =
            load::Plan { settle_s: 0, is_insistent: false, ..load::Plan::players(EVENTS_PER_S, LOAD_S) };
        let loading = players.start(stage, server.ports, &format!("{}-load", case.name))?;
        let (_, noted) = loading.finish(stage)?;
        ledger = Some(noted);
        is_mended = match case.file {
            Some(_) => is_mended_in_time(stage, &mut server, injection)?,
            None => {
                server.end_within(stage.waiting, ENDS_WITHIN)?;
                false
            }
        };
    }
    let status = server.end_within(stage.waiting, Duration::ZERO)?;
    Ok(Ended { status, is_mended, said: server.last_line(), ledger })
}

/// Waits until the server has ended or nothing waits for its store any more. True for the latter.
fn is_mended_in_time(stage: &Stage<'_>, server: &mut Server, injection: &Injection) -> Step<bool> {
    let mended = stage.waiting.until(ENDS_WITHIN, || {
        if server.end_within(stage.waiting, Duration::ZERO)?.is_some() {
            return Ok(Some(false));
        }
        let waits = server.metrics()?.backlog();
        Ok((waits == 0 && !injection.seen().is_empty()).then_some(true))
    })?;
    Ok(mended.unwrap_or(false))
}

fn judge_end(stage: &mut Stage<'_>, name: &str, ended: &Ended, first: Option<&Injected>) {
    let hit = first.map_or("no call", |hit| &hit.file);
    stage.claim(first.is_some(), format!("{name}: strace let a call fail"));
    let is_failure = ended.status.is_some_and(|status| status.code().is_some_and(|code| code != 0));
    let went_on = if ended.is_mended { "went on with a mended store" } else { "did not end" };
    let status = ended.status.map_or(went_on.to_owned(), |status| status.to_string());
    stage.claim(
        is_failure || ended.is_mended,
        format!("{name} ({hit}): {status}; it has to end with an exit code that is not 0"),
    );
    let is_clear = ended.said.starts_with("error: ") && ended.said.contains("data.dir");
    stage.claim(!is_failure || is_clear, format!("{name} ({hit}): no clear last line: {}", ended.said));
    stage.say(format!("{name} ({hit}): {status}: {}", ended.said));
}

const IMAGE_BYTES: u64 = 512 << 20;
const EVENTS_PER_S: u32 = 2_000;
const LOAD_S: u64 = 6;
const ANY_LONG: [u32; 20] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20];
const ANY_SHORT: [u32; 5] = [1, 2, 3, 8, 20];
/// What the store makes durable by itself, before the journal is trimmed behind it. The first two calls are its start's.
const STORE_FILE: &str = "store/0.jnl";
const STORE_LONG: [u32; 2] = [3, 4];
const STORE_SHORT: [u32; 1] = [3];
/// So that the journal is trimmed every second, and the store asked to be lasting before.
const SETTINGS: [&str; 2] = ["journal.segment_age_ms=500", "engine.trim_every_ms=1000"];
/// Longer than any end takes on a busy machine.
const ENDS_WITHIN: Duration = Duration::from_secs(20);
