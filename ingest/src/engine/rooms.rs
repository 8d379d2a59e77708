//! What the rooms share, and how each is furnished.

use std::{sync::Arc, time::Duration};

use playhead_store::{durable::Durable, hot::Hot};
use tokio::runtime::Handle;

use super::Parts;
use crate::{
    backlog::Backlog,
    commit::{Commit, Memory},
    edge::Now,
    eraser::Eraser,
    flush::Flush,
    intake::Intake,
    journal::{Journal, Segments},
    leases::Leases,
    live::Live,
    meters::Meters,
    opener::Opener,
    playback::Playback,
    recovery::{Recovered, Recovery},
    settings::Settings,
    tally::Tally,
    tap::Tap,
};

/// How long a start waits for a store when it looks a session up; nobody waits for an answer then.
const RECOVERY_PATIENCE: Duration = Duration::from_secs(5);

/// What the rooms share.
pub(super) struct Rooms {
    pub(super) live: Arc<Live>,
    pub(super) backlog: Arc<Backlog>,
    pub(super) tally: Arc<Tally>,
    pub(super) meters: Arc<Meters>,
    pub(super) leases: Arc<Leases>,
    pub(super) tap: Tap,
    durable: Arc<dyn Durable>,
    hot: Arc<dyn Hot>,
    now: Now,
    settings: Settings,
}

impl Rooms {
    pub(super) fn new(settings: Settings, parts: &Parts) -> Self {
        let live = Arc::new(Live::new(settings.limits.sessions_max));
        let (hot, patience) = (Arc::clone(&parts.hot), Duration::from_millis(settings.hot_ms_max));
        let leases = Leases::new(Arc::clone(&live), hot, settings.leases.clone(), patience);
        Self {
            live,
            leases: Arc::new(leases),
            backlog: Arc::new(Backlog::new(settings.backlog_events_enough())),
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

    pub(super) fn commit(&self, intake: Arc<Intake>, journal: Journal) -> Commit {
        Commit {
            intake,
            journal,
            hot: Arc::clone(&self.hot),
            leases: Arc::clone(&self.leases),
            runtime: Handle::current(),
            backlog: Arc::clone(&self.backlog),
            tally: Arc::clone(&self.tally),
            tap: self.tap.clone(),
            meters: Arc::clone(&self.meters),
            settings: self.settings.clone(),
            now: Arc::clone(&self.now),
            memory: Memory::default(),
        }
    }

    pub(super) fn flush(&self, segments: Arc<Segments>, seed: u64) -> Flush {
        Flush {
            backlog: Arc::clone(&self.backlog),
            durable: Arc::clone(&self.durable),
            segments,
            live: Arc::clone(&self.live),
            meters: Arc::clone(&self.meters),
            settings: self.settings.clone(),
            now: Arc::clone(&self.now),
            seed,
        }
    }

    pub(super) fn recovery(&self) -> Recovery {
        Recovery {
            live: Arc::clone(&self.live),
            opener: self.opener(RECOVERY_PATIENCE),
            backlog: Arc::clone(&self.backlog),
            settings: self.settings.clone(),
            now: Arc::clone(&self.now),
            tap: self.tap.clone(),
            recovered: Recovered::default(),
        }
    }

    pub(super) fn playback(&self, intake: Arc<Intake>) -> Playback {
        let (live, durable, hot) = (&self.live, &self.durable, &self.hot);
        let eraser = Eraser::new(Arc::clone(live), Arc::clone(durable), Arc::clone(hot));
        let hot_ms_max = self.settings.hot_ms_max;
        Playback::new(Arc::clone(live), Arc::clone(durable), Arc::clone(hot), intake, eraser, hot_ms_max)
    }

    fn opener(&self, patience: Duration) -> Opener {
        let (durable, hot) = (Arc::clone(&self.durable), Arc::clone(&self.hot));
        Opener { durable, hot, meters: Arc::clone(&self.meters), patience }
    }
}
