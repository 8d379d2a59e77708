//! Who is let in: so many handshakes at once, so many connections, so many of one address.
//!
//! An address that did not prove itself may be anybody's, so a flood of them must cost nothing (stateless retry, RFC 9000
//! section 8.1.2) and must not use up the places of whose address it is.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use quinn::{Connecting, Incoming};

use super::{Meters, Options};
use crate::edge::listener::{Place, Places};

/// The door of the edge.
pub(super) struct Admission {
    places: Places,
    options: Options,
    meters: Meters,
    handshakes: Arc<AtomicUsize>,
}

/// A connection whose handshake begins.
pub(super) struct Admitted {
    pub(super) connecting: Connecting,
    pub(super) place: Seat,
}

/// A place for a connection, and for its handshake until that is over. Given back when it is dropped.
pub(super) struct Seat {
    handshake: Option<Handshake>,
    _place: Place,
}

/// A handshake under way.
struct Handshake(Arc<AtomicUsize>);

/// What becomes of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Accept,
    /// Its address must be proved first.
    Prove,
    Refuse,
}

impl Admission {
    pub(super) fn new(places: Places, options: Options, meters: Meters) -> Self {
        Self { places, options, meters, handshakes: Arc::default() }
    }

    /// Begins a handshake, or answers in another way.
    pub(super) fn admit(&self, incoming: Incoming) -> Option<Admitted> {
        let is_proved = incoming.remote_address_validated();
        let place = self.places.take_now(incoming.remote_address().ip());
        let handshakes = self.handshakes.load(Ordering::Relaxed);
        match (verdict(is_proved, place.is_some(), handshakes, &self.options), place) {
            (Verdict::Accept, Some(place)) => {
                let seat = Seat { handshake: Some(Handshake::begin(&self.handshakes)), _place: place };
                return self.accept(incoming, seat);
            }
            (Verdict::Prove, _) => {
                self.meters.retried.inc();
                // Only an address that is proved cannot be asked again.
                let _ = incoming.retry();
            }
            _ => {
                self.meters.connections.full.inc();
                incoming.refuse();
            }
        }
        None
    }

    fn accept(&self, incoming: Incoming, place: Seat) -> Option<Admitted> {
        match incoming.accept() {
            Ok(connecting) => {
                self.meters.connections.accepted.inc();
                Some(Admitted { connecting, place })
            }
            Err(_) => {
                self.meters.connections.handshake_failed.inc();
                None
            }
        }
    }
}

fn verdict(is_proved: bool, has_place: bool, handshakes: usize, options: &Options) -> Verdict {
    let is_calm = handshakes < options.handshakes_unproved_max;
    match is_proved {
        true if has_place && handshakes < options.handshakes_max => Verdict::Accept,
        true => Verdict::Refuse,
        false if has_place && is_calm => Verdict::Accept,
        false => Verdict::Prove,
    }
}

impl Seat {
    /// Notes that the handshake is over.
    pub(super) fn arrive(&mut self) {
        self.handshake = None;
    }
}

impl Handshake {
    fn begin(handshakes: &Arc<AtomicUsize>) -> Self {
        handshakes.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(handshakes))
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_prove_themselves_when_it_is_busy_and_nobody_is_let_in_beyond_the_bounds() {
        let options = Options { handshakes_unproved_max: 2, handshakes_max: 4, ..Options::default() };
        let of = |is_proved, has_place, handshakes| verdict(is_proved, has_place, handshakes, &options);
        assert_eq!(of(false, true, 1), Verdict::Accept);
        assert_eq!(of(false, true, 2), Verdict::Prove);
        assert_eq!(of(true, true, 3), Verdict::Accept);
        assert_eq!(of(true, true, 4), Verdict::Refuse);
        assert_eq!(of(true, false, 0), Verdict::Refuse);
        assert_eq!(of(false, false, 0), Verdict::Prove, "whose address it is would be locked out otherwise");
    }
}
