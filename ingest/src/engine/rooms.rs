//! What the rooms share, and how each is furnished.

use std::{sync::Arc, time::Duration};

use playhead_store::{durable::Durable, hot::Hot};
use tokio::runtime::Handle;

use super::Parts;
use crate::{
    backlog::Backlog,
    catch_up::CatchUp,
    commit::{Commit, Log, Memory},
    edge::Now,
    eraser::Eraser,
    flush::{Again, Backoff, Flush, Writing},
    intake::Intake,
    journal::Segments,
    leases::Leases,
    live::Live,
    meters::Meters,
    opener::Opener,
    playback::{Playback, Readings, Waiting},
    recovery::{Recovered, Recovery},
    settings::Settings,
    spill::Spill,
    tally::Tally,
    tap::Tap,
};

/// How long a start waits for a store when it looks a session up; nobody waits for an answer then.
const RECOVERY_PATIENCE: Duration = Duration::from_secs(2);

/// What the rooms share.
pub(super) struct Rooms {
    pub(super) live: Arc<Live>,
    pub(super) backlog: Arc<Backlog>,
    pub(super) spill: Arc<Spill>,
    pub(super) segments: Arc<Segments>,
    pub(super) tally: Arc<Tally>,
    pub(super) meters: Arc<Meters>,
    pub(super) leases: Arc<Leases>,
    pub(super) tap: Tap,
    again: Arc<Again>,
    durable: Arc<dyn Durable>,
    hot: Arc<dyn Hot>,
    now: Now,
    settings: Settings,
}

impl Rooms {
    pub(super) fn new(settings: Settings, parts: &Parts, segments: Arc<Segments>) -> Self {
        let live = Arc::new(Live::new(settings.limits.sessions_max));
        let (hot, patience) = (Arc::clone(&parts.hot), Duration::from_millis(settings.hot_ms_max));
        let leases = Leases::new(Arc::clone(&live), hot, settings.leases.clone(), patience);
        let again = Again::new(parts.durable.settles_in_ms(), Arc::clone(&segments));
        Self {
            live,
            again: Arc::new(again),
            leases: Arc::new(leases),
            backlog: Arc::new(Backlog::new(settings.backlog_events_enough())),
            spill: Arc::new(Spill::new(settings.spill.clone(), Arc::clone(&segments))),
            segments,
            tally: Arc::default(),
            meters: Arc::default(),
            tap: Tap::default(),
            durable: Arc::clone(&parts.durable),
            hot: Arc::clone(&parts.hot),
            now: Arc::clone(&parts.now),
            settings,
        }
    }

    pub(super) fn intake(&self, seed: u64) -> Intake {
        let opener = self.opener(Duration::from_millis(self.settings.limits.open_ms_max));
        let limits = self.settings.limits.clone();
        Intake::new(Arc::clone(&self.live), opener, Arc::clone(&self.tally), limits, seed)
    }

    pub(super) fn commit(&self, intake: Arc<Intake>, log: Log) -> Commit {
        Commit {
            intake,
            log,
            hot: Arc::clone(&self.hot),
            leases: Arc::clone(&self.leases),
            runtime: Handle::current(),
            backlog: Arc::clone(&self.backlog),
            spill: Arc::clone(&self.spill),
            tally: Arc::clone(&self.tally),
            tap: self.tap.clone(),
            meters: Arc::clone(&self.meters),
            settings: self.settings.clone(),
            now: Arc::clone(&self.now),
            memory: Memory::default(),
        }
    }

    pub(super) fn flush(&self, seed: u64) -> Flush {
        Flush {
            backlog: Arc::clone(&self.backlog),
            spill: Arc::clone(&self.spill),
            durable: Arc::clone(&self.durable),
            segments: Arc::clone(&self.segments),
            live: Arc::clone(&self.live),
            meters: Arc::clone(&self.meters),
            settings: self.settings.clone(),
            now: Arc::clone(&self.now),
            writing: self.writing(seed),
        }
    }

    pub(super) fn catch_up(&self, seed: u64) -> CatchUp {
        CatchUp {
            spill: Arc::clone(&self.spill),
            backlog: Arc::clone(&self.backlog),
            segments: Arc::clone(&self.segments),
            reader: self.segments.reader(),
            meters: Arc::clone(&self.meters),
            settings: self.settings.clone(),
            writing: self.writing(!seed),
        }
    }

    fn writing(&self, seed: u64) -> Writing {
        let (durable, meters) = (Arc::clone(&self.durable), Arc::clone(&self.meters));
        Writing { durable, meters, backoff: Backoff::new(seed), again: Arc::clone(&self.again) }
    }

    pub(super) fn recovery(&self) -> Recovery {
        Recovery {
            live: Arc::clone(&self.live),
            opener: self.opener(RECOVERY_PATIENCE),
            backlog: Arc::clone(&self.backlog),
            spill: Arc::clone(&self.spill),
            settings: self.settings.clone(),
            now: Arc::clone(&self.now),
            begun: None,
            recovered: Recovered::default(),
        }
    }

    pub(super) fn playback(&self, intake: Arc<Intake>) -> Playback {
        let (live, durable, hot) = (&self.live, &self.durable, &self.hot);
        let eraser = Eraser::new(Arc::clone(live), Arc::clone(durable), Arc::clone(hot));
        Playback {
            live: Arc::clone(live),
            waiting: Waiting { spill: Arc::clone(&self.spill), rules: self.settings.rules },
            durable: Arc::clone(durable),
            hot: Arc::clone(hot),
            intake,
            eraser,
            hot_ms_max: self.settings.hot_ms_max,
            readings: Readings::default(),
        }
    }

    fn opener(&self, patience: Duration) -> Opener {
        let (durable, hot) = (Arc::clone(&self.durable), Arc::clone(&self.hot));
        let (spill, meters) = (Arc::clone(&self.spill), Arc::clone(&self.meters));
        Opener { spill, durable, hot, meters, patience }
    }
}
