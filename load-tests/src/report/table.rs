//! The closing table.

use std::{collections::BTreeMap, fmt::Write};

use super::{Percentiles, Report, ServerReport, float};

/// A report for people at a terminal.
pub(super) fn table(report: &Report) -> String {
    let edges = report.edges.join(", ");
    let mut out = format!(
        "{}: {edges}, {} connections, seed {}, {} s\n\n",
        report.name, report.connections, report.seed, report.duration_s
    );
    for (name, value) in rows(report) {
        // A String takes all that is written to it.
        let _ = writeln!(out, "  {name:<14} {value}");
    }
    for limit in &report.limits {
        let (mark, measured) = (if limit.ok { "kept" } else { "MISSED" }, limit.measured);
        let measured = measured.map_or("not measured".to_owned(), |measured| measured.to_string());
        let _ = writeln!(out, "  limit {mark:<8} {} {}: {measured}", limit.name, limit.limit);
    }
    let verdict = match (&report.invalid_reason, report.is_within_limits()) {
        (Some(reason), _) => format!("INVALID: {reason}"),
        (None, true) => "GOOD".to_owned(),
        (None, false) => "BAD: a limit was missed".to_owned(),
    };
    let _ = writeln!(out, "\n{verdict}");
    out
}

fn rows(report: &Report) -> Vec<(&'static str, String)> {
    let mut rows = vec![
        (
            "offered",
            format!("{} events, {}/s, in {} sessions", report.offered, report.offered_per_s, report.sessions),
        ),
        (
            "acked",
            format!(
                "{} events, {}/s, {} of them duplicates",
                report.acked, report.acked_per_s, report.duplicate
            ),
        ),
    ];
    if report.accepted > 0 {
        rows.push(("accepted", format!("{} events, without a promise", report.accepted)));
    }
    rows.push((
        "not acked",
        format!(
            "{} open, {} refused, {} left busy, {} failed",
            report.unacked, report.rejected, report.busy, report.failed
        ),
    ));
    rows.push(("ack", percentiles(report.ack_ms)));
    if report.busy_ms.count > 0 {
        rows.push(("busy answers", percentiles(report.busy_ms)));
    }
    if report.reads + report.reads_failed > 0 {
        rows.push(("reads", format!("{}, {} failed", percentiles(report.read_ms), report.reads_failed)));
    }
    rows.push(("own lag", percentiles(report.lag_ms)));
    rows.push(("breaks", report.breaks.to_string()));
    if !report.refusals.is_empty() {
        rows.push(("refusals", counted(&report.refusals)));
    }
    rows.extend(report.server.as_ref().map(server_rows).into_iter().flatten());
    rows
}

fn server_rows(server: &ServerReport) -> [(&'static str, String); 3] {
    let cpu = server.cpu_s.map_or("unknown".to_owned(), |cpu_s| format!("{cpu_s} s"));
    let per_event = server.cpu_us_per_event.map_or(String::new(), |us| format!(", {us} us per event"));
    let mb = |bytes: u64| (float(bytes) / 1e5).round() / 10.0;
    let memory = format!(
        "{} MB before, {} MB at most, {} MB after",
        mb(server.rss_bytes_start),
        mb(server.rss_bytes_max),
        mb(server.rss_bytes_end)
    );
    [
        ("server CPU", format!("{cpu}{per_event}")),
        ("server memory", memory),
        ("server's count", counted(&server.endings)),
    ]
}

fn counted(counts: &BTreeMap<String, u64>) -> String {
    let texts: Vec<String> = counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
    texts.join(", ")
}

fn percentiles(ms: Percentiles) -> String {
    format!(
        "p50 {:.2}  p90 {:.2}  p99 {:.2}  p99.9 {:.2}  max {:.2} ms",
        ms.p50, ms.p90, ms.p99, ms.p999, ms.max
    )
}
