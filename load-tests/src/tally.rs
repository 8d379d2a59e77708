//! What a worker counts and measures. Only events that were due while it was measured count; latency is from the time
//! at which they were due.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;

mod counts;

pub(crate) use counts::Counts;

/// A worker's counters; several are added up.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    window: Window,
    pub(crate) counts: Counts,
    /// From due to the answer that makes it durable (of CMCD: that accepts it), microseconds.
    pub(crate) ack_us: Histogram<u64>,
    /// From sent to the busy answer.
    pub(crate) busy_us: Histogram<u64>,
    /// From due to the answer of a read.
    pub(crate) read_us: Histogram<u64>,
    /// From due to sent.
    pub(crate) lag_us: Histogram<u64>,
    /// By time, each [`Window::point`] long.
    pub(crate) points: Vec<Point>,
    /// Why something was not taken at once, and how many events.
    pub(crate) refusals: BTreeMap<String, u64>,
}

/// What is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    /// The beginning of what is measured.
    pub(crate) from: Instant,
    /// Its length.
    pub(crate) lasts: Duration,
    /// The length of one point of the timeline.
    pub(crate) point: Duration,
}

/// One point of the timeline.
#[derive(Debug, Clone)]
pub(crate) struct Point {
    pub(crate) offered: u64,
    pub(crate) acked: u64,
    pub(crate) busy: u64,
    pub(crate) ack_us: Histogram<u64>,
    /// The longest from due to sent, microseconds.
    pub(crate) lag_us_max: u64,
}

impl Window {
    /// True when something due then is measured.
    pub(crate) fn holds(&self, due: Instant) -> bool {
        due >= self.from && due < self.from + self.lasts
    }

    fn point_at(&self, at: Instant) -> Option<usize> {
        let since = at.checked_duration_since(self.from)?;
        usize::try_from(since.as_micros() / self.point.as_micros().max(1)).ok().filter(|&at| at < POINTS_MAX)
    }
}

impl Tally {
    pub(crate) fn new(window: Window) -> Self {
        Self {
            window,
            counts: Counts::default(),
            ack_us: histogram(3),
            busy_us: histogram(3),
            read_us: histogram(3),
            lag_us: histogram(3),
            points: Vec::new(),
            refusals: BTreeMap::new(),
        }
    }

    /// Events were due; they are sent now.
    pub(crate) fn sent(&mut self, due: Instant, now: Instant, events: usize) {
        if self.offered(due, events) {
            self.counts.sent += events as u64;
            let lag = now.saturating_duration_since(due);
            record(&mut self.lag_us, lag, 1);
            self.at(due, |point| point.lag_us_max = point.lag_us_max.max(microseconds(lag)));
        }
    }

    /// Events were due and are never sent.
    pub(crate) fn unsent(&mut self, due: Instant, events: usize, why: &str) {
        if self.offered(due, events) {
            self.counts.failed += events as u64;
            self.refused(why, events as u64);
        }
    }

    fn offered(&mut self, due: Instant, events: usize) -> bool {
        let holds = self.window.holds(due);
        if holds {
            self.counts.offered += events as u64;
            self.at(due, |point| point.offered += events as u64);
        }
        holds
    }

    /// An event is durable.
    pub(crate) fn acked(&mut self, due: Instant, now: Instant) {
        self.answered(due, now, |counts| &mut counts.acked);
    }

    /// An event was accepted.
    pub(crate) fn accepted(&mut self, due: Instant, now: Instant) {
        self.answered(due, now, |counts| &mut counts.accepted);
    }

    fn answered(&mut self, due: Instant, now: Instant, counter: fn(&mut Counts) -> &mut u64) {
        let took = now.saturating_duration_since(due);
        if self.window.holds(now) {
            self.counts.acked_in_time += 1;
        }
        if self.window.holds(due) {
            *counter(&mut self.counts) += 1;
            record(&mut self.ack_us, took, 1);
        }
        self.at(now, |point| {
            point.acked += 1;
            record(&mut point.ack_us, took, 1);
        });
    }

    /// Of the acked events, so many were known before.
    pub(crate) fn duplicate(&mut self, due: Instant, events: u64) {
        if self.window.holds(due) {
            self.counts.duplicate += events;
        }
    }

    /// Events were refused for good.
    pub(crate) fn rejected(&mut self, due: Instant, events: u64, why: &str) {
        if self.window.holds(due) {
            self.counts.rejected += events;
            self.refused(why, events);
        }
    }

    /// An answer said that there was no room for events that were sent then.
    pub(crate) fn busy(&mut self, sent: Instant, now: Instant, events: u64) {
        if self.window.holds(sent) {
            record(&mut self.busy_us, now.saturating_duration_since(sent), events);
            self.refused("BUSY", events);
        }
        self.at(now, |point| point.busy += events);
    }

    /// An answer said that there was no room for events, beside others that were taken.
    pub(crate) fn partly_busy(&mut self, due: Instant, now: Instant, events: u64) {
        if self.window.holds(due) {
            self.refused("BUSY", events);
        }
        self.at(now, |point| point.busy += events);
    }

    /// Events that found no room are left at that.
    pub(crate) fn left_busy(&mut self, due: Instant, events: u64) {
        if self.window.holds(due) {
            self.counts.busy += events;
        }
    }

    /// Events whose call failed are left at that.
    pub(crate) fn failed(&mut self, due: Instant, events: u64) {
        if self.window.holds(due) {
            self.counts.failed += events;
        }
    }

    /// A connection, stream or call broke.
    pub(crate) fn broke(&mut self, why: &str) {
        self.counts.breaks += 1;
        self.refused(why, 1);
    }

    /// A read that was due was answered.
    pub(crate) fn read(&mut self, due: Instant, now: Instant) {
        if self.window.holds(due) {
            self.counts.reads += 1;
            record(&mut self.read_us, now.saturating_duration_since(due), 1);
        }
    }

    /// A read that was due failed.
    pub(crate) fn read_failed(&mut self, due: Instant) {
        if self.window.holds(due) {
            self.counts.reads_failed += 1;
        }
    }

    /// Adds another worker's.
    pub(crate) fn add(&mut self, other: &Self) {
        self.counts.add(&other.counts);
        let both = [
            (&mut self.ack_us, &other.ack_us),
            (&mut self.busy_us, &other.busy_us),
            (&mut self.read_us, &other.read_us),
            (&mut self.lag_us, &other.lag_us),
        ];
        for (mine, theirs) in both {
            // All have the same bounds.
            let _ = mine.add(theirs);
        }
        while self.points.len() < other.points.len() {
            self.points.push(Point::new());
        }
        for (mine, theirs) in self.points.iter_mut().zip(&other.points) {
            mine.offered += theirs.offered;
            mine.acked += theirs.acked;
            mine.busy += theirs.busy;
            mine.lag_us_max = mine.lag_us_max.max(theirs.lag_us_max);
            let _ = mine.ack_us.add(&theirs.ack_us);
        }
        for (why, events) in &other.refusals {
            self.refused(why, *events);
        }
    }

    fn refused(&mut self, why: &str, events: u64) {
        let is_full = self.refusals.len() >= REASONS_MAX && !self.refusals.contains_key(why);
        let why = if is_full { "OTHER" } else { why };
        *self.refusals.entry(why.to_owned()).or_default() += events;
    }

    fn at(&mut self, at: Instant, change: impl FnOnce(&mut Point)) {
        let Some(index) = self.window.point_at(at) else { return };
        while self.points.len() <= index {
            self.points.push(Point::new());
        }
        self.points.get_mut(index).map(change);
    }
}

impl Point {
    fn new() -> Self {
        Self { offered: 0, acked: 0, busy: 0, ack_us: histogram(2), lag_us_max: 0 }
    }
}

fn record(histogram: &mut Histogram<u64>, took: Duration, times: u64) {
    histogram.saturating_record_n(microseconds(took), times);
}

fn microseconds(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX).clamp(1, US_MAX)
}

/// From a microsecond to ten minutes.
#[expect(clippy::expect_used, reason = "constant bounds, which every test of this file passes through")]
fn histogram(digits: u8) -> Histogram<u64> {
    Histogram::new_with_bounds(1, US_MAX, digits).expect("the bounds are in order and the digits are few")
}

/// What takes longer counts as this long.
const US_MAX: u64 = 600_000_000;
/// Points of a timeline: two hours of seconds. [`Window::point`] is chosen so that a longer run fits too.
pub(crate) const POINTS_MAX: usize = 7_200;
/// Reasons that are told apart.
const REASONS_MAX: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(from: Instant) -> Tally {
        Tally::new(Window { from, lasts: Duration::from_secs(10), point: Duration::from_secs(1) })
    }

    #[test]
    fn latency_counts_from_when_it_was_due_and_the_warm_up_does_not() {
        let from = Instant::now() + Duration::from_secs(5);
        let mut tally = tally(from);
        let ms = |ms| from + Duration::from_millis(ms);
        tally.sent(ms(500), ms(520), 2);
        tally.acked(ms(500), ms(540));
        tally.acked(ms(500), ms(12_000));
        tally.sent(from - Duration::from_millis(1), from, 1);
        tally.acked(from - Duration::from_millis(1), ms(100));
        let Counts { offered, sent, acked, acked_in_time, .. } = tally.counts;
        assert_eq!((offered, sent, acked, acked_in_time), (2, 2, 2, 2), "one due early, one answered late");
        assert_eq!(tally.counts.unacked(), 0);
        assert!((19_900..20_100).contains(&tally.lag_us.max()));
        assert!((11_490_000..11_510_000).contains(&tally.ack_us.max()));
        assert_eq!((tally.points[0].offered, tally.points[0].acked, tally.points[12].acked), (2, 2, 1));
    }

    #[test]
    fn several_add_up() {
        let from = Instant::now();
        let (mut one, mut two) = (tally(from), tally(from));
        one.sent(from, from, 1);
        two.sent(from, from, 3);
        two.busy(from, from + Duration::from_millis(2), 3);
        two.left_busy(from, 3);
        one.add(&two);
        assert_eq!((one.counts.offered, one.counts.busy, one.counts.unacked()), (4, 3, 1));
        assert_eq!((one.busy_us.len(), one.refusals.get("BUSY"), one.points[0].busy), (3, Some(&3), 3));
    }
}
