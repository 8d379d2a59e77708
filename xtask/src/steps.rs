//! The one test command: every check that a change has to pass, in the order in which they fail fastest.
//!
//! [`all`] is the list, one function each. [`command`] runs other programs, [`tools`] provides those that a Rust
//! toolchain does not bring, [`landed`] finds what the .proto files are compared with, [`gates`] counts instructions,
//! [`peers`] lets other people's clients play, [`servers`] starts the databases that tests use.

mod all;
mod command;
mod gates;
mod landed;
mod on_servers;
mod peers;
mod servers;
mod tools;

use std::{
    fmt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// What the steps work on.
struct Workshop {
    root: PathBuf,
}

/// How a step ended, if it did not fail.
enum Ending {
    /// With a word on what was done, if there is one to say.
    Passed(String),
    /// It cannot run on this machine; why, and what would help.
    Skipped(String),
}

/// What a developer has to read when a step failed.
struct Failure(String);

/// One check.
struct Step {
    name: &'static str,
    what: &'static str,
    run: fn(&Workshop) -> Result<Ending, Failure>,
}

/// A step that was run.
struct Record {
    name: &'static str,
    result: Result<Ending, Failure>,
    took: Duration,
}

/// Runs every step in order up to the first that fails, sums up, and says whether all is well.
pub(crate) fn run_all(root: &Path) -> bool {
    let workshop = Workshop { root: root.to_path_buf() };
    let began = Instant::now();
    let mut records = Vec::new();
    for step in &all::STEPS {
        let record = run(&workshop, step);
        let failed = record.result.is_err();
        records.push(record);
        if failed {
            break;
        }
    }
    sum_up(&records, began.elapsed())
}

/// Runs one step and says whether it passed; nothing if there is no such step.
pub(crate) fn run_one(root: &Path, name: &str) -> Option<bool> {
    let step = all::STEPS.iter().find(|step| step.name == name)?;
    let record = run(&Workshop { root: root.to_path_buf() }, step);
    Some(record.result.is_ok())
}

/// Looks the dependencies up in the advisory database. No step, since it needs a network and changes by itself.
pub(crate) fn run_advisories(root: &Path) -> bool {
    let step = Step { name: "advisories", what: "known faults of the dependencies", run: all::advisories };
    run(&Workshop { root: root.to_path_buf() }, &step).result.is_ok()
}

/// Counts instructions and records them as what later counts are held against.
pub(crate) fn bless_gates(root: &Path) -> bool {
    let step = Step { name: "gates", what: "instruction counts, recorded", run: gates::bless };
    run(&Workshop { root: root.to_path_buf() }, &step).result.is_ok()
}

/// Prints the steps.
pub(crate) fn list() -> bool {
    for step in &all::STEPS {
        println!("{:<8} {}", step.name, step.what);
    }
    true
}

/// The Python of the environment in which other people's clients play, or why there is none.
///
/// # Errors
/// What went wrong where it should not.
pub(crate) fn peer_python(root: &Path) -> Result<Result<PathBuf, String>, String> {
    peers::environment(&Workshop { root: root.to_path_buf() }).map_err(|Failure(text)| text)
}

fn run(workshop: &Workshop, step: &Step) -> Record {
    println!("\n== {}: {}", step.name, step.what);
    let began = Instant::now();
    let record = Record { name: step.name, result: (step.run)(workshop), took: began.elapsed() };
    println!("{record}");
    record
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, text) = match &self.result {
            Ok(Ending::Passed(note)) => ("ok", note),
            Ok(Ending::Skipped(reason)) => ("SKIPPED", reason),
            Err(Failure(reason)) => ("FAILED", reason),
        };
        let line = format!("{:<8} {word:<7} {:>7.1} s  {text}", self.name, self.took.as_secs_f64());
        f.write_str(line.trim_end())
    }
}

/// Prints one line per step, and last what a script would look for.
fn sum_up(records: &[Record], took: Duration) -> bool {
    println!("\n== summary");
    for record in records {
        println!("{record}");
    }
    let names = |wanted: fn(&Record) -> bool| {
        let found: Vec<_> =
            records.iter().filter(|record| wanted(record)).map(|record| record.name).collect();
        found.join(", ")
    };
    let failed = names(|record| record.result.is_err());
    let skipped = names(|record| matches!(record.result, Ok(Ending::Skipped(_))));
    let not_run = all::STEPS.len().saturating_sub(records.len());
    if !skipped.is_empty() {
        println!("\nSKIPPED, so not checked here: {skipped}");
    }
    if !failed.is_empty() {
        println!(
            "\nFAILED: {failed} ({not_run} steps were not run); again alone: cargo xtask test --only {failed}"
        );
        return false;
    }
    println!("\nall steps done in {:.0} s", took.as_secs_f64());
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(result: Result<Ending, Failure>) -> Record {
        Record { name: "buf", result, took: Duration::from_millis(1_250) }
    }

    #[test]
    fn a_line_says_name_ending_time_and_reason() {
        let line = |result| record(result).to_string();
        assert_eq!(line(Ok(Ending::Passed(String::new()))), "buf      ok          1.2 s");
        assert_eq!(line(Ok(Ending::Skipped("no npm".into()))), "buf      SKIPPED     1.2 s  no npm");
        assert_eq!(line(Err(Failure("bad".into()))), "buf      FAILED      1.2 s  bad");
    }

    #[test]
    fn one_failure_fails_the_whole_and_a_skip_does_not() {
        let ok = || record(Ok(Ending::Passed(String::new())));
        assert!(sum_up(&[ok(), record(Ok(Ending::Skipped("no npm".into())))], Duration::ZERO));
        assert!(!sum_up(&[ok(), record(Err(Failure("bad".into())))], Duration::ZERO));
    }

    #[test]
    fn every_step_has_a_name_of_its_own() {
        for (at, step) in all::STEPS.iter().enumerate() {
            assert!(!all::STEPS.iter().skip(at + 1).any(|other| other.name == step.name), "{}", step.name);
        }
    }
}
