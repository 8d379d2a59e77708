//! From what an edge offers to a frame in a shard.

use std::sync::Arc;

use super::Offered;
use crate::{
    admission,
    live::{Playing, Session},
    shard::{Frame, Load, Pending},
    tally::Ending,
    ticket::{Refused, Ticket},
};

/// Admits what can be admitted to the end of `pending`, and makes the frame that speaks for it and for the rest.
pub(super) fn admit(
    pending: &mut Pending,
    events: impl Iterator<Item = Offered>,
    session: &Arc<Session>,
    playing: &Arc<Playing>,
    received_at_ms: i64,
    ticket: &Ticket,
) -> Frame {
    let start = pending.events.len();
    let mut refused = Vec::new();
    for (index, offered) in (0..).zip(events) {
        let seq = seq_of(&offered);
        let checked = match offered {
            Ok(raw) => admission::check(raw, session.clock, received_at_ms),
            Err(unreadable) => Err(unreadable.rejection),
        };
        match checked {
            Ok(event) => pending.events.push(event),
            Err(rejection) => refused.push(Refused { seq, index, rejection: rejection.within_event(index) }),
        }
    }
    let count = pending.events.len() - start;
    let load = Load::Events { session: Arc::clone(session), playing: Arc::clone(playing), count };
    Frame { ticket: ticket.clone(), load, refused, no_room: Ending::Busy }
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
