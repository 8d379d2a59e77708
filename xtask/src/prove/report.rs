//! How scenarios ended, and the closing table.

use std::{fmt, path::PathBuf, time::Duration};

use super::stop::{Step, Stop};

/// A scenario that was played.
pub(super) struct Outcome {
    pub(super) name: &'static str,
    pub(super) ending: Ending,
    pub(super) took: Duration,
    /// What to type to play it again.
    pub(super) command: String,
    /// Where its data, logs and ledgers are, if they were kept.
    pub(super) kept: Option<PathBuf>,
}

/// How a scenario ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ending {
    /// With what was found, in a line.
    Passed(String),
    /// What was wrong.
    Failed(Vec<String>),
    /// It cannot run on this machine; why, and what would help.
    Skipped(String),
    /// Somebody ended it.
    Interrupted,
}

impl Ending {
    /// Of how the play went, its summary and what was wrong in it.
    pub(super) fn of(played: Step, (summary, mut wrong): (String, Vec<String>)) -> Self {
        match played {
            Ok(()) if wrong.is_empty() => Self::Passed(summary),
            Ok(()) => Self::Failed(wrong),
            Err(Stop::Interrupted) => Self::Interrupted,
            Err(Stop::Skipped(reason)) if wrong.is_empty() => Self::Skipped(reason),
            Err(stop) => {
                wrong.push(stop.to_string());
                Self::Failed(wrong)
            }
        }
    }

    pub(super) fn is_failure(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::Interrupted)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, text) = match &self.ending {
            Ending::Passed(summary) => ("ok", summary.clone()),
            Ending::Skipped(reason) => ("SKIPPED", reason.clone()),
            Ending::Interrupted => ("ENDED", "interrupted".to_owned()),
            Ending::Failed(wrong) => {
                let first = wrong.first().map_or("", String::as_str);
                ("FAILED", format!("{} wrong, first: {first}", wrong.len()))
            }
        };
        write!(f, "{:<14} {word:<7} {:>6.1} s  {text}", self.name, self.took.as_secs_f64())
    }
}

/// Prints the closing table.
///
/// # Errors
/// What failed, in a sentence; else what was skipped, if anything.
pub(super) fn sum_up(outcomes: &[Outcome]) -> Result<String, String> {
    println!("\n== prove");
    for outcome in outcomes {
        println!("{outcome}");
    }
    for outcome in outcomes.iter().filter(|outcome| outcome.ending.is_failure()) {
        println!("\nagain alone: {}", outcome.command);
        if let Some(folder) = &outcome.kept {
            println!("data, logs and ledgers of {} are kept in {}", outcome.name, folder.display());
        }
    }
    let failed = reasons(outcomes);
    let skipped = names(outcomes, |ending| matches!(ending, Ending::Skipped(_)));
    if !skipped.is_empty() {
        println!("\nSKIPPED, so not proven here: {skipped}");
    }
    match (failed.is_empty(), skipped.is_empty()) {
        (false, _) => Err(format!("not proven: {failed}")),
        (true, false) => Ok(format!("SKIPPED: {skipped}")),
        (true, true) => Ok(String::new()),
    }
}

/// What failed, each with the first of what was wrong: the last line of a run may be all that somebody has of it.
fn reasons(outcomes: &[Outcome]) -> String {
    let reason = |outcome: &Outcome| match &outcome.ending {
        Ending::Failed(wrong) => {
            Some(format!("{} ({})", outcome.name, wrong.first().map_or("", String::as_str)))
        }
        Ending::Interrupted => Some(format!("{} (interrupted)", outcome.name)),
        Ending::Passed(_) | Ending::Skipped(_) => None,
    };
    outcomes.iter().filter_map(reason).collect::<Vec<_>>().join(", ")
}

fn names(outcomes: &[Outcome], is_meant: impl Fn(&Ending) -> bool) -> String {
    let names: Vec<_> =
        outcomes.iter().filter(|outcome| is_meant(&outcome.ending)).map(|outcome| outcome.name).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(ending: Ending) -> Outcome {
        let (took, command) = (Duration::from_millis(1_250), "cargo xtask prove drain --seed 7".into());
        Outcome { name: "drain", ending, took, command, kept: None }
    }

    #[test]
    fn whatever_was_wrong_fails_even_where_the_rest_could_not_run() {
        let wrong = || ("".to_owned(), vec!["a".to_owned()]);
        let fine = || ("found".to_owned(), Vec::new());
        assert_eq!(Ending::of(Ok(()), fine()), Ending::Passed("found".into()));
        assert_eq!(Ending::of(Ok(()), wrong()), Ending::Failed(vec!["a".into()]));
        assert_eq!(
            Ending::of(Err(Stop::Skipped("no root".into())), fine()),
            Ending::Skipped("no root".into())
        );
        let both = Ending::of(Err(Stop::Skipped("no root".into())), wrong());
        assert_eq!(both, Ending::Failed(vec!["a".into(), "no root".into()]));
        assert!(Ending::of(Err(Stop::Interrupted), fine()).is_failure());
    }

    #[test]
    fn a_line_says_name_ending_time_and_first_reason() {
        let line = |ending| outcome(ending).to_string();
        assert_eq!(line(Ending::Passed("5 drains".into())), "drain          ok         1.2 s  5 drains");
        let failed = line(Ending::Failed(vec!["late".into(), "lost".into()]));
        assert_eq!(failed, "drain          FAILED     1.2 s  2 wrong, first: late");
    }

    #[test]
    fn one_failure_fails_the_whole_and_a_skip_is_said() {
        let passed = || outcome(Ending::Passed(String::new()));
        assert_eq!(sum_up(&[passed()]), Ok(String::new()));
        let skipped = || outcome(Ending::Skipped("no root".into()));
        assert_eq!(sum_up(&[passed(), skipped()]), Ok("SKIPPED: drain".into()));
        let failed = outcome(Ending::Failed(vec!["late".into()]));
        assert_eq!(sum_up(&[skipped(), failed]), Err("not proven: drain (late)".into()));
    }
}
