//! One run: an engine lives in bad weather, ends somehow, lives again; then the weather clears, and everything must be
//! there.

use std::{collections::BTreeMap, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::future::join_all;
use playhead_ingest::{
    edge::Doors,
    engine::{Engine, Failure},
};

use super::{
    player::Player,
    remote::{check_all, use_remote},
    show::Show,
    stage::Sim,
    world::{Defect, Sync, Weather, World},
};

/// How a run ended well.
pub struct Ran {
    pub trace: Vec<String>,
    /// What it met, and how often.
    pub met: BTreeMap<&'static str, u64>,
}

/// How a run ended badly.
pub struct Broken {
    pub what: String,
    pub trace: Vec<String>,
}

/// How an engine ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The process is killed. What it wrote is there, synced or not.
    Kill,
    /// The machine loses its power.
    PowerLoss,
    /// It is stopped in order.
    Stop,
    /// An fsync fails, then the process is started again.
    SyncFails,
    /// An fsync fails, then the machine loses its power.
    DiskBreaks,
    /// The process is killed in the middle of an fsync.
    KillInSync,
}

impl End {
    const ALL: [Self; 6] =
        [Self::Kill, Self::PowerLoss, Self::Stop, Self::SyncFails, Self::DiskBreaks, Self::KillInSync];

    fn name(self) -> &'static str {
        match self {
            Self::Kill => "killed",
            Self::PowerLoss => "power lost",
            Self::Stop => "stopped",
            Self::SyncFails => "fsync failed",
            Self::DiskBreaks => "disk broke",
            Self::KillInSync => "killed in an fsync",
        }
    }
}

/// Runs one seed.
pub fn run(seed: u64, defect: Defect, is_traced: bool) -> Result<Ran, Broken> {
    let world = World::new(seed, defect, is_traced);
    let ran = std::panic::catch_unwind(AssertUnwindSafe(|| live_and_die(&world)));
    let panicked = ran.err().map(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
    });
    match world.failure().or(panicked) {
        Some(what) => Err(Broken { what, trace: world.trace() }),
        None => Ok(Ran { trace: world.trace(), met: world.met() }),
    }
}

fn live_and_die(world: &Arc<World>) {
    let sim = Sim::new(world);
    let mut players = players(&sim);
    for _ in 0..world.count(1, 5) {
        let end = world.pick(&End::ALL);
        sim.incarnation(async |sim| bad_life(sim, &mut players, end).await);
        die(&sim, end);
        if world.failure().is_some() {
            return;
        }
    }
    sim.incarnation(async |sim| good_life(sim, &mut players).await);
    if world.failure().is_none() {
        die(&sim, End::PowerLoss);
        sim.incarnation(afterlife);
    }
}

/// What the engine's end does to what outlives it.
fn die(sim: &Sim, end: End) {
    sim.world.say(|| format!("=== {end:?} ==="));
    sim.world.meet(end.name(), 1);
    sim.disk.revive();
    if matches!(end, End::PowerLoss | End::DiskBreaks) {
        sim.disk.lose_power();
        sim.durable.lose_power();
    }
    sim.world.set_weather(Weather { sync: Sync::Works, ..sim.world.weather() });
}

/// Players and remotes in bad weather, until the end comes.
async fn bad_life(sim: &Sim, players: &mut [Player], end: End) {
    let life = async {
        let engine = tokio::select! {
            biased;
            engine = sim.start() => engine,
            // Some are killed before they have even started.
            () = sim.pause(1, 20_000), if end != End::Stop => return sim.world.meet("ended while starting", 1),
        };
        let doors = engine.doors();
        let steps = sim.world.count(2, 10);
        let time_is_up = sim.pause(50, 8_000);
        tokio::select! {
            biased;
            failure = engine.failed() => sim.world.fail(format!("the engine failed: {failure}")),
            () = everybody(sim, players, &doors, steps) => {}
            () = time_is_up => {}
        }
        sim.check_law(&engine, false);
        match end {
            End::Kill | End::PowerLoss => {}
            End::Stop => stop(sim, engine, players, &doors).await,
            End::SyncFails | End::DiskBreaks => break_disk(sim, engine, players, &doors, Sync::Fails).await,
            End::KillInSync => break_disk(sim, engine, players, &doors, Sync::Kills).await,
        }
    };
    tokio::select! {
        biased;
        () = life => {}
        () = sim.weather_changes() => {}
    }
}

async fn everybody(sim: &Sim, players: &mut [Player], doors: &Doors, steps: usize) {
    let playing = join_all(players.iter_mut().map(|player| player.play(sim, doors, steps)));
    let remotes = join_all(sim.users.iter().map(|user| use_remote(sim, doors, user, steps)));
    tokio::join!(playing, remotes);
}

/// Stops in order, with everybody still there. Nothing may be lost, and patience is an upper bound.
async fn stop(sim: &Sim, engine: Engine, players: &mut [Player], doors: &Doors) {
    // Who stops while the disk is full leaves what was taken without an answer, and counts it as lost.
    sim.is_stopping.set(true);
    sim.world.set_weather(Weather { disk_full: false, ..sim.world.weather() });
    let patience_ms = sim.world.number(4_000);
    sim.world.say(|| format!("stopping within {patience_ms} ms"));
    let began_ms = sim.world.now_ms();
    let patience = Duration::from_millis(patience_ms);
    let is_empty = tokio::select! {
        biased;
        is_empty = engine.stop(patience) => is_empty,
        () = async { everybody(sim, players, doors, 3).await; std::future::pending().await } => false,
    };
    let took_ms = sim.world.now_ms() - began_ms;
    sim.world.say(|| format!("stopped after {took_ms} ms, is empty: {is_empty}"));
    let last_writes_ms = if sim.is_diskless { LAST_WRITES_MS } else { 0 };
    let most_ms = patience_ms.cast_signed() + last_writes_ms + STOP_MS_MAX;
    sim.world.expect(took_ms <= most_ms, || {
        format!("stopping took {took_ms} ms with {patience_ms} ms of patience")
    });
    sim.check_law(&engine, false);
    sim.check_rest(&engine);
    sim.world.meet(if is_empty { "stopped empty" } else { "stopped with something left" }, 1);
    if is_empty {
        sim.check_persisted();
    }
}

/// The next fsync fails: the engine says so, answers everybody, and can still be stopped.
async fn break_disk(sim: &Sim, engine: Engine, players: &mut [Player], doors: &Doors, sync: Sync) {
    sim.world.set_weather(Weather { sync, ..sim.world.weather() });
    tokio::select! {
        biased;
        failure = engine.failed() => {
            if sync == Sync::Kills {
                return;
            }
            sim.world.expect(matches!(failure, Failure::Journal(_)), || format!("failed with {failure}"));
            tokio::join!(engine.stop(Duration::from_secs(1)), tokio::task::yield_now());
            sim.check_law(&engine, true);
            sim.check_rest(&engine);
        }
        () = everybody(sim, players, doors, 4) => {}
    }
}

/// The weather is fine: everything is answered, flushed, trimmed, and rests as it was acknowledged.
async fn good_life(sim: &Sim, players: &mut [Player]) {
    sim.world.set_weather(Weather::CALM);
    sim.durable.forgive();
    let engine = sim.start().await;
    let doors = engine.doors();
    check_all(sim, &doors, false).await;
    join_all(players.iter_mut().map(|player| player.finish(sim, &doors))).await;
    sim.come_to_rest(&engine).await;
    check_all(sim, &doors, true).await;
    sim.check_law(&engine, false);
    let is_empty = engine.stop(Duration::from_secs(60)).await;
    sim.world.expect(is_empty, || "a calm stop left something in the journal".to_owned());
    sim.check_rest(&engine);
    sim.check_persisted();
}

/// The same once more, after a power loss.
async fn afterlife(sim: &Sim) {
    let engine = sim.start().await;
    sim.come_to_rest(&engine).await;
    check_all(sim, &engine.doors(), true).await;
    sim.world
        .expect(engine.stop(Duration::from_secs(60)).await, || "the last stop left something".to_owned());
}

fn players(sim: &Sim) -> Vec<Player> {
    let world = &sim.world;
    let mut players = Vec::new();
    for user in &sim.users {
        let shows: Vec<_> = (0..world.count(1, 3))
            .map(|number| Show::new(world, user, world.pick(&["tv", "phone"]), &format!("session-{number}")))
            .collect();
        if world.chance(20) {
            // A second one sends the same: a relay, or another tab.
            players.push(Player::new(shows.clone()));
        }
        players.push(Player::new(shows));
    }
    players
}

/// What stopping may take where the last commits wait for the store.
const LAST_WRITES_MS: i64 = 2_000;
/// What stopping may take besides the patience: commits that wait for the hot store.
const STOP_MS_MAX: i64 = 1_000;
