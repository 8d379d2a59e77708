//! What the rooms on the path of an ack cost in instructions, counted by valgrind's callgrind: decode, admission and
//! push, journal encode, position merge. `cargo xtask gates` holds the counts against `bench/instructions.txt`.
//!
//! Only what a bench function does is counted; its setup, and dropping what it gives back, are not. Each case is of
//! 500 events (the door's of 4 000), on buffers that have grown already. Needs valgrind, and the runner that
//! `cargo xtask gates` installs.

#![expect(clippy::expect_used, reason = "a bench that cannot be set up measures nothing")]
#![expect(missing_docs, clippy::disallowed_methods, reason = "generated code")]

use std::hint::black_box;

use gungraun::{library_benchmark, library_benchmark_group, main};
use playhead_bench::{door::Door, sample};
use playhead_ingest::{edge::wire, journal::Batch, record};
use playhead_store::{
    Clock, Description, Event, SessionId, SessionKey,
    position::{PositionRow, PositionRules},
};
use prost::Message;

/// The allocator of the binary that is measured.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const EVENTS: usize = 500;
/// Any time: the bytes of a time must not depend on when the bench runs.
const AT_MS: i64 = 1_790_000_000_000;

fn frames_of(events: usize) -> Vec<Vec<u8>> {
    let beats = (1..=EVENTS as u64).map(|seq| sample::wire_beat(seq, AT_MS)).collect::<Vec<_>>();
    beats.chunks(events).map(|beats| sample::frame(beats.to_vec()).encode_to_vec()).collect()
}

#[library_benchmark]
#[bench::of_1(args = (1), setup = frames_of)]
#[bench::of_500(args = (500), setup = frames_of)]
fn decode_frames(frames: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    for frame in &frames {
        assert!(black_box(wire::client_frame(black_box(frame))).is_ok(), "it can be read");
    }
    frames
}

fn publish() -> Vec<u8> {
    sample::publish(0..20, 25, 1).encode_to_vec()
}

#[library_benchmark]
#[bench::of_20_sessions(setup = publish)]
fn decode_publish(call: Vec<u8>) -> Vec<u8> {
    assert!(black_box(wire::publish_request(black_box(&call))).is_ok(), "it can be read");
    call
}

/// Its buffers grown by a first round.
fn door(frame_events: usize) -> (Door, usize) {
    let mut door = Door::open();
    door.offer(frame_events);
    door.empty();
    (door, frame_events)
}

#[library_benchmark]
#[bench::of_1(args = (1), setup = door)]
#[bench::of_500(args = (500), setup = door)]
fn admission_push((mut door, frame_events): (Door, usize)) -> Door {
    black_box(door.offer(black_box(frame_events)));
    door
}

/// What a commit gives the journal.
struct Encoder {
    batch: Batch,
    key: SessionKey,
    clock: Clock,
    description: Description,
    events: Vec<Event>,
}

fn encoder() -> Encoder {
    let encoder = Encoder {
        batch: Batch::new(),
        key: sample::key(0),
        clock: sample::clock(AT_MS),
        description: sample::description(0, AT_MS),
        events: (1..=EVENTS as u64).map(|seq| sample::beat(seq, AT_MS)).collect(),
    };
    let mut grown = encode(encoder);
    grown.batch.clear();
    grown
}

fn encode(mut encoder: Encoder) -> Encoder {
    let Encoder { batch, key, clock, description, events } = &mut encoder;
    for event in events.chunks(1) {
        let pushed = batch.push(|out| record::put_events(out, key, *clock, description, event));
        pushed.expect("a batch below its bound");
    }
    encoder
}

#[library_benchmark]
#[bench::of_1(setup = encoder)]
fn journal_encode(encoder: Encoder) -> Encoder {
    encode(black_box(encoder))
}

/// Beats of one session, every third older than the one before, and what they are merged by.
fn beats() -> (Vec<Event>, SessionId, Description) {
    let order = (1..=EVENTS as u64).map(|seq| if seq % 3 == 0 { seq - 2 } else { seq });
    let beats = order.map(|seq| sample::beat(seq, AT_MS.saturating_add_unsigned(seq))).collect();
    (beats, sample::key(0).session, sample::description(0, AT_MS))
}

#[library_benchmark]
#[bench::of_beats(setup = beats)]
fn position_merge(
    (beats, session, description): (Vec<Event>, SessionId, Description),
) -> (PositionRow, Vec<Event>) {
    let mut joined = PositionRow::default();
    for beat in black_box(&beats) {
        let row = PositionRow::from_event(beat, &session, &description.playable, PositionRules::default());
        if let Some(row) = row {
            joined.merge(&row);
        }
    }
    (joined, beats)
}

library_benchmark_group!(
    name = rooms,
    benchmarks = [decode_frames, decode_publish, admission_push, journal_encode, position_merge]
);

main!(library_benchmark_groups = rooms);
