//! What a run came to: for programs, for people at a terminal, and as a page.

use std::{collections::BTreeMap, time::Duration};

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::{
    scenario::{Edge, Scenario},
    server::Watched,
    tally::{Tally, Window},
};

mod html;
mod limits;
mod table;

pub use limits::LimitResult;

/// What a run came to. Times in ms, sizes in bytes; it speaks of events that were due while it was measured.
#[derive(Debug, Clone, Serialize)]
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
    pub(crate) fn new(
        scenario: &Scenario,
        run: String,
        started_at_ms: i64,
        window: Window,
        measured: Duration,
        tally: &Tally,
        watched: Option<&Watched>,
    ) -> Self {
        let counts = tally.counts;
        let duration_s = measured.as_secs_f64().max(f64::EPSILON);
        let per_s = |events: u64| round(float(events) / duration_s);
        let mut edges: Vec<Edge> = scenario.loads.iter().map(|load| load.edge).collect();
        edges.sort();
        edges.dedup();
        let lag_ms = Percentiles::of(&tally.lag_us);
        let invalid_reason = invalid(scenario, lag_ms, counts.offered);
        let mut report = Self {
            name: scenario.name.clone(),
            seed: scenario.seed,
            run,
            edges: edges.into_iter().map(Edge::name).collect(),
            connections: scenario.loads.iter().map(|load| load.connections).sum(),
            started_at_ms,
            duration_s: round(duration_s),
            valid: invalid_reason.is_none(),
            invalid_reason,
            offered: counts.offered,
            sent: counts.sent,
            acked: counts.acked,
            duplicate: counts.duplicate,
            accepted: counts.accepted,
            rejected: counts.rejected,
            busy: counts.busy,
            failed: counts.failed,
            unacked: counts.unacked(),
            breaks: counts.breaks,
            sessions: counts.sessions,
            reads: counts.reads,
            reads_failed: counts.reads_failed,
            offered_per_s: per_s(counts.offered),
            acked_per_s: per_s(counts.acked_in_time),
            ack_ms: Percentiles::of(&tally.ack_us),
            busy_ms: Percentiles::of(&tally.busy_us),
            read_ms: Percentiles::of(&tally.read_us),
            lag_ms,
            server: watched.map(ServerReport::new),
            timeline: timeline(tally, window, watched),
            refusals: tally.refusals.clone(),
            limits: Vec::new(),
            ack_curve: curve(&tally.ack_us),
        };
        report.limits = limits::check(&scenario.limits, &report, None);
        report
    }

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

impl ServerReport {
    fn new(watched: &Watched) -> Self {
        let ended: u64 = watched.endings.values().sum();
        let per_event = |cpu_s: f64| round(cpu_s * 1e6 / float(ended));
        Self {
            cpu_s: watched.cpu_s.map(round),
            cpu_us_per_event: watched.cpu_s.filter(|_| ended > 0).map(per_event),
            rss_bytes_start: watched.rss_bytes_start,
            rss_bytes_max: watched.rss_bytes_max,
            rss_bytes_end: watched.rss_bytes_end,
            endings: watched.endings.clone(),
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

/// Why a run says nothing of the server, if so.
fn invalid(scenario: &Scenario, lag_ms: Percentiles, offered: u64) -> Option<String> {
    if lag_ms.p99 > float(scenario.lag_p99_ms_max) {
        let (lag, max) = (lag_ms.p99, scenario.lag_p99_ms_max);
        return Some(format!("the generator lagged: 99 % of sends within {lag} ms, lag_p99_ms_max is {max}"));
    }
    (offered == 0).then(|| "nothing was due while it was measured".to_owned())
}

fn timeline(tally: &Tally, window: Window, watched: Option<&Watched>) -> Vec<TimelinePoint> {
    let point_s = window.point.as_secs_f64();
    let mut at = window.from;
    let mut points = Vec::with_capacity(tally.points.len());
    for (index, point) in tally.points.iter().enumerate() {
        let until = at + window.point;
        let within = |sample: &&(std::time::Instant, u64, f64)| sample.0 >= at && sample.0 < until;
        let samples: Vec<_> = watched.iter().flat_map(|watched| &watched.samples).filter(within).collect();
        points.push(TimelinePoint {
            at_s: round(float(index as u64) * point_s),
            offered: point.offered,
            acked: point.acked,
            busy: point.busy,
            ack_p50_ms: ms(point.ack_us.value_at_quantile(0.5)),
            ack_p99_ms: ms(point.ack_us.value_at_quantile(0.99)),
            rss_bytes: samples.last().map(|sample| sample.1),
            cpu_s: (!samples.is_empty()).then(|| round(samples.iter().map(|sample| sample.2).sum())),
        });
        at = until;
    }
    points
}

/// The distribution at the quantiles that a log axis of tails wants.
fn curve(us: &Histogram<u64>) -> Vec<(f64, f64)> {
    if us.is_empty() {
        return Vec::new();
    }
    let steps = (0..=CURVE_STEPS).map(|step| 1.0 - 10_f64.powf(-f64::from(step) / CURVE_STEPS_PER_NINE));
    steps.map(|quantile| (ms(us.value_at_quantile(quantile)), quantile)).collect()
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

/// To five nines.
const CURVE_STEPS: u32 = 100;
const CURVE_STEPS_PER_NINE: f64 = 20.0;
