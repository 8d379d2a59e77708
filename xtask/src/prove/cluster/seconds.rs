//! The answers of a load, second by second.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::prove::{
    load::{Point, Report},
    stage::Stage,
};

/// When something happened, by the clock that a load dates its report with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct At(u64);

impl At {
    /// Now.
    pub(super) fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(since.as_millis().try_into().unwrap_or(u64::MAX))
    }

    /// As Unix ms.
    pub(super) fn unix_ms(self) -> u64 {
        self.0
    }
}

/// What a stretch of seconds came to.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Seconds {
    /// How many there were that tell of the node.
    count: usize,
    /// How many tell of the machine only: the generator itself was late.
    blurred: usize,
    /// How many were above the limit, or had no answer at all.
    late: usize,
    /// How many in which this holds of every other answer.
    halted: usize,
    /// The worst p99 of the others, ms.
    p99_ms: f64,
    /// The worst of all, ms.
    worst_ms: f64,
    acked: u64,
}

impl Seconds {
    /// Those of a report in which something was going on.
    pub(super) fn of(report: &Report, from: At, to: At) -> Self {
        let since = |at: At| at.0.saturating_sub(report.started_at_ms) / 1_000;
        let (from, to) = (since(from), since(to));
        let is_within = |point: &&Point| (from..=to).contains(&point.at_s);
        report.timeline.iter().filter(is_within).fold(Self::default(), Self::and)
    }

    fn and(mut self, point: &Point) -> Self {
        self.acked += point.acked;
        if point.lag_max_ms > LAG_MS_MAX {
            return Self { blurred: self.blurred + 1, ..self };
        }
        let is_silent = point.acked == 0 && point.offered > 0;
        let is_late = is_silent || point.ack_p99_ms > ACK_MS_MAX;
        Self {
            count: self.count + 1,
            late: self.late + usize::from(is_late),
            halted: self.halted + usize::from(is_silent || point.ack_p50_ms > ACK_MS_MAX),
            p99_ms: if is_late { self.p99_ms } else { self.p99_ms.max(point.ack_p99_ms) },
            worst_ms: self.worst_ms.max(point.ack_p99_ms),
            ..self
        }
    }

    /// Claims that acknowledgements went on. The long form has a machine of its own, and allows for few stalls, such as the
    /// start of a CQL server beside the node. The short form is played beside whatever else a machine does, and tells a node
    /// that goes on from one that waits for a server: most seconds have an answer for every other event in time.
    pub(super) fn judge(&self, stage: &mut Stage<'_>, when: &str) {
        stage.claim(self.acked > 0, format!("{when}: events were acknowledged"));
        if !stage.is_long {
            let (halted, allowed) = (self.halted, self.count / 2);
            return stage.claim(
                halted <= allowed,
                format!("{when}: {self}; {halted} s with a median above {ACK_MS_MAX} ms, {allowed} allowed"),
            );
        }
        let allowed = self.count.div_ceil(LATE_PART);
        let is_seen = self.count >= self.blurred;
        stage.claim(is_seen, format!("{when}: {self}: the machine was too busy to tell"));
        stage.claim(
            self.late <= allowed,
            format!("{when}: {self}; {allowed} may be above {ACK_MS_MAX} ms or without an answer"),
        );
    }
}

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { count, blurred, late, p99_ms, worst_ms, .. } = self;
        write!(f, "p99 of {count} s at most {p99_ms:.0} ms")?;
        if *late > 0 {
            write!(f, " but for {late} s (worst {worst_ms:.0} ms)")?;
        }
        match blurred {
            0 => Ok(()),
            _ => write!(f, ", not told for {blurred} s in which the generator was late"),
        }
    }
}

/// The promise.
const ACK_MS_MAX: f64 = 100.0;
/// What the load generator allows itself. A second in which it was later tells of the machine.
const LAG_MS_MAX: f64 = 20.0;
/// One of so many seconds may be late.
const LATE_PART: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seconds_between_two_moments_are_judged() {
        let point = |at_s, acked, ack_p99_ms| {
            let lag_max_ms = if at_s == 5 { 90.0 } else { 1.0 };
            Point { at_s, offered: 10, acked, ack_p50_ms: ack_p99_ms / 2.0, ack_p99_ms, lag_max_ms }
        };
        let timeline = vec![
            point(0, 10, 900.0),
            point(1, 10, 5.0),
            point(2, 0, 0.0),
            point(3, 20, 180.0),
            point(4, 9, 7.0),
            point(5, 1, 800.0),
        ];
        let report = Report { started_at_ms: 50_000, timeline, ..Report::default() };
        let seconds = Seconds::of(&report, At(51_500), At(54_999));
        let found =
            Seconds { count: 4, blurred: 0, late: 2, halted: 1, p99_ms: 7.0, worst_ms: 180.0, acked: 39 };
        assert_eq!(seconds, found);
        assert_eq!(seconds.to_string(), "p99 of 4 s at most 7 ms but for 2 s (worst 180 ms)");
        let quiet = Seconds::of(&report, At(54_000), At(60_000));
        assert_eq!(
            (quiet.late, quiet.to_string().as_str()),
            (0, "p99 of 1 s at most 7 ms, not told for 1 s in which the generator was late")
        );
    }
}
