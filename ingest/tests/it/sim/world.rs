//! What a run is made of besides the engine: one seed's dice, a clock that goes on across crashes, the weather, and
//! what happened so far.

use std::{
    collections::BTreeMap,
    fmt::Display,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::time::Instant;

/// How an engine is broken on purpose, to see that the checks notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    /// Not at all.
    None,
    /// The disk's fsync does nothing: events are acknowledged before they are durable.
    SyncsNothing,
    /// The durable store's persist does nothing: the journal is trimmed before the store holds it.
    PersistsNothing,
    /// Failed writes to the durable store look like good ones: what should be retried is dropped.
    SwallowsFailures,
}

/// What the stores and the disk do at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weather {
    /// How many in a hundred calls of the durable store fail; 100 is an outage.
    pub durable_fails: u64,
    /// How many in a hundred stall first.
    pub durable_stalls: u64,
    /// The same for the hot store.
    pub hot_fails: u64,
    /// How many in a hundred calls of the hot store take longer than anybody waits.
    pub hot_stalls: u64,
    /// The disk has no room for new files and little for anything else.
    pub disk_full: bool,
    /// How many in a hundred removals of a file fail.
    pub removals_fail: u64,
    /// What the next fsync does.
    pub sync: Sync,
}

/// What an fsync does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sync {
    Works,
    /// It fails. What was written is seen until the power is lost, and never reaches the disk.
    Fails,
    /// The process is killed in the middle of it. What was written is seen, and reaches the disk some time.
    Kills,
}

impl Weather {
    /// Everything works.
    pub const CALM: Self = Self {
        durable_fails: 0,
        durable_stalls: 0,
        hot_fails: 0,
        hot_stalls: 0,
        disk_full: false,
        removals_fail: 0,
        sync: Sync::Works,
    };
}

/// What all parts of a run share.
pub struct World {
    /// How the engine is broken.
    pub defect: Defect,
    dice: Mutex<ChaCha8Rng>,
    clock: Mutex<Clock>,
    weather: Mutex<Weather>,
    looks: AtomicU64,
    trace: Option<Mutex<Vec<String>>>,
    met: Mutex<BTreeMap<&'static str, u64>>,
    failure: Mutex<Option<String>>,
}

struct Clock {
    now_ms: i64,
    /// When the runtime of now began, while there is one.
    running_since: Option<Instant>,
}

impl World {
    /// The world of one seed.
    pub fn new(seed: u64, defect: Defect, is_traced: bool) -> Arc<Self> {
        Arc::new(Self {
            defect,
            dice: Mutex::new(ChaCha8Rng::seed_from_u64(seed)),
            clock: Mutex::new(Clock { now_ms: BEGIN_MS, running_since: None }),
            weather: Mutex::new(Weather::CALM),
            looks: AtomicU64::new(0),
            trace: is_traced.then(Mutex::default),
            met: Mutex::default(),
            failure: Mutex::new(None),
        })
    }

    /// Unix time, ms. Whoever asks a million times is going round in a circle.
    pub fn now_ms(&self) -> i64 {
        assert!(self.looks.fetch_add(1, Ordering::Relaxed) < LOOKS_MAX, "somebody spins");
        let clock = lock(&self.clock);
        clock.now_ms + clock.running_since.map_or(0, |since| since.elapsed().as_millis() as i64)
    }

    /// Binds the clock to the runtime that runs now.
    pub fn wake(&self) {
        lock(&self.clock).running_since = Some(Instant::now());
    }

    /// Unbinds the clock from the runtime that is about to end; some time passes until the next.
    pub fn sleep(&self) {
        let (now_ms, pause_ms) = (self.now_ms(), self.between(0, 3_000));
        *lock(&self.clock) = Clock { now_ms: now_ms + pause_ms, running_since: None };
    }

    pub fn weather(&self) -> Weather {
        *lock(&self.weather)
    }

    pub fn set_weather(&self, weather: Weather) {
        self.say(|| format!("{weather:?}"));
        *lock(&self.weather) = weather;
    }

    /// The weather changes, a little or a lot. The disk runs full only where it may.
    pub fn change_weather(&self, may_be_full: bool) {
        let mut weather = self.weather();
        match self.between(0, 9) {
            0..=2 => weather = Weather::CALM,
            3 => weather.durable_fails = 100,
            4 => weather.durable_fails = self.number(60),
            5 => weather.durable_stalls = self.number(40),
            6 => weather.hot_fails = self.pick(&[0, 20, 100]),
            7 => weather.hot_stalls = self.pick(&[0, 20, 100]),
            8 => weather.disk_full = may_be_full && !weather.disk_full,
            _ => weather.removals_fail = self.pick(&[0, 50, 100]),
        }
        self.set_weather(weather);
    }

    /// A number from `least` to `most`, both included.
    pub fn between(&self, least: i64, most: i64) -> i64 {
        lock(&self.dice).random_range(least..=most)
    }

    /// A number from 0 to `most`.
    pub fn number(&self, most: u64) -> u64 {
        lock(&self.dice).random_range(0..=most)
    }

    /// A count from `least` to `most`, both included.
    pub fn count(&self, least: usize, most: usize) -> usize {
        lock(&self.dice).random_range(least..=most)
    }

    /// True so many times in a hundred.
    pub fn chance(&self, percent: u64) -> bool {
        percent > 0 && lock(&self.dice).random_range(0..100) < percent
    }

    /// One of them.
    pub fn pick<T: Copy>(&self, from: &[T]) -> T {
        from[self.count(0, from.len() - 1)]
    }

    /// Notes what happens, if anybody wants to know.
    pub fn say<T: Display>(&self, what: impl FnOnce() -> T) {
        if let Some(trace) = &self.trace {
            let line = format!("{:>8} {}", self.now_ms() - BEGIN_MS, what());
            lock(trace).push(line);
        }
    }

    /// Notes that a promise was broken. The first counts.
    pub fn fail(&self, what: impl Display) {
        self.say(|| format!("BROKEN: {what}"));
        lock(&self.failure).get_or_insert_with(|| what.to_string());
    }

    /// Notes a broken promise unless this holds.
    pub fn expect(&self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.fail(what());
        }
    }

    /// Counts how often something was met, to see that the run had it in it.
    pub fn meet(&self, what: &'static str, times: u64) {
        *lock(&self.met).entry(what).or_default() += times;
    }

    /// What was met.
    pub fn met(&self) -> BTreeMap<&'static str, u64> {
        lock(&self.met).clone()
    }

    /// The first promise that was broken.
    pub fn failure(&self) -> Option<String> {
        lock(&self.failure).clone()
    }

    /// What happened, line by line.
    pub fn trace(&self) -> Vec<String> {
        self.trace.as_ref().map(|trace| lock(trace).clone()).unwrap_or_default()
    }
}

/// A panic while it was held is reported by itself.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// When every run begins: an evening in July 2026.
pub const BEGIN_MS: i64 = 1_785_000_000_000;
/// A run looks at the clock some thousand times.
const LOOKS_MAX: u64 = 1_000_000;
