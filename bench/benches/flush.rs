//! Flush: what is committed goes to the embedded store, one write per round, against inserting one row per event and
//! per position into fjall, the engine below that store. Neither is fsynced: the journal stands before both.
//!
//! `playhead_store` is `EmbeddedDurable::write` alone. `playhead_engine` is the flush loop around it: the engine shares
//! this thread, so that the clock starts when a round is committed (to a disk that keeps nothing) and stops when the
//! loop has written it and let go of it. Waiting for that takes this thread's core, beside the store's writer.

#![expect(clippy::expect_used, reason = "a bench that cannot be set up measures nothing")]

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use criterion::{Criterion, Throughput};
use fjall::{Database, Keyspace, KeyspaceCreateOptions};
use playhead_bench::{
    folder,
    null::NullDisk,
    sample,
    site::{self, Site},
    sum_of,
};
use playhead_ingest::{engine::Threads, settings::Settings};
use playhead_store::{
    SessionKey, codec,
    durable::{
        Durable, PositionWrite, SessionWrite, WriteBatch,
        embedded::{EmbeddedDurable, EmbeddedSettings},
    },
    position::{PositionRow, PositionRules},
};
use tokio::runtime::Runtime;

/// The allocator of the binary that is measured.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Sessions in one round, each with its position.
const SESSIONS: usize = 256;

fn main() {
    let mut criterion = playhead_bench::criterion();
    // Beats of 10 s: one waits at the default age of 1 s, six at 60 s.
    round_of(&mut criterion, "flush_of_256_sessions_with_1_beat", 1);
    round_of(&mut criterion, "flush_of_256_sessions_with_6_beats", 6);
    criterion.final_summary();
}

fn round_of(criterion: &mut Criterion, name: &str, beats: u64) {
    let folder = folder(env!("CARGO_TARGET_TMPDIR"));
    let runtime = site::one_room_at_a_time();
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(SESSIONS as u64 * beats));

    let store = open(&folder.path().join("store"));
    let mut seq = 0;
    group.bench_function("playhead_store", |bencher| {
        bencher.iter_custom(|rounds| sum_of(rounds, || write(&runtime, &store, &batch(&mut seq, beats))));
    });
    drop(store);

    let settings = Settings { trim_every_ms: 3_600_000, ..site::settings() };
    let store = Arc::new(open(&folder.path().join("engine")));
    let site = Site::start(settings, NullDisk::shared(), store, Threads::Shared);
    let mut site = runtime.block_on(site);
    runtime.block_on(site.open(SESSIONS));
    group.bench_function("playhead_engine", |bencher| {
        bencher.iter_custom(|rounds| sum_of(rounds, || flush(&runtime, &mut site, beats)));
    });
    runtime.block_on(site.stop());

    let rows = RowPerEvent::open(&folder.path().join("fjall"));
    let mut seq = 0;
    group.bench_function("fjall_row_per_event", |bencher| {
        bencher.iter_custom(|rounds| sum_of(rounds, || rows.insert(&batch(&mut seq, beats))));
    });
    group.finish();
}

fn open(path: &Path) -> EmbeddedDurable {
    EmbeddedDurable::open(path, EmbeddedSettings::default()).expect("a store of our own")
}

fn write(runtime: &Runtime, store: &EmbeddedDurable, batch: &WriteBatch) -> Duration {
    let started = Instant::now();
    runtime.block_on(store.write(batch)).expect("a disk that works");
    started.elapsed()
}

fn flush(runtime: &Runtime, site: &mut Site, beats: u64) -> Duration {
    let now_ms = sample::now_ms();
    for session in 0..SESSIONS {
        let beats = usize::try_from(beats).unwrap_or_default();
        site.offer(session, (0..beats).map(|_| sample::raw_beat(0, now_ms)), now_ms);
    }
    runtime.block_on(async {
        site.committed().await;
        let started = Instant::now();
        site.flushed().await;
        started.elapsed()
    })
}

/// The next round of all sessions.
fn batch(seq: &mut u64, beats: u64) -> WriteBatch {
    let (now_ms, first) = (sample::now_ms(), *seq + 1);
    *seq += beats;
    let last = *seq;
    let session = |index| SessionWrite {
        key: sample::key(index),
        clock: sample::clock(now_ms),
        description: sample::description(index, now_ms),
        events: Arc::new((first..=last).map(|seq| sample::beat(seq, now_ms)).collect()),
    };
    let sessions: Vec<_> = (0..SESSIONS).map(session).collect();
    WriteBatch { positions: sessions.iter().filter_map(position).collect(), sessions }
}

fn position(session: &SessionWrite) -> Option<PositionWrite> {
    let SessionKey { user, session: id } = &session.key;
    let playable = &session.description.playable;
    let row = PositionRow::from_event(session.events.last()?, id, playable, PositionRules::default())?;
    Some(PositionWrite { user: user.clone(), item: playable.item.clone(), row })
}

/// The plain way: a row per event under (user, session, number), a row per position under (user, item).
struct RowPerEvent {
    events: Keyspace,
    positions: Keyspace,
    _database: Database,
}

impl RowPerEvent {
    fn open(path: &Path) -> Self {
        let database = Database::builder(path).open().expect("a database of our own");
        let table = |name| database.keyspace(name, KeyspaceCreateOptions::default).expect("a new table");
        Self { events: table("events"), positions: table("positions"), _database: database }
    }

    fn insert(&self, batch: &WriteBatch) -> Duration {
        let started = Instant::now();
        for session in &batch.sessions {
            for event in session.events.iter() {
                let seq = event.seq.to_be_bytes();
                let user = session.key.user.as_str().as_bytes();
                let key = [user, session.key.session.as_str().as_bytes(), &seq].concat();
                let mut row = Vec::new();
                codec::put_events(&mut row, std::slice::from_ref(event));
                self.events.insert(key, row).expect("a disk that works");
            }
        }
        for position in &batch.positions {
            let key = [position.user.as_str(), position.item.as_str()].concat();
            let mut row = Vec::new();
            codec::put_position_row(&mut row, &position.row);
            self.positions.insert(key, row).expect("a disk that works");
        }
        started.elapsed()
    }
}
