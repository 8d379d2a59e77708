//! fjall's errors, sorted by what our caller does next.

use crate::{StoreError, StoreErrorKind, codec::FormatError};
use fjall::{Error as FjallError, LsmError};

/// An error of a read: nothing has changed, so doubt is no matter.
pub(super) fn in_reading(what: &'static str) -> impl Fn(FjallError) -> StoreError {
    move |error| StoreError::new(kind(&error, StoreErrorKind::Unavailable), what, error)
}

/// An error of a write. fjall accepts no write after one that failed, until it is opened again and reads what the disk
/// really holds; the writer does that before it tries again.
pub(super) fn in_writing(what: &'static str) -> impl Fn(FjallError) -> StoreError {
    move |error| StoreError::new(kind(&error, StoreErrorKind::Unknown), what, error)
}

/// A row that cannot be read.
pub(super) fn in_row(what: &'static str) -> impl Fn(FormatError) -> StoreError {
    move |error| {
        let kind = match error {
            FormatError::Newer { .. } => StoreErrorKind::Refused,
            FormatError::Malformed(_) => StoreErrorKind::Damaged,
        };
        StoreError::new(kind, what, error)
    }
}

/// A row whose key is none.
pub(super) fn in_key(what: &'static str) -> StoreError {
    StoreError { kind: StoreErrorKind::Damaged, what, source: None }
}

/// The writer's thread is gone: nothing will be written before the process starts again.
pub(super) fn stopped() -> StoreError {
    StoreError {
        kind: StoreErrorKind::Refused,
        what: "the embedded store's writer has stopped",
        source: None,
    }
}

/// The tables could not be opened again after fjall failed. The next write tries.
pub(super) fn closed() -> StoreError {
    StoreError { kind: StoreErrorKind::Unavailable, what: "the embedded store is closed", source: None }
}

/// The disk has less room than a write may need.
pub(super) fn no_room() -> StoreError {
    let what = "the embedded store's disk is full";
    StoreError { kind: StoreErrorKind::Unavailable, what, source: None }
}

/// The disk does not say how much room it has.
pub(super) fn of_disk(error: std::io::Error) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, "asking the embedded store's disk for its room", error)
}

/// The writer's thread went while it had this to do.
pub(super) fn unanswered() -> StoreError {
    let what = "the embedded store's writer stopped before it answered";
    StoreError { kind: StoreErrorKind::Unknown, what, source: None }
}

/// A read came upon something that nobody foresaw.
pub(super) fn panicked() -> StoreError {
    StoreError { kind: StoreErrorKind::Damaged, what: "reading the embedded store panicked", source: None }
}

/// The runtime shuts down, and nobody reads any more.
pub(super) fn unread() -> StoreError {
    let what = "the embedded store is not read while the process stops";
    StoreError { kind: StoreErrorKind::Unavailable, what, source: None }
}

fn kind(error: &FjallError, on_io_error: StoreErrorKind) -> StoreErrorKind {
    match error {
        FjallError::Io(_) | FjallError::Storage(LsmError::Io(_)) => on_io_error,
        FjallError::Locked | FjallError::Poisoned => StoreErrorKind::Unavailable,
        FjallError::KeyspaceDeleted | FjallError::InvalidVersion(_) => StoreErrorKind::Refused,
        _ => StoreErrorKind::Damaged,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_opening_again_may_mend_is_worth_another_try() {
        let disk_full = || FjallError::Io(std::io::ErrorKind::StorageFull.into());
        assert_eq!(in_writing("x")(disk_full()).kind, StoreErrorKind::Unknown);
        assert_eq!(in_reading("x")(disk_full()).kind, StoreErrorKind::Unavailable);
        assert_eq!(in_writing("x")(FjallError::Poisoned).kind, StoreErrorKind::Unavailable);
        assert_eq!(
            in_reading("x")(FjallError::Storage(LsmError::Unrecoverable)).kind,
            StoreErrorKind::Damaged
        );
    }

    #[test]
    fn a_newer_row_is_not_called_damaged() {
        assert_eq!(in_row("x")(FormatError::Newer { found: 9 }).kind, StoreErrorKind::Refused);
    }
}
