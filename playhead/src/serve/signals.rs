//! The signals that end a server.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGTERM and SIGINT, listened to from the moment that it is made.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Listens from now on; the signals' default, ending the process, is off.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// The name of the next signal.
    pub(crate) async fn first(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }

    /// From now on a SIGINT ends the process at once. What was acknowledged is in the journal all the same.
    pub(crate) fn exit_on_the_next(mut self) {
        tokio::spawn(async move {
            self.interrupt.recv().await;
            exit_at_once();
        });
    }
}

#[expect(clippy::disallowed_methods, reason = "the operator asked twice: at once means without draining")]
fn exit_at_once() {
    std::process::exit(INTERRUPTED);
}

/// What shells report for a process that SIGINT ended.
const INTERRUPTED: i32 = 130;
