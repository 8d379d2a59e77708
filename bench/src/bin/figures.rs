//! `figures`: runs the figures F1.1 to F4.7 of the design, each against its limit in turn, and writes what came out.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool: a table and its progress"
)]

use std::{fs, io, path::Path, process::Command};

use clap::Parser;
use playhead_bench::figures::{
    FIGURES, Figure, Needs,
    results::{self, Occasion},
    workbench::{self, Cluster, Workbench},
};

/// The allocator of the binary that is measured.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures Playhead against its limits: the same transport, messages and disk under servers that do nothing else.
///
/// Servers run on one core, clients on another. Use a machine that does nothing else; the table shows its load.
#[derive(Debug, Parser)]
struct Asked {
    /// Only these figures, such as F1.1,F1.6 [default: all]
    #[arg(long, value_delimiter = ',', value_parser = figure)]
    only: Vec<&'static Figure>,
    /// How often each contestant runs, in turn
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=99))]
    runs: u16,
    /// Write the rows into bench/RESULTS.md
    #[arg(long)]
    write: bool,
    /// A CQL server for F3 and F4, host:port
    #[arg(long)]
    cql: Option<String>,
    /// Its process, which F3.3 freezes for a while
    #[arg(long)]
    cql_pid: Option<i32>,
    /// A Redis for F3 and F4, redis://host:port
    #[arg(long)]
    redis: Option<String>,
    /// Run the binaries that lie beside this one, as they are
    #[arg(long)]
    no_build: bool,
}

fn main() -> io::Result<()> {
    let asked = Asked::parse();
    if !asked.no_build {
        build()?;
    }
    let cluster = Cluster { cql: asked.cql, cql_pid: asked.cql_pid, redis: asked.redis };
    let workbench = Workbench::new(asked.runs.into(), cluster)?;
    if !workbench.is_pinned {
        eprintln!(
            "no taskset, or one core: client and server share what there is, and the figures are rough"
        );
    }
    let figures = if asked.only.is_empty() { possible(&workbench.cluster) } else { asked.only };
    let mut lines = Vec::new();
    for figure in figures {
        eprintln!("{} {}", figure.name, figure.what);
        let before = workbench::load_average();
        let rows = figure.measure(&workbench)?;
        let measured = results::lines(&rows, &occasion(&before));
        if asked.write {
            // At once: a figure that fails takes none of those before it along.
            write(&measured)?;
        }
        lines.extend(measured);
    }
    println!("{}\n{}", results::HEAD, lines.join("\n"));
    Ok(())
}

/// All figures, without those of a cluster where there is none.
fn possible(cluster: &Cluster) -> Vec<&'static Figure> {
    let has_cluster = cluster.cql.is_some() && cluster.redis.is_some();
    let can = |figure: &&Figure| has_cluster || figure.needs == Needs::Nothing;
    if !has_cluster {
        let skipped = FIGURES.iter().filter(|figure| !can(figure)).map(|figure| figure.name);
        let skipped: Vec<_> = skipped.collect();
        let skipped = skipped.join(", ");
        eprintln!("SKIPPED: {skipped}, without --cql and --redis; `cargo xtask services up` starts both");
    }
    FIGURES.iter().filter(|figure| can(figure)).collect()
}

fn figure(name: &str) -> Result<&'static Figure, String> {
    let found = FIGURES.iter().find(|figure| figure.name.eq_ignore_ascii_case(name));
    let names: Vec<_> = FIGURES.iter().map(|figure| figure.name).collect();
    found.ok_or_else(|| format!("allowed is {}", names.join(", ")))
}

/// The servers, as they are now.
fn build() -> io::Result<()> {
    let mut cargo = Command::new(option_env!("CARGO").unwrap_or("cargo"));
    cargo.args([
        "build",
        "--quiet",
        "--release",
        "-p",
        "playhead",
        "-p",
        "playhead-limits",
        "-p",
        "playhead-bench",
        "--bins",
    ]);
    match cargo.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).status()?.success() {
        true => Ok(()),
        false => Err(io::Error::other("the servers could not be built")),
    }
}

fn occasion(load_before: &str) -> Occasion {
    Occasion { date: today(), load: format!("{load_before} to {}", workbench::load_average()) }
}

fn today() -> String {
    let said = Command::new("date").arg("+%Y-%m-%d").output();
    said.map(|said| String::from_utf8_lossy(&said.stdout).trim().to_owned()).unwrap_or_default()
}

fn write(lines: &[String]) -> io::Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("RESULTS.md");
    let document = fs::read_to_string(&path)?;
    let written = results::with_lines(&document, lines);
    fs::write(&path, written.ok_or_else(|| io::Error::other("RESULTS.md has no table of figures"))?)
}
