//! Instruction counts of the rooms on the path of an ack, held against what was recorded. They do not depend on how busy
//! the machine is, as times do: what counts more instructions than before has become more work.

use std::{collections::BTreeMap, fs};

use super::{Ending, Failure, Workshop, command, tools};

/// Where the counts are recorded, from the root.
const RECORDED: &str = "bench/instructions.txt";

/// A count may grow by this before somebody has to say that it was meant.
const GROWTH_PERCENT_MAX: u64 = 5;

/// Instructions by case.
type Counts = BTreeMap<String, u64>;

/// Counts, and fails when a case takes 5 % more than recorded, or is not recorded.
pub(super) fn check(workshop: &Workshop) -> Result<Ending, Failure> {
    let Some(counts) = count(workshop)? else { return Ok(no_valgrind()) };
    let recorded = fs::read_to_string(workshop.root.join(RECORDED)).unwrap_or_default();
    let recorded = read_record(&recorded);
    for (case, instructions) in &counts {
        let before =
            recorded.get(case).map_or("not recorded".to_owned(), |&before| change(before, *instructions));
        println!("{case:<60} {instructions:>12} {before}");
    }
    let faults = faults(&recorded, &counts);
    match faults.is_empty() {
        true => Ok(Ending::Passed(format!("{} cases", counts.len()))),
        false => Err(Failure(format!("{}; if it was meant: cargo xtask gates --bless", faults.join("; ")))),
    }
}

/// Counts, and records what came out.
pub(super) fn bless(workshop: &Workshop) -> Result<Ending, Failure> {
    let Some(counts) = count(workshop)? else { return Ok(no_valgrind()) };
    let written = fs::write(workshop.root.join(RECORDED), record(&counts));
    written.map_err(|error| Failure(format!("{RECORDED} cannot be written: {error}")))?;
    Ok(Ending::Passed(format!("{} cases recorded in {RECORDED}", counts.len())))
}

/// Nothing where there is no valgrind.
fn count(workshop: &Workshop) -> Result<Option<Counts>, Failure> {
    if !tools::has_valgrind(workshop) {
        return Ok(None);
    }
    let runner = tools::gungraun_runner(workshop)?;
    let mut said = Output::default();
    let mut bench =
        workshop.cargo(&["bench", "--locked", "--package", "playhead-bench", "--bench", "instructions"]);
    bench.env("GUNGRAUN_RUNNER", runner).env("GUNGRAUN_COLOR", "never");
    command::run_and_read(&mut bench, |line| said.read(line))?;
    match said.counts.is_empty() {
        true => Err(Failure("the bench ended well, but counted nothing".into())),
        false => Ok(Some(said.counts)),
    }
}

fn no_valgrind() -> Ending {
    Ending::Skipped(
        "valgrind is not installed, so NO INSTRUCTION WAS COUNTED: apt-get install valgrind".into(),
    )
}

/// What the bench says: a line that names a case, then one with its instructions, now|before.
#[derive(Default)]
struct Output {
    case: Option<String>,
    counts: Counts,
}

impl Output {
    fn read(&mut self, line: &str) {
        if let Some(case) = line.strip_prefix("instructions::rooms::") {
            self.case = case.split(':').next().map(|case| case.trim().to_owned());
        } else if let Some(counted) = line.trim_start().strip_prefix("Instructions:") {
            let now = counted.split('|').next().and_then(|now| now.trim().parse().ok());
            self.counts.extend(self.case.take().zip(now));
        }
    }
}

/// What is wrong: too much, or not comparable.
fn faults(recorded: &Counts, counts: &Counts) -> Vec<String> {
    let mut faults = Vec::new();
    for (case, &now) in counts {
        match recorded.get(case) {
            None => faults.push(format!("{case} is not recorded")),
            Some(&before) if now * 100 > before * (100 + GROWTH_PERCENT_MAX) => {
                faults.push(format!("{case}: {}", change(before, now)));
            }
            Some(_) => {}
        }
    }
    let gone = recorded.keys().filter(|case| !counts.contains_key(*case));
    faults.extend(gone.map(|case| format!("{case} is recorded, but was not counted")));
    faults
}

fn change(before: u64, now: u64) -> String {
    format!("{before} before, {:+.1} %", (now as f64 / before as f64 - 1.0) * 100.0)
}

fn record(counts: &Counts) -> String {
    let lines: String =
        counts.iter().map(|(case, instructions)| format!("{instructions:>12} {case}\n")).collect();
    format!(
        "# Instructions of each case of bench/benches/instructions.rs. `cargo xtask gates` fails when\n\
         # one grows by 5 %; `cargo xtask gates --bless` writes this file: say in review why one rose.\n{lines}"
    )
}

fn read_record(text: &str) -> Counts {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| {
            let (instructions, case) = line.trim_start().split_once(' ')?;
            Some((case.to_owned(), instructions.parse().ok()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(cases: &[(&str, u64)]) -> Counts {
        cases.iter().map(|&(case, instructions)| (case.to_owned(), instructions)).collect()
    }

    #[test]
    fn counts_are_read_from_what_the_bench_says() {
        let mut output = Output::default();
        for line in [
            "instructions::rooms::decode_frames of_1:frames_of(1)",
            "  Instructions:                      162000|161000               (+0.62112%) [+1.00621x]",
            "  L1 Hits:                           200000|N/A                  (*********)",
            "instructions::rooms::journal_encode of_1:encoder()",
            "  Instructions:                       90000|N/A                  (*********)",
        ] {
            output.read(line);
        }
        assert_eq!(
            output.counts,
            counts(&[("decode_frames of_1", 162_000), ("journal_encode of_1", 90_000)])
        );
    }

    #[test]
    fn more_than_five_percent_is_a_fault() {
        let recorded = counts(&[("a", 1_000), ("b", 1_000)]);
        assert_eq!(faults(&recorded, &counts(&[("a", 1_050), ("b", 500)])), Vec::<String>::new());
        assert_eq!(faults(&recorded, &counts(&[("a", 1_051), ("b", 1_000)])), ["a: 1000 before, +5.1 %"]);
    }

    #[test]
    fn what_cannot_be_compared_is_a_fault() {
        let found = faults(&counts(&[("old", 1)]), &counts(&[("new", 1)]));
        assert_eq!(found, ["new is not recorded", "old is recorded, but was not counted"]);
    }

    #[test]
    fn a_record_reads_back() {
        let counts = counts(&[("decode_frames of_1", 162_000), ("b", 7)]);
        assert_eq!(read_record(&record(&counts)), counts);
    }
}
