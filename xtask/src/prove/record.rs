//! Writes what a long run found into the table of docs/reliability.md, so that no figure there was typed by hand.

use std::{fs, io, path::Path, process::Command, thread};

use super::report::{Ending, Outcome};

/// The page with the table.
pub(super) const PAGE: &str = "docs/reliability.md";

/// Rewrites the rows of these scenarios; one that was skipped or interrupted keeps the row that it has.
///
/// # Errors
/// When the page cannot be read or written, or has no row for a scenario.
pub(super) fn write(root: &Path, outcomes: &[Outcome]) -> io::Result<()> {
    let path = root.join(PAGE);
    let mut page = fs::read_to_string(&path)?;
    let (date, machine) = (date()?, machine());
    for outcome in outcomes {
        let Some(found) = found(&outcome.ending) else { continue };
        let row = row(outcome.name, &[&date, &machine, &format!("`{}`", outcome.command), &found]);
        let missing = || io::Error::other(format!("no row of the table begins with `{}`", outcome.name));
        page = replace(&page, outcome.name, &row).ok_or_else(missing)?;
    }
    fs::write(path, page)
}

fn found(ending: &Ending) -> Option<String> {
    match ending {
        Ending::Passed(summary) => Some(summary.clone()),
        Ending::Failed(wrong) => {
            Some(format!("**NOT PROVEN**: {}", wrong.first().map_or("", String::as_str)))
        }
        Ending::Skipped(_) | Ending::Interrupted => None,
    }
}

/// A row of the table. A bar in a cell would be a cell.
fn row(name: &str, cells: &[&str]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "/").replace('\n', " ")).collect();
    format!("| `{name}` | {} |", cells.join(" | "))
}

/// The page with another row for a scenario in what was found; nothing if it has none there. The page's other tables
/// name the scenarios too, and stay as they are.
fn replace(page: &str, name: &str, row: &str) -> Option<String> {
    let (before, table) = page.split_once(TABLE)?;
    let begins = format!("| `{name}` |");
    let old = table.lines().find(|line| line.starts_with(&begins))?;
    Some(format!("{before}{TABLE}{}", table.replacen(old, row, 1)))
}

/// The heading above the table.
const TABLE: &str = "\n## What was found\n";

fn date() -> io::Result<String> {
    let output = Command::new("date").args(["-u", "+%F"]).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn machine() -> String {
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let memory = fs::read_to_string("/proc/meminfo").ok().as_deref().and_then(memory_gb).unwrap_or(0);
    format!("{cores} cores, {memory} GB")
}

/// `MemTotal:  1234 kB` of /proc/meminfo, rounded.
fn memory_gb(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some((kib + (1 << 19)) >> 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE_OF_TWO: &str = "# Page\n\n| `drain` | what is done |\n\n## What was found\n\n| scenario | found |\n\
        |---|---|\n| `drain` | not yet |\n| `soak` | not yet |\n";

    #[test]
    fn a_scenario_has_its_own_row_rewritten() {
        let row = row("drain", &["a|b", "50 drains"]);
        assert_eq!(row, "| `drain` | a/b | 50 drains |");
        let page = replace(PAGE_OF_TWO, "drain", &row).unwrap();
        assert_eq!(page, PAGE_OF_TWO.replace("| `drain` | not yet |", &row), "its row elsewhere stays");
        assert_eq!(replace(PAGE_OF_TWO, "flood", &row), None);
    }

    #[test]
    fn every_scenario_has_a_row_on_the_page() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let page = fs::read_to_string(root.join(PAGE)).unwrap();
        for name in crate::prove::names() {
            assert!(replace(&page, name, "").is_some(), "{PAGE} has no row for {name}");
        }
    }

    #[test]
    fn what_did_not_run_is_not_recorded() {
        assert_eq!(found(&Ending::Skipped("no root".into())), None);
        assert_eq!(found(&Ending::Failed(vec!["lost".into()])), Some("**NOT PROVEN**: lost".into()));
    }

    #[test]
    fn memory_is_rounded_to_gigabytes() {
        assert_eq!(memory_gb("MemTotal:       24689756 kB\nMemFree: 1 kB\n"), Some(24));
    }
}
