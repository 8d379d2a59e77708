//! Puts the rooms together, starts the loops, and stops them without losing anything.

mod loops;
mod rooms;
mod threads;

use std::{sync::Arc, time::Duration};

use playhead_store::{durable::Durable, hot::Hot};

pub use self::threads::Threads;
use self::{loops::Loops, rooms::Rooms};
use crate::{
    commit::Log,
    edge::{Doors, Now, shares::Shares},
    identity::Verifier,
    journal::{self, Disk, Journal, JournalError, Report, SegmentStats},
    leases,
    meters::Meters,
    settings::{OutOfRange, Settings, SpillSettings},
    tally::Tally,
    tap::Tap,
};
pub use crate::{recovery::Recovered, spill::SpillStats};

/// What an engine is made of.
pub struct Parts {
    /// The lasting record.
    pub durable: Arc<dyn Durable>,
    /// The short-lived shared state.
    pub hot: Arc<dyn Hot>,
    /// Where the journal's files are; none: there is no journal, and an acknowledgement waits for the lasting record.
    pub disk: Option<Arc<dyn Disk>>,
    /// How the journal's files are cut.
    pub journal: journal::Settings,
    /// Who says who is asking.
    pub verifier: Arc<dyn Verifier>,
    /// The server's clock.
    pub now: Now,
    /// Seeds the jitter of retries, and which shard a session falls to.
    pub seed: u64,
    /// Where the loops run.
    pub threads: Threads,
}

/// A running engine. Dropping it stops nothing in order: call [`Engine::stop`].
pub struct Engine {
    doors: Doors,
    rooms: Rooms,
    recovered: Recovered,
    journal_report: Report,
    loops: Loops,
}

/// Why an engine cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is out of its range.
    #[error(transparent)]
    Settings(#[from] OutOfRange),
    /// The journal cannot be opened or read.
    #[error("journal: {0}")]
    Journal(#[from] JournalError),
    /// A thread or its runtime could not be made.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// Why a running engine cannot go on. The process must stop.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Failure {
    /// The journal broke: nothing was acknowledged since.
    #[error("the journal is broken: {0}")]
    Journal(Arc<JournalError>),
    /// A loop ended that never should: a bug.
    #[error("the {0} loop died")]
    Died(&'static str),
}

/// What the engine holds at a moment.
#[derive(Debug, Clone)]
pub struct Levels {
    /// Sessions that are live on this node.
    pub live_sessions: usize,
    /// Committed events and positions that wait for the durable store.
    pub backlog_events: usize,
    /// How long the oldest of them has waited.
    pub backlog_oldest_age: Duration,
    /// What waits for it in the journal alone.
    pub spill: SpillStats,
    /// Events that wait for their commit, in all shards.
    pub waiting_events: usize,
    /// The journal's segments.
    pub journal: SegmentStats,
}

impl Parts {
    fn open_journal(&self, settings: &Settings) -> Result<Option<Journal>, StartError> {
        let Some(disk) = &self.disk else { return Ok(None) };
        settings.check_segment(self.journal.segment_bytes)?;
        Ok(Some(Journal::open(Arc::clone(disk), self.journal.clone())?))
    }
}

impl Engine {
    /// Starts an engine. When it returns, everything that was ever acknowledged is visible to reads.
    ///
    /// # Errors
    /// [`StartError`]: a setting is out of range, the journal cannot be opened, a thread cannot be made.
    pub async fn start(mut settings: Settings, parts: Parts) -> Result<Self, StartError> {
        settings.check()?;
        if parts.disk.is_none() {
            settings.spill = SpillSettings::NONE;
        }
        let mut journal = parts.open_journal(&settings)?;
        let segments = journal.as_ref().map(Journal::segments).unwrap_or_default();
        let limits = &settings.limits;
        let shares = Shares::new(limits.streams_per_user_max, limits.streams_per_device_max);
        let rooms = Rooms::new(settings, &parts, segments);

        let (flush, catch_up) = (rooms.flush(parts.seed), rooms.catch_up(parts.seed));
        let flushes = async { tokio::join!(flush.run(), catch_up.run()).0 };
        let flushed = parts.threads.run("flush", flushes)?;
        let mut recovery = rooms.recovery();
        let journal_report = match &mut journal {
            Some(journal) => recovery.run(journal).await?,
            None => Report::default(),
        };
        let log = match journal {
            Some(journal) => Log::Journal(Box::new(journal)),
            None => Log::Store(Arc::clone(&parts.durable)),
        };
        let intake = Arc::new(rooms.intake(parts.seed));
        let committed = parts.threads.run("commit", rooms.commit(Arc::clone(&intake), log).run())?;

        let playback = Arc::new(rooms.playback(Arc::clone(&intake)));
        let leases = Arc::clone(&rooms.leases);
        tokio::spawn(leases::listen(Arc::downgrade(&leases), parts.hot.kicks()));
        let doors = Doors { intake, playback, leases, verifier: parts.verifier, shares, now: parts.now };
        let recovered = recovery.recovered;
        let loops = Loops::watch(committed, flushed, &doors, &rooms);
        Ok(Self { doors, rooms, recovered, journal_report, loops })
    }

    /// What every edge is given.
    #[must_use]
    pub fn doors(&self) -> Doors {
        self.doors.clone()
    }

    /// One ending for every event.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.rooms.tally
    }

    /// Shows events as they become durable.
    #[must_use]
    pub fn tap(&self) -> Tap {
        self.rooms.tap.clone()
    }

    /// What the loops measure of themselves.
    #[must_use]
    pub fn meters(&self) -> &Meters {
        &self.rooms.meters
    }

    /// What the start found in the journal: what the durable store lacked, and what state the files were in.
    #[must_use]
    pub fn recovered(&self) -> (&Recovered, &Report) {
        (&self.recovered, &self.journal_report)
    }

    /// What the engine holds now.
    #[must_use]
    pub fn levels(&self) -> Levels {
        let waiting =
            self.doors.intake.shards().iter().map(|shard| shard.with(|pending| pending.events.len()));
        Levels {
            live_sessions: self.rooms.live.len(),
            backlog_events: self.rooms.backlog.events(),
            backlog_oldest_age: self.rooms.backlog.oldest().map_or(Duration::ZERO, |since| since.elapsed()),
            spill: self.rooms.spill.stats(),
            waiting_events: waiting.sum(),
            journal: self.rooms.segments.stats(),
        }
    }

    /// Resolves when the engine cannot go on, and says why. Nothing is acknowledged from then on; the process must
    /// stop.
    pub async fn failed(&self) -> Failure {
        self.loops.failed().await
    }

    /// Stops in order: takes no more, commits and answers what was taken, then flushes what is committed. What cannot
    /// be flushed within `patience` stays in the journal for the next start. Returns true when nothing is left there.
    pub async fn stop(&self, patience: Duration) -> bool {
        self.doors.intake.close();
        self.loops.committed().await;
        self.rooms.backlog.stop();
        if let Ok(is_empty) = tokio::time::timeout(patience, self.loops.flushed()).await {
            return is_empty;
        }
        self.rooms.backlog.abandon();
        self.loops.flushed().await
    }
}

#[cfg(test)]
mod tests;
