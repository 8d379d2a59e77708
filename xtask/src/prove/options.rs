//! What was asked for: `prove [NAME...] [--long] [--seed N] [--record]`.

use std::time::{SystemTime, UNIX_EPOCH};

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    /// Which scenarios; none means all.
    pub(super) names: Vec<String>,
    /// The numbers instead of the short form.
    pub(super) is_long: bool,
    /// What the dice begin with.
    pub(super) seed: u64,
    /// Write what was found into the table of docs/reliability.md.
    pub(super) is_recorded: bool,
    /// Only name the scenarios.
    pub(super) is_list: bool,
}

impl Options {
    /// Reads the words behind `prove`.
    ///
    /// # Errors
    /// What cannot be understood, in a sentence.
    pub(crate) fn parse(words: &[&str], known: &[&str]) -> Result<Self, String> {
        let mut options =
            Self { names: Vec::new(), is_long: false, seed: any_seed(), is_recorded: false, is_list: false };
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            match word {
                "--long" => options.is_long = true,
                "--record" => options.is_recorded = true,
                "--list" => options.is_list = true,
                "--seed" => options.seed = seed(words.next().copied())?,
                _ if known.contains(&word) => options.names.push(word.to_owned()),
                _ => return Err(format!("prove knows no {word:?}; allowed is {}", known.join(", "))),
            }
        }
        if options.is_recorded && !options.is_long {
            return Err("--record needs --long: only the long form's figures are recorded".to_owned());
        }
        Ok(options)
    }

    /// True if this scenario was asked for.
    pub(super) fn wants(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|wanted| wanted == name)
    }

    /// What to type for the same run of one scenario.
    pub(super) fn command(&self, name: &str) -> String {
        let long = if self.is_long { " --long" } else { "" };
        format!("cargo xtask prove {name}{long} --seed {}", self.seed)
    }
}

fn seed(word: Option<&str>) -> Result<u64, String> {
    let word = word.unwrap_or("nothing");
    word.parse().map_err(|_| format!("--seed is {word}; allowed is 0 to {}", u64::MAX))
}

/// Another one each time; small enough to be typed.
fn any_seed() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::from(since.subsec_nanos()) / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 2] = ["crashes", "drain"];

    #[test]
    fn names_and_flags_come_in_any_order() {
        let options = Options::parse(&["drain", "--seed", "7", "--long", "--record"], &KNOWN).unwrap();
        assert_eq!((options.is_long, options.is_recorded, options.seed), (true, true, 7));
        assert!(options.wants("drain") && !options.wants("crashes"));
        assert_eq!(options.command("drain"), "cargo xtask prove drain --long --seed 7");
        assert!(Options::parse(&[], &KNOWN).unwrap().wants("crashes"), "no name means all");
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let complaint = |words: &[&str]| Options::parse(words, &KNOWN).unwrap_err();
        assert_eq!(complaint(&["flood"]), "prove knows no \"flood\"; allowed is crashes, drain");
        assert_eq!(complaint(&["--seed", "x"]), format!("--seed is x; allowed is 0 to {}", u64::MAX));
        assert!(complaint(&["--seed"]).starts_with("--seed is nothing"));
        assert!(complaint(&["--record"]).contains("needs --long"));
    }
}
