//! Admission and the push into a shard: `Intake::offer`, against pushing the same events onto a `Vec`.
//!
//! The engine is a whole one, but it shares this thread, and the commit only runs while the bench awaits it: what is
//! measured is the door alone, uncontended, on buffers that earlier rounds have grown. The rounds are committed to a
//! disk that keeps nothing, off the clock.
//!
//! Allocations are not counted here: a counting allocator needs `unsafe`, which the workspace forbids.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use criterion::{Criterion, Throughput};
use playhead_bench::{
    null::{NullDisk, NullDurable},
    sample,
    site::{self, Site},
    sum_of,
};
use playhead_ingest::{admission::RawEvent, engine::Threads};
use tokio::runtime::Runtime;

/// Events in one round: a shard takes them all, should every session fall to the same.
const EVENTS: usize = 4_000;
const SESSIONS: usize = 64;

fn main() {
    let mut criterion = playhead_bench::criterion();
    frames_of(&mut criterion, 1);
    frames_of(&mut criterion, 500);
    criterion.final_summary();
}

fn frames_of(criterion: &mut Criterion, frame_events: usize) {
    let runtime = site::one_room_at_a_time();
    let null = std::sync::Arc::new(NullDurable);
    let mut site = runtime.block_on(Site::start(site::settings(), NullDisk::shared(), null, Threads::Shared));
    runtime.block_on(site.open(SESSIONS));

    let mut group = criterion.benchmark_group(format!("admission_push_frames_of_{frame_events}"));
    group.throughput(Throughput::Elements(EVENTS as u64));
    group.bench_function("playhead", |bencher| {
        bencher.iter_custom(|rounds| sum_of(rounds, || offer(&runtime, &mut site, frame_events)));
    });
    group.bench_function("vec_push", |bencher| {
        let mut events = Vec::with_capacity(EVENTS);
        bencher.iter_custom(|rounds| sum_of(rounds, || push(&mut events, frame_events)));
    });
    group.finish();
    runtime.block_on(site.stop());
}

fn offer(runtime: &Runtime, site: &mut Site, frame_events: usize) -> Duration {
    let now_ms = sample::now_ms();
    let started = Instant::now();
    for frame in 0..EVENTS / frame_events {
        site.offer(frame, beats(frame_events, now_ms), now_ms);
    }
    let took = started.elapsed();
    runtime.block_on(async {
        site.committed().await;
        site.flushed().await;
    });
    took
}

fn push(onto: &mut Vec<RawEvent>, frame_events: usize) -> Duration {
    let now_ms = sample::now_ms();
    let started = Instant::now();
    for _ in 0..EVENTS / frame_events {
        onto.extend(beats(frame_events, now_ms).map(black_box));
    }
    let took = started.elapsed();
    black_box(&*onto);
    onto.clear();
    took
}

fn beats(events: usize, now_ms: i64) -> impl ExactSizeIterator<Item = RawEvent> {
    (0..events).map(move |place| sample::raw_beat(place as u64 + 1, now_ms))
}
