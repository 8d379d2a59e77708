//! What a run came to: for programs, for people at a terminal, and as a page.

use std::{collections::BTreeMap, time::Duration};

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::{scenario::Scenario, tally::Tally};

mod html;
mod limits;
mod measured;
mod table;

pub use limits::LimitResult;
pub(crate) use measured::Measured;

/// What a run came to. Times in ms, sizes in bytes; it speaks of events that were due while it was measured.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// The scenario's name.
    pub name: String,
    /// Its seed.
    pub seed: u64,
    /// What the run's sessions and users are called by.
    pub run: String,
    /// The ways in.
    pub edges: Vec<&'static str>,
    /// Connections, of all loads.
    pub connections: u32,
    /// When it began, Unix ms.
    pub started_at_ms: i64,
    /// How long was measured.
    pub duration_s: f64,
    /// False when the generator lagged: the figures then speak of the generator.
    pub valid: bool,
    /// Why it is not valid.
    pub invalid_reason: Option<String>,
    /// Events that were due.
    pub offered: u64,
    /// Of them, those that were handed to a connection.
    pub sent: u64,
    /// Of them, those that are durable.
    pub acked: u64,
    /// Of the acked ones, those that the server had already.
    pub duplicate: u64,
    /// Taken without a promise.
    pub accepted: u64,
    /// Refused for good.
    pub rejected: u64,
    /// Found no room and were left at that.
    pub busy: u64,
    /// Were never sent, or their call failed and was left at that.
    pub failed: u64,
    /// Have no ending.
    pub unacked: u64,
    /// Connections, streams and calls that broke.
    pub breaks: u64,
    /// Sessions begun.
    pub sessions: u64,
    /// Reads answered.
    pub reads: u64,
    /// Reads that failed.
    pub reads_failed: u64,
    /// Events that were due per second.
    pub offered_per_s: f64,
    /// Events whose answer came while it was measured, per second.
    pub acked_per_s: f64,
    /// From due to the answer.
    pub ack_ms: Percentiles,
    /// From sent to the busy answer.
    pub busy_ms: Percentiles,
    /// From due to the answer of a read.
    pub read_ms: Percentiles,
    /// From due to sent.
    pub lag_ms: Percentiles,
    /// What the server said of itself.
    pub server: Option<ServerReport>,
    /// By time.
    pub timeline: Vec<TimelinePoint>,
    /// Why events were not taken at once.
    pub refusals: BTreeMap<String, u64>,
    /// What was to be kept.
    pub limits: Vec<LimitResult>,
    /// (Latency in ms, share of the answers that came by then), for the page.
    #[serde(skip)]
    pub(crate) ack_curve: Vec<(f64, f64)>,
}

/// A distribution, ms.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Percentiles {
    /// Half took no longer.
    pub p50: f64,
    /// 9 of 10 took no longer.
    pub p90: f64,
    /// 99 of 100 took no longer.
    pub p99: f64,
    /// 999 of 1 000 took no longer.
    pub p999: f64,
    /// The longest.
    pub max: f64,
    /// How many there were.
    pub count: u64,
}

/// What the server said of itself, from before the warm-up to after the last ending.
#[derive(Debug, Clone, Serialize)]
pub struct ServerReport {
    /// CPU time, s.
    pub cpu_s: Option<f64>,
    /// CPU time by event that ended, microseconds.
    pub cpu_us_per_event: Option<f64>,
    /// Resident memory before.
    pub rss_bytes_start: u64,
    /// The most seen.
    pub rss_bytes_max: u64,
    /// Afterwards.
    pub rss_bytes_end: u64,
    /// Events by their ending.
    pub endings: BTreeMap<String, u64>,
}

/// A point of the timeline.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct TimelinePoint {
    /// Since the beginning of what is measured.
    pub at_s: f64,
    /// Events due from here to the next point.
    pub offered: u64,
    /// Events answered.
    pub acked: u64,
    /// Events answered busy.
    pub busy: u64,
    /// Of the answers of this point.
    pub ack_p50_ms: f64,
    /// Likewise.
    pub ack_p99_ms: f64,
    /// The longest that the generator was late.
    pub lag_max_ms: f64,
    /// The server's memory.
    pub rss_bytes: Option<u64>,
    /// The server's CPU time in this point, s.
    pub cpu_s: Option<f64>,
}

/// How far a run is.
#[derive(Debug, Clone)]
pub struct Progress {
    elapsed: Duration,
    lasts: Duration,
    offered: u64,
    acked: u64,
    busy: u64,
    recent: (u64, f64, f64),
    lag_p99_ms: f64,
}

impl Report {
    /// Notes what reading the ledger back found missing, altered, doubled or strange, for the limit on it.
    pub fn note_missing(&mut self, scenario: &Scenario, missing: u64) {
        self.limits = limits::check(&scenario.limits, self, Some(missing));
    }

    /// True when every limit was kept.
    #[must_use]
    pub fn is_within_limits(&self) -> bool {
        self.limits.iter().all(|limit| limit.ok)
    }

    /// For programs.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// As a page that needs nothing else.
    #[must_use]
    pub fn html(&self) -> String {
        html::page(self)
    }

    /// For people at a terminal.
    #[must_use]
    pub fn table(&self) -> String {
        table::table(self)
    }
}

impl Percentiles {
    pub(crate) fn of(us: &Histogram<u64>) -> Self {
        let at = |quantile| ms(us.value_at_quantile(quantile));
        Self {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: ms(us.max()),
            count: us.len(),
        }
    }
}

impl Progress {
    pub(crate) fn new(tally: &Tally, elapsed: Duration, lasts: Duration) -> Self {
        let last = tally.points.iter().rev().nth(1).or(tally.points.last());
        let recent = last.map_or((0, 0.0, 0.0), |point| {
            let at = |quantile| ms(point.ack_us.value_at_quantile(quantile));
            (point.acked, at(0.5), at(0.99))
        });
        Self {
            elapsed,
            lasts,
            offered: tally.counts.offered,
            acked: tally.counts.acked + tally.counts.accepted,
            busy: tally.refusals.get("BUSY").copied().unwrap_or(0),
            recent,
            lag_p99_ms: Percentiles::of(&tally.lag_us).p99,
        }
    }

    /// One line for a person who watches, for terminals of 100 columns.
    #[must_use]
    pub fn line(&self) -> String {
        let (per_s, p50, p99) = self.recent;
        format!(
            "{:>4}/{} s  offered {:>8}  acked {:>8}  {per_s:>6}/s  p50 {p50:.2} ms  p99 {p99:.2} ms  busy {}  lag p99 {:.2} ms",
            self.elapsed.as_secs(),
            self.lasts.as_secs(),
            self.offered,
            self.acked,
            self.busy,
            self.lag_p99_ms,
        )
    }
}

/// Microseconds as milliseconds.
pub(crate) fn ms(us: u64) -> f64 {
    float(us) / 1_000.0
}

#[expect(clippy::cast_precision_loss, reason = "counts and times are far below 2^53")]
pub(crate) fn float(whole: u64) -> f64 {
    whole as f64
}

/// To three digits behind the point: what was measured is not known better.
pub(crate) fn round(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}
