//! The workshop: the one test command and the tidy checks, for developers and for CI alike.
//!
//! `cargo xtask test` walks through [`steps`], the checks that every change has to pass, in order, and installs the
//! tools that they need. `cargo xtask tidy` runs [`tidy`], the checks of our own that no other tool has: who may import
//! whom, leftovers, sizes, the changelog's form. `cargo xtask prove` runs [`prove`], the fault harness, and
//! `cargo xtask services` starts the real servers of [`services`], which the tests use too. None needs more than a Rust
//! toolchain; a check that cannot run here is skipped, and the last lines say so.

#![expect(clippy::print_stdout, reason = "this is a command line tool, its output is what it is for")]

mod prove;
mod services;
mod source;
mod steps;
mod tidy;

use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// What to type, and what it does.
const USAGE: &str = "\
usage: cargo xtask COMMAND

  test                 run every check in order, stop at the first failure
  test --only STEP     run one of them
  test --list          name them
  tidy                 run our own checks: seams, leftovers, sizes, changelog, manifests
  tidy --bless         write the present sizes into xtask/tidy-sizes.txt
  prove [NAME...]      hurt the release binary in every way, and show that nothing acknowledged is lost
  prove --list         name the ways; --long: in full; --seed N: as before; --long --record: write down what is found.
                       those named cql-*, redis-* and drain-killed start servers of their own (needs java, mvn, redis-server)
  services up          start a CQL server and Redis for tests, on free ports, and print where they are
                       [--cql-nodes 1|3] [--cql secure|roomy] [--redis single|cluster|replica]
  services down        stop what it started; services status: name it
  gates                count instructions, fail on 5 % more than recorded (needs valgrind)
  gates --bless        record the present counts in bench/instructions.txt
  advisories           look the dependencies up in the advisory database (needs a network)";

/// The exit code of a command line that makes no sense, as in sysexits.h.
const EX_USAGE: u8 = 64;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let root = workspace_root();
    let passed = match words.as_slice() {
        ["test"] => steps::run_all(&root),
        ["test", "--list"] => steps::list(),
        ["test", "--only", name] => match steps::run_one(&root, name) {
            Some(passed) => passed,
            None => return misuse(&format!("no step is called {name:?}; see cargo xtask test --list")),
        },
        ["prove", "--help" | "-h"] => return say_usage(),
        ["prove", rest @ ..] => match prove::Options::parse(rest, &prove::names()) {
            Ok(options) => prove::run(&root, &options).inspect_err(|reason| println!("\n{reason}")).is_ok(),
            Err(complaint) => return misuse(&complaint),
        },
        ["services", rest @ ..] => {
            services::run(&root, rest).inspect_err(|reason| println!("{reason}")).is_ok()
        }
        ["gates"] => steps::run_one(&root, "gates").unwrap_or(false),
        ["gates", "--bless"] => steps::bless_gates(&root),
        ["advisories"] => steps::run_advisories(&root),
        ["tidy"] => tidy::report(&root),
        ["tidy", "--bless"] => tidy::bless(&root),
        [] | ["help" | "--help" | "-h"] => return say_usage(),
        _ => return misuse(&format!("not a command: {}", words.join(" "))),
    };
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Finds the workspace's root at run time, so that a target folder shared by two checkouts cannot mix them up.
fn workspace_root() -> PathBuf {
    let package =
        env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    package.parent().map(Path::to_path_buf).unwrap_or(package)
}

fn say_usage() -> ExitCode {
    println!("{USAGE}");
    ExitCode::SUCCESS
}

fn misuse(complaint: &str) -> ExitCode {
    println!("{complaint}\n\n{USAGE}");
    ExitCode::from(EX_USAGE)
}
