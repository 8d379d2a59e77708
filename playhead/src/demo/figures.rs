//! What the viewers count together while they play.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hdrhistogram::Histogram;

/// Counters that all viewers share.
#[derive(Default)]
pub(super) struct Figures(Mutex<Counts>);

struct Counts {
    last: Snapshot,
    ack_us: Histogram<u64>,
}

/// The figures at a moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Snapshot {
    /// Events sent, repeats not counted.
    pub(super) offered: u64,
    /// Events whose acknowledgement came.
    pub(super) acked: u64,
    /// Events that the server refused for good.
    pub(super) refused: u64,
    /// How often the server said that it was full.
    pub(super) busy: u64,
    /// Streams that broke and were begun again.
    pub(super) reconnects: u64,
    /// Sessions begun.
    pub(super) sessions: u64,
    /// Sessions with an acknowledged event that says where the viewer is.
    pub(super) positions: u64,
    /// From sending an event to the acknowledgement that covers it, microseconds.
    pub(super) ack_p50_us: u64,
    /// Likewise.
    pub(super) ack_p99_us: u64,
    /// Likewise.
    pub(super) ack_max_us: u64,
}

impl Default for Counts {
    fn default() -> Self {
        Self { last: Snapshot::default(), ack_us: ack_histogram() }
    }
}

/// From a microsecond to a minute, which is as long as a server may be away; three digits are what a person reads.
#[expect(clippy::expect_used, reason = "constant bounds, which every test of this file passes through")]
fn ack_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, ACK_US_MAX, 3).expect("the bounds are in order and 3 digits are allowed")
}

impl Figures {
    /// Changes the counters.
    pub(super) fn count(&self, change: impl FnOnce(&mut Snapshot)) {
        change(&mut self.lock().last);
    }

    /// Counts an event's acknowledgement.
    pub(super) fn acked(&self, after: Duration) {
        let mut counts = self.lock();
        counts.last.acked += 1;
        counts.ack_us.saturating_record(u64::try_from(after.as_micros()).unwrap_or(u64::MAX));
    }

    /// The figures now.
    pub(super) fn now(&self) -> Snapshot {
        let counts = self.lock();
        Snapshot {
            ack_p50_us: counts.ack_us.value_at_quantile(0.5),
            ack_p99_us: counts.ack_us.value_at_quantile(0.99),
            ack_max_us: counts.ack_us.max(),
            ..counts.last.clone()
        }
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Snapshot {
    /// One line for a person who watches, for terminals of 80 columns.
    pub(super) fn line(&self, elapsed: Duration) -> String {
        format!(
            "{:>3} s  offered {:>6}  acked {:>6}  p50 {:>5} ms  p99 {:>5} ms  positions {}",
            elapsed.as_secs(),
            self.offered,
            self.acked,
            ms(self.ack_p50_us),
            ms(self.ack_p99_us),
            self.positions,
        )
    }
}

/// Microseconds as milliseconds with two digits.
pub(super) fn ms(us: u64) -> String {
    format!("{}.{:02}", us / 1_000, us % 1_000 / 10)
}

/// What takes longer counts as this long.
const ACK_US_MAX: u64 = 60_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_what_was_counted() {
        let figures = Figures::default();
        (1..=100).for_each(|ms| figures.acked(Duration::from_millis(ms)));
        let now = figures.now();
        assert_eq!(now.acked, 100);
        assert!((49_900..=50_100).contains(&now.ack_p50_us), "{now:?}");
        assert!((98_900..=99_200).contains(&now.ack_p99_us), "{now:?}");
        assert!((99_900..=100_100).contains(&now.ack_max_us), "{now:?}");
    }

    #[test]
    fn microseconds_read_as_milliseconds() {
        assert_eq!([ms(0), ms(1_234), ms(99), ms(12_005_000)], ["0.00", "1.23", "0.09", "12005.00"]);
    }
}
