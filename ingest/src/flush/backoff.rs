//! How long to wait before asking a store again: longer each time, with full jitter, so that many nodes do not ask at
//! once.

use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::SmallRng};

/// The longest first wait.
const FIRST_MS_MAX: u64 = 50;
/// The longest wait: a store that is back is noticed within this.
const WAIT_MS_MAX: u64 = 5_000;

/// Counts attempts and says how long to wait before the next.
pub(crate) struct Backoff {
    attempt: u32,
    dice: SmallRng,
}

impl Backoff {
    pub(crate) fn new(seed: u64) -> Self {
        Self { attempt: 0, dice: SmallRng::seed_from_u64(seed) }
    }

    /// The attempt that failed, from 1, and how long to wait before the next: 1 ms to a bound that doubles from 50 ms
    /// to 5 s.
    pub(crate) fn next(&mut self) -> (u32, Duration) {
        let bound_ms = FIRST_MS_MAX.saturating_mul(1 << self.attempt.min(16)).min(WAIT_MS_MAX);
        self.attempt = self.attempt.saturating_add(1);
        (self.attempt, Duration::from_millis(self.dice.random_range(1..=bound_ms)))
    }

    /// Begins again after a success.
    pub(crate) fn reset(&mut self) {
        self.attempt = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound_and_begin_again_after_a_success() {
        let mut backoff = Backoff::new(7);
        for attempt in 1..60 {
            let bound_ms = (50_u64 << (attempt - 1).min(20)).min(WAIT_MS_MAX);
            let (counted, wait) = backoff.next();
            assert_eq!(counted, attempt);
            assert!(
                (1..=bound_ms).contains(&u64::try_from(wait.as_millis()).unwrap()),
                "{attempt}: {wait:?}"
            );
        }
        backoff.reset();
        assert!(backoff.next().1 <= Duration::from_millis(FIRST_MS_MAX));
    }
}
