//! A disk that fails or lies, made by strace: it answers a process's system calls in the kernel's place, so that the
//! binary needs no switch for it.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::stop::{Step, Stop};

/// What strace answers, and where it writes down what it saw.
#[derive(Debug, Clone)]
pub(super) struct Injection {
    what: String,
    /// Only calls that have to do with this file, if there is one.
    file: Option<PathBuf>,
    log: PathBuf,
}

/// A call that strace answered.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Injected {
    /// When, seconds since 1970.
    pub(super) at_s: f64,
    /// The file, by the last part of its path.
    pub(super) file: String,
}

/// Says whether strace is there and may look at our processes.
pub(super) fn available() -> Step {
    let looked = Command::new("strace").args(["-o", "/dev/null", "true"]).stderr(Stdio::null()).status();
    match looked {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(Stop::Skipped("strace may not trace processes here".into())),
        Err(_) => Err(Stop::Skipped("strace is not installed (apt-get install strace)".into())),
    }
}

impl Injection {
    /// Every call that makes data durable does nothing and says that it did.
    pub(super) fn no_sync(log: PathBuf) -> Self {
        Self { what: format!("{SYNC_CALLS}:retval=0"), file: None, log }
    }

    /// Every call that makes data durable takes so much longer, as on a slower disk. Unlike a busy processor that takes
    /// nothing from whoever else is on the machine.
    pub(super) fn slow_sync(longer_ms: u32, log: PathBuf) -> Self {
        Self { what: format!("{SYNC_CALLS}:delay_exit={}", longer_ms * 1_000), file: None, log }
    }

    /// In each thread the call of this number fails, as a disk does that cannot write.
    pub(super) fn failing_call(number: u32, log: PathBuf) -> Self {
        Self { what: format!("{SYNC_CALLS}:error=EIO:when={number}"), file: None, log }
    }

    /// The same, of the calls for one file.
    pub(super) fn of(self, file: PathBuf) -> Self {
        Self { file: Some(file), ..self }
    }

    /// The command that runs a program under it. strace makes itself the grandchild, so that the child that is started
    /// here is the program itself, with its own exit code and for our signals.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("strace");
        command.args(["-D", "-f", "-y", "-ttt", "--seccomp-bpf", "-o"]).arg(&self.log);
        command.arg("-e").arg(format!("trace={SYNC_CALLS}")).arg("-e").arg(format!("inject={}", self.what));
        if let Some(file) = &self.file {
            command.arg("-P").arg(file);
        }
        command.arg("--").arg(program);
        command
    }

    /// The calls that it answered so far.
    pub(super) fn seen(&self) -> Vec<Injected> {
        parse(&std::fs::read_to_string(&self.log).unwrap_or_default())
    }
}

/// Reads lines such as `12 1795744692.053196 fsync(3</data/x>) = -1 EIO (Input/output error) (INJECTED)`.
fn parse(log: &str) -> Vec<Injected> {
    let injected = |line: &str| {
        let line = line.strip_suffix("(INJECTED)")?;
        let at_s = line.split_whitespace().nth(1)?.parse().ok()?;
        let path = line.split_once('<')?.1.split_once('>')?.0;
        Some(Injected { at_s, file: path.rsplit('/').next().unwrap_or(path).to_owned() })
    };
    log.lines().filter_map(injected).collect()
}

/// Whatever makes file data durable.
const SYNC_CALLS: &str = "fsync,fdatasync,sync_file_range,syncfs,msync";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn injected_calls_are_read_with_time_and_file() {
        let log = "7 1795744692.048105 fsync(3</data/journal>) = 0\n\
            7 1795744692.5 fdatasync(9</data/journal/01.segment>) = -1 EIO (Input/output error) (INJECTED)\n\
            8 1795744693.1 fsync(4</data/store>) = 0 (INJECTED)\n8 1795744694.0 +++ killed by SIGKILL +++\n";
        let found = parse(log);
        assert_eq!(found.len(), 2);
        assert_eq!(found.first(), Some(&Injected { at_s: 1_795_744_692.5, file: "01.segment".into() }));
        assert_eq!(found.get(1).map(|call| call.file.as_str()), Some("store"));
    }
}
