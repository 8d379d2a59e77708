//! The fault harness: `cargo xtask prove` kills, drains, overloads and robs the release binary, and shows that what was
//! acknowledged is there.
//!
//! It knows nothing of our crates. [`server`] runs `playhead serve` as a process, [`load`] and [`ledger`] offer events and
//! ask for them again, [`verify`] reads a data folder; [`image`] is a disk that can be filled and can lose its power,
//! [`strace`] one that fails or lies, [`network`] one that loses packets, [`journal`] knows the files by the record that
//! describes them. Each scenario is a file of its own: [`crashes`], [`power_loss`], [`fsync_error`], [`disk_full`],
//! [`torn_tail`], [`bit_flips`], [`drain`], [`lossy`], [`hostile`], [`overload`], [`soak`]; those of [`cluster`] play with
//! real CQL servers and Redis. docs/reliability.md says what each of them proves.

mod bit_flips;
mod cluster;
mod crashes;
mod disk_full;
mod drain;
mod fsync_error;
mod hostile;
mod http;
mod image;
mod journal;
mod ledger;
mod load;
mod lossy;
mod metrics;
mod network;
mod options;
mod overload;
mod peak;
mod power_loss;
mod record;
mod report;
mod server;
mod soak;
mod stage;
mod still;
mod stop;
mod strace;
mod torn_tail;
mod verify;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

pub(crate) use self::options::Options;
use self::{
    cluster::Servers,
    report::{Ending, Outcome},
    stage::Stage,
    stop::{Interrupts, Step, Stop, failed},
};

/// A scenario.
struct Scenario {
    name: &'static str,
    what: &'static str,
    play: fn(&mut Stage<'_>) -> Step,
}

/// All of them: those of one node, then those that need servers, by which they need. Each has its dice by its place.
const SCENARIOS: [Scenario; 23] = [
    Scenario { name: "drain", what: "SIGTERM under load", play: drain::play },
    Scenario { name: "crashes", what: "kill -9 under load", play: crashes::play },
    Scenario { name: "power-loss", what: "the disk loses its power under load", play: power_loss::play },
    Scenario { name: "fsync-error", what: "the disk fails", play: fsync_error::play },
    Scenario { name: "disk-full", what: "the disk is full", play: disk_full::play },
    Scenario { name: "torn-tail", what: "the journal is cut off", play: torn_tail::play },
    Scenario { name: "bit-flips", what: "bits of the journal rot", play: bit_flips::play },
    Scenario { name: "lossy", what: "a network that loses one packet in twenty", play: lossy::play },
    Scenario { name: "hostile", what: "peers that mean no good", play: hostile::play },
    Scenario { name: "overload", what: "many times as much as it can take", play: overload::play },
    Scenario { name: "soak", what: "half as much as it can take, for long", play: soak::play },
    Scenario {
        name: "cql-down",
        what: "the only CQL server is killed and comes back",
        play: cluster::cql_down,
    },
    Scenario { name: "cql-frozen", what: "the only CQL server stands still", play: cluster::cql_frozen },
    Scenario { name: "cql-slow", what: "the only CQL server answers slowly", play: cluster::cql_slow },
    Scenario { name: "drain-killed", what: "kill -9 of a node that drains", play: cluster::drain_killed },
    Scenario { name: "redis-killed", what: "Redis is killed and comes back", play: cluster::redis_killed },
    Scenario { name: "redis-empty", what: "Redis loses all it has", play: cluster::redis_empty },
    Scenario { name: "redis-scripts", what: "Redis forgets the scripts", play: cluster::redis_scripts },
    Scenario { name: "redis-promoted", what: "a stale replica is promoted", play: cluster::redis_promoted },
    Scenario { name: "redis-frozen", what: "Redis stands still", play: cluster::redis_frozen },
    Scenario { name: "two-nodes", what: "two nodes are like one", play: cluster::two_nodes },
    Scenario { name: "cql-node", what: "one of three CQL nodes is killed", play: cluster::cql_node },
    Scenario { name: "cql-backlog", what: "two million events wait", play: cluster::cql_backlog },
];

/// The names of all scenarios.
pub(crate) fn names() -> Vec<&'static str> {
    SCENARIOS.iter().map(|scenario| scenario.name).collect()
}

/// Plays what was asked for, prints a closing table, and says what a summary has to say: a word on what was skipped.
///
/// # Errors
/// What failed, in a sentence.
pub(crate) fn run(root: &Path, options: &Options) -> Result<String, String> {
    if options.is_list {
        SCENARIOS.iter().for_each(|scenario| println!("{:<14} {}", scenario.name, scenario.what));
        return Ok(String::new());
    }
    let waiting = Interrupts::listen().map_err(|error| format!("signals: {error}"))?;
    let binary = build(root).map_err(|stop| stop.to_string())?;
    println!("seed {}, {} form", options.seed, if options.is_long { "long" } else { "short" });
    let (mut outcomes, mut servers) = (Vec::new(), None);
    for (index, scenario) in (0..).zip(&SCENARIOS).filter(|(_, scenario)| options.wants(scenario.name)) {
        println!("\n-- {}: {}", scenario.name, scenario.what);
        let outcome = play(root, &binary, options, (index, scenario), &waiting, &mut servers);
        println!("  {outcome}");
        let is_interrupted = matches!(outcome.ending, Ending::Interrupted);
        outcomes.push(outcome);
        if is_interrupted {
            break;
        }
    }
    // Behind a failure their logs may tell more.
    if let Some(servers) = servers.filter(|_| !outcomes.iter().any(|outcome| outcome.ending.is_failure())) {
        servers.remove().map_err(|stop| stop.to_string())?;
    }
    if options.is_recorded {
        record::write(root, &outcomes).map_err(|error| format!("{}: {error}", record::PAGE))?;
    }
    report::sum_up(&outcomes)
}

/// Plays one scenario. What it leaves is removed if all went well, and kept if not; servers go on to the next.
fn play(
    root: &Path,
    binary: &Path,
    options: &Options,
    (index, scenario): (u64, &Scenario),
    waiting: &Interrupts,
    servers: &mut Option<Servers>,
) -> Outcome {
    let begun = Instant::now();
    let folder = root.join("target/prove");
    let dice = (options.seed, index);
    let (ending, kept) = match Stage::prepare(binary, &folder, scenario.name, dice, options.is_long, waiting)
    {
        Ok(mut stage) => {
            stage.servers = servers.take();
            let played = (scenario.play)(&mut stage);
            *servers = stage.servers.take();
            let kept = stage.folder.clone();
            (Ending::of(played, stage.finish()), Some(kept))
        }
        Err(stop) => (Ending::of(Err(stop), (String::new(), Vec::new())), None),
    };
    let kept = kept.filter(|folder| ending.is_failure() || fs::remove_dir_all(folder).is_err());
    Outcome {
        name: scenario.name,
        ending,
        took: begun.elapsed(),
        command: options.command(scenario.name),
        kept,
    }
}

/// Builds the release binary, as its users do.
fn build(root: &Path) -> Step<PathBuf> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.current_dir(root).args(["build", "--locked", "--release", "-p", "playhead"]);
    let status = build.status().map_err(failed("cargo build"))?;
    if !status.success() {
        return Err(Stop::Failed(format!("cargo build ended with {status}")));
    }
    let target =
        env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |target| root.join(target));
    Ok(target.join("release/playhead"))
}
