//! Commit: from frames that wait in the shards to settled tickets, against a raw append log of the same records.
//!
//! Each frame is a beat of its own, as from 64 streams. The engine shares this thread, so that the bench can offer all
//! frames first, start the clock, and have one commit take them all: sorting out what is new, encoding, one append,
//! the embedded hot store, the backlog, the tickets. The clock stops before the flush begins, whose store keeps nothing.
//! The log is given records that are encoded already: its figure is the disk, a checksum, and a copy.

#![expect(clippy::expect_used, reason = "a bench that cannot be set up measures nothing")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use criterion::{Criterion, Throughput};
use playhead_bench::{
    folder,
    null::{NullDisk, NullDurable},
    sample,
    site::{self, Site},
    sum_of,
};
use playhead_ingest::{
    engine::Threads,
    journal::{Disk, FsDisk},
    record,
    settings::Settings,
};
use playhead_limits::raw_log::RawLog;
use tokio::runtime::Runtime;

/// The allocator of the binary that is measured.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SESSIONS: usize = 64;

fn main() {
    let mut criterion = playhead_bench::criterion();
    let folder = folder(env!("CARGO_TARGET_TMPDIR"));
    let disk = Arc::new(FsDisk::open(folder.path().join("journal")).expect("a journal of our own"));
    let mut log = RawLog::on_disk(folder.path());
    against_a_raw_log(&mut criterion, "commit_of_64_beats", 64, disk.clone(), &mut log);
    against_a_raw_log(&mut criterion, "commit_of_2000_beats", 2_000, disk, &mut log);
    let null = NullDisk::shared();
    against_a_raw_log(&mut criterion, "commit_of_2000_beats_no_disk", 2_000, null, &mut RawLog::in_memory());
    criterion.final_summary();
}

fn against_a_raw_log(
    criterion: &mut Criterion,
    name: &str,
    frames: usize,
    disk: Arc<dyn Disk>,
    log: &mut RawLog,
) {
    let runtime = site::one_room_at_a_time();
    let settings = Settings { trim_every_ms: 250, ..site::settings() };
    let site = Site::start(settings, disk, Arc::new(NullDurable), Threads::Shared);
    let mut site = runtime.block_on(site);
    runtime.block_on(site.open(SESSIONS));

    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(frames as u64));
    group.bench_function("playhead", |bencher| {
        bencher.iter_custom(|rounds| sum_of(rounds, || commit(&runtime, &mut site, frames)));
    });
    let records = records(frames);
    group.bench_function("raw_log", |bencher| {
        bencher.iter_custom(|rounds| sum_of(rounds, || append(log, &records)));
    });
    group.finish();
    runtime.block_on(site.stop());
}

fn commit(runtime: &Runtime, site: &mut Site, frames: usize) -> Duration {
    let now_ms = sample::now_ms();
    for frame in 0..frames {
        site.offer(frame, std::iter::once(sample::raw_beat(0, now_ms)), now_ms);
    }
    runtime.block_on(async {
        let started = Instant::now();
        site.committed().await;
        let took = started.elapsed();
        site.flushed().await;
        took
    })
}

fn append(log: &mut RawLog, records: &[Vec<u8>]) -> Duration {
    log.make_room_for(records.iter().map(|record| record.len() as u64 + 8).sum());
    let started = Instant::now();
    for record in records {
        log.push(record);
    }
    log.commit();
    started.elapsed()
}

/// What the engine's journal is given for these frames.
fn records(frames: usize) -> Vec<Vec<u8>> {
    let now_ms = sample::now_ms();
    let record = |frame: usize| {
        let (session, seq) = (frame % SESSIONS, frame as u64 + 1);
        let mut record = Vec::new();
        let description = sample::description(session, now_ms);
        let (key, clock) = (sample::key(session), sample::clock(now_ms));
        record::put_events(&mut record, &key, clock, &description, &[sample::beat(seq, now_ms)]);
        record
    };
    (0..frames).map(record).collect()
}
