//! Admission and the push into a shard: `Intake::offer`, against pushing the same events onto a `Vec`.
//!
//! The engine is a whole one, but it shares this thread, and the commit only runs while the bench awaits it: what is
//! measured is the door alone, uncontended, on buffers that earlier rounds have grown. The rounds are committed to a
//! disk that keeps nothing, off the clock. Allocations are counted by `allocations`, a binary of this crate.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use criterion::{Criterion, Throughput};
use playhead_bench::{door::Door, sample, sum_of};
use playhead_ingest::admission::RawEvent;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let mut criterion = playhead_bench::criterion();
    frames_of(&mut criterion, 1);
    frames_of(&mut criterion, 500);
    criterion.final_summary();
}

fn frames_of(criterion: &mut Criterion, frame_events: usize) {
    let mut door = Door::open();
    let mut group = criterion.benchmark_group(format!("admission_push_frames_of_{frame_events}"));
    group.throughput(Throughput::Elements(Door::EVENTS as u64));
    group.bench_function("playhead", |bencher| {
        bencher.iter_custom(|rounds| {
            sum_of(rounds, || {
                let took = door.offer(frame_events);
                door.empty();
                took
            })
        });
    });
    group.bench_function("vec_push", |bencher| {
        let mut events = Vec::with_capacity(Door::EVENTS);
        bencher.iter_custom(|rounds| sum_of(rounds, || push(&mut events, frame_events)));
    });
    group.finish();
    door.close();
}

fn push(onto: &mut Vec<RawEvent>, frame_events: usize) -> Duration {
    let now_ms = sample::now_ms();
    let started = Instant::now();
    for _ in 0..Door::EVENTS / frame_events {
        onto.extend(Door::beats(frame_events, now_ms).map(black_box));
    }
    let took = started.elapsed();
    black_box(&*onto);
    onto.clear();
    took
}
