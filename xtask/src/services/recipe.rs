//! How a server is started: once, and again.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use super::{Trouble, process::Process};

/// How a server is started, each time the same.
#[derive(Debug)]
pub(super) struct Recipe {
    pub(super) name: String,
    pub(super) command: Command,
    /// Its folder, where its log is too.
    pub(super) home: PathBuf,
    /// What it says when it is ready.
    pub(super) ready: &'static str,
    /// How long that may take.
    pub(super) patience: Duration,
}

impl Recipe {
    /// Starts it. It is not ready yet.
    pub(super) fn start(&mut self) -> Result<Process, Trouble> {
        let log = self.log();
        // What an earlier one said is kept for whoever looks for a fault.
        match fs::rename(&log, self.home.join("log.before")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Trouble::Failed(format!("{}: {error}", log.display())))
            }
            _ => Process::start(&self.name, &mut self.command, &log),
        }
    }

    /// Waits until the process is ready.
    pub(super) fn ready(&self, process: &Process) -> Result<(), Trouble> {
        process.says(&self.log(), self.ready, self.patience)
    }

    fn log(&self) -> PathBuf {
        self.home.join("log")
    }
}

/// The same at a low priority: on a real network it would not share its clients' processors.
pub(super) fn nice(command: &Command) -> Command {
    let mut nice = Command::new("nice");
    nice.args(["-n", NICE]).arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir().map(Path::to_path_buf) {
        nice.current_dir(folder);
    }
    nice
}

const NICE: &str = "10";
