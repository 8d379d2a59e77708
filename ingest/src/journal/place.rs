//! Reading records again whose place in their segment is known, while the segment is held. A segment may still be
//! written to meanwhile: what was committed of it does not change.

use std::sync::Arc;

use super::{
    disk::Disk,
    record::{ALIGN, Binding, framed_bytes_of},
    segment::SegmentId,
};

/// Where a record is in its segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place(u32);

impl Place {
    /// The place at this many bytes: a multiple of 8 below 1 GiB, as every record's is.
    pub(crate) fn at(bytes: usize) -> Self {
        Self(u32::try_from(bytes / ALIGN).unwrap_or(u32::MAX))
    }

    /// The place that [`Place::number`] was asked of.
    pub(crate) fn of_number(number: u32) -> Self {
        Self(number)
    }

    /// A number that rises with the place.
    pub(crate) fn number(self) -> u32 {
        self.0
    }

    fn bytes(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX).saturating_mul(ALIGN)
    }
}

/// Reads one record's payload; none when it cannot be read, or is none.
pub(crate) fn read_one(disk: &dyn Disk, id: SegmentId, place: Place) -> Option<Vec<u8>> {
    let mut bytes = read(disk, id, place.bytes(), FIRST_BYTES)?;
    let framed_bytes = framed_bytes_of(&bytes)?;
    if framed_bytes > bytes.len() {
        bytes = read(disk, id, place.bytes(), framed_bytes)?;
    }
    let record = Binding::to(id).read_from(&bytes, place.bytes())?;
    Some(record.payload.to_vec())
}

fn read(disk: &dyn Disk, id: SegmentId, at: usize, bytes: usize) -> Option<Vec<u8>> {
    let mut buffer = vec![0; bytes.min(FRAMED_BYTES_MAX)];
    let count = disk.read_at(&id.file_name(), at as u64, &mut buffer).ok()?;
    buffer.truncate(count);
    Some(buffer)
}

/// Reads many records of a segment: keeps what it read last, so that their order costs nothing.
pub(crate) struct PlaceReader {
    disk: Option<Arc<dyn Disk>>,
    segment: Option<SegmentId>,
    /// The segment's bytes, up to where they were needed.
    buffer: Vec<u8>,
}

impl PlaceReader {
    pub(crate) fn new(disk: Option<Arc<dyn Disk>>) -> Self {
        Self { disk, segment: None, buffer: Vec::new() }
    }

    /// Reads all up to and with the record at `last` into memory, unless it is there.
    pub(crate) fn load(&mut self, id: SegmentId, last: Place) {
        let is_loaded = Binding::to(id).read(&self.buffer, last.bytes()).is_some();
        if self.segment == Some(id) && is_loaded {
            return;
        }
        let Some(disk) = &self.disk else { return };
        // What was read before more was written may be half of it.
        self.segment = Some(id);
        self.buffer.clear();
        let wanted = last.bytes() + FRAMED_BYTES_MAX;
        while self.buffer.len() < wanted {
            let begin = self.buffer.len();
            self.buffer.resize(wanted.min(begin + READ_BYTES), 0);
            let chunk = self.buffer.get_mut(begin..).unwrap_or_default();
            let count = disk.read_at(&id.file_name(), begin as u64, chunk).unwrap_or(0);
            let is_end = count < chunk.len();
            self.buffer.truncate(begin + count);
            if is_end || Binding::to(id).read(&self.buffer, last.bytes()).is_some() {
                return;
            }
        }
    }

    /// A record's payload; none when it cannot be read, or is none. Where the segment was not loaded that far it is read
    /// by itself.
    pub(crate) fn record(&self, id: SegmentId, place: Place) -> Option<Vec<u8>> {
        let loaded = match self.segment == Some(id) {
            true => Binding::to(id).read(&self.buffer, place.bytes()),
            false => None,
        };
        match loaded {
            Some(record) => Some(record.payload.to_vec()),
            None => read_one(self.disk.as_deref()?, id, place),
        }
    }

    /// Gives the memory back.
    pub(crate) fn unload(&mut self) {
        (self.segment, self.buffer) = (None, Vec::new());
    }
}

/// What is asked of the disk at first for one record: most are shorter.
const FIRST_BYTES: usize = 1 << 10;
/// The largest record, framed.
const FRAMED_BYTES_MAX: usize = super::record::framed_bytes(super::record::RECORD_BYTES_MAX);
/// What is asked of the disk at once.
const READ_BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Batch, Hold, Journal, SEGMENT_BYTES_MIN, Settings, sim_disk::SimDisk};
    use std::convert::Infallible;

    fn open(disk: &SimDisk) -> Journal {
        let settings = Settings { segment_bytes: SEGMENT_BYTES_MIN, segment_age_ms_max: 30_000 };
        Journal::open(Arc::new(disk.clone()), settings).unwrap()
    }

    fn payload(number: usize) -> Vec<u8> {
        vec![number.to_le_bytes()[0]; 3 + number % 40]
    }

    /// Commits records of these numbers in one batch, and says where they are.
    fn commit(journal: &mut Journal, numbers: std::ops::Range<usize>) -> Vec<(Hold, Place, usize)> {
        let mut batch = Batch::new();
        numbers.clone().for_each(|number| batch.push(|out| out.extend(payload(number))).unwrap());
        let hold = journal.commit(&mut batch, 0).unwrap();
        let at = journal.began_at();
        let places = batch.begins().map(|begin| Place::at(at + begin));
        places.zip(numbers).map(|(place, number)| (hold.clone(), place, number)).collect()
    }

    #[test]
    fn a_record_is_read_again_at_its_place_while_its_segment_grows() {
        let disk = SimDisk::default();
        let mut journal = open(&disk);
        let mut reader = journal.segments().reader();
        let mut all = Vec::new();
        for batch in 0..40 {
            all.extend(commit(&mut journal, batch * 5..batch * 5 + 5));
            let (hold, last, _) = all.last().unwrap();
            reader.load(hold.segment(), *last);
            for (hold, place, number) in all.iter().rev() {
                let found = [
                    reader.record(hold.segment(), *place),
                    journal.segments().record(hold.segment(), *place),
                ];
                assert_eq!(found, [Some(payload(*number)), Some(payload(*number))], "{place:?}");
            }
        }
        let (first, last) = (all.first().unwrap().0.segment(), all.last().unwrap().0.segment());
        assert!(first < last, "several segments");
        reader.unload();
        assert_eq!(reader.record(last, Place::at(72)), None, "no record begins there");
        assert_eq!(reader.record(SegmentId(99), Place::at(64)), None, "no such segment");

        // A start tells the same places.
        let mut replay = open(&disk).take_replay();
        let mut told = Vec::new();
        while replay
            .next_segment(|payload, hold, place| {
                told.push((hold.segment(), place, payload.to_vec()));
                Ok::<(), Infallible>(())
            })
            .unwrap()
        {}
        let known = all.iter().map(|(hold, place, number)| (hold.segment(), *place, payload(*number)));
        assert_eq!(told, known.collect::<Vec<_>>());
    }

    #[test]
    fn a_long_record_is_read_whole_and_a_damaged_one_is_none() {
        let disk = SimDisk::default();
        let mut journal = open(&disk);
        let mut batch = Batch::new();
        batch.push(|out| out.resize(out.len() + 3_000, 7)).unwrap();
        let hold = journal.commit(&mut batch, 0).unwrap();
        let place = Place::at(journal.began_at());
        assert_eq!(journal.segments().record(hold.segment(), place), Some(vec![7; 3_000]));
        let name = hold.segment().file_name();
        let mut bytes = disk.read(&name);
        bytes[1_064] ^= 1;
        disk.put(&name, bytes);
        assert_eq!(journal.segments().record(hold.segment(), place), None);
        let mut reader = journal.segments().reader();
        reader.load(hold.segment(), place);
        assert_eq!(reader.record(hold.segment(), place), None);
    }
}
