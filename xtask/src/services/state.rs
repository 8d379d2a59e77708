//! What was started, written down, so that a later call finds it.

use std::{fs, io};

use serde_json::{Value, json};

use super::{Folder, Trouble, process::Process};

/// What was started, in order.
#[derive(Debug, Default)]
pub(super) struct State {
    /// What was asked for, as one word.
    pub(super) shape: String,
    pub(super) processes: Vec<Process>,
    pub(super) exports: Vec<(String, String)>,
}

impl State {
    /// What was written down last; nothing where nothing was.
    pub(super) fn read(folder: &Folder) -> Result<Self, String> {
        let path = folder.0.join(FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(format!("{}: {error}", path.display())),
        };
        let read = serde_json::from_str::<Value>(&text).ok().and_then(|value| Self::from_json(&value));
        read.ok_or_else(|| {
            format!("{} is not what services wrote: look at it, then remove it", path.display())
        })
    }

    /// Adds a process and writes all down at once: what is not written down cannot be stopped.
    pub(super) fn add(&mut self, folder: &Folder, process: Process) -> Result<(), Trouble> {
        self.processes.push(process);
        self.write(folder).map_err(Trouble::Failed)
    }

    /// Says where a server is.
    pub(super) fn export(&mut self, folder: &Folder, name: &str, value: String) -> Result<(), Trouble> {
        self.exports.push((name.to_owned(), value));
        self.write(folder).map_err(Trouble::Failed)
    }

    /// Not all that was asked for could be started: who asks again is not told that it is there.
    pub(super) fn lacks_something(&mut self, folder: &Folder) -> Result<(), String> {
        self.shape.push_str(",incomplete");
        self.write(folder)
    }

    /// True when there is something and all of it runs.
    pub(super) fn is_running(&self) -> bool {
        !self.processes.is_empty() && self.processes.iter().all(Process::is_running)
    }

    /// Stops all of it, the last first.
    pub(super) fn stop(&self, folder: &Folder) -> Result<(), String> {
        let stopped: Vec<_> = self.processes.iter().rev().map(Process::stop).collect();
        stopped.into_iter().collect::<Result<(), String>>()?;
        match fs::remove_file(folder.0.join(FILE)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(format!("{FILE}: {error}")),
            _ => Ok(()),
        }
    }

    pub(super) fn show(&self) {
        if self.processes.is_empty() {
            println!("nothing was started");
        }
        for process in &self.processes {
            let how = if process.is_running() { "running" } else { "GONE" };
            println!("{:<8} process {:<8} {how}", process.name, process.pid);
        }
        for (name, value) in &self.exports {
            println!("export {name}={value}");
        }
    }

    fn write(&self, folder: &Folder) -> Result<(), String> {
        let processes: Vec<Value> = self.processes.iter().map(Process::json).collect();
        let exports: Vec<[&str; 2]> = self.exports.iter().map(|(name, value)| [&**name, &**value]).collect();
        let value = json!({ "shape": self.shape, "processes": processes, "exports": exports });
        let path = folder.0.join(FILE);
        fs::write(&path, format!("{value:#}\n")).map_err(|error| format!("{}: {error}", path.display()))
    }

    fn from_json(value: &Value) -> Option<Self> {
        let processes =
            value.get("processes")?.as_array()?.iter().map(Process::read).collect::<Option<_>>()?;
        let export = |pair: &Value| {
            let text = |at: usize| Some(pair.get(at)?.as_str()?.to_owned());
            Some((text(0)?, text(1)?))
        };
        let exports = value.get("exports")?.as_array()?.iter().map(export).collect::<Option<_>>()?;
        Some(Self { shape: value.get("shape")?.as_str()?.to_owned(), processes, exports })
    }
}

const FILE: &str = "running.json";

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn what_was_started_is_found_again_and_stopped() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::open(root.path()).unwrap();
        let mut state = State { shape: "a".into(), ..State::default() };
        for name in ["one", "two"] {
            let Ok(process) = Process::start(name, Command::new("sleep").arg("60"), &root.path().join(name))
            else {
                panic!()
            };
            assert!(state.add(&folder, process).is_ok());
        }
        assert!(state.export(&folder, "WHERE", "here".into()).is_ok());
        let found = State::read(&folder).unwrap();
        assert!(found.is_running());
        assert_eq!(
            (&found.shape, &found.processes, &found.exports),
            (&state.shape, &state.processes, &state.exports)
        );
        found.stop(&folder).unwrap();
        assert!(!state.is_running());
        assert!(State::read(&folder).unwrap().processes.is_empty());
    }

    #[test]
    fn a_file_of_somebody_elses_stops_nothing() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::open(root.path()).unwrap();
        fs::write(folder.0.join(FILE), "{}").unwrap();
        assert!(State::read(&folder).is_err());
    }
}
