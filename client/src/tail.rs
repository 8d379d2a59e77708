//! The offline tail: a file that keeps what has no ending across the end of the process.
//!
//! It is append-only: a session begins, an event is offered, everything up to a number has its ending, a session is
//! closed; each record with its length and a CRC (`record`). Where it ends in a half-written or damaged record, the rest
//! is left out and counted, and everything before it counts. When it reaches its bound it is written anew without what
//! is settled: to another file that takes its name when it is on the disk.
//!
//! **What survives.** The end of the process: every event for which `send` returned. The loss of power too with
//! [`Sync::Always`], the default, which waits for the disk at every event; with [`Sync::Never`] the system decides
//! when the disk gets it. A number that is lost with the power was perhaps sent, and would be given to another event:
//! after such a loss begin new sessions instead of going on with old ones.
//!
//! One process at a time has the file; its lock goes with the process.

use std::{
    fmt, io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use playhead_proto::ingest::v1::{Event, Session as Played};

mod file;
mod read;
mod record;

use file::TailFile;
pub(crate) use read::Unfinished;
use record::{Acked, Closed, Entry, Offered, Opened};

/// Where the tail is kept, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TailSettings {
    /// The file. It is made where it is not there; its folder has to be.
    pub path: PathBuf,
    /// How large it may become. Acknowledgements are noted beyond it, events are not.
    pub bytes_max: u64,
    /// Whether an event is on the disk before it is sent.
    pub sync: Sync,
}

/// When the disk has an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sync {
    /// Before it is sent: `send` waits for it, a few milliseconds.
    #[default]
    Always,
    /// When the system says so.
    Never,
}

impl TailSettings {
    /// Synced, at most 4 MiB.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), bytes_max: BYTES_MAX, sync: Sync::Always }
    }
}

/// An event was not written.
#[derive(Debug)]
pub(crate) enum TailError {
    /// The file has its bound, and nothing in it is settled.
    Full,
    /// The disk fails.
    Io(io::Error),
}

impl From<io::Error> for TailError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A client's tail.
#[derive(Debug, Clone)]
pub(crate) struct Tail(Arc<Mutex<TailFile>>);

/// One session's share of it.
pub(crate) struct SessionTail {
    tail: Tail,
    number: u64,
}

impl Tail {
    /// Opens or makes the file.
    pub(crate) fn open(settings: &TailSettings) -> io::Result<Self> {
        Ok(Self(Arc::new(Mutex::new(TailFile::open(settings)?))))
    }

    /// The sessions that were not closed, in the order in which they began.
    pub(crate) fn unfinished(&self) -> io::Result<Vec<Unfinished>> {
        self.with(|file| Ok(file.read()?.unfinished))
    }

    /// How many bytes at the end of the file could not be used when it was opened.
    pub(crate) fn torn_bytes(&self) -> u64 {
        self.with(|file| file.torn_bytes())
    }

    /// Notes that a session begins.
    pub(crate) fn begin(&self, session: Played) -> Result<SessionTail, TailError> {
        let number = self.with(|file| {
            let number = file.next_number();
            let opened = Opened { number, session: Some(session), next_seq: 1, acked_through: 0 };
            file.append(Entry::Opened(opened)).map(|()| number)
        })?;
        Ok(self.go_on(number))
    }

    /// Goes on with a session that was not closed.
    pub(crate) fn go_on(&self, number: u64) -> SessionTail {
        SessionTail { tail: self.clone(), number }
    }

    fn with<T>(&self, act: impl FnOnce(&mut TailFile) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl SessionTail {
    /// Writes an event, before it is sent.
    pub(crate) fn offered(&self, event: &Event) -> Result<(), TailError> {
        let entry = Entry::Offered(Offered { number: self.number, event: Some(event.clone()) });
        self.tail.with(|file| file.append(entry))
    }

    /// Notes that everything up to a number has its ending.
    pub(crate) fn acked(&self, through: u64) -> Result<(), TailError> {
        let entry = Entry::Acked(Acked { number: self.number, through });
        self.tail.with(|file| file.append_settled(entry))
    }

    /// Notes that the session is over, and everything has its ending.
    pub(crate) fn closed(&self) -> Result<(), TailError> {
        let entry = Entry::Closed(Closed { number: self.number });
        self.tail.with(|file| file.append_settled(entry))
    }
}

impl fmt::Debug for SessionTail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionTail({})", self.number)
    }
}

/// Fifty thousand beats.
const BYTES_MAX: u64 = 4 << 20;

#[cfg(test)]
mod tests;
