//! A server's process: started to live on by itself, known again later, ended.

use std::{
    fs::{self, File},
    io,
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::Trouble;

/// A process that may have been started by an earlier call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) name: String,
    pub(super) pid: i32,
    /// When it began: a later process with its number began at another time.
    began: String,
}

impl Process {
    /// Starts it in a process group of its own, so that a Ctrl-C meant for whoever started it passes it by; what it says
    /// goes into a file.
    pub(super) fn start(name: &str, command: &mut Command, log: &Path) -> Result<Self, Trouble> {
        let failed = |error: io::Error| Trouble::Failed(format!("{name} did not start: {error}"));
        let out = File::create(log).map_err(failed)?;
        let err = out.try_clone().map_err(failed)?;
        let child =
            command.stdin(Stdio::null()).stdout(out).stderr(err).process_group(0).spawn().map_err(failed)?;
        let pid = i32::try_from(child.id()).map_err(|error| failed(io::Error::other(error)))?;
        let began = began(pid).ok_or_else(|| failed(io::Error::other("it ended at once")))?;
        Ok(Self { name: name.to_owned(), pid, began })
    }

    /// True when it is still running, and still the same.
    pub(super) fn is_running(&self) -> bool {
        began(self.pid).is_some_and(|began| began == self.began)
    }

    /// Ends it: asked first, then at once. One that is another by now is left alone.
    pub(super) fn stop(&self) -> Result<(), String> {
        for (signal, patience) in [(Signal::TERM, TERM_PATIENCE), (Signal::KILL, KILL_PATIENCE)] {
            let Some(pid) = Pid::from_raw(self.pid).filter(|_| self.is_running()) else { return Ok(()) };
            // It may end by itself in between.
            let _ = kill_process(pid, signal);
            self.wait(patience);
        }
        match self.is_running() {
            true => Err(format!("{} (process {}) cannot be stopped", self.name, self.pid)),
            false => Ok(()),
        }
    }

    /// Ends it at once, as `kill -9` does, whatever state it is in.
    pub(super) fn kill(&self) -> Result<(), String> {
        self.send(Signal::KILL)?;
        self.wait(KILL_PATIENCE);
        match self.is_running() {
            true => Err(format!("{} (process {}) cannot be killed", self.name, self.pid)),
            false => Ok(()),
        }
    }

    /// Stops it where it is, as a machine that stalls: it holds its connections and answers nobody.
    pub(super) fn freeze(&self) -> Result<(), String> {
        self.send(Signal::STOP)
    }

    /// Lets it go on.
    pub(super) fn thaw(&self) -> Result<(), String> {
        self.send(Signal::CONT)
    }

    fn send(&self, signal: Signal) -> Result<(), String> {
        let Some(pid) = Pid::from_raw(self.pid).filter(|_| self.is_running()) else { return Ok(()) };
        kill_process(pid, signal).map_err(|error| format!("{} (process {}): {error}", self.name, self.pid))
    }

    fn wait(&self, patience: Duration) {
        let asked = Instant::now();
        while self.is_running() && asked.elapsed() < patience {
            nap(LOOK_EVERY);
        }
    }

    /// Waits until its log says a word.
    pub(super) fn says(&self, log: &Path, word: &str, patience: Duration) -> Result<(), Trouble> {
        let asked = Instant::now();
        loop {
            let said =
                fs::read(log).map(|said| String::from_utf8_lossy(&said).into_owned()).unwrap_or_default();
            if said.contains(word) {
                return Ok(());
            }
            if !self.is_running() || asked.elapsed() >= patience {
                let last: Vec<_> = said.lines().rev().take(LINES_SHOWN).collect();
                let last: Vec<_> = last.into_iter().rev().collect();
                let how = if self.is_running() { "is not ready" } else { "ended" };
                let shown = format!("{} {how} after {} s", self.name, asked.elapsed().as_secs());
                return Err(Trouble::Failed(format!(
                    "{shown}; {} says last:\n{}",
                    log.display(),
                    last.join("\n")
                )));
            }
            nap(LOOK_EVERY);
        }
    }

    pub(super) fn json(&self) -> Value {
        json!({ "name": self.name, "pid": self.pid, "began": self.began })
    }

    pub(super) fn read(value: &Value) -> Option<Self> {
        let text = |key: &str| Some(value.get(key)?.as_str()?.to_owned());
        let pid = i32::try_from(value.get("pid")?.as_i64()?).ok()?;
        Some(Self { name: text("name")?, pid, began: text("began")? })
    }
}

/// When a process began, as the system counts it; nothing when there is none, or only what its parent has not asked for.
fn began(pid: i32) -> Option<String> {
    if Path::new("/proc/self/stat").exists() {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // Behind the name, which may hold anything: the state is the first, the start the twentieth.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let is_dead = matches!(*fields.first()?, "Z" | "X");
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        return (!is_dead).then_some(format!("{}/{}", boot.trim(), fields.get(19)?));
    }
    let ps = Command::new("ps").args(["-o", "lstart=", "-p", &pid.to_string()]).output().ok()?;
    let began = String::from_utf8_lossy(&ps.stdout).trim().to_owned();
    (ps.status.success() && !began.is_empty()).then_some(began)
}

/// Sleeps; nobody waits on this thread for anything else.
fn nap(wait: Duration) {
    let (_tell, told) = mpsc::sync_channel::<()>(1);
    let _ = told.recv_timeout(wait);
}

const LOOK_EVERY: Duration = Duration::from_millis(50);
const TERM_PATIENCE: Duration = Duration::from_secs(15);
const KILL_PATIENCE: Duration = Duration::from_secs(5);
const LINES_SHOWN: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_process_is_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let Ok(process) = Process::start("sleep", Command::new("sleep").arg("60"), &log) else { panic!() };
        assert_eq!(Process::read(&process.json()), Some(process.clone()));
        let another = Process { began: "earlier".into(), ..process.clone() };
        another.stop().unwrap();
        assert!(process.is_running() && !another.is_running());
        process.stop().unwrap();
        assert!(!process.is_running());
    }

    #[test]
    fn a_process_that_ends_before_its_word_is_told_with_what_it_said() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 0.2; echo ready; sleep 0.2; echo out of luck"]);
        let Ok(process) = Process::start("sh", &mut command, &log) else { panic!() };
        assert!(process.says(&log, "ready", Duration::from_secs(20)).is_ok());
        let Err(Trouble::Failed(reason)) = process.says(&log, "never", Duration::from_secs(20)) else {
            panic!()
        };
        assert!(reason.contains("sh ended") && reason.contains("out of luck"), "{reason}");
    }
}
