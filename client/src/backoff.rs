//! How long to wait before connecting again.

use std::time::Duration;

/// Waits with full jitter: anything from nothing to a bound that doubles with every try, so that a thousand players who
/// lost the same server do not come back at the same moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The bound before the second try.
    pub first: Duration,
    /// What the bound grows to.
    pub max: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: FIRST, max: MAX }
    }
}

impl Backoff {
    /// How long to wait before trying again after `failures` failures in a row (from 1), with dice from 0 to 1.
    #[must_use]
    pub fn delay(self, failures: u32, dice: f64) -> Duration {
        let doublings = failures.saturating_sub(1).min(DOUBLINGS_MAX);
        let bound = self.first.saturating_mul(1 << doublings).min(self.max);
        bound.mul_f64(dice.clamp(0.0, 1.0))
    }
}

const FIRST: Duration = Duration::from_millis(200);
/// A server that was away for an hour is found again within half a minute.
const MAX: Duration = Duration::from_secs(30);
/// Beyond that every bound is at its maximum.
const DOUBLINGS_MAX: u32 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_doubles_up_to_its_maximum_and_the_dice_choose_below_it() {
        let backoff = Backoff { first: Duration::from_millis(100), max: Duration::from_millis(1_500) };
        let bounds: Vec<u128> = (1..=6).map(|failures| backoff.delay(failures, 1.0).as_millis()).collect();
        assert_eq!(bounds, [100, 200, 400, 800, 1_500, 1_500]);
        assert_eq!(backoff.delay(3, 0.5), Duration::from_millis(200));
        assert_eq!(backoff.delay(3, 0.0), Duration::ZERO, "full jitter begins at nothing");
        assert_eq!(backoff.delay(u32::MAX, 7.0), Duration::from_millis(1_500), "whatever is asked for");
    }
}
