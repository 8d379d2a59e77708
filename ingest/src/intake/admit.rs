//! From what an edge offers to events in a shard.

use playhead_store::Clock;

use super::Offered;
use crate::{admission, shard::Pending, ticket::Refused};

/// Admits what can be admitted to the end of `pending`. Returns how many events that are, and the rest, with their places
/// in their batch: 0 where each is one of its own.
pub(super) fn admit(
    pending: &mut Pending,
    events: impl Iterator<Item = Offered>,
    clock: Clock,
    received_at_ms: i64,
    is_of_singles: bool,
) -> (usize, Vec<Refused>) {
    let start = pending.events.len();
    let mut refused = Vec::new();
    for (place, offered) in (0..).zip(events) {
        let index = if is_of_singles { 0 } else { place };
        let seq = seq_of(&offered);
        let checked = match offered {
            Ok(raw) => admission::check(raw, clock, received_at_ms),
            Err(unreadable) => Err(unreadable.rejection),
        };
        match checked {
            Ok(event) => pending.events.push(event),
            Err(rejection) => refused.push(Refused { seq, index, rejection: rejection.within_event(index) }),
        }
    }
    (pending.events.len() - start, refused)
}

fn seq_of(offered: &Offered) -> u64 {
    match offered {
        Ok(raw) => raw.seq,
        Err(unreadable) => unreadable.seq,
    }
}

/// The lowest number that is known.
pub(super) fn lowest_seq(events: impl Iterator<Item = Offered>) -> Option<u64> {
    events.map(|event| seq_of(&event)).filter(|&seq| seq != 0).min()
}
