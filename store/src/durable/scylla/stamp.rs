//! Write timestamps: the time that a cell says, so that writing it again changes nothing and the newest wins wherever
//! two meet.
//!
//! CQL counts microseconds since 1970 and settles equal timestamps on the greater value. A time that no clock can say is
//! brought to the nearest that can; that keeps the order, and what it makes equal the value tells apart, since each value
//! that has an order begins with its time.

use crate::clock::TIME_MS_MAX;

/// Of what happened then. The later wins.
pub(super) fn of(at_ms: i64) -> i64 {
    at_ms.clamp(-TIME_MS_MAX, TIME_MS_MAX) * MICROS
}

/// Of what happened first then. The earlier wins; none is later than [`EARLIEST_MAX`].
pub(super) fn earliest(at_ms: i64) -> i64 {
    -of(at_ms.max(0))
}

/// Deletes all that happened up to then, and nothing later.
pub(super) fn through(through_ms: i64) -> i64 {
    of(through_ms) + (MICROS - 1)
}

/// Deletes whatever was written by [`earliest`].
pub(super) const EARLIEST_MAX: i64 = 0;

/// In a millisecond.
const MICROS: i64 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    const EDGES: [i64; 9] =
        [i64::MIN, -TIME_MS_MAX, -1, 0, 1, 1_785_000_000_000, TIME_MS_MAX - 1, TIME_MS_MAX, i64::MAX];

    #[test]
    fn the_order_of_times_is_kept() {
        for pair in EDGES.windows(2) {
            assert!(of(pair[0]) <= of(pair[1]), "{pair:?}");
            assert!(earliest(pair[0]) >= earliest(pair[1]), "{pair:?}");
        }
        assert!(of(0) < of(1) && of(TIME_MS_MAX - 1) < of(TIME_MS_MAX));
        assert!(earliest(0) > earliest(1) && earliest(0) <= EARLIEST_MAX);
    }

    #[test]
    fn a_deletion_takes_what_is_not_later() {
        for at_ms in [0, 1, 1_785_000_000_000, TIME_MS_MAX - 1] {
            assert!(through(at_ms) >= of(at_ms) && through(at_ms) < of(at_ms + 1), "{at_ms}");
        }
        assert!(through(i64::MAX) >= of(TIME_MS_MAX));
    }
}
