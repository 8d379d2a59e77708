//! What a directory's names say, before any file is read.

use std::io;

use super::{
    disk::Disk,
    report::{Gap, Report},
    segment::{Named, SegmentId},
};

/// The segments of a directory, oldest first, and what else lies there.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) segments: Vec<Found>,
    pub(crate) quarantined: Vec<SegmentId>,
    pub(crate) foreign: u64,
}

/// A segment's file, as its name and length say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub(crate) id: SegmentId,
    pub(crate) bytes: u64,
}

impl Listing {
    pub(crate) fn read(disk: &dyn Disk) -> io::Result<Self> {
        let mut listing = Self::default();
        for file in disk.list()? {
            match Named::of(&file.name) {
                Named::Segment(id) => listing.segments.push(Found { id, bytes: file.bytes }),
                Named::Quarantined(id) => listing.quarantined.push(id),
                Named::Foreign => listing.foreign += 1,
            }
        }
        listing.segments.sort_unstable_by_key(|found| found.id);
        Ok(listing)
    }

    /// The greatest id ever given, as far as names still tell.
    pub(crate) fn newest(&self) -> Option<SegmentId> {
        let found = self.segments.iter().map(|found| found.id);
        found.chain(self.quarantined.iter().copied()).max()
    }

    /// A report that knows names only.
    pub(crate) fn report(&self) -> Report {
        Report {
            missing: self.gaps(),
            quarantined: self.quarantined.len() as u64,
            foreign: self.foreign,
            ..Report::default()
        }
    }

    /// Ids between the oldest and the newest that have no file. Trimming removes the oldest first and makes each
    /// removal durable before the next, so a gap is never its doing.
    fn gaps(&self) -> Vec<Gap> {
        let pairs = self.segments.iter().zip(self.segments.iter().skip(1));
        pairs.filter_map(|(before, after)| Gap::between(before.id, after.id)).collect()
    }
}
