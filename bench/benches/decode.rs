//! Decoding: bytes of the wire to the engine's own events, against prost's owned decode of the same bytes into the
//! generated types, which would then still have to become the engine's.

use std::hint::black_box;

use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use playhead_bench::sample;
use playhead_ingest::edge::wire;
use playhead_proto::ingest::v1::{ClientFrame, Event, PublishRequest};
use prost::Message;

/// The allocator of the binary that is measured.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let mut criterion = playhead_bench::criterion();
    frames(&mut criterion, "decode_frame_of_1_beat", 1, sample::wire_beat);
    frames(&mut criterion, "decode_frame_of_500_beats", 500, sample::wire_beat);
    frames(&mut criterion, "decode_frame_of_500_full_events", 500, sample::wire_full);
    publish(&mut criterion);
    criterion.final_summary();
}

fn frames(criterion: &mut Criterion, name: &str, events: u64, event: fn(u64, i64) -> Event) {
    let now_ms = sample::now_ms();
    let bytes = sample::frame((1..=events).map(|seq| event(seq, now_ms)).collect()).encode_to_vec();
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(events));
    against_prost::<ClientFrame, _>(&mut group, &bytes, |bytes| wire::client_frame(bytes).is_ok());
    group.finish();
}

fn publish(criterion: &mut Criterion) {
    let bytes = sample::publish(0..20, 25, 1).encode_to_vec();
    let mut group = criterion.benchmark_group("decode_publish_of_500_beats");
    group.throughput(Throughput::Elements(500));
    against_prost::<PublishRequest, _>(&mut group, &bytes, |bytes| wire::publish_request(bytes).is_ok());
    group.finish();
}

/// `read` makes the engine's types, drops them, and says whether it could.
fn against_prost<M: Message + Default, R: Fn(&[u8]) -> bool>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    bytes: &[u8],
    read: R,
) {
    assert!(read(bytes) && M::decode(bytes).is_ok(), "both can read it");
    group.bench_function("playhead", |bencher| bencher.iter(|| read(black_box(bytes))));
    group.bench_function("prost", |bencher| bencher.iter(|| M::decode(black_box(bytes)).is_ok()));
}
