//! Which charts the page has.

use super::chart::{Chart, Series, Ticks};
use crate::report::{Report, TimelinePoint, float};

/// All of them.
pub(super) fn charts(report: &Report) -> String {
    let mut charts = vec![rates(report), latency_over_time(report), latency_by_share(report)];
    if report.server.is_some() {
        charts.extend([memory(report), cpu(report)]);
    }
    charts.push(lag(report));
    let figures: String = charts.iter().map(Chart::figure).collect();
    format!("<section class=\"charts\">\n{figures}</section>\n")
}

fn rates(report: &Report) -> Chart {
    let step_s = step_s(report);
    let per_s = |events: u64| float(events) / step_s;
    let series = vec![
        over_time(report, "offered", "a", |point| measured(report, point, per_s(point.offered))),
        over_time(report, "answered", "b", |point| Some(per_s(point.acked))),
        over_time(report, "busy", "c", |point| Some(per_s(point.busy))),
    ];
    Chart { title: "Events per second", series, is_log: false, ticks: Ticks::Seconds }
}

fn latency_over_time(report: &Report) -> Chart {
    let some = |point: &TimelinePoint, ms: f64| (point.acked > 0).then_some(ms);
    let series = vec![
        over_time(report, "p50", "a", |point| some(point, point.ack_p50_ms)),
        over_time(report, "p99", "b", |point| some(point, point.ack_p99_ms)),
    ];
    Chart { title: "Ack latency over time, ms", series, is_log: true, ticks: Ticks::Seconds }
}

fn latency_by_share(report: &Report) -> Chart {
    let points = report.ack_curve.iter().map(|&(ms, share)| (nines(share), ms)).collect();
    let series = vec![Series { name: "from the intended send time", class: "a", points }];
    Chart { title: "Ack latency by share of events, ms", series, is_log: true, ticks: Ticks::Nines }
}

fn memory(report: &Report) -> Chart {
    let mb = |point: &TimelinePoint| point.rss_bytes.map(|bytes| float(bytes) / 1e6);
    let series = vec![over_time(report, "resident", "a", mb)];
    Chart { title: "Server memory, MB", series, is_log: false, ticks: Ticks::Seconds }
}

fn cpu(report: &Report) -> Chart {
    let step_s = step_s(report);
    let series = vec![over_time(report, "cores", "a", |point| point.cpu_s.map(|cpu_s| cpu_s / step_s))];
    Chart { title: "Server CPU, cores", series, is_log: false, ticks: Ticks::Seconds }
}

fn lag(report: &Report) -> Chart {
    let series =
        vec![over_time(report, "from due to sent", "a", |point| measured(report, point, point.lag_max_ms))];
    Chart { title: "Generator's own lag, longest, ms", series, is_log: true, ticks: Ticks::Seconds }
}

fn over_time(
    report: &Report,
    name: &'static str,
    class: &'static str,
    value: impl Fn(&TimelinePoint) -> Option<f64>,
) -> Series {
    let points = report.timeline.iter().filter_map(|point| Some((point.at_s, value(point)?)));
    Series { name, class, points: points.collect() }
}

/// A value, unless its point lies behind the end of what is measured, where only answers still come.
fn measured(report: &Report, point: &TimelinePoint, value: f64) -> Option<f64> {
    (point.at_s < report.duration_s).then_some(value)
}

/// The length of a point of the timeline.
fn step_s(report: &Report) -> f64 {
    match report.timeline.as_slice() {
        [first, second, ..] => second.at_s - first.at_s,
        _ => 1.0,
    }
}

/// Where a share lies on an axis on which each further nine takes the same room.
fn nines(share: f64) -> f64 {
    -(1.0 - share).max(1e-9).log10()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_nine_takes_the_same_room() {
        let places = [0.0, 0.9, 0.99, 0.999].map(|share| (nines(share) * 1e6).round() / 1e6);
        assert_eq!(places, [0.0, 1.0, 2.0, 3.0]);
    }
}
