//! An ingest node under load before the servers, and what came of it.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::{
    seconds::{At, Seconds},
    servers::Servers,
};
use crate::prove::{
    ledger,
    load::{self, Loading, Report},
    metrics::Metrics,
    server::{MEMORY_MB_MAX, Plan, Server},
    stage::Stage,
    stop::{Step, Stop},
};

/// A node under load.
pub(super) struct Trial {
    plan: Plan,
    pub(super) server: Server,
    loading: Option<Loading>,
    events_per_s: u64,
}

/// What came of it, once all is in the servers and nowhere else.
pub(super) struct Found {
    pub(super) report: Report,
    pub(super) metrics: Metrics,
    /// What was acknowledged, and is there.
    acked: u64,
}

impl Trial {
    /// Starts a node with these settings beside the usual ones, and players that insist, for so long.
    pub(super) fn begin(
        stage: &mut Stage<'_>,
        servers: &Servers,
        more: &[&str],
        duration: Duration,
    ) -> Step<Self> {
        let events_per_s = stage.form(EVENTS_PER_S_SHORT, EVENTS_PER_S_LONG);
        Self::begin_with(stage, servers, more, &load::Plan::players(events_per_s, duration.as_secs()))
    }

    /// The same with players of which there may be more.
    pub(super) fn begin_with(
        stage: &mut Stage<'_>,
        servers: &Servers,
        more: &[&str],
        players: &load::Plan,
    ) -> Step<Self> {
        let settings = servers.settings();
        let settings: Vec<&str> = settings.iter().map(String::as_str).chain(SETTINGS).collect();
        let plan = stage.server_in(stage.folder.join("data"))?.with(&settings).with(more);
        let server = plan.start(stage.waiting)?;
        let loading = load::Plan { users: USERS, ..players.clone() }.start(stage, server.ports, "load")?;
        Ok(Self { plan, server, loading: Some(loading), events_per_s: players.events_per_s.into() })
    }

    /// Waits for the end of the load.
    pub(super) fn end_load(&mut self, stage: &Stage<'_>) -> Step<(Report, PathBuf)> {
        let none = || Stop::Failed("there is no load".into());
        self.loading.take().ok_or_else(none)?.finish(stage)
    }

    /// Begins another load behind the one that ended.
    pub(super) fn play_on(&mut self, stage: &mut Stage<'_>, duration: Duration) -> Step {
        let events_per_s = stage.form(EVENTS_PER_S_SHORT, EVENTS_PER_S_LONG);
        let players = load::Plan::players(events_per_s, duration.as_secs());
        let players = load::Plan { users: USERS, ..players };
        self.events_per_s = events_per_s.into();
        self.loading = Some(players.start(stage, self.server.ports, "live")?);
        Ok(())
    }

    /// Lets them play for a moment while all is well.
    pub(super) fn calm(&self, stage: &Stage<'_>) -> Step {
        stage.waiting.nap(CALM)
    }

    /// How many events are committed and not in the CQL servers.
    pub(super) fn backlog(&self) -> Step<u64> {
        Ok(self.server.metrics()?.backlog())
    }

    /// How many events are offered in a second.
    pub(super) fn events_per_s(&self) -> u64 {
        self.events_per_s
    }

    /// The most that waits while all is well: what comes in three seconds.
    pub(super) fn backlog_calm(&self) -> u64 {
        3 * self.events_per_s
    }

    /// Waits until no more is waiting than while all is well, and says how long after `back` that was.
    pub(super) fn catch_up(&self, stage: &mut Stage<'_>, back: Instant) -> Step<Duration> {
        let caught_up =
            stage.waiting.until(GIVE_UP, || Ok((self.backlog()? <= self.backlog_calm()).then_some(())))?;
        let (took, left) = (back.elapsed(), self.backlog()?);
        stage.claim(
            caught_up.is_some() && took <= CAUGHT_UP_WITHIN,
            format!("caught up after {took:.1?}, allowed {CAUGHT_UP_WITHIN:?}; {left} events wait"),
        );
        Ok(took)
    }

    /// Kills the node and starts it again.
    pub(super) fn restart(&mut self, stage: &Stage<'_>) -> Step {
        self.server.kill_now()?;
        self.server = self.plan.start(stage.waiting)?;
        Ok(())
    }

    /// Waits for the end of the load and of the backlog, ends the node, and has another one read what the load's ledger says.
    pub(super) fn finish(mut self, stage: &mut Stage<'_>, servers: &Servers) -> Step<Found> {
        let (report, ledger) = self.end_load(stage)?;
        let drained = stage
            .waiting
            .until(DRAINED_WITHIN, || Ok((self.server.metrics()?.backlog() == 0).then_some(())))?;
        let metrics = self.server.metrics()?;
        self.server.keep_metrics(&stage.folder.join("metrics.txt"))?;
        stage.claim(drained.is_some(), format!("all is drained within {DRAINED_WITHIN:?} of the load's end"));
        judge(stage, &report, &metrics);
        let ended = self.server.terminate(stage.waiting, GIVE_UP)?;
        let code = ended.and_then(|(status, _)| status.code());
        stage.claim(code == Some(0), format!("the node ends with {code:?}"));
        let acked = read_elsewhere(stage, servers, &ledger)?;
        Ok(Found { report, metrics, acked })
    }
}

/// What has to hold of every trial.
fn judge(stage: &mut Stage<'_>, report: &Report, metrics: &Metrics) {
    let Report { offered, acked, rss_bytes_max, .. } = report;
    stage.claim(acked == offered, format!("{acked} of {offered} events that were offered are acknowledged"));
    let rss_mb = rss_bytes_max >> 20;
    stage.claim(
        rss_mb > 0 && rss_mb <= MEMORY_MB_MAX,
        format!("{rss_mb} MB resident, engine.memory_mb_max is {MEMORY_MB_MAX}"),
    );
    let (ended, held) = (metrics.sum("playhead_events_ended_total"), metrics.sum("playhead_events_held"));
    let offered = metrics.sum("playhead_events_offered_total");
    stage.claim(offered == ended + held, format!("{offered} offered, {ended} ended and {held} held"));
    for (name, label, what) in [
        ("playhead_events_ended_total", "ending=\"LOST\"", "events were lost"),
        ("playhead_store_refused_total", "", "writes were refused for good"),
        ("playhead_leases_kicked_total", "", "streams were kicked"),
    ] {
        let count = metrics.of(name, label);
        stage.claim(count == 0, format!("{count} {what}"));
    }
}

/// Reads a ledger's events from a node that has nothing but the servers.
pub(super) fn read_elsewhere(stage: &mut Stage<'_>, servers: &Servers, ledger: &Path) -> Step<u64> {
    let settings = servers.settings();
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let plan = stage.server_in(stage.folder.join("reader"))?.with(&settings);
    let reader = plan.start(stage.waiting)?;
    let acked = ledger::claim_all_there(stage, ledger, reader.ports, "read by another node")?;
    reader.kill()?;
    Ok(acked)
}

impl Found {
    /// Judges the answers of a stretch of time, and says what they were.
    pub(super) fn seconds(&self, stage: &mut Stage<'_>, from: At, to: At, when: &str) -> Seconds {
        let seconds = Seconds::of(&self.report, from, to);
        seconds.judge(stage, when);
        seconds
    }

    /// Claims that the node counted this, and says how often.
    pub(super) fn counted(&self, stage: &mut Stage<'_>, name: &str) -> u64 {
        let count = self.metrics.sum(name);
        stage.claim(count > 0, format!("{name} counts it"));
        count
    }

    /// What every summary ends with.
    pub(super) fn summary(&self) -> String {
        let (rate, mb) = (self.report.offered_per_s, self.report.rss_bytes_max >> 20);
        format!("{} acked at {rate:.0}/s, all there once; {mb} MB resident", self.acked)
    }
}

/// Every account may run two streams, so that there are leases to lose; a stream counts for 6 s after its last beat, so that
/// the longer faults outlive them.
const SETTINGS: [&str; 2] = ["leases.streams_max=2", "engine.next_beat_ms=2000"];
/// So many that no two of them are the same: nobody is stopped by the rules.
const USERS: u32 = 100_000_000;
const EVENTS_PER_S_SHORT: u32 = 1_000;
const EVENTS_PER_S_LONG: u32 = 2_000;
/// How long all is well before the fault.
pub(super) const CALM: Duration = Duration::from_secs(4);
/// How soon after the servers are back nothing waits that should not: the driver looks for a lost node every few seconds.
const CAUGHT_UP_WITHIN: Duration = Duration::from_secs(30);
/// How soon the rest of it is written when nothing more comes.
const DRAINED_WITHIN: Duration = Duration::from_secs(30);
const GIVE_UP: Duration = Duration::from_secs(120);
