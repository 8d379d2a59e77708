//! A segment file: its id, its name, its 64-byte header. Little-endian.
//!
//! | at | bytes | what |
//! |---|---|---|
//! | 0 | 8 | `PLAYHEAD` |
//! | 8 | 4 | format version of the segment |
//! | 12 | 4 | zeros |
//! | 16 | 8 | segment id |
//! | 24 | 8 | length that was preallocated, in bytes |
//! | 32 | 8 | where the records of the segment before this one end, in bytes; 0 if its writer did not live to say |
//! | 40 | 8 | when it was begun, Unix time in ms |
//! | 48 | 12 | zeros |
//! | 60 | 4 | CRC-32 (IEEE) over all before it |

use std::fmt;

/// Which segment. Ids rise by one from segment to segment and are not used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentId(pub u64);

impl fmt::Display for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl SegmentId {
    /// The name of its file; names sort as ids do.
    pub(crate) fn file_name(self) -> String {
        format!("{:0DIGITS$}{ENDING}", self.0)
    }

    /// The name of its file once it is found damaged and no longer needed.
    pub(crate) fn quarantine_name(self) -> String {
        format!("{}{QUARANTINE_ENDING}", self.file_name())
    }

    pub(crate) fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }
}

/// What a file's name says that it is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Named {
    Segment(SegmentId),
    Quarantined(SegmentId),
    Foreign,
}

impl Named {
    pub(crate) fn of(name: &str) -> Self {
        match name.strip_suffix(QUARANTINE_ENDING) {
            Some(original) => parse_name(original).map_or(Self::Foreign, Self::Quarantined),
            None => parse_name(name).map_or(Self::Foreign, Self::Segment),
        }
    }
}

fn parse_name(name: &str) -> Option<SegmentId> {
    let digits = name.strip_suffix(ENDING)?;
    let plain = digits.len() == DIGITS && digits.bytes().all(|digit| digit.is_ascii_digit());
    if plain { digits.parse().ok().map(SegmentId) } else { None }
}

/// What a segment says about itself and the one before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) id: SegmentId,
    pub(crate) segment_bytes: u64,
    /// Where the records of the segment before end, if its writer rotated to this one.
    pub(crate) previous_end: Option<u64>,
    pub(crate) created_at_ms: i64,
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        let (fields, crc) = bytes.split_at_mut(CRC_AT);
        put(fields, 0, MAGIC);
        put(fields, 8, &VERSION.to_le_bytes());
        put(fields, 16, &self.id.0.to_le_bytes());
        put(fields, 24, &self.segment_bytes.to_le_bytes());
        put(fields, 32, &self.previous_end.unwrap_or(0).to_le_bytes());
        put(fields, 40, &self.created_at_ms.to_le_bytes());
        put(crc, 0, &crc32fast::hash(fields).to_le_bytes());
        bytes
    }

    /// Reads the header at the beginning of a segment's bytes, if it is one of a version known here.
    pub(crate) fn decode(segment: &[u8]) -> Option<Self> {
        let bytes: &[u8; SEGMENT_HEADER_BYTES] = segment.first_chunk()?;
        let (fields, crc) = bytes.split_at(CRC_AT);
        let known = take(fields, 0)? == *MAGIC && u32::from_le_bytes(take(fields, 8)?) == VERSION;
        if !known || u32::from_le_bytes(take(crc, 0)?) != crc32fast::hash(fields) {
            return None;
        }
        let previous_end = u64::from_le_bytes(take(fields, 32)?);
        Some(Self {
            id: SegmentId(u64::from_le_bytes(take(fields, 16)?)),
            segment_bytes: u64::from_le_bytes(take(fields, 24)?),
            previous_end: (previous_end != 0).then_some(previous_end),
            created_at_ms: i64::from_le_bytes(take(fields, 40)?),
        })
    }
}

fn put(fields: &mut [u8], at: usize, value: &[u8]) {
    if let Some(field) = fields.get_mut(at..at + value.len()) {
        field.copy_from_slice(value);
    }
}

fn take<const N: usize>(fields: &[u8], at: usize) -> Option<[u8; N]> {
    fields.get(at..)?.first_chunk().copied()
}

/// What a segment's header takes; records begin behind it.
pub const SEGMENT_HEADER_BYTES: usize = 64;
const CRC_AT: usize = SEGMENT_HEADER_BYTES - 4;
const MAGIC: &[u8; 8] = b"PLAYHEAD";
/// Any change of the layout takes the next number.
const VERSION: u32 = 1;
/// As many digits as the greatest id has.
const DIGITS: usize = 20;
const ENDING: &str = ".segment";
const QUARANTINE_ENDING: &str = ".damaged";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_they_are() {
        let id = SegmentId(42);
        assert_eq!(id.file_name(), "00000000000000000042.segment");
        assert_eq!(Named::of(&id.file_name()), Named::Segment(id));
        assert_eq!(Named::of(&id.quarantine_name()), Named::Quarantined(id));
        assert_eq!(Named::of(&SegmentId(u64::MAX).file_name()), Named::Segment(SegmentId(u64::MAX)));
        let foreign = [
            "",
            "LOCK",
            "42.segment",
            "+0000000000000000042.segment",
            "99999999999999999999.segment",
            "x.damaged",
        ];
        for name in foreign {
            assert_eq!(Named::of(name), Named::Foreign, "{name}");
        }
    }

    #[test]
    fn a_header_reads_back_and_every_bit_counts() {
        for previous_end in [None, Some(4_096)] {
            let header =
                SegmentHeader { id: SegmentId(3), segment_bytes: 8_192, previous_end, created_at_ms: -5 };
            let sound = header.encode();
            assert_eq!(SegmentHeader::decode(&sound), Some(header));
            for bit in 0..sound.len() * 8 {
                let mut bytes = sound;
                bytes[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(SegmentHeader::decode(&bytes), None, "bit {bit}");
            }
            assert_eq!(SegmentHeader::decode(&sound[..63]), None);
        }
    }
}
