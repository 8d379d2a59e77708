//! Parts in the order in which they are written, however many there are: what memory has no room for is sorted in runs on
//! the disk, which are merged when it is read.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    fs::File,
    io::{self, BufReader, BufWriter, Read, Write},
};

use tempfile::TempDir;

/// A key, which orders, and what is kept under it.
pub(crate) type Record = (Vec<u8>, Vec<u8>);

/// Takes records in any order.
pub(crate) struct Sorter {
    bytes_max: usize,
    held: Vec<Record>,
    held_bytes: usize,
    dir: Option<TempDir>,
    runs: Vec<File>,
}

impl Sorter {
    /// Holds so many bytes in memory, and the rest in files that are gone with it.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, held: Vec::new(), held_bytes: 0, dir: None, runs: Vec::new() }
    }

    /// Takes a record.
    pub(crate) fn push(&mut self, key: Vec<u8>, value: Vec<u8>) -> io::Result<()> {
        self.held_bytes += key.len() + value.len() + RECORD_BYTES;
        self.held.push((key, value));
        if self.held_bytes > self.bytes_max { self.spill() } else { Ok(()) }
    }

    /// Gives all records by their keys; equal ones as they came.
    pub(crate) fn sorted(mut self) -> io::Result<Sorted> {
        self.held.sort_by(|a, b| a.0.cmp(&b.0));
        let mut runs: Vec<Run> = Vec::with_capacity(self.runs.len() + 1);
        for mut file in self.runs {
            io::Seek::rewind(&mut file)?;
            runs.push(Run::Disk(BufReader::with_capacity(RUN_BUFFER_BYTES, file)));
        }
        runs.push(Run::Memory(self.held.into_iter()));
        let mut sorted = Sorted { runs, next: BinaryHeap::new(), _dir: self.dir };
        for at in 0..sorted.runs.len() {
            sorted.fill(at)?;
        }
        Ok(sorted)
    }

    fn spill(&mut self) -> io::Result<()> {
        self.held.sort_by(|a, b| a.0.cmp(&b.0));
        let dir = match &self.dir {
            Some(dir) => dir,
            None => self.dir.insert(tempfile::tempdir()?),
        };
        let path = dir.path().join(self.runs.len().to_string());
        let file = File::options().read(true).write(true).create_new(true).open(path)?;
        let mut out = BufWriter::with_capacity(RUN_BUFFER_BYTES, file);
        for (key, value) in self.held.drain(..) {
            write(&mut out, &key)?;
            write(&mut out, &value)?;
        }
        self.runs.push(out.into_inner().map_err(io::IntoInnerError::into_error)?);
        self.held_bytes = 0;
        Ok(())
    }
}

/// Records in their order.
pub(crate) struct Sorted {
    runs: Vec<Run>,
    next: BinaryHeap<Next>,
    _dir: Option<TempDir>,
}

/// A run's next record, the least key first: the key, which run, and what is kept under it.
type Next = Reverse<(Vec<u8>, usize, Vec<u8>)>;

enum Run {
    Disk(BufReader<File>),
    Memory(std::vec::IntoIter<Record>),
}

impl Sorted {
    /// The next record; `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Record>> {
        let Some(Reverse((key, at, value))) = self.next.pop() else { return Ok(None) };
        self.fill(at)?;
        Ok(Some((key, value)))
    }

    fn fill(&mut self, at: usize) -> io::Result<()> {
        let record = match self.runs.get_mut(at) {
            Some(Run::Memory(records)) => records.next(),
            Some(Run::Disk(file)) => match read(file)? {
                Some(key) => read(file)?.map(|value| (key, value)),
                None => None,
            },
            None => None,
        };
        if let Some((key, value)) = record {
            self.next.push(Reverse((key, at, value)));
        }
        Ok(())
    }
}

fn write(out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(bytes)
}

fn read(from: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let mut bytes = vec![0; usize::try_from(u32::from_le_bytes(length)).map_err(io::Error::other)?];
    from.read_exact(&mut bytes)?;
    Ok(Some(bytes))
}

/// What a record costs besides its bytes: two vectors, rounded up.
const RECORD_BYTES: usize = 64;
const RUN_BUFFER_BYTES: usize = 64 * 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    /// All that comes out for records that go in, with so much room.
    fn sorted(bytes_max: usize, records: &[(u8, u8)]) -> Vec<(u8, u8)> {
        let mut sorter = Sorter::new(bytes_max);
        for &(key, value) in records {
            sorter.push(vec![key], vec![value]).unwrap();
        }
        let (mut sorted, mut told) = (sorter.sorted().unwrap(), Vec::new());
        while let Some((key, value)) = sorted.next().unwrap() {
            told.push((key[0], value[0]));
        }
        told
    }

    #[test]
    fn runs_on_disk_and_memory_merge_and_equal_keys_stay_in_order() {
        let records: Vec<(u8, u8)> = (0..=255).map(|at: u8| (at.wrapping_mul(37) % 16, at)).collect();
        let mut expect = records.clone();
        expect.sort_by_key(|(key, _)| *key);
        for bytes_max in [0, 200, 1_000, usize::MAX] {
            assert_eq!(sorted(bytes_max, &records), expect, "{bytes_max}");
        }
        assert_eq!(sorted(0, &[]), []);
    }
}
