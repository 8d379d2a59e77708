//! What can go wrong, by what the caller does next.

use std::{io, sync::Arc};

use super::{segment::SegmentId, settings::SettingsError};

/// Why the journal did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Put the setting right and start again.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The directory cannot be read. Put it right and start again.
    #[error("the journal's directory cannot be read")]
    Unreadable(#[source] io::Error),
    /// No space is left. Nothing of the batch counts, nothing before it is lost: commit it again later.
    #[error("no space is left for the journal")]
    Full(#[source] io::Error),
    /// The batch fits in no segment. It will not fit later: divide it.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// The disk failed, and nobody knows what it holds. The journal is dead for good: stop the process.
    ///
    /// Whether the batch is on the disk is unknown; the next start tells. Every later commit answers the same.
    #[error("the journal's disk failed")]
    Broken(#[source] Arc<io::Error>),
}

/// A record or a batch is above its bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a {what} of {bytes} bytes, at most {bytes_max}")]
pub struct TooLarge {
    /// `record` or `batch`.
    pub what: &'static str,
    /// Its size.
    pub bytes: usize,
    /// Its bound.
    pub bytes_max: usize,
}

/// A segment could not be trimmed. It and those after it are still there: trim again later.
#[derive(Debug, thiserror::Error)]
#[error("segment {segment} cannot be trimmed")]
pub struct TrimError {
    /// The segment.
    pub segment: SegmentId,
    /// What the disk said.
    #[source]
    pub source: io::Error,
}

/// How a step of a commit failed.
#[derive(Debug)]
pub(crate) enum Fault {
    Full(io::Error),
    Broken(io::Error),
}

impl Fault {
    /// Sorts the error of a step that takes space and promises nothing yet; never that of an fsync of records.
    pub(crate) fn of_space(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full(error),
            _ => Self::Broken(error),
        }
    }
}
