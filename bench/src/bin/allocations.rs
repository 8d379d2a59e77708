//! `allocations`: how often offering events allocates. A binary of its own, because counting is the allocator's work.
//! Says the allocations of one round of [`Door::EVENTS`] events on stdout, for the frame size on the command line.

#![expect(clippy::print_stdout, reason = "whoever started it reads the count there")]
#![expect(clippy::expect_used, reason = "a bench that cannot be set up measures nothing")]

use std::{alloc::System, env};

use playhead_bench::door::Door;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    let frame_events = env::args().nth(1).and_then(|events| events.parse().ok()).expect("a frame size");
    let mut door = Door::open();
    assert!(offered(&mut door, frame_events) > 0, "the first buffers are made, or nothing is counted");
    for _ in 0..GROWING {
        offered(&mut door, frame_events);
    }
    println!("{}", offered(&mut door, frame_events));
    door.close();
}

/// The allocations of one round, of offering alone.
fn offered(door: &mut Door, frame_events: usize) -> usize {
    let region = Region::new(ALLOCATOR);
    door.offer(frame_events);
    let counted = region.change();
    door.empty();
    counted.allocations + counted.reallocations
}

/// Rounds after which no buffer grows any more.
const GROWING: usize = 20;
