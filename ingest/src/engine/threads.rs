//! Where the loops run.

use std::{io, thread};

use tokio::{runtime::Builder, sync::oneshot};

/// Where the commit and flush loops run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threads {
    /// Each on a thread of its own, because each blocks while the disk works.
    Own,
    /// As tasks of the caller's runtime: for simulations, whose disk never blocks.
    Shared,
}

impl Threads {
    /// Runs a loop. What it returns comes through the channel, which closes when the loop dies.
    pub(super) fn run<T: Send + 'static>(
        self,
        name: &'static str,
        work: impl Future<Output = T> + Send + 'static,
    ) -> io::Result<oneshot::Receiver<T>> {
        let (tx, rx) = oneshot::channel();
        let work = async move {
            // Nobody waiting any more is no error.
            let _ = tx.send(work.await);
        };
        match self {
            Self::Shared => drop(tokio::spawn(work)),
            Self::Own => {
                let runtime = Builder::new_current_thread().enable_all().build()?;
                thread::Builder::new().name(name.to_owned()).spawn(move || runtime.block_on(work))?;
            }
        }
        Ok(rx)
    }
}
