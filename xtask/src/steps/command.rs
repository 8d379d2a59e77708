//! Runs other programs and reads what they say. They have no bound of their own: .ci/run bounds the whole.

use std::{
    env,
    ffi::OsStr,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{Failure, Workshop};

impl Workshop {
    /// Cargo, as it was called itself, at the workspace's root.
    pub(super) fn cargo(&self, args: &[&str]) -> Command {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = self.program(Path::new(&cargo));
        command.args(args);
        command
    }

    /// Where cargo puts what it builds.
    pub(super) fn target(&self) -> PathBuf {
        let target = env::var_os("CARGO_TARGET_DIR");
        target.map_or_else(|| self.root.join("target"), |target| self.root.join(target))
    }

    /// Any program, at the workspace's root.
    pub(super) fn program(&self, path: &Path) -> Command {
        let mut command = Command::new(path);
        command.current_dir(&self.root);
        command
    }
}

/// Runs a program to its end; what it prints is seen as it comes.
pub(super) fn run(command: &mut Command) -> Result<(), Failure> {
    let shown = show(command);
    let status = command.status().map_err(|error| Failure(format!("{shown} did not start: {error}")))?;
    if status.success() { Ok(()) } else { Err(Failure(format!("{shown} ended with {status}"))) }
}

/// Runs a program to its end, and reads each line of its output before passing it on.
pub(super) fn run_and_read(command: &mut Command, mut read: impl FnMut(&str)) -> Result<(), Failure> {
    let shown = show(command);
    let failed = |error| Failure(format!("{shown} did not run: {error}"));
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(failed)?;
    for line in child.stdout.take().into_iter().flat_map(|output| BufReader::new(output).split(b'\n')) {
        let line = line.map_err(failed)?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        read(&line);
    }
    let status = child.wait().map_err(failed)?;
    if status.success() { Ok(()) } else { Err(Failure(format!("{shown} ended with {status}"))) }
}

/// Runs a program quietly and returns what it printed, trimmed; nothing if it is not there or failed.
pub(super) fn ask(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The command as one would type it, without the folders of the program.
fn show(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    let words: Vec<_> = std::iter::once(name).chain(command.get_args()).map(OsStr::to_string_lossy).collect();
    format!("`{}`", words.join(" "))
}

/// What the closing lines of test runs add up to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct TestTally {
    pub(super) passed: u64,
    pub(super) failed: u64,
    pub(super) ignored: u64,
}

impl TestTally {
    /// Adds a line such as `test result: ok. 3 passed; 1 failed; 0 ignored; ...`; others change nothing.
    pub(super) fn read(&mut self, line: &str) {
        let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". "))
        else {
            return;
        };
        for count in counts.split("; ") {
            match count.trim().split_once(' ') {
                Some((number, "passed")) => self.passed += number.parse().unwrap_or(0),
                Some((number, "failed")) => self.failed += number.parse().unwrap_or(0),
                Some((number, "ignored")) => self.ignored += number.parse().unwrap_or(0),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_add_up() {
        let mut tally = TestTally::default();
        tally.read("running 4 tests");
        tally.read(
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        );
        tally.read("test result: FAILED. 2 passed; 5 failed; 0 ignored; 0 measured; 0 filtered out");
        assert_eq!(tally, TestTally { passed: 5, failed: 5, ignored: 1 });
    }

    #[test]
    fn a_program_that_fails_or_is_missing_is_a_failure() {
        let workshop = Workshop { root: env!("CARGO_MANIFEST_DIR").into() };
        assert!(run(&mut workshop.cargo(&["--version"])).is_ok());
        assert!(run(&mut workshop.program(Path::new("false"))).is_err());
        assert!(run(&mut workshop.program(Path::new("no-such-program-anywhere"))).is_err());
    }

    #[test]
    fn output_is_read_line_by_line() {
        let workshop = Workshop { root: env!("CARGO_MANIFEST_DIR").into() };
        let mut lines = Vec::new();
        let ended = run_and_read(&mut workshop.cargo(&["--version"]), |line| lines.push(line.to_owned()));
        assert!(ended.is_ok() && lines.len() == 1, "{lines:?}");
    }
}
