//! The server as a process: started on fixed ports, asked over its admin port, ended in every way.

use std::{
    fs::{self, File, OpenOptions},
    io,
    net::{Ipv4Addr, TcpListener, UdpSocket},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use super::{
    http::{self, Answer},
    metrics::Metrics,
    stop::{Interrupts, Step, Stop, failed},
    strace::Injection,
};

/// engine.memory_mb_max as it is by default: the server's bounds add up to no more.
pub(super) const MEMORY_MB_MAX: u64 = 1_088;

/// Where a server listens on loopback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ports {
    pub(super) grpc: u16,
    pub(super) http: u16,
    pub(super) quic: u16,
    pub(super) admin: u16,
}

/// How servers of one scenario are started, each on the same ports and data.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    binary: PathBuf,
    /// Where it keeps its data.
    pub(super) data: PathBuf,
    /// Where it listens.
    pub(super) ports: Ports,
    log: PathBuf,
    settings: Vec<String>,
    injection: Option<Injection>,
}

/// A running server. Dropping it kills it.
pub(super) struct Server {
    child: Child,
    /// Where it listens.
    pub(super) ports: Ports,
    /// From the start of the process to its word that it is ready.
    pub(super) ready_after: Duration,
    log: PathBuf,
}

impl Plan {
    /// Looks for four free ports from `first` on; the server's log goes into `folder`.
    pub(super) fn new(binary: &Path, data: PathBuf, folder: &Path, first: u16) -> Step<Self> {
        let mut free = (first..=first.saturating_add(PORTS_TRIED_MAX))
            .filter(|&port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok())
            .filter(|&port| UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok());
        let mut next = || free.next();
        let (Some(grpc), Some(http), Some(quic), Some(admin)) = (next(), next(), next(), next()) else {
            return Err(Stop::Failed(format!("no four free ports from {first} on")));
        };
        Ok(Self {
            binary: binary.to_path_buf(),
            data,
            ports: Ports { grpc, http, quic, admin },
            log: folder.join("server.log"),
            settings: Vec::new(),
            injection: None,
        })
    }

    /// With settings, each `SECTION.KEY=VALUE`.
    pub(super) fn with(mut self, settings: &[&str]) -> Self {
        self.settings.extend(settings.iter().map(|&setting| setting.to_owned()));
        self
    }

    /// The same with its data in another folder.
    pub(super) fn at(&self, data: PathBuf) -> Self {
        Self { data, ..self.clone() }
    }

    /// What its servers say.
    pub(super) fn log(&self) -> &Path {
        &self.log
    }

    /// Under strace, which answers some of its system calls.
    pub(super) fn under(&self, injection: Injection) -> Self {
        Self { injection: Some(injection), ..self.clone() }
    }

    /// Starts a server and waits until it is ready.
    pub(super) fn start(&self, waiting: &Interrupts) -> Step<Server> {
        let mut server = self.spawn()?;
        match server.is_ready_within(waiting, READY_PATIENCE)? {
            true => Ok(server),
            false => Err(Stop::Failed(format!(
                "the server is not ready after {} s; it said last: {}",
                READY_PATIENCE.as_secs(),
                server.last_line()
            ))),
        }
    }

    /// Starts a server that may end before it is ready.
    pub(super) fn spawn(&self) -> Step<Server> {
        let begun = Instant::now();
        let child = self.command().map_err(failed("the server's log cannot be written"))?.spawn();
        let child = child.map_err(failed("the server did not start"))?;
        Ok(Server { child, ports: self.ports, ready_after: begun.elapsed(), log: self.log.clone() })
    }

    fn command(&self) -> io::Result<Command> {
        let Ports { grpc, http, quic, admin } = self.ports;
        let mut command = match &self.injection {
            Some(injection) => injection.command(&self.binary),
            None => Command::new(&self.binary),
        };
        command.arg("serve").arg("--data-dir").arg(&self.data);
        for (flag, port) in [("grpc", grpc), ("http", http), ("quic", quic), ("admin", admin)] {
            command.arg(format!("--{flag}=127.0.0.1:{port}"));
        }
        for setting in &self.settings {
            command.args(["--set", setting]);
        }
        let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        clean(&mut command, self.log.parent()).stdout(log.try_clone()?).stderr(log);
        Ok(command)
    }
}

impl Server {
    /// Waits until it says that it is ready; false if it ended before or took too long.
    pub(super) fn is_ready_within(&mut self, waiting: &Interrupts, patience: Duration) -> Step<bool> {
        let (begun, before) = (Instant::now(), self.ready_after);
        let ready = waiting.until(patience, || {
            if self.child.try_wait().map_err(failed("the server"))?.is_some() {
                return Ok(Some(false));
            }
            let answer = http::get(self.ports.admin, "/readyz", READY_PATIENCE);
            Ok(matches!(answer, Ok(Answer { status: 200, .. })).then_some(true))
        })?;
        self.ready_after = before + begun.elapsed();
        Ok(ready.unwrap_or(false))
    }

    /// Its metrics page.
    pub(super) fn metrics(&self) -> Step<Metrics> {
        let page = http::get(self.ports.admin, "/metrics", PAGE_PATIENCE).map_err(failed("/metrics"))?;
        Ok(Metrics::parse(&page.body))
    }

    /// Keeps its metrics page in a file, for whoever looks for a fault.
    pub(super) fn keep_metrics(&self, path: &Path) -> Step {
        let page = http::get(self.ports.admin, "/metrics", PAGE_PATIENCE).map_err(failed("/metrics"))?;
        fs::write(path, page.body).map_err(failed(path.display()))
    }

    /// Ends it as `kill -9` does.
    pub(super) fn kill(mut self) -> Step {
        self.kill_now()
    }

    /// The same, for who keeps it to be another's place.
    pub(super) fn kill_now(&mut self) -> Step {
        self.child.kill().and_then(|()| self.child.wait()).map_err(failed("kill"))?;
        Ok(())
    }

    /// Asks it to end, and says how it ended and how long that took; nothing if it did not in time.
    pub(super) fn terminate(
        &mut self,
        waiting: &Interrupts,
        patience: Duration,
    ) -> Step<Option<(ExitStatus, Duration)>> {
        let begun = Instant::now();
        kill_process(Pid::from_child(&self.child), Signal::TERM).map_err(failed("SIGTERM"))?;
        let status = self.end_within(waiting, patience)?;
        Ok(status.map(|status| (status, begun.elapsed())))
    }

    /// Stops it where it is, as all stops when the power goes: from here on it answers nobody. What it has asked the disk
    /// for may still be done.
    pub(super) fn freeze(&self, waiting: &Interrupts) -> Step {
        kill_process(Pid::from_child(&self.child), Signal::STOP).map_err(failed("SIGSTOP"))?;
        let tasks = format!("/proc/{}/task", self.child.id());
        let frozen = waiting.until(FREEZE_PATIENCE, || {
            let states = task_states(Path::new(&tasks)).map_err(failed(&tasks))?;
            Ok(states.chars().all(|state| STANDS_STILL.contains(state)).then_some(()))
        })?;
        frozen.ok_or_else(|| Stop::Failed("the server does not stand still".into()))
    }

    /// Waits for it to end by itself; nothing if it does not in time.
    pub(super) fn end_within(
        &mut self,
        waiting: &Interrupts,
        patience: Duration,
    ) -> Step<Option<ExitStatus>> {
        waiting.until(patience, || self.child.try_wait().map_err(failed("the server")))
    }

    /// What it said last.
    pub(super) fn last_line(&self) -> String {
        last_line(&fs::read_to_string(&self.log).unwrap_or_default()).to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended already where the scenario went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The state of each thread of a process, a letter each, as /proc has it.
fn task_states(tasks: &Path) -> io::Result<String> {
    let mut states = String::new();
    for task in fs::read_dir(tasks)? {
        // A thread may end between the two looks.
        let Ok(stat) = fs::read_to_string(task?.path().join("stat")) else { continue };
        states.extend(state_of(&stat));
    }
    Ok(states)
}

/// `12 (a name) T 1 ...`: the letter behind the name, which may have anything in it.
fn state_of(stat: &str) -> Option<char> {
    stat.rsplit_once(") ")?.1.chars().next()
}

/// Runs the binary to its end, and gives its exit code and what it printed to stdout.
pub(super) fn run(binary: &Path, folder: &Path, arguments: &[&str]) -> Step<(Option<i32>, String)> {
    let mut command = Command::new(binary);
    let log = File::options().create(true).append(true).open(folder.join("commands.log"));
    let log = log.map_err(failed("commands.log"))?;
    let output = clean(command.args(arguments), Some(folder)).stderr(log).output();
    let output = output.map_err(failed(format!("playhead {}", arguments.join(" "))))?;
    Ok((output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned()))
}

/// Nothing of our surroundings reaches the binary: no settings from the environment, no playhead.toml of another folder.
pub(super) fn clean<'c>(command: &'c mut Command, folder: Option<&Path>) -> &'c mut Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PLAYHEAD_") {
            command.env_remove(name);
        }
    }
    command.current_dir(folder.unwrap_or(Path::new("."))).env("NO_COLOR", "1").stdin(Stdio::null())
}

/// The last line that says something.
fn last_line(log: &str) -> &str {
    log.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("")
}

/// Longer than any start takes on a busy machine; whoever needs so long is stuck.
const READY_PATIENCE: Duration = Duration::from_secs(60);
/// The same for a page of the admin port.
const PAGE_PATIENCE: Duration = Duration::from_secs(10);
/// Stopped, stopped under strace, waiting for the disk and stopped behind that, gone.
const STANDS_STILL: &str = "TtDZX";
const FREEZE_PATIENCE: Duration = Duration::from_secs(5);
/// How many ports are looked at.
const PORTS_TRIED_MAX: u16 = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_the_last_that_says_something() {
        assert_eq!(last_line("a\nb: stopped\n\n"), "b: stopped");
        assert_eq!(last_line(""), "");
    }

    #[test]
    fn a_threads_state_is_behind_its_name() {
        assert_eq!(state_of("12 (tokio) T) D 1 12 12"), Some('D'));
        assert_eq!(state_of("12"), None);
        assert!(!task_states(Path::new("/proc/self/task")).unwrap().is_empty());
    }

    #[test]
    fn ports_that_are_taken_are_left_out() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let first = taken.local_addr().unwrap().port();
        let plan = Plan::new(Path::new("x"), "data".into(), Path::new("."), first).unwrap();
        let Ports { grpc, http, quic, admin } = plan.ports;
        assert!(first < grpc && grpc < http && http < quic && quic < admin, "{first} {:?}", plan.ports);
    }
}
