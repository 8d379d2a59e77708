//! The simulation: ten thousand small runs of the real engine, each from a seed, against stores and a disk that fail,
//! stall, half apply, forget and lose their power. What must hold in all of them: the law of endings; nothing lost; every
//! acknowledged event readable, once, with its values, until it is erased; positions never less than what was acknowledged.
//!
//! A run has one thread and virtual time, so the same seed gives the same run. `PLAYHEAD_SIM_SEEDS=n` runs seeds 0 to n,
//! `PLAYHEAD_SIM_SEED=n` runs seed n alone and shows all that happened in it.
//!
//! `world` has the dice, the clock and the weather; `disk`, `durable` (over `stored`) and `hot` are what the engine stands
//! on; `show`, `player` and `turn` are what the viewers send, `remote` what they mark, erase and read; `ledger` is what
//! they know, `reading` holds what is read against it; `stage` has all of this, `run` is the order in which it happens;
//! `found` is what the simulation has found so far, `spilled` what waits in the journal alone, step by step.

mod disk;
mod durable;
mod found;
mod hot;
mod ledger;
mod player;
mod reading;
mod remote;
mod run;
mod show;
mod spilled;
mod stage;
mod stored;
mod turn;
mod world;

use std::{
    collections::BTreeMap,
    env,
    ops::Range,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use self::{
    run::{Broken, Ran, run},
    world::Defect,
};

const SEEDS: u64 = 10_000;
/// Within so many seeds a broken engine must be noticed.
const SEEDS_TO_NOTICE: u64 = 1_000;
/// What the edges alone can meet.
const NOT_HERE: [&str; 2] = ["UNKNOWN_ITEM_KIND", "NOT_ALLOWED"];
/// So many seeds are run twice.
const SEEDS_TO_REPEAT: u64 = 100;
/// How much of a failed run is shown.
const TRACE_LINES: usize = 80;

#[test]
fn conservation_holds_in_bad_weather() {
    if let Some(seed) = from_env("PLAYHEAD_SIM_SEED") {
        let ran = run(seed, Defect::None, true);
        let trace = ran.as_ref().err().map(|broken| broken.trace.join("\n"));
        return assert!(ran.is_ok(), "{}", trace.unwrap_or_default());
    }
    let seeds = from_env("PLAYHEAD_SIM_SEEDS").unwrap_or(SEEDS);
    let (failed, met) = run_all(0..seeds, Defect::None);
    if let Some((seed, what)) = failed {
        panic!("seed {seed}: {what}\n\n{}", story(seed, Defect::None));
    }
    println!("{seeds} seeds met {met:#?}");
    let missing: Vec<_> =
        met.iter().filter(|&(what, times)| *times == 0 && !NOT_HERE.contains(what)).collect();
    assert!(seeds < SEEDS_TO_NOTICE || missing.is_empty(), "the simulation never met {missing:?}");
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in 0..from_env("PLAYHEAD_SIM_SEEDS").unwrap_or(SEEDS_TO_REPEAT) {
        let trace = |_| match run(seed, Defect::None, true) {
            Ok(Ran { trace, .. }) | Err(Broken { trace, .. }) => trace,
        };
        let [first, second] = [0, 1].map(trace);
        let differs = first.iter().zip(&second).position(|(a, b)| a != b);
        assert_eq!(differs.map(|line| (&first[line], &second[line])), None, "seed {seed}");
        assert_eq!(first.len(), second.len(), "seed {seed}");
    }
}

#[test]
fn an_acknowledgement_before_the_fsync_is_noticed() {
    is_noticed(Defect::SyncsNothing);
}

#[test]
fn trimming_before_the_store_holds_it_is_noticed() {
    is_noticed(Defect::PersistsNothing);
}

#[test]
fn a_dropped_retry_is_noticed() {
    is_noticed(Defect::SwallowsFailures);
}

#[expect(clippy::print_stdout, reason = "how many seeds it took is the result")]
fn is_noticed(defect: Defect) {
    match run_all(0..SEEDS_TO_NOTICE, defect).0 {
        Some((seed, what)) => println!("{defect:?} was noticed after {} seeds: {what}", seed + 1),
        None => panic!("{defect:?} was not noticed within {SEEDS_TO_NOTICE} seeds"),
    }
}

/// What the seeds met, and the lowest of them that fails and how. With as many threads as there are cores.
fn run_all(seeds: Range<u64>, defect: Defect) -> (Option<(u64, String)>, Met) {
    let (next, failed_at) = (AtomicU64::new(seeds.start), AtomicU64::new(u64::MAX));
    let work = || {
        let (mut failed, mut all) = (None, Met::new());
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end.min(failed_at.load(Ordering::Relaxed)) {
                return (failed, all);
            }
            match run(seed, defect, false) {
                Ok(Ran { met, .. }) => add(&mut all, met),
                Err(Broken { what, .. }) => {
                    failed_at.fetch_min(seed, Ordering::Relaxed);
                    failed = Some((seed, what));
                }
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let (failed, met): (Vec<_>, Vec<_>) = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).unzip()
    });
    let mut all = Met::new();
    met.into_iter().for_each(|met| add(&mut all, met));
    (failed.into_iter().flatten().min(), all)
}

/// How often something was met.
type Met = BTreeMap<&'static str, u64>;

fn add(all: &mut Met, met: Met) {
    met.into_iter().for_each(|(what, times)| *all.entry(what).or_default() += times);
}

/// The last of what happened in a run.
fn story(seed: u64, defect: Defect) -> String {
    let trace = match run(seed, defect, true) {
        Ok(_) => return "the same seed did not fail again".to_owned(),
        Err(Broken { trace, .. }) => trace,
    };
    let from = trace.len().saturating_sub(TRACE_LINES);
    trace[from..].join("\n")
}

fn from_env(name: &str) -> Option<u64> {
    env::var(name).ok().map(|value| value.parse().expect("a number"))
}
