//! Reading all segments: at start, to give the store what it may lack, and beside a running server, to verify.

use std::{collections::VecDeque, fmt, io, sync::Arc};

use super::{
    disk::Disk,
    listing::{Found, Listing},
    place::Place,
    report::{Gap, Report},
    scan::{Findings, data_end, scan},
    segment::{SEGMENT_HEADER_BYTES, SegmentHeader, SegmentId},
    segments::{Hold, Segments},
    settings::SEGMENT_BYTES_MAX,
};

/// The segments found at start. Until a segment is replayed it cannot be trimmed.
pub struct Replay {
    disk: Arc<dyn Disk>,
    segments: Arc<Segments>,
    found: VecDeque<Found>,
    report: Report,
    /// A segment's bytes, used again for the next.
    buffer: Vec<u8>,
}

impl Replay {
    pub(crate) fn new(disk: Arc<dyn Disk>, segments: Arc<Segments>, listing: Listing) -> Self {
        let report = listing.report();
        Self { disk, segments, found: listing.segments.into(), report, buffer: Vec::new() }
    }

    /// Passes every record to `visit`, oldest first, with a hold on its segment; clone the hold to keep it.
    ///
    /// One segment is in memory at a time. Damage is skipped, counted and never an error. May run beside commits.
    ///
    /// # Errors
    ///
    /// The first error of `visit`. Run again to go on: at the beginning of that segment, so some records come twice.
    pub fn run<E>(&mut self, mut visit: impl FnMut(&[u8], &Hold) -> Result<(), E>) -> Result<Report, E> {
        while self.next_segment(|payload, hold, _| visit(payload, hold))? {}
        Ok(self.report())
    }

    /// Does the same for the oldest segment that is left, and says where in it each record is ([`Place`]). False when
    /// none was left.
    ///
    /// # Errors
    ///
    /// The first error of `visit`; the segment is then still left.
    pub fn next_segment<E>(
        &mut self,
        mut visit: impl FnMut(&[u8], &Hold, Place) -> Result<(), E>,
    ) -> Result<bool, E> {
        let Some(&found) = self.found.front() else { return Ok(false) };
        let hold = self.segments.hold(found.id);
        let reader = Reader { disk: &*self.disk, found, next: self.found.get(1), is_written: false };
        match reader.read(&mut self.buffer, |payload, at| visit(payload, &hold, Place::at(at)))? {
            Some(findings) => {
                self.segments.replayed(found.id, findings.is_damaged());
                self.report.add(found.id, findings);
            }
            None => {
                self.segments.replayed(found.id, false);
                self.report.missing.push(Gap { first: found.id, last: found.id });
            }
        }
        self.found.pop_front();
        Ok(true)
    }

    /// What was found so far.
    #[must_use]
    pub fn report(&self) -> Report {
        self.report.clone()
    }
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay").field("found", &self.found).finish_non_exhaustive()
    }
}

/// Reads all segments and says what it found, changing nothing.
///
/// May run beside the process that writes them, on [`FsDisk::open_read_only`](super::FsDisk::open_read_only): it takes
/// no lock, so it keeps nobody out, and only reads.
///
/// # Errors
///
/// If the directory cannot be read.
pub fn verify(disk: &dyn Disk) -> io::Result<Report> {
    salvage(disk, |_, _| Ok(()))
}

/// Like [`verify`], and passes every valid record to `visit`, oldest first.
///
/// # Errors
///
/// The first error of `visit`, or if the directory cannot be read.
pub fn salvage<E: From<io::Error>>(
    disk: &dyn Disk,
    mut visit: impl FnMut(SegmentId, &[u8]) -> Result<(), E>,
) -> Result<Report, E> {
    let listing = Listing::read(disk)?;
    let mut report = listing.report();
    let mut buffer = Vec::new();
    for (index, &found) in listing.segments.iter().enumerate() {
        let next = listing.segments.get(index + 1);
        let reader = Reader { disk, found, next, is_written: next.is_none() };
        match reader.read(&mut buffer, |payload, _| visit(found.id, payload))? {
            Some(findings) => report.add(found.id, findings),
            None => report.missing.push(Gap { first: found.id, last: found.id }),
        }
    }
    // Whoever writes may have trimmed segments between our listing and our reading: those are not missing.
    let oldest = Listing::read(disk)?.segments.first().map(|found| found.id);
    report.missing.retain(|gap| oldest.is_none_or(|oldest| gap.first > oldest));
    Ok(report)
}

/// Passes every valid record of one segment to `visit`, oldest first, beside whoever writes or trims it. A segment that is
/// gone has none.
///
/// # Errors
///
/// If the directory cannot be read.
pub(crate) fn read_again(disk: &dyn Disk, id: SegmentId, mut visit: impl FnMut(&[u8])) -> io::Result<()> {
    let listing = Listing::read(disk)?;
    let Some(index) = listing.segments.iter().position(|found| found.id == id) else { return Ok(()) };
    let Some(&found) = listing.segments.get(index) else { return Ok(()) };
    let next = listing.segments.get(index + 1);
    let reader = Reader { disk, found, next, is_written: next.is_none() };
    reader.read(&mut Vec::new(), |payload, _| {
        visit(payload);
        Ok::<(), io::Error>(())
    })?;
    Ok(())
}

/// Reads one segment.
struct Reader<'a> {
    disk: &'a dyn Disk,
    found: Found,
    next: Option<&'a Found>,
    /// True if somebody may be writing to it right now.
    is_written: bool,
}

/// What reading a file gave, besides its data.
struct Loaded {
    unreadable_bytes: u64,
    /// How long the file is; behind its data it reads as zeros.
    file_bytes: usize,
}

impl Reader<'_> {
    /// Reads and scans the segment; none if its file is gone.
    fn read<E>(
        &self,
        buffer: &mut Vec<u8>,
        visit: impl FnMut(&[u8], usize) -> Result<(), E>,
    ) -> Result<Option<Findings>, E> {
        let Some(mut loaded) = self.load(buffer) else { return Ok(None) };
        if self.is_written {
            // A reading beside a writer may miss an early page and see a later one. All that the first reading saw
            // was there before the second began, so the second is right up to where the first one's data ended.
            let sure = data_end(buffer);
            let Some(again) = self.load(buffer) else { return Ok(None) };
            loaded = again;
            buffer.get_mut(sure..).unwrap_or_default().fill(0);
        }
        let findings = scan(self.found.id, buffer, loaded.file_bytes, self.sealed_end(), visit)?;
        Ok(Some(Findings { unreadable_bytes: loaded.unreadable_bytes, ..findings }))
    }

    /// Fills the buffer with the file's data, zeros where the disk gives none; none if the file is gone.
    fn load(&self, buffer: &mut Vec<u8>) -> Option<Loaded> {
        let name = self.found.id.file_name();
        let length = readable_bytes(self.disk.data_bytes(&name, self.found.bytes));
        let mut loaded = Loaded { unreadable_bytes: 0, file_bytes: readable_bytes(self.found.bytes) };
        let mut offset = 0;
        buffer.clear();
        while offset < length {
            buffer.resize(length.min(offset + READ_BYTES), 0);
            let chunk = buffer.get_mut(offset..).unwrap_or_default();
            match self.disk.read_at(&name, offset as u64, chunk) {
                Ok(count) if count < chunk.len() => {
                    loaded.file_bytes = offset + count;
                    buffer.truncate(loaded.file_bytes);
                    break;
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
                Err(_) => loaded.unreadable_bytes += self.load_pages(&name, offset, chunk),
            }
            offset = buffer.len();
        }
        Some(loaded)
    }

    /// Reads page by page what cannot be read at once, so that one bad page costs no others.
    fn load_pages(&self, name: &str, begin: usize, chunk: &mut [u8]) -> u64 {
        let mut unreadable_bytes = 0;
        let mut offset = begin as u64;
        for page in chunk.chunks_mut(PAGE_BYTES) {
            if self.disk.read_at(name, offset, page).is_err() {
                page.fill(0);
                unreadable_bytes += page.len() as u64;
            }
            offset += page.len() as u64;
        }
        unreadable_bytes
    }

    /// Where the next segment says that this one's records end.
    fn sealed_end(&self) -> Option<usize> {
        let next = self.next.filter(|next| Some(next.id) == self.found.id.next())?;
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        self.disk.read_at(&next.id.file_name(), 0, &mut bytes).ok()?;
        let header = SegmentHeader::decode(&bytes).filter(|header| header.id == next.id)?;
        usize::try_from(header.previous_end?).ok()
    }
}

/// How much of a file is read into memory: one longer than any segment is not one of ours, or rotted.
fn readable_bytes(file_bytes: u64) -> usize {
    usize::try_from(file_bytes).unwrap_or(usize::MAX).min(SEGMENT_BYTES_MAX)
}

/// What is asked of the disk at once.
const READ_BYTES: usize = 1 << 20;
/// What is given up at once where the disk fails.
const PAGE_BYTES: usize = 4 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_longer_than_any_segment_is_read_up_to_the_bound() {
        assert_eq!([0, 4_097].map(readable_bytes), [0, 4_097]);
        assert_eq!([1 << 31, u64::MAX].map(readable_bytes), [SEGMENT_BYTES_MAX; 2]);
    }
}
