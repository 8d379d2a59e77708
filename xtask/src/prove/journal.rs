//! The journal's files, read by docs/adr/0002-journal-format.md and by nothing else: the harness has to know where to
//! hurt them without asking the code that it tests.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

/// A segment file that nobody writes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    /// Its records in order, without a gap.
    pub(super) records: Vec<Record>,
}

/// Where a record lies in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record {
    /// Its first byte.
    pub(super) begin: u64,
    /// The byte behind its padding.
    pub(super) end: u64,
    /// Where its batch begins.
    pub(super) batch: u64,
}

impl Segment {
    /// The byte behind the last record.
    pub(super) fn end(&self) -> u64 {
        self.records.last().map_or(HEADER_BYTES, |record| record.end)
    }

    /// The record that has this byte; none for the header.
    pub(super) fn record_at(&self, byte: u64) -> Option<&Record> {
        self.records.iter().find(|record| (record.begin..record.end).contains(&byte))
    }
}

/// Reads the segments of a folder, oldest first.
pub(super) fn read(folder: &Path) -> io::Result<Vec<Segment>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "segment") {
            paths.push(path);
        }
    }
    paths.sort();
    paths.into_iter().map(|path| Ok(Segment { records: records(&fs::read(&path)?), path })).collect()
}

/// Walks from record to record, up to the zeros that were set aside.
fn records(bytes: &[u8]) -> Vec<Record> {
    let mut found = Vec::new();
    let mut begin = HEADER_BYTES;
    while let Some(record) = record(bytes, begin) {
        begin = record.end;
        found.push(record);
    }
    found
}

fn record(bytes: &[u8], begin: u64) -> Option<Record> {
    let header: &[u8; 16] = bytes.get(usize::try_from(begin).ok()?..)?.first_chunk()?;
    let [_, _, _, _, p0, p1, p2, p3, b0, b1, b2, b3, VERSION, 0, 0, 0] = *header else { return None };
    let payload = u64::from(u32::from_le_bytes([p0, p1, p2, p3]));
    let batch = u64::from(u32::from_le_bytes([b0, b1, b2, b3])) * ALIGN;
    Some(Record { begin, end: (begin + RECORD_HEADER_BYTES + payload).next_multiple_of(ALIGN), batch })
}

/// Flips one bit of a file.
pub(super) fn flip(path: &Path, byte: u64, bit: u8) -> io::Result<()> {
    let mut bytes = fs::read(path)?;
    let place = usize::try_from(byte).ok().and_then(|byte| bytes.get_mut(byte));
    *place.ok_or(io::ErrorKind::UnexpectedEof)? ^= 1 << (bit % 8);
    fs::write(path, bytes)
}

/// Copies a data folder that nobody writes to, with its holes: most of it was only set aside.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let copied = Command::new("cp").args(["-a", "--sparse=always", "--"]).args([from, to]).status()?;
    if copied.success() { Ok(()) } else { Err(io::Error::other(format!("cp ended with {copied}"))) }
}

/// A segment's header.
pub(super) const HEADER_BYTES: u64 = 64;
const RECORD_HEADER_BYTES: u64 = 16;
const ALIGN: u64 = 8;
const VERSION: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    /// A segment with records of these payload lengths, each a batch of its own.
    fn segment(payloads: &[u32]) -> Vec<u8> {
        let mut bytes = vec![7; 64];
        for payload in payloads {
            let batch = u32::try_from(bytes.len() / 8).unwrap();
            bytes.extend([9; 4]);
            bytes.extend(payload.to_le_bytes());
            bytes.extend(batch.to_le_bytes());
            bytes.extend([1, 0, 0, 0]);
            bytes.extend(vec![5; *payload as usize]);
            bytes.resize(bytes.len().next_multiple_of(8), 0);
        }
        bytes.resize(bytes.len() + 64, 0);
        bytes
    }

    #[test]
    fn records_are_found_up_to_the_zeros() {
        let found = records(&segment(&[24, 3]));
        let expected =
            [Record { begin: 64, end: 104, batch: 64 }, Record { begin: 104, end: 128, batch: 104 }];
        assert_eq!(found, expected);
        assert_eq!(records(&segment(&[])), []);
        assert_eq!(records(&[7; 64]), [], "a file that is not longer than its header");
    }

    #[test]
    fn files_are_read_in_order_and_hurt_in_one_bit() {
        let folder = tempfile::tempdir().unwrap();
        for (name, payloads) in [("02.segment", &[8][..]), ("01.segment", &[8, 8]), ("LOCK", &[])] {
            fs::write(folder.path().join(name), segment(payloads)).unwrap();
        }
        let found = read(folder.path()).unwrap();
        assert_eq!(found.iter().map(|segment| segment.records.len()).collect::<Vec<_>>(), [2, 1]);
        let first = found.first().unwrap();
        assert_eq!(first.record_at(90), first.records.get(1));
        assert_eq!((first.record_at(63), first.end()), (None, 112));

        flip(&first.path, 90, 3).unwrap();
        let changed: Vec<usize> = fs::read(&first.path)
            .unwrap()
            .iter()
            .zip(segment(&[8, 8]))
            .enumerate()
            .filter_map(|(at, (now, before))| (*now != before).then_some(at))
            .collect();
        assert_eq!(changed, [90]);
        assert!(flip(&first.path, 1 << 20, 0).is_err(), "behind the end");
    }

    #[test]
    fn a_copy_has_all_that_lies_below() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::create_dir_all(from.join("journal")).unwrap();
        fs::write(from.join("journal/LOCK"), "x").unwrap();
        copy(&from, &to).unwrap();
        assert_eq!(fs::read(to.join("journal/LOCK")).unwrap(), b"x");
    }
}
