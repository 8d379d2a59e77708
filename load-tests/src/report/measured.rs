//! Makes a report of what was measured.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::{Percentiles, Report, ServerReport, TimelinePoint, float, limits, ms, round};
use crate::{
    scenario::{Edge, Scenario},
    server::Watched,
    tally::{Tally, Window},
};

/// What a run measured.
pub(crate) struct Measured<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) run: String,
    pub(crate) started_at_ms: i64,
    pub(crate) window: Window,
    /// How much of the window was played.
    pub(crate) lasted: Duration,
    pub(crate) tally: &'a Tally,
    /// `None` when the server has no admin port.
    pub(crate) watched: Option<&'a Watched>,
}

impl Measured<'_> {
    /// The report.
    pub(crate) fn report(&self) -> Report {
        let Self { scenario, tally, .. } = self;
        let mut edges: Vec<Edge> = scenario.loads.iter().map(|load| load.edge).collect();
        edges.sort();
        edges.dedup();
        let lag_ms = Percentiles::of(&tally.lag_us);
        let invalid_reason = invalid(scenario, lag_ms, tally.counts.offered);
        let mut report = Report {
            name: scenario.name.clone(),
            seed: scenario.seed,
            run: self.run.clone(),
            edges: edges.into_iter().map(Edge::name).collect(),
            connections: scenario.loads.iter().map(|load| load.connections).sum(),
            started_at_ms: self.started_at_ms,
            valid: invalid_reason.is_none(),
            invalid_reason,
            ack_ms: Percentiles::of(&tally.ack_us),
            busy_ms: Percentiles::of(&tally.busy_us),
            read_ms: Percentiles::of(&tally.read_us),
            lag_ms,
            server: self.watched.map(ServerReport::new),
            timeline: timeline(tally, self.window, self.watched),
            refusals: tally.refusals.clone(),
            ack_curve: curve(&tally.ack_us),
            ..self.counted()
        };
        report.limits = limits::check(&scenario.limits, &report, None);
        report
    }

    /// A report of the plain counters alone.
    fn counted(&self) -> Report {
        let counts = self.tally.counts;
        let duration_s = self.lasted.as_secs_f64().max(f64::EPSILON);
        let per_s = |events: u64| round(float(events) / duration_s);
        Report {
            duration_s: round(duration_s),
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
            ..Report::default()
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
        let within = |sample: &&(Instant, u64, f64)| sample.0 >= at && sample.0 < until;
        let samples: Vec<_> = watched.iter().flat_map(|watched| &watched.samples).filter(within).collect();
        points.push(TimelinePoint {
            at_s: round(float(index as u64) * point_s),
            offered: point.offered,
            acked: point.acked,
            busy: point.busy,
            ack_p50_ms: ms(point.ack_us.value_at_quantile(0.5)),
            ack_p99_ms: ms(point.ack_us.value_at_quantile(0.99)),
            lag_max_ms: ms(point.lag_us_max),
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

/// To four nines.
const CURVE_STEPS: u32 = 80;
const CURVE_STEPS_PER_NINE: f64 = 20.0;
