//! Reading one segment's bytes, whatever happened to them. Pure: no files.
//!
//! Where no valid record is, the reader tries every eighth byte until one is: the checksum binds a record to its place,
//! so what it finds is one. Whether the bytes in between matter is known from the batch that each record names:
//! - A later batch begins behind them: it was written after they had been fsynced. They are damaged.
//! - They lie in the last batch of the segment, or behind it: a crash may have torn it. They are torn; nobody was told
//!   that they are durable, as far as this segment can tell.
//! - The next segment says where this one's records end: all before that is committed, all behind is refuse.

use super::{
    record::{ALIGN, Binding, Record},
    report::{Damage, Damages},
    segment::{SEGMENT_HEADER_BYTES, SegmentHeader, SegmentId},
};

/// What one segment held.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    pub(crate) records: u64,
    pub(crate) bytes: u64,
    pub(crate) torn_bytes: u64,
    pub(crate) unreadable_bytes: u64,
    pub(crate) damaged: Damages,
    pub(crate) truncated: bool,
    pub(crate) unfinished: bool,
}

impl Findings {
    /// True if the file is worth keeping for whoever wants to know what was lost.
    pub(crate) fn is_damaged(&self) -> bool {
        self.damaged.places > 0 || self.unreadable_bytes > 0 || self.truncated
    }
}

/// Passes every valid record of a segment to `visit`, with its place, in order, and says what else there was.
///
/// `segment` is the data of a file of `file_bytes` bytes, which behind it reads as zeros. `sealed_end` is where the next
/// segment says that this one's records end.
pub(crate) fn scan<E>(
    id: SegmentId,
    segment: &[u8],
    file_bytes: usize,
    sealed_end: Option<usize>,
    mut visit: impl FnMut(&[u8], usize) -> Result<(), E>,
) -> Result<Findings, E> {
    let header = SegmentHeader::decode(segment).filter(|header| header.id == id);
    let data_end = data_end(segment);
    if header.is_none() && sealed_end.is_none() && data_end <= SEGMENT_HEADER_BYTES {
        return Ok(Findings { unfinished: true, ..Findings::default() });
    }
    let mut walk = Walk::new(id);
    let limit = sealed_end.unwrap_or(segment.len()).min(segment.len());
    let (within, binding) = (segment.get(..limit).unwrap_or(segment), Binding::to(id));
    while walk.at < data_end.min(limit) {
        match binding.read(within, walk.at).filter(|record| record.batch_at >= walk.batch_at) {
            Some(record) => {
                let at = walk.at;
                walk.pass(&record);
                visit(record.payload, at)?;
            }
            None => walk.skip(),
        }
    }
    Ok(walk.finish(header.as_ref(), file_bytes, data_end, sealed_end))
}

/// Where a reader is.
struct Walk {
    id: SegmentId,
    at: usize,
    /// Where the batch of the last record begins. What names an earlier one was refused, and overwritten in part.
    batch_at: usize,
    /// Where the bytes begin that are no record, up to `at`.
    lost_from: Option<usize>,
    /// Bytes in the last batch that are no record: damaged if a later batch follows, else torn.
    doubtful: Damages,
    findings: Findings,
}

impl Walk {
    fn new(id: SegmentId) -> Self {
        let (at, findings) = (SEGMENT_HEADER_BYTES, Findings::default());
        Self { id, at, batch_at: at, lost_from: None, doubtful: Damages::default(), findings }
    }

    fn skip(&mut self) {
        self.lost_from.get_or_insert(self.at);
        self.at += ALIGN;
    }

    fn pass(&mut self, record: &Record<'_>) {
        if record.batch_at > self.batch_at {
            self.batch_at = record.batch_at;
            self.findings.damaged.append(std::mem::take(&mut self.doubtful));
        }
        if let Some(from) = self.lost_from.take() {
            let lost = self.place(from, self.at);
            let damages = if from < self.batch_at { &mut self.findings.damaged } else { &mut self.doubtful };
            damages.push(lost);
        }
        self.findings.records += 1;
        self.findings.bytes += record.payload.len() as u64;
        self.at += record.framed_bytes;
    }

    fn finish(
        mut self,
        header: Option<&SegmentHeader>,
        file_bytes: usize,
        data_end: usize,
        sealed_end: Option<usize>,
    ) -> Findings {
        let end = self.lost_from.unwrap_or(self.at);
        let lost_end = sealed_end.unwrap_or(data_end);
        if end < lost_end {
            self.doubtful.push(self.place(end, lost_end));
        }
        if header.is_none() {
            self.findings.damaged.push(self.place(0, SEGMENT_HEADER_BYTES));
        }
        // A segment whose header rotted is not given the benefit of the doubt either.
        if sealed_end.is_some() || header.is_none() {
            self.findings.damaged.append(std::mem::take(&mut self.doubtful));
        }
        let refuse = data_end.saturating_sub(end.max(lost_end)) as u64;
        self.findings.torn_bytes = self.doubtful.bytes + refuse;
        self.findings.truncated = header.is_some_and(|header| (file_bytes as u64) < header.segment_bytes);
        self.findings
    }

    fn place(&self, from: usize, to: usize) -> Damage {
        Damage { segment: self.id, offset: from as u64, bytes: to.saturating_sub(from) as u64 }
    }
}

/// Where only zeros follow, rounded up to a place where a record could begin.
pub(crate) fn data_end(segment: &[u8]) -> usize {
    let mut end = segment.len();
    // Whole pages first, without a branch per byte: most of a young segment is zeros.
    for page in segment.rchunks(PAGE_BYTES) {
        if page.iter().fold(0, |any, byte| any | byte) != 0 {
            break;
        }
        end -= page.len();
    }
    let last = segment.get(..end).and_then(|data| data.iter().rposition(|byte| *byte != 0));
    last.map_or(0, |last| (last + 1).next_multiple_of(ALIGN).min(segment.len()))
}

const PAGE_BYTES: usize = 4 << 10;
