//! Real servers for tests and for developers, without a container engine: Apache Cassandra from Maven Central, and the
//! system's redis-server.
//!
//! `cargo xtask services up` starts them on free ports and prints where they are as `PLAYHEAD_TEST_*` exports; `down` stops
//! what `up` started and nothing else. What runs is written down below target/services ([`state`]), what was downloaded is
//! kept there too, or in the folder that `PLAYHEAD_SERVICES_CACHE` names.
//!
//! [`Own`] are servers that somebody starts for a while, to kill and freeze them.

mod certificate;
mod cql;
mod guard;
mod jars;
mod options;
mod own;
mod ports;
mod process;
mod recipe;
mod redis_server;
mod state;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

pub(crate) use self::{
    guard::Guard,
    options::Options,
    own::{Own, Server},
};

use state::State;

/// Where the servers' files and the note of what runs are.
struct Folder(PathBuf);

/// What is up, or why it is not.
pub(crate) struct Up {
    /// The variables that say where the servers are.
    pub(crate) exports: Vec<(String, String)>,
    /// What this machine lacks for the rest, a line each.
    pub(crate) missing: Vec<String>,
}

/// Why a server is not up.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The machine lacks something; what, and what would help.
    Missing(String),
    /// It should have worked.
    Failed(String),
}

/// Starts what is not running yet.
///
/// # Errors
/// What did not work though nothing is missing; whatever had been started is stopped again.
pub(crate) fn up(root: &Path, options: Options) -> Result<Up, String> {
    let folder = Folder::open(root).map_err(|error| format!("target/services cannot be made: {error}"))?;
    let before = State::read(&folder)?;
    if before.is_running() && before.shape == options.shape() {
        return Ok(Up { exports: before.exports, missing: Vec::new() });
    }
    before.stop(&folder)?;
    let mut state = State { shape: options.shape(), ..State::default() };
    let mut missing = Vec::new();
    for start in [cql::start, redis_server::start] {
        match start(&folder, options, &mut state) {
            Ok(()) => {}
            Err(Trouble::Missing(what)) => missing.push(what),
            Err(Trouble::Failed(reason)) => {
                state.stop(&folder)?;
                return Err(reason);
            }
        }
    }
    if !missing.is_empty() {
        state.lacks_something(&folder)?;
    }
    Ok(Up { exports: state.exports, missing })
}

/// What is running, if anything is.
///
/// # Errors
/// Where the note cannot be read.
pub(crate) fn running(root: &Path) -> Result<Option<Up>, String> {
    let state = State::read(&Folder::of(root))?;
    let up = |state: State| Up { exports: state.exports, missing: Vec::new() };
    Ok(state.is_running().then_some(state).map(up))
}

/// Stops what `up` started.
///
/// # Errors
/// Where something cannot be stopped.
pub(crate) fn down(root: &Path) -> Result<(), String> {
    let folder = Folder::of(root);
    State::read(&folder)?.stop(&folder)
}

/// The command `cargo xtask services`.
pub(crate) fn run(root: &Path, words: &[&str]) -> Result<(), String> {
    match words {
        ["up", rest @ ..] => {
            let up = up(root, Options::parse(rest)?)?;
            for (name, value) in &up.exports {
                println!("export {name}={value}");
            }
            match up.missing.as_slice() {
                [] => Ok(()),
                missing => Err(format!("NOT STARTED: {}", missing.join("; "))),
            }
        }
        ["down"] => down(root),
        ["status"] => {
            State::read(&Folder::of(root))?.show();
            Ok(())
        }
        // What [`Guard`] starts.
        ["guard", folder] => guard::wait_and_stop(folder),
        _ => Err(format!("not a command: services {}", words.join(" "))),
    }
}

impl Folder {
    fn of(root: &Path) -> Self {
        Self(root.join("target/services"))
    }

    fn open(root: &Path) -> io::Result<Self> {
        let folder = Self::of(root);
        fs::create_dir_all(&folder.0)?;
        Ok(folder)
    }

    /// An empty folder of one server.
    fn fresh(&self, name: &str) -> Result<PathBuf, Trouble> {
        let path = self.0.join(name);
        let cleared = match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => fs::create_dir_all(&path),
        };
        cleared.map_err(|error| Trouble::Failed(format!("{}: {error}", path.display())))?;
        Ok(path)
    }
}
