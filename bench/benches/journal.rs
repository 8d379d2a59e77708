//! The journal: framing 2 000 records of 100 bytes and committing them with one fsync, against a raw append log that
//! does the same with a checksum and nothing else, into a preallocated file too.
//!
//! Rotation is on the journal's clock and off the log's; trimming is off both. `no_disk` leaves out the disk, which is
//! the noisiest part by far: it shows what the format costs the processor.

#![expect(clippy::expect_used, reason = "a bench that cannot be set up measures nothing")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use criterion::{Criterion, Throughput};
use playhead_bench::{folder, null::NullDisk, sample, sum_of};
use playhead_ingest::journal::{Batch, Disk, FsDisk, Journal, Settings};
use playhead_limits::raw_log::RawLog;

/// The allocator of the binary that is measured.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const RECORDS: usize = 2_000;
const RECORD: [u8; 100] = [0x5a; 100];

fn main() {
    let mut criterion = playhead_bench::criterion();
    let folder = folder(env!("CARGO_TARGET_TMPDIR"));
    let disk = Arc::new(FsDisk::open(folder.path().join("journal")).expect("a journal of our own"));
    against_a_raw_log(&mut criterion, "journal_commit", disk, RawLog::on_disk(folder.path()));
    against_a_raw_log(&mut criterion, "journal_commit_no_disk", NullDisk::shared(), RawLog::in_memory());
    criterion.final_summary();
}

fn against_a_raw_log(criterion: &mut Criterion, name: &str, disk: Arc<dyn Disk>, mut log: RawLog) {
    let mut journal = Journal::open(disk, Settings::default()).expect("an empty journal");
    let mut batch = Batch::new();
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(RECORDS as u64));
    group.bench_function("playhead", |bencher| {
        bencher.iter_custom(|rounds| sum_of(rounds, || commit(&mut journal, &mut batch)));
    });
    group.bench_function("raw_log", |bencher| {
        bencher.iter_custom(|rounds| sum_of(rounds, || append(&mut log)));
    });
    group.finish();
}

fn commit(journal: &mut Journal, batch: &mut Batch) -> Duration {
    let now_ms = sample::now_ms();
    let started = Instant::now();
    for _ in 0..RECORDS {
        batch.push(|out| out.extend_from_slice(&RECORD)).expect("a batch below its bound");
    }
    let hold = journal.commit(batch, now_ms).expect("a disk that works");
    batch.clear();
    let took = started.elapsed();
    drop(hold);
    trim(journal);
    took
}

fn append(log: &mut RawLog) -> Duration {
    log.make_room_for((RECORDS * 2 * RECORD.len()) as u64);
    let started = Instant::now();
    for _ in 0..RECORDS {
        log.push(&RECORD);
    }
    log.commit();
    started.elapsed()
}

fn trim(journal: &Journal) {
    let segments = journal.segments();
    if let Some(through) = segments.trimmable() {
        segments.trim(through).expect("a disk that works");
    }
}
