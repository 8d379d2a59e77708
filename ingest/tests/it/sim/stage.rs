//! What an engine stands on: the stores, the disk and the ledger, which outlive it, and the checks of it as a whole.

use std::{
    cell::{Cell, RefCell},
    sync::Arc,
    time::Duration,
};

use playhead_ingest::{
    edge::Now,
    engine::{Engine, Parts, Threads},
    identity::Development,
    journal::{self, Disk, SEGMENT_AGE_MS_MIN, SEGMENT_BYTES_MIN, SEGMENT_HEADER_BYTES},
    settings::{Limits, Settings, SpillSettings},
};
use playhead_store::UserId;
use tokio::{runtime::Builder, time::timeout};

use super::{
    disk::SimDisk,
    durable::SimDurable,
    hot::SimHot,
    ledger::{Counts, Ledger},
    world::{Defect, World},
};

/// All parts of a run but the engine and who uses it.
pub struct Sim {
    pub world: Arc<World>,
    pub durable: Arc<SimDurable>,
    pub hot: Arc<SimHot>,
    pub disk: SimDisk,
    pub ledger: RefCell<Ledger>,
    pub is_stopping: Cell<bool>,
    pub settings: Settings,
    pub journal: journal::Settings,
    pub users: Vec<UserId>,
    /// There is no journal: the store's answer is the acknowledgement.
    pub is_diskless: bool,
}

impl Sim {
    pub fn new(world: &Arc<World>) -> Self {
        let is_diskless = world.chance(15);
        Self::with(world, is_diskless)
    }

    pub fn with(world: &Arc<World>, is_diskless: bool) -> Self {
        let users = (0..world.count(1, 2)).map(|user| UserId::new(&format!("user-{user}")).unwrap());
        let settings = settings(world);
        let least = settings.commit_bytes_max() + SEGMENT_HEADER_BYTES;
        let journal = journal::Settings {
            segment_bytes: least.max(SEGMENT_BYTES_MIN),
            segment_age_ms_max: SEGMENT_AGE_MS_MIN + world.number(2_000),
        };
        world.say(|| format!("{settings:?} {journal:?}"));
        Self {
            world: Arc::clone(world),
            durable: SimDurable::new(world, is_diskless),
            hot: SimHot::new(world),
            disk: SimDisk::new(world),
            ledger: RefCell::new(Ledger::default()),
            is_stopping: Cell::new(false),
            settings,
            journal,
            users: users.collect(),
            is_diskless,
        }
    }

    /// Runs an engine's life on a runtime of its own. What is left of it when it returns is dropped in mid-air.
    pub fn incarnation(&self, life: impl AsyncFnOnce(&Sim)) {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        self.ledger.borrow_mut().counts = Counts::default();
        self.ledger.borrow_mut().tickets.clear();
        self.is_stopping.set(false);
        runtime.block_on(async {
            self.world.wake();
            if timeout(LIFE_MAX, life(self)).await.is_err() {
                self.world.fail("something hangs");
            }
            self.world.sleep();
        });
    }

    pub async fn start(&self) -> Engine {
        let world = Arc::clone(&self.world);
        let now: Now = Arc::new(move || world.now_ms());
        let parts = Parts {
            durable: self.durable.clone(),
            hot: self.hot.clone(),
            disk: (!self.is_diskless).then(|| Arc::new(self.disk.clone()) as Arc<dyn Disk>),
            journal: self.journal.clone(),
            verifier: Arc::new(Development),
            now,
            seed: self.world.number(u64::MAX - 1),
            threads: Threads::Shared,
        };
        let engine = Engine::start(self.settings.clone(), parts).await.expect("the engine starts");
        let (recovered, report) = engine.recovered();
        self.world.say(|| format!("started: {recovered:?}"));
        self.world.expect(recovered.unreadable == 0, || format!("{recovered:?}"));
        let is_sound = report.is_sound() || self.world.defect != Defect::None;
        self.world.expect(is_sound, || format!("the journal is damaged: {report:?}"));
        engine
    }

    /// Changes the weather, for as long as it is asked.
    pub async fn weather_changes(&self) {
        loop {
            self.pause(20, 1_500).await;
            self.world.change_weather(!self.is_stopping.get());
            if self.world.chance(10) {
                self.hot.forget().await;
            }
            if self.world.chance(10) {
                let key = self.ledger.borrow().sessions.keys().next().cloned();
                let until_ms = self.world.now_ms() + self.world.between(500, 40_000);
                key.into_iter().for_each(|key| self.durable.refuse(key, until_ms));
            }
        }
    }

    /// Waits until nothing is held and nothing waits; then the journal must be trimmed.
    pub async fn come_to_rest(&self, engine: &Engine) {
        let is_at_rest = || {
            let levels = engine.levels();
            let is_empty = levels.backlog_events == 0 && levels.spill.events == 0;
            is_empty && levels.waiting_events == 0 && engine.tally().count().held() == 0
        };
        for _ in 0..REST_MS_MAX / LOOK_MS {
            if is_at_rest() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(LOOK_MS)).await;
        }
        self.world.expect(is_at_rest(), || format!("no rest: {:?}", engine.levels()));
        tokio::time::sleep(Duration::from_millis(self.settings.trim_every_ms + 2_000)).await;
        let journal = engine.levels().journal;
        self.world.expect(journal.segments <= 1, || format!("the journal is not trimmed: {journal:?}"));
        self.hot.forget().await;
    }

    pub fn check_law(&self, engine: &Engine, may_lose: bool) {
        self.meet(engine);
        let was_full = engine.meters().journal_full.get() > 0 || self.is_diskless;
        self.ledger.borrow().check_law(&self.world, &engine.tally().count(), may_lose, was_full);
    }

    /// Counts what this engine went through, to see that nothing is left out of the simulation.
    fn meet(&self, engine: &Engine) {
        let (count, meters) = (engine.tally().count(), engine.meters());
        let met = |what, times| self.world.meet(what, times);
        met("stored", count.stored);
        met("duplicate", count.duplicate);
        met("busy", count.busy);
        count.rejected.iter().for_each(|&(reason, times)| met(reason.name(), times));
        count.shed.iter().for_each(|&(reason, times)| met(reason.name(), times));
        met("stored without a journal", if self.is_diskless { count.stored } else { 0 });
        met("hot store failed", meters.hot_failed.get());
        met("journal full", meters.journal_full.get());
        met("flush retried", meters.flush_retried.get());
        met("flush refused", meters.flush_refused.get());
        met("opened without the store", meters.opened_blind.get());
        let recovered = engine.recovered().0;
        met("events recovered", recovered.events);
        met("known events in the journal", recovered.known);
        met("marks recovered", recovered.marks);
        let levels = engine.levels();
        met("backlog full", meters.backlog_full.get());
        met("spilled", meters.spilled.get());
        met("caught up", meters.caught_up.get());
        met("left in the journal by a start", recovered.spilled);
        met("segments rotated", levels.journal.segments.saturating_sub(1));
    }

    /// A stopped engine holds nothing, and everybody was answered.
    pub fn check_rest(&self, engine: &Engine) {
        let count = engine.tally().count();
        self.world.expect(count.held() == 0, || format!("a stopped engine holds {count:?}"));
        for ticket in &self.ledger.borrow().tickets {
            let settled = ticket.read();
            let is_answered = settled.outstanding == 0 || settled.abandoned;
            self.world.expect(is_answered, || format!("left without an answer: {settled:?}"));
        }
    }

    /// Whatever happens to the journal now, the store has it all.
    pub fn check_persisted(&self) {
        let stored = self.durable.persisted();
        for user in &self.users {
            let before = self.ledger.borrow().before(user);
            let keys: Vec<_> =
                self.ledger.borrow().sessions.keys().filter(|key| key.user == *user).cloned().collect();
            for key in keys {
                let events = stored.session(&key).map(|(_, events)| events).unwrap_or_default();
                self.ledger.borrow().check_events(&self.world, &before, &key, &events);
            }
        }
    }

    /// Waits for some time between these, ms.
    pub async fn pause(&self, least_ms: i64, most_ms: i64) {
        let pause_ms = self.world.between(least_ms, most_ms).unsigned_abs();
        tokio::time::sleep(Duration::from_millis(pause_ms)).await;
    }
}

/// Limits so small that each is met.
fn settings(world: &World) -> Settings {
    let batch_events_max = world.count(1, 5);
    let limits = Limits {
        shards: 2,
        batch_events_max,
        shard_events_max: batch_events_max + world.count(0, 6),
        session_events_max: world.pick(&[4, 10, 100]),
        sessions_max: world.count(1, 6),
        retry_after_ms: world.pick(&[1, 50, 400]),
        open_ms_max: world.pick(&[1, 50]),
        ..Limits::default()
    };
    Settings {
        limits,
        flush_age_ms: world.pick(&[0, 100, 700, 2_000]),
        flush_events_max: world.count(1, 12),
        commit_events_max: world.count(1, 6),
        commit_distance_ms: world.pick(&[0, 2, 30]),
        backlog_events_max: batch_events_max + world.pick(&[0, 0, 4, 15]),
        spill: spill(world),
        hot_ms_max: world.pick(&[1, 20, 50]),
        trim_every_ms: world.pick(&[10, 200, 1_500]),
        session_idle_ms: world.pick(&[1_000, 3_000]),
        ..Settings::default()
    }
}

/// Half of all engines have a store that is as near as the journal. The others keep some or much in the journal alone.
fn spill(world: &World) -> SpillSettings {
    SpillSettings {
        events_max: world.pick(&[0, 0, 10, 1_000, 1_000]),
        journal_bytes_max: world.pick(&[100_000, u64::MAX]),
        age_s_max: world.pick(&[1, 10, 1_000]),
        catch_up_events_s_max: world.pick(&[0, 0, 20]),
    }
}

/// The longest that a life may take, by its own clock.
const LIFE_MAX: Duration = Duration::from_secs(1_800);
const REST_MS_MAX: u64 = 300_000;
const LOOK_MS: u64 = 500;
