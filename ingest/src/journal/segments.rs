//! Which segments there are, who needs them, and how they go.

use std::{
    collections::VecDeque,
    fmt, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    disk::Disk,
    error::TrimError,
    listing::Listing,
    place::{self, Place, PlaceReader},
    replay,
    segment::SegmentId,
};

/// Keeps a segment from being trimmed until it and all its clones are dropped.
#[derive(Debug, Clone)]
pub struct Hold(Arc<SegmentId>);

impl Hold {
    /// The segment that is held.
    #[must_use]
    pub fn segment(&self) -> SegmentId {
        *self.0
    }

    fn on(segment: SegmentId) -> Self {
        Self(Arc::new(segment))
    }

    /// True if there is no clone of this hold.
    fn is_alone(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

/// The segments of a journal: a handle around a lock around a plain table.
///
/// To trim, in this order: ask [`Segments::trimmable`], make the store persist what it was given, call
/// [`Segments::trim`] with that answer. Asking after persisting would trim records that came in between and are in the
/// store's memory only.
#[derive(Default)]
pub struct Segments {
    /// None where there is no journal, and no segments.
    disk: Option<Arc<dyn Disk>>,
    table: Mutex<Table>,
}

/// How much there is on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentStats {
    /// Segments, the one that is being written included.
    pub segments: u64,
    /// Bytes of their files; a segment counts whole from its beginning on.
    pub bytes: u64,
    /// The oldest.
    pub oldest: Option<SegmentId>,
    /// Damaged segments that were set aside, now and in earlier runs.
    pub quarantined: u64,
}

/// Rising ids, the newest last: the one that is being written, or the last that was.
#[derive(Default)]
struct Table {
    segments: VecDeque<Segment>,
    quarantined: u64,
}

struct Segment {
    id: SegmentId,
    bytes: u64,
    /// The table's own hold; whoever else needs the segment has a clone.
    hold: Hold,
    /// False for one found at start, until all its records were passed on.
    replayed: bool,
    damaged: bool,
}

impl Segments {
    pub(crate) fn found(disk: Arc<dyn Disk>, listing: &Listing) -> Self {
        let segments = listing.segments.iter().map(|found| Segment::new(found.id, found.bytes, false));
        let quarantined = listing.quarantined.len() as u64;
        let table = Table { segments: segments.collect(), quarantined };
        Self { disk: Some(disk), table: Mutex::new(table) }
    }

    /// The newest segment such that it and all older ones are complete, replayed and held by no one.
    ///
    /// What is trimmable stays so. The newest segment never is: its name remembers the greatest id given.
    #[must_use]
    pub fn trimmable(&self) -> Option<SegmentId> {
        self.table().free().last().map(|segment| segment.id)
    }

    /// Removes what is trimmable up to and with `through`, oldest first, and says how many went.
    ///
    /// Damaged segments are renamed and stay for the operator. Each step is durable before the next, so that a crash
    /// leaves no gap.
    ///
    /// # Errors
    ///
    /// The first segment that could not go; those before it are gone.
    pub fn trim(&self, through: SegmentId) -> Result<u64, TrimError> {
        let mut trimmed = 0;
        while let Some((id, damaged)) = self.oldest_free(through) {
            self.discard(id, damaged).map_err(|source| TrimError { segment: id, source })?;
            self.table().forget(id);
            trimmed += 1;
        }
        Ok(trimmed)
    }

    /// All that there are, the oldest first. The newest is the one that is being written, or the last that was.
    pub(crate) fn all(&self) -> Vec<SegmentId> {
        self.table().segments.iter().map(|segment| segment.id).collect()
    }

    /// Passes every record that a segment has by now to `visit`, oldest first.
    ///
    /// # Errors
    ///
    /// If the directory cannot be read.
    pub(crate) fn read_again(&self, id: SegmentId, visit: impl FnMut(&[u8])) -> io::Result<()> {
        match &self.disk {
            Some(disk) => replay::read_again(&**disk, id, visit),
            None => Ok(()),
        }
    }

    /// How much there is on the disk.
    #[must_use]
    pub fn stats(&self) -> SegmentStats {
        let table = self.table();
        SegmentStats {
            segments: table.segments.len() as u64,
            bytes: table.segments.iter().map(|segment| segment.bytes).sum(),
            oldest: table.segments.front().map(|segment| segment.id),
            quarantined: table.quarantined,
        }
    }

    /// Notes a segment that was just begun, which completes the one before.
    pub(crate) fn begun(&self, id: SegmentId, bytes: u64) -> Hold {
        let segment = Segment::new(id, bytes, true);
        let hold = segment.hold.clone();
        let mut table = self.table();
        table.segments.push_back(segment);
        table.invariants();
        hold
    }

    /// A hold on a segment that waits for its replay.
    pub(crate) fn hold(&self, id: SegmentId) -> Hold {
        self.table().get(id).map_or_else(|| Hold::on(id), |segment| segment.hold.clone())
    }

    /// Notes that all of a segment's records were passed on.
    pub(crate) fn replayed(&self, id: SegmentId, damaged: bool) {
        if let Some(segment) = self.table().get(id) {
            segment.replayed = true;
            segment.damaged = damaged;
        }
    }

    /// Notes that a record of a segment can no longer be read: the segment is kept aside when it is trimmed.
    pub(crate) fn damaged(&self, id: SegmentId) {
        if let Some(segment) = self.table().get(id) {
            segment.damaged = true;
        }
    }

    /// Reads a record at a place that its commit or its replay told; none when it cannot be read.
    pub(crate) fn record(&self, id: SegmentId, place: Place) -> Option<Vec<u8>> {
        place::read_one(self.disk.as_deref()?, id, place)
    }

    /// A reader of many records.
    pub(crate) fn reader(&self) -> PlaceReader {
        PlaceReader::new(self.disk.clone())
    }

    fn oldest_free(&self, through: SegmentId) -> Option<(SegmentId, bool)> {
        let table = self.table();
        let oldest = table.free().next().filter(|segment| segment.id <= through);
        oldest.map(|segment| (segment.id, segment.damaged))
    }

    fn discard(&self, id: SegmentId, damaged: bool) -> io::Result<()> {
        let Some(disk) = &self.disk else { return Ok(()) };
        let gone = match damaged {
            true => disk.rename(&id.file_name(), &id.quarantine_name()),
            false => disk.remove(&id.file_name()),
        };
        match gone {
            // An earlier trim got this far and failed behind it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => other?,
        }
        disk.sync_dir()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Segments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Segments").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl Table {
    /// What may go, oldest first.
    fn free(&self) -> impl Iterator<Item = &Segment> {
        let complete = self.segments.len().saturating_sub(1);
        self.segments.iter().take(complete).take_while(|segment| segment.replayed && segment.hold.is_alone())
    }

    fn get(&mut self, id: SegmentId) -> Option<&mut Segment> {
        self.segments.iter_mut().find(|segment| segment.id == id)
    }

    fn forget(&mut self, id: SegmentId) {
        if let Some(segment) = self.segments.pop_front_if(|oldest| oldest.id == id) {
            self.quarantined += u64::from(segment.damaged);
        }
        self.invariants();
    }

    fn invariants(&self) {
        debug_assert!(self.segments.iter().is_sorted_by(|a, b| a.id < b.id), "ids rise");
    }
}

impl Segment {
    fn new(id: SegmentId, bytes: u64, replayed: bool) -> Self {
        Self { id, bytes, hold: Hold::on(id), replayed, damaged: false }
    }
}
