//! A record on the disk: a 16-byte header, the payload, zeros up to the next multiple of 8 bytes. Little-endian.
//!
//! | at | bytes | what |
//! |---|---|---|
//! | 0 | 4 | CRC-32 (IEEE) over segment id, the record's offset in the segment, and all that follows here, zeros included |
//! | 4 | 4 | payload length in bytes |
//! | 8 | 4 | where the record's batch begins in the segment, in steps of 8 bytes |
//! | 12 | 1 | format version of the record |
//! | 13 | 3 | zeros |
//! | 16 | | payload |
//!
//! The CRC binds a record to its place: its bytes are a record nowhere else, neither in the same place of another
//! segment (a file system that hands out old blocks) nor elsewhere in the same one. The batch's place tells a write
//! that a crash tore apart from bytes that rotted later, see [`super::scan`].

use super::segment::SegmentId;

/// What a segment's id adds to the checksum of each of its records.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Binding(u32);

/// A valid record, as it was found in a segment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    pub(crate) payload: &'a [u8],
    /// Where its batch begins, in bytes.
    pub(crate) batch_at: usize,
    /// What it takes in the segment.
    pub(crate) framed_bytes: usize,
}

struct Header {
    crc: u32,
    payload_bytes: u32,
    batch_steps: u32,
}

impl Binding {
    pub(crate) fn to(segment: SegmentId) -> Self {
        Self(crc32fast::hash(&segment.0.to_le_bytes()))
    }

    /// The record at this offset of a segment's bytes, if what is there is one.
    pub(crate) fn read(self, segment: &[u8], at: usize) -> Option<Record<'_>> {
        self.read_from(segment.get(at..)?, at)
    }

    /// The same of bytes that begin at this offset.
    pub(crate) fn read_from(self, bytes: &[u8], at: usize) -> Option<Record<'_>> {
        let header = Header::decode(bytes.first_chunk()?)?;
        let payload_bytes = usize::try_from(header.payload_bytes).ok()?;
        let batch_at = usize::try_from(header.batch_steps).ok()?.checked_mul(ALIGN)?;
        // A wild length is refused before anything is read or allocated.
        if payload_bytes > RECORD_BYTES_MAX || batch_at > at {
            return None;
        }
        let framed_bytes = framed_bytes(payload_bytes);
        let bytes = bytes.get(..framed_bytes)?;
        let payload = bytes.get(HEADER_BYTES..)?.get(..payload_bytes)?;
        let sound = self.checksum(at, bytes.get(CRC_BYTES..)?) == header.crc;
        sound.then_some(Record { payload, batch_at, framed_bytes })
    }

    /// Makes framed records valid for the place that begins at `batch_at`, and for no other.
    pub(crate) fn seal(self, framed: &mut [u8], batch_at: usize) {
        let mut rest = framed;
        let mut at = batch_at;
        while let Some(bytes) = framed_bytes_of(rest)
            && let Some((record, behind)) = std::mem::take(&mut rest).split_at_mut_checked(bytes)
        {
            self.seal_one(record, at, batch_at);
            at += bytes;
            rest = behind;
        }
        debug_assert!(rest.is_empty(), "a batch is whole records");
    }

    fn seal_one(self, record: &mut [u8], at: usize, batch_at: usize) {
        let steps = u32::try_from(batch_at / ALIGN).unwrap_or(u32::MAX);
        if let Some(field) = record.get_mut(BATCH_AT..BATCH_AT + 4) {
            field.copy_from_slice(&steps.to_le_bytes());
        }
        if let Some((crc, bound)) = record.split_first_chunk_mut::<CRC_BYTES>() {
            *crc = self.checksum(at, bound).to_le_bytes();
        }
    }

    fn checksum(self, at: usize, bound: &[u8]) -> u32 {
        let mut hasher = crc32fast::Hasher::new_with_initial(self.0);
        hasher.update(&(at as u64).to_le_bytes());
        hasher.update(bound);
        hasher.finalize()
    }
}

impl Header {
    /// Reads a header, unless its version is unknown or its zeros are not.
    fn decode(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let [c0, c1, c2, c3, p0, p1, p2, p3, b0, b1, b2, b3, VERSION, 0, 0, 0] = *bytes else { return None };
        Some(Self {
            crc: u32::from_le_bytes([c0, c1, c2, c3]),
            payload_bytes: u32::from_le_bytes([p0, p1, p2, p3]),
            batch_steps: u32::from_le_bytes([b0, b1, b2, b3]),
        })
    }
}

/// A header that lacks its place and checksum: both are filled in when the place is known.
pub(crate) fn unsealed_header(payload_bytes: u32) -> [u8; HEADER_BYTES] {
    let [p0, p1, p2, p3] = payload_bytes.to_le_bytes();
    [0, 0, 0, 0, p0, p1, p2, p3, 0, 0, 0, 0, VERSION, 0, 0, 0]
}

/// What a payload of this size takes in a segment.
pub(crate) const fn framed_bytes(payload_bytes: usize) -> usize {
    (HEADER_BYTES + payload_bytes).next_multiple_of(ALIGN)
}

/// What the first of these framed records takes, if there is one.
pub(crate) fn framed_bytes_of(framed: &[u8]) -> Option<usize> {
    let header = Header::decode(framed.first_chunk()?)?;
    usize::try_from(header.payload_bytes).ok().map(framed_bytes)
}

/// Records begin at multiples of this, so a reader that lost its way tries these places only.
pub(crate) const ALIGN: usize = 8;
pub(crate) const HEADER_BYTES: usize = 16;
/// The largest payload of a record, 4 MiB: a wild length in a damaged header is refused at once.
pub const RECORD_BYTES_MAX: usize = 4 << 20;
/// Any change of the header's layout or of what the checksum covers takes the next number.
const VERSION: u8 = 1;
const CRC_BYTES: usize = 4;
const BATCH_AT: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    /// A segment's bytes with one sealed record in it.
    fn one(segment: u64, at: usize, payload: &[u8]) -> Vec<u8> {
        let mut record = unsealed_header(u32::try_from(payload.len()).unwrap()).to_vec();
        record.extend_from_slice(payload);
        record.resize(framed_bytes(payload.len()), 0);
        Binding::to(SegmentId(segment)).seal(&mut record, at);
        let mut bytes = vec![0; at];
        bytes.append(&mut record);
        bytes
    }

    #[test]
    fn a_sealed_record_reads_back_in_its_place_only() {
        let bytes = one(7, 64, b"payload");
        let record = Binding::to(SegmentId(7)).read(&bytes, 64).unwrap();
        assert_eq!(record, Record { payload: b"payload", batch_at: 64, framed_bytes: 24 });
        assert_eq!(Binding::to(SegmentId(8)).read(&bytes, 64), None, "another segment");
        assert_eq!(Binding::to(SegmentId(7)).read(&bytes[8..], 56), None, "another place");
        assert_eq!(
            Binding::to(SegmentId(7)).read(&[&[0; 8], &bytes[..]].concat(), 72),
            None,
            "another place"
        );
    }

    #[test]
    fn every_bit_counts() {
        let sound = one(1, 64, b"thirteen byte");
        for bit in 64 * 8..sound.len() * 8 {
            let mut bytes = sound.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Binding::to(SegmentId(1)).read(&bytes, 64), None, "bit {bit}");
        }
    }

    #[test]
    fn a_wild_length_is_refused_though_its_checksum_fits() {
        let payload = vec![5; RECORD_BYTES_MAX + 1];
        assert_eq!(Binding::to(SegmentId(1)).read(&one(1, 0, &payload), 0), None);
        let largest = one(1, 0, &payload[1..]);
        assert_eq!(Binding::to(SegmentId(1)).read(&largest, 0).unwrap().payload.len(), RECORD_BYTES_MAX);
        assert_eq!(Binding::to(SegmentId(1)).read(&largest[..largest.len() - 1], 0), None, "cut short");
    }
}
