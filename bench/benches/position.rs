//! The position merge: what a beat says of a position, joined into the row, against the least that can be done: keeping
//! the position with the later time.
//!
//! `merge` alone joins rows that are made already, as readers and the hot store do.

use std::hint::black_box;

use criterion::{BatchSize, Throughput};
use playhead_bench::sample;
use playhead_store::{
    Event,
    position::{PositionRow, PositionRules},
};

/// The allocator of the binary that is measured.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let mut criterion = playhead_bench::criterion();
    let now_ms = sample::now_ms();
    let (key, description) = (sample::key(0), sample::description(0, now_ms));
    let rules = PositionRules::default();
    let row = |beat: &Event| PositionRow::from_event(beat, &key.session, &description.playable, rules);
    // Arrival in no order: every third beat is older than the one before.
    let order = (1..=BEATS).map(|seq| if seq % 3 == 0 { seq - 2 } else { seq });
    let beats: Vec<Event> = order.map(|seq| sample::beat(seq, now_ms.saturating_add_unsigned(seq))).collect();
    let rows: Vec<PositionRow> = beats.iter().filter_map(row).collect();
    assert_eq!(rows.len(), beats.len(), "a beat that plays is a candidate");

    let mut group = criterion.benchmark_group("position");
    group.throughput(Throughput::Elements(BEATS));
    group.bench_function("from_event_and_merge", |bencher| {
        bencher.iter(|| join(black_box(&beats).iter().filter_map(row)));
    });
    group.bench_function("merge", |bencher| {
        bencher.iter_batched_ref(|| rows.clone(), |rows| join(rows.drain(..)), BatchSize::SmallInput);
    });
    group.bench_function("later_time_wins", |bencher| bencher.iter(|| later(black_box(&beats))));
    group.finish();
    criterion.final_summary();
}

fn join(rows: impl Iterator<Item = PositionRow>) -> PositionRow {
    let mut joined = PositionRow::default();
    for row in rows {
        joined.merge(&row);
    }
    joined
}

fn later(beats: &[Event]) -> Option<(i64, i64)> {
    let mut kept = None;
    for beat in beats {
        if let Some(position_ms) = beat.position_ms
            && kept.is_none_or(|(at_ms, _)| at_ms < beat.at_ms)
        {
            kept = Some(black_box((beat.at_ms, position_ms)));
        }
    }
    kept
}

const BEATS: u64 = 1_000;
