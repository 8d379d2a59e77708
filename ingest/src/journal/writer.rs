//! The writing side: one batch, one write, one fsync; and from segment to segment.

use std::{fmt, io, sync::Arc};

use super::{
    batch::{Batch, bounded},
    disk::{Disk, DiskFile},
    error::{Fault, JournalError},
    listing::Listing,
    record::Binding,
    replay::Replay,
    segment::{SEGMENT_HEADER_BYTES, SegmentHeader, SegmentId},
    segments::{Hold, Segments},
    settings::Settings,
};

/// The log of one directory. One owner commits; [`Replay`] and [`Segments`] may be used from other threads.
pub struct Journal {
    disk: Arc<dyn Disk>,
    settings: Settings,
    segments: Arc<Segments>,
    replay: Replay,
    /// None until the first commit: a process that only starts and crashes, again and again, makes no files.
    active: Option<Active>,
    newest: Option<SegmentId>,
    broken: Option<Arc<io::Error>>,
}

/// The segment that is being written.
struct Active {
    file: Box<dyn DiskFile>,
    binding: Binding,
    hold: Hold,
    /// Where the last batch begins.
    began_at: usize,
    /// Where the next batch goes. All before it is durable.
    end: usize,
    created_at_ms: i64,
}

impl Journal {
    /// Opens the journal of a directory. Reads names only, so it is quick whatever the segments hold.
    ///
    /// Nothing is ever appended to a segment found here: the first commit begins a fresh one. What a killed process wrote
    /// last may not have reached the disk, though it can be read: it is made durable before anybody can rely on it. That
    /// is the newest segment's end, for each commit is durable before the next begins, and its name.
    ///
    /// # Errors
    ///
    /// [`JournalError::Settings`], [`JournalError::Unreadable`] if the directory is, or [`JournalError::Broken`] if what
    /// is there cannot be made durable.
    pub fn open(disk: Arc<dyn Disk>, settings: Settings) -> Result<Self, JournalError> {
        settings.check()?;
        let listing = Listing::read(&*disk).map_err(JournalError::Unreadable)?;
        if let Some(newest) = listing.segments.last() {
            let durable = disk.sync_file(&newest.id.file_name()).and_then(|()| disk.sync_dir());
            durable.map_err(|error| JournalError::Broken(Arc::new(error)))?;
        }
        let segments = Arc::new(Segments::found(Arc::clone(&disk), &listing));
        let newest = listing.newest();
        let replay = Replay::new(Arc::clone(&disk), Arc::clone(&segments), listing);
        Ok(Self { disk, settings, segments, replay, active: None, newest, broken: None })
    }

    /// Makes all records of a batch durable, and holds the segment that keeps them.
    ///
    /// Begins a new segment first if the batch does not fit or the segment is too old at `now_ms` (Unix time). The
    /// batch keeps its records, whatever the answer; clear it once they are committed.
    ///
    /// # Errors
    ///
    /// [`JournalError::Full`]: retry later; a refused record may still be served after a crash, as any that was never
    /// acknowledged. [`JournalError::TooLarge`]: divide. [`JournalError::Broken`]: stop the process.
    pub fn commit(&mut self, batch: &mut Batch, now_ms: i64) -> Result<Hold, JournalError> {
        self.commit_within(batch, now_ms, self.settings.segment_age_ms_max)
    }

    /// The same, however old the segment is. While older ones are needed for long, nothing is won by closing this one:
    /// the oldest goes first, and each takes its whole size on the disk.
    ///
    /// # Errors
    ///
    /// As [`Journal::commit`].
    pub fn commit_at_any_age(&mut self, batch: &mut Batch, now_ms: i64) -> Result<Hold, JournalError> {
        self.commit_within(batch, now_ms, u64::MAX)
    }

    fn commit_within(
        &mut self,
        batch: &mut Batch,
        now_ms: i64,
        age_ms_max: u64,
    ) -> Result<Hold, JournalError> {
        if let Some(source) = &self.broken {
            return Err(JournalError::Broken(Arc::clone(source)));
        }
        bounded("batch", batch.bytes(), self.settings.segment_bytes - SEGMENT_HEADER_BYTES)?;
        self.append(batch, now_ms, age_ms_max).map_err(|fault| self.settle(fault))
    }

    /// Where in its segment the last committed batch begins, in bytes; its records' places follow from
    /// [`Batch::begins`].
    #[must_use]
    pub fn began_at(&self) -> usize {
        self.active.as_ref().map_or(SEGMENT_HEADER_BYTES, |active| active.began_at)
    }

    /// Passes every record found at start to `visit`, oldest first; see [`Replay::run`].
    ///
    /// # Errors
    ///
    /// The first error of `visit`.
    pub fn replay<E>(
        &mut self,
        visit: impl FnMut(&[u8], &Hold) -> Result<(), E>,
    ) -> Result<super::Report, E> {
        self.replay.run(visit)
    }

    /// Takes the replay, to run it in the background; what is left here has nothing to replay.
    pub fn take_replay(&mut self) -> Replay {
        let nothing = Replay::new(Arc::clone(&self.disk), Arc::clone(&self.segments), Listing::default());
        std::mem::replace(&mut self.replay, nothing)
    }

    /// The segments, for whoever trims them.
    #[must_use]
    pub fn segments(&self) -> Arc<Segments> {
        Arc::clone(&self.segments)
    }

    fn append(&mut self, batch: &mut Batch, now_ms: i64, age_ms_max: u64) -> Result<Hold, Fault> {
        let active = match &mut self.active {
            Some(active) if active.takes(batch.bytes(), now_ms, age_ms_max, &self.settings) => active,
            _ => {
                let fresh = self.begin_segment(now_ms)?;
                self.active.insert(fresh)
            }
        };
        active.append(batch)?;
        Ok(active.hold.clone())
    }

    /// Begins the next segment. After `Full` the active one is as it was.
    fn begin_segment(&mut self, now_ms: i64) -> Result<Active, Fault> {
        let id = self.next_id()?;
        let header = SegmentHeader {
            id,
            segment_bytes: self.settings.segment_bytes as u64,
            previous_end: self.active.as_ref().map(|active| active.end as u64),
            created_at_ms: now_ms,
        };
        let file = self.create(&header)?;
        // The name is durable before any record is: a record in a file that a crash forgets is not acknowledged.
        self.disk.sync_dir().map_err(Fault::Broken)?;
        self.newest = Some(id);
        let hold = self.segments.begun(id, header.segment_bytes);
        let binding = Binding::to(id);
        let end = SEGMENT_HEADER_BYTES;
        Ok(Active { file, binding, hold, began_at: end, end, created_at_ms: now_ms })
    }

    fn next_id(&self) -> Result<SegmentId, Fault> {
        let next = self.newest.map_or(Some(SegmentId(1)), SegmentId::next);
        next.ok_or_else(|| Fault::Broken(io::Error::other("a file has the greatest segment id there is")))
    }

    /// Creates a segment's file with a durable header, or leaves no file behind.
    fn create(&self, header: &SegmentHeader) -> Result<Box<dyn DiskFile>, Fault> {
        let name = header.id.file_name();
        let mut file = self.disk.create(&name, header.segment_bytes).map_err(Fault::of_space)?;
        // No space at this fsync is no reason to die: no record is in this file, which is removed and never asked
        // again. On a disk without preallocation it would be a crash loop.
        match file.write_at(0, &header.encode()).and_then(|()| file.sync()).map_err(Fault::of_space) {
            Ok(()) => Ok(file),
            Err(fault) => {
                self.disk.remove(&name).map_err(Fault::Broken)?;
                Err(fault)
            }
        }
    }

    fn settle(&mut self, fault: Fault) -> JournalError {
        match fault {
            Fault::Full(source) => JournalError::Full(source),
            Fault::Broken(source) => {
                let source = Arc::new(source);
                self.broken = Some(Arc::clone(&source));
                JournalError::Broken(source)
            }
        }
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal")
            .field("newest", &self.newest)
            .field("broken", &self.broken)
            .finish_non_exhaustive()
    }
}

impl Active {
    fn takes(&self, batch_bytes: usize, now_ms: i64, age_ms_max: u64, settings: &Settings) -> bool {
        let age_ms = u64::try_from(now_ms.saturating_sub(self.created_at_ms)).unwrap_or(0);
        let young = age_ms < age_ms_max || self.end == SEGMENT_HEADER_BYTES;
        young && self.end + batch_bytes <= settings.segment_bytes
    }

    /// Writes a batch behind the last and makes it durable.
    ///
    /// No space in the middle of the write is `Full`, not `Broken`. It happens where space cannot be set aside (a file
    /// system without preallocation, or one that never writes in place). The write itself says so, so no page was
    /// dropped behind our back and no fsync has failed: all before `end` is as durable as it was, and `end` stays, so
    /// the next batch overwrites what was written of this one. What may stand behind that batch is not served once a
    /// later one is committed, since it names an earlier batch, nor once the segment is sealed, since it lies behind
    /// its end. An fsync that fails, for want of space too, is `Broken`: pages are gone, and a second fsync would lie.
    fn append(&mut self, batch: &mut Batch) -> Result<(), Fault> {
        if batch.is_empty() {
            return Ok(());
        }
        let framed = batch.sealed(self.binding, self.end);
        self.file.write_at(self.end as u64, framed).map_err(Fault::of_space)?;
        if let Err(error) = self.file.sync() {
            self.take_back(batch.bytes());
            return Err(Fault::Broken(error));
        }
        self.began_at = self.end;
        self.end += batch.bytes();
        Ok(())
    }

    /// Overwrites what could not be made durable. It would still be read by the next process on this machine, which
    /// would take it for durable until the power is lost. No error matters any more: nobody was told anything.
    fn take_back(&mut self, bytes: usize) {
        let _ = self.file.write_at(self.end as u64, &vec![0; bytes]);
    }
}
