//! What a scenario plays on: the binary, a folder of its own, its dice, and what it found.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rand::{RngExt, SeedableRng, distr::uniform::SampleUniform};
use rand_chacha::ChaCha8Rng;

use super::{
    cluster::Servers,
    server::Plan,
    stop::{Interrupts, Step, failed},
};

/// What a scenario plays on.
pub(super) struct Stage<'a> {
    /// The project's folder.
    pub(super) root: PathBuf,
    /// The release binary.
    pub(super) binary: PathBuf,
    /// A folder of the scenario's own, empty when it begins.
    pub(super) folder: PathBuf,
    /// The numbers instead of the short form.
    pub(super) is_long: bool,
    /// How to wait.
    pub(super) waiting: &'a Interrupts,
    /// The servers that the scenario before left running, and whom the next may have.
    pub(super) servers: Option<Servers>,
    dice: ChaCha8Rng,
    wrong: Vec<String>,
    summary: String,
    begun: Instant,
}

impl<'a> Stage<'a> {
    /// Prepares an empty folder below `root`. `index` makes the dice of two scenarios differ.
    pub(super) fn prepare(
        binary: &Path,
        root: &Path,
        name: &str,
        (seed, index): (u64, u64),
        is_long: bool,
        waiting: &'a Interrupts,
    ) -> Step<Self> {
        let folder = root.join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(failed(format!("{} cannot be emptied", folder.display())))?;
        }
        fs::create_dir_all(&folder).map_err(failed(format!("{} cannot be made", folder.display())))?;
        Ok(Self {
            // Where this program was built from.
            root: Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_path_buf(),
            binary: binary.to_path_buf(),
            folder,
            is_long,
            waiting,
            servers: None,
            dice: ChaCha8Rng::seed_from_u64(seed.wrapping_mul(SCENARIOS_MAX).wrapping_add(index)),
            wrong: Vec::new(),
            summary: String::new(),
            begun: Instant::now(),
        })
    }

    /// The value of this form.
    pub(super) fn form<T>(&self, short: T, long: T) -> T {
        if self.is_long { long } else { short }
    }

    /// Throws the dice.
    pub(super) fn throw<T: SampleUniform + PartialOrd>(&mut self, range: std::ops::RangeInclusive<T>) -> T {
        self.dice.random_range(range)
    }

    /// A moment within these milliseconds.
    pub(super) fn moment(&mut self, ms: std::ops::RangeInclusive<u64>) -> Duration {
        Duration::from_millis(self.throw(ms))
    }

    /// A seed for a load of this scenario.
    pub(super) fn load_seed(&mut self) -> u64 {
        self.throw(1..=u64::from(u32::MAX))
    }

    /// Tells what is going on.
    pub(super) fn say(&self, text: impl AsRef<str>) {
        println!("  {:>6.1} s  {}", self.begun.elapsed().as_secs_f64(), text.as_ref());
    }

    /// Something that has to be so. What is not is told at once and fails the scenario at its end.
    pub(super) fn claim(&mut self, is_so: bool, text: impl Into<String>) {
        let text = text.into();
        if is_so {
            return;
        }
        if self.wrong.len() < WRONG_SHOWN_MAX {
            self.say(format!("WRONG  {text}"));
        }
        self.wrong.push(text);
    }

    /// What the closing table says of it, in a line, if nothing was wrong.
    pub(super) fn sum_up(&mut self, summary: String) {
        self.summary = summary;
    }

    /// A server that keeps its data in this folder, on free ports.
    pub(super) fn server_in(&mut self, data: PathBuf) -> Step<Plan> {
        let first = self.throw(PORTS);
        Plan::new(&self.binary, data, &self.folder, first)
    }

    /// The summary and what was wrong.
    pub(super) fn finish(self) -> (String, Vec<String>) {
        (self.summary, self.wrong)
    }
}

/// What goes wrong at a thousand places is told of the first.
const WRONG_SHOWN_MAX: usize = 12;
/// There will never be more scenarios.
const SCENARIOS_MAX: u64 = 64;
/// Below the ports that the system gives to outgoing connections: a client that reconnects to a server that is down must
/// not be given the server's own port.
const PORTS: std::ops::RangeInclusive<u16> = 20_000..=29_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn thrown(root: &Path, seed: u64, index: u64) -> Vec<u32> {
        let waiting = Interrupts::never();
        let mut stage =
            Stage::prepare(Path::new("playhead"), root, "drain", (seed, index), false, &waiting).unwrap();
        (0..8).map(|_| stage.throw(0..=u32::MAX)).collect()
    }

    #[test]
    fn the_same_seed_throws_the_same_and_scenarios_differ() {
        let root = tempfile::tempdir().unwrap();
        let first = thrown(root.path(), 7, 1);
        assert_eq!(first, thrown(root.path(), 7, 1));
        assert_ne!(first, thrown(root.path(), 7, 2), "another scenario");
        assert_ne!(first, thrown(root.path(), 8, 1), "another seed");
    }

    #[test]
    fn a_stage_is_empty_and_remembers_what_was_wrong() {
        let (root, waiting) = (tempfile::tempdir().unwrap(), Interrupts::never());
        std::fs::create_dir(root.path().join("drain")).unwrap();
        std::fs::write(root.path().join("drain/left"), "over").unwrap();
        let mut stage =
            Stage::prepare(Path::new("playhead"), root.path(), "drain", (7, 1), true, &waiting).unwrap();
        assert!(!stage.folder.join("left").exists());
        assert_eq!(stage.form(1, 2), 2, "the long form");
        (0..WRONG_SHOWN_MAX + 3).for_each(|_| stage.claim(false, "late"));
        stage.claim(true, "fine");
        assert_eq!(stage.finish().1.len(), WRONG_SHOWN_MAX + 3, "all are counted, the first are shown");
    }
}
