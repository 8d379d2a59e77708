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
    for _ in 0..GROWING {
        door.offer(frame_events);
        door.empty();
    }
    let region = Region::new(ALLOCATOR);
    door.offer(frame_events);
    let counted = region.change();
    println!("{}", counted.allocations + counted.reallocations);
    door.empty();
    door.close();
}

/// Rounds after which no buffer grows any more.
const GROWING: usize = 20;
