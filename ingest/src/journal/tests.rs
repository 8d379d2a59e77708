//! The journal as its callers see it, on a disk that fails and forgets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "tests may fail loudly"
)]

mod committing;

mod trimming;

mod damage;

mod crashes;

use std::{convert::Infallible, sync::Arc};

use super::{sim_disk::SimDisk, *};

/// Small segments, so that a few records fill one.
const SEGMENT_BYTES: usize = SEGMENT_BYTES_MIN;

fn open(disk: &SimDisk) -> Journal {
    let settings = Settings { segment_bytes: SEGMENT_BYTES, segment_age_ms_max: 30_000 };
    Journal::open(Arc::new(disk.clone()), settings).unwrap()
}

fn batch<T: AsRef<[u8]>>(payloads: &[T]) -> Batch {
    let mut batch = Batch::new();
    for payload in payloads {
        batch.push(|out| out.extend_from_slice(payload.as_ref())).unwrap();
    }
    batch
}

fn commit<T: AsRef<[u8]>>(journal: &mut Journal, payloads: &[T]) -> Result<Hold, JournalError> {
    journal.commit(&mut batch(payloads), 0)
}

/// Payloads that tell their number and differ in length.
fn payload(number: usize) -> Vec<u8> {
    let mut payload = format!("record {number:06} ").into_bytes();
    payload.resize(16 + number * 7 % 90, number as u8 | 1);
    payload
}

/// Commits one record at a time.
fn commit_each(journal: &mut Journal, numbers: std::ops::Range<usize>) {
    for number in numbers {
        commit(journal, &[payload(number)]).unwrap();
    }
}

fn payloads(numbers: impl IntoIterator<Item = usize>) -> Vec<Vec<u8>> {
    numbers.into_iter().map(payload).collect()
}

/// Replays a journal that was just opened.
fn replay(journal: &mut Journal) -> (Vec<Vec<u8>>, Report) {
    let mut served = Vec::new();
    let report = journal.replay(|payload, _| {
        served.push(payload.to_vec());
        Ok::<_, Infallible>(())
    });
    (served, report.unwrap())
}

/// What a start on this disk serves, which is what `verify` counts too.
fn reopen(disk: &SimDisk) -> (Vec<Vec<u8>>, Report) {
    let (served, report) = replay(&mut open(disk));
    assert_eq!(verify(disk).unwrap(), report, "verify and replay agree");
    (served, report)
}

/// The name of a segment's file.
fn name(id: u64) -> String {
    SegmentId(id).file_name()
}
