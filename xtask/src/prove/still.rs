//! A data folder at rest, all of whose events are in the journal alone, to be hurt in copies again and again.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    journal::{self, Segment},
    ledger::{self, Checked},
    load,
    metrics::Metrics,
    server,
    stage::Stage,
    stop::{Step, failed},
    verify::{Verified, verify},
};

/// A data folder at rest.
pub(super) struct Still {
    data: PathBuf,
    ledger: PathBuf,
    plan: server::Plan,
    /// Its segments, oldest first.
    pub(super) segments: Vec<Segment>,
}

/// What a start of a hurt copy found.
pub(super) struct Started {
    /// From the start of the process to its word that it is ready.
    pub(super) ready_after: Duration,
    pub(super) metrics: Metrics,
    /// What the ledger says, where it was asked.
    pub(super) checked: Option<Checked>,
}

impl Still {
    /// Lets players play for a while, then kills the server. The store never gets to see their events, and each event is
    /// posted alone and so a record of its own: what a wound costs can be counted.
    pub(super) fn make(stage: &mut Stage<'_>, duration_s: u64) -> Step<Self> {
        let (data, copy) = (stage.folder.join("still"), stage.folder.join("hurt"));
        let plan = stage.server_in(data.clone())?.with(&SETTINGS);
        let server = plan.start(stage.waiting)?;
        let singles = load::Plan {
            edge: "http-json",
            connections: 10,
            ..load::Plan::players(EVENTS_PER_S, duration_s)
        };
        let (_, ledger) = singles.run(stage, server.ports, "still")?;
        let acked = ledger::claim_all_there(stage, &ledger, server.ports, "before it is hurt")?;
        server.kill()?;
        let segments = journal::read(&data.join("journal")).map_err(failed("the journal's files"))?;
        let records: usize = segments.iter().map(|segment| segment.records.len()).sum();
        stage.say(format!("{acked} events in {records} records of {} segments", segments.len()));
        stage.claim(records as u64 == acked, "each acknowledged event is one record of the journal");
        Ok(Self { plan: plan.at(copy), data, ledger, segments })
    }

    /// How many records it has.
    pub(super) fn records(&self) -> u64 {
        self.segments.iter().map(|segment| segment.records.len() as u64).sum()
    }

    /// Makes a new copy and hurts the copy of one of its files.
    pub(super) fn hurt(&self, segment: &Segment, wound: impl FnOnce(&Path) -> io::Result<()>) -> Step {
        let copy = &self.plan.data;
        if copy.exists() {
            fs::remove_dir_all(copy).map_err(failed("the copy before"))?;
        }
        journal::copy(&self.data, copy).map_err(failed("copying the data folder"))?;
        let name = segment.path.file_name().unwrap_or_default();
        wound(&copy.join("journal").join(name)).map_err(failed("hurting the journal"))
    }

    /// What `verify` says of the copy.
    pub(super) fn verify(&self, stage: &Stage<'_>) -> Step<Verified> {
        verify(stage, &self.plan.data)
    }

    /// Starts a server on the copy, looks what it found, and kills it.
    pub(super) fn start(&self, stage: &Stage<'_>, is_checked: bool) -> Step<Started> {
        let server = self.plan.start(stage.waiting)?;
        let checked = match is_checked {
            true => Some(ledger::check(stage, &self.ledger, server.ports)?),
            false => None,
        };
        let started = Started { ready_after: server.ready_after, metrics: server.metrics()?, checked };
        server.kill()?;
        Ok(started)
    }
}

/// Segments small and short-lived, so that there are several; nothing goes to the store meanwhile.
const SETTINGS: [&str; 6] = [
    "journal.segment_mb=4",
    "journal.segment_age_ms=1000",
    "engine.commit_events_max=1024",
    "engine.shard_events_max=1024",
    "engine.flush_age_ms=60000",
    "engine.flush_events_max=100000",
];
const EVENTS_PER_S: u32 = 500;
