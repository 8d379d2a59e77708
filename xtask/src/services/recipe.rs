//! How a server is started: once, and again.

use std::{
    fs, io,
    path::PathBuf,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use super::{Trouble, process::Process};

/// How a server is started, each time the same.
#[derive(Debug)]
pub(super) struct Recipe {
    pub(super) name: String,
    pub(super) command: Command,
    /// What it says.
    pub(super) log: PathBuf,
    /// What it says when it is ready.
    pub(super) ready: &'static str,
    /// How long that may take.
    pub(super) patience: Duration,
}

impl Recipe {
    /// Starts it. It is not ready yet.
    pub(super) fn start(&mut self) -> Result<Process, Trouble> {
        // What an earlier one said is kept for whoever looks for a fault.
        match fs::rename(&self.log, self.log.with_extension("before")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Trouble::Failed(format!("{}: {error}", self.log.display())))
            }
            _ => Process::start(&self.name, &mut self.command, &self.log),
        }
    }

    /// Waits until the process is ready.
    pub(super) fn ready(&self, process: &Process) -> Result<(), Trouble> {
        process.says(&self.log, self.ready, self.patience)
    }
}

/// The same at a low priority, and on one core where there are several: on a real network it would not share its clients'
/// processors, and a machine whose cores are all busy is slow to sync its disk, too.
pub(super) fn aside(command: &Command) -> Command {
    let mut aside = Command::new("nice");
    aside.args(["-n", NICE]);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    if cores > 1 && has_taskset() {
        aside.args(["taskset", "--cpu-list", &(cores - 1).to_string()]);
    }
    aside.arg(command.get_program()).args(command.get_args());
    aside
}

fn has_taskset() -> bool {
    let mut version = Command::new("taskset");
    let quiet = version.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

const NICE: &str = "10";
