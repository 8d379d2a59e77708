//! The journal: the local append-only log that makes an acknowledgement true.
//!
//! A [`Batch`] of records (opaque payloads) comes in; [`Journal::commit`] returns once all of them are on the disk, with
//! a [`Hold`] on the segment that keeps them. Nothing here knows events, threads or the clock.
//!
//! In reading order: [`Settings`]; `record` and `segment` are the bytes on the disk
//! (`docs/adr/0002-journal-format.md`); `batch` frames records; `writer` commits and rotates; `segments` knows
//! what is held and trims the rest; `place` reads one record again; `scan` reads one segment, damaged or not; `replay`
//! reads them all, at start or for `verify`, and answers with a [`Report`]. Files are touched through [`Disk`] alone.
//!
//! What a reader may rely on: every committed record that the disk still holds is served, in the order of the commits.
//! What it may not: records of a batch that was never acknowledged may be served too.

mod settings;

mod error;

mod disk;

mod record;

mod segment;

mod batch;

mod writer;

mod segments;

mod place;

mod listing;

mod scan;

mod replay;

mod report;

#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;

#[cfg(test)]
mod sim_disk;

#[cfg(test)]
mod tests;

pub use batch::Batch;
pub use disk::{
    Disk, DiskFile, Listed,
    fs::{FsDisk, FsDiskError},
};
pub use error::{JournalError, TooLarge, TrimError};
pub use place::Place;
pub(crate) use place::PlaceReader;
pub use record::RECORD_BYTES_MAX;
pub use replay::{Replay, salvage, verify};
pub use report::{DAMAGES_LISTED_MAX, Damage, Damages, Gap, Report};
pub use segment::{SEGMENT_HEADER_BYTES, SegmentId};
pub use segments::{Hold, SegmentStats, Segments};
pub use settings::{
    BATCH_BYTES_MAX, SEGMENT_AGE_MS_MAX, SEGMENT_AGE_MS_MIN, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN, Settings,
    SettingsError,
};
pub use writer::Journal;
