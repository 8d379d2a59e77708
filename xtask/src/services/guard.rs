//! Stops the services when whoever started them is gone, however they went: a process that waits for the end of its
//! input, whose other end dies with its parent.

use std::{
    env, io,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
};

/// Dropping it stops the services.
pub(crate) struct Guard(Child);

impl Guard {
    /// From now on the services end with this process.
    ///
    /// # Errors
    /// Where this program cannot be started again.
    pub(crate) fn start() -> io::Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        // A group of its own: a Ctrl-C ends its parent, and then it has work to do.
        command.args(["services", "guard"]).stdin(Stdio::piped()).process_group(0);
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
pub(super) fn wait_and_stop(root: &Path) -> Result<(), String> {
    // An input that cannot be read has ended too.
    let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
    super::down(root)
}
