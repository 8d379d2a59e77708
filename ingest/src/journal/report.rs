//! What a reading of the journal found.

use super::{scan::Findings, segment::SegmentId};

/// What a reading of all segments found. Everything is counted; lists are bounded where they could be long.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Segments read.
    pub segments: u64,
    /// Valid records, all of them served.
    pub records: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
    /// Bytes of a last, unfinished batch that no caller was told is durable. Every crash may leave some.
    pub torn_bytes: u64,
    /// Bytes that had been committed and are not readable as records any more.
    pub damaged: Damages,
    /// Bytes that the disk would not give.
    pub unreadable_bytes: u64,
    /// Segments shorter than they were made.
    pub truncated: Vec<SegmentId>,
    /// Files of segments that were begun when the process or the machine went down; there was never a record in them.
    pub unfinished: Vec<SegmentId>,
    /// Segments that are gone though older and newer ones are there.
    pub missing: Vec<Gap>,
    /// Damaged segments of earlier runs that were set aside. They are not read.
    pub quarantined: u64,
    /// Files that are none of the journal's. They are left alone.
    pub foreign: u64,
}

/// Damaged places of one or more segments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Damages {
    /// How many places.
    pub places: u64,
    /// How many bytes in all.
    pub bytes: u64,
    /// The first of them, at most [`DAMAGES_LISTED_MAX`].
    pub listed: Vec<Damage>,
}

/// A damaged place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damage {
    /// In which segment.
    pub segment: SegmentId,
    /// Where in its file, in bytes.
    pub offset: u64,
    /// How long, in bytes.
    pub bytes: u64,
}

/// Missing segments, one behind the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The first that is missing.
    pub first: SegmentId,
    /// The last that is missing.
    pub last: SegmentId,
}

impl Report {
    /// True if nothing that was committed is known to be lost or damaged. Torn bytes are no loss.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.damaged.places == 0
            && self.unreadable_bytes == 0
            && self.truncated.is_empty()
            && self.missing.is_empty()
    }

    pub(crate) fn add(&mut self, id: SegmentId, findings: Findings) {
        self.segments += 1;
        self.records += findings.records;
        self.bytes += findings.bytes;
        self.torn_bytes += findings.torn_bytes;
        self.unreadable_bytes += findings.unreadable_bytes;
        self.damaged.append(findings.damaged);
        if findings.truncated {
            self.truncated.push(id);
        }
        if findings.unfinished {
            self.unfinished.push(id);
        }
    }
}

impl Damages {
    pub(crate) fn push(&mut self, damage: Damage) {
        self.places += 1;
        self.bytes += damage.bytes;
        if self.listed.len() < DAMAGES_LISTED_MAX {
            self.listed.push(damage);
        }
    }

    pub(crate) fn append(&mut self, others: Self) {
        self.places += others.places;
        self.bytes += others.bytes;
        let room = DAMAGES_LISTED_MAX.saturating_sub(self.listed.len());
        self.listed.extend(others.listed.into_iter().take(room));
    }
}

impl Gap {
    /// What is missing between two neighbours, if anything.
    pub(crate) fn between(before: SegmentId, after: SegmentId) -> Option<Self> {
        let first = before.next()?;
        let last = SegmentId(after.0.checked_sub(1)?);
        (first <= last).then_some(Self { first, last })
    }

    /// How many are missing.
    #[must_use]
    pub fn segments(&self) -> u64 {
        self.last.0.saturating_sub(self.first.0).saturating_add(1)
    }
}

/// The most damaged places that a report lists; a whole segment of noise would be millions.
pub const DAMAGES_LISTED_MAX: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damages_are_counted_beyond_the_list() {
        let one = Damage { segment: SegmentId(1), offset: 64, bytes: 8 };
        let mut all = Damages::default();
        (0..DAMAGES_LISTED_MAX + 5).for_each(|_| all.push(one));
        let mut twice = all.clone();
        twice.append(all);
        assert_eq!((twice.places, twice.bytes), (2_010, 16_080));
        assert_eq!(twice.listed.len(), DAMAGES_LISTED_MAX);
    }

    #[test]
    fn a_gap_is_what_lies_between() {
        let between = |before, after| Gap::between(SegmentId(before), SegmentId(after));
        assert_eq!(between(3, 4), None);
        assert_eq!(between(3, 7), Some(Gap { first: SegmentId(4), last: SegmentId(6) }));
        assert_eq!(between(3, 7).unwrap().segments(), 3);
        assert_eq!(between(0, u64::MAX).unwrap().segments(), u64::MAX - 1);
    }
}
