//! Stops the services when whoever started them is gone, however they went: a process that waits for the end of its
//! input, whose other end dies with its parent.

use std::{
    env, io,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use super::{Folder, state::State};

/// Dropping it stops the services.
pub(crate) struct Guard(Child);

impl Guard {
    /// From now on the services end with this process.
    ///
    /// # Errors
    /// Where this program cannot be started again.
    pub(crate) fn start(root: &Path) -> io::Result<Self> {
        Self::of(&Folder::of(root).0)
    }

    /// The same of the servers that keep their files in this folder.
    ///
    /// # Errors
    /// Likewise.
    pub(crate) fn of(folder: &Path) -> io::Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        // A group of its own: a Ctrl-C ends its parent, and then it has work to do.
        command.args(["services", "guard"]).arg(folder).stdin(Stdio::piped()).process_group(0);
        Ok(Self(command.spawn()?))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // It says by itself what it could not stop.
        let _ = self.0.wait();
    }
}

/// What the process does.
pub(super) fn wait_and_stop(folder: &str) -> Result<(), String> {
    // An input that cannot be read has ended too.
    let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
    let folder = Folder(PathBuf::from(folder));
    State::read(&folder)?.stop(&folder)
}
