//! Holds what was measured against the scenario's limits.

use serde::Serialize;

use super::{Report, float, round};
use crate::scenario::Limit;

/// A limit and what was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LimitResult {
    /// Its key.
    pub name: String,
    /// The bound.
    pub limit: f64,
    /// What was measured; `None` when nothing was.
    pub measured: Option<f64>,
    /// True when it was kept. What was not measured is not kept.
    pub ok: bool,
}

/// Checks every limit. `missing` is what reading the ledger back found wrong, if it was read.
pub(super) fn check(limits: &[Limit], report: &Report, missing: Option<u64>) -> Vec<LimitResult> {
    limits.iter().map(|limit| one(limit, report, missing)).collect()
}

fn one(limit: &Limit, report: &Report, missing: Option<u64>) -> LimitResult {
    let measured = measured(&limit.name, report, missing).map(round);
    let ok = measured.is_some_and(|measured| match limit.name.ends_with("_min") {
        true => measured >= limit.bound,
        false => measured <= limit.bound,
    });
    LimitResult { name: limit.name.clone(), limit: limit.bound, measured, ok }
}

fn measured(name: &str, report: &Report, missing: Option<u64>) -> Option<f64> {
    let server = report.server.as_ref();
    // Without an answer there is nothing to hold against the bound; without a busy one it is kept.
    let answered = |ms: f64, count: u64| (count > 0).then_some(ms);
    let (ack, read, busy) = (report.ack_ms, report.read_ms, report.busy_ms);
    match name {
        "ack_p50_ms" => answered(ack.p50, ack.count),
        "ack_p99_ms" => answered(ack.p99, ack.count),
        "ack_p999_ms" => answered(ack.p999, ack.count),
        "busy_p99_ms" => Some(busy.p99),
        "read_p50_ms" => answered(read.p50, read.count),
        "read_p99_ms" => answered(read.p99, read.count),
        "acked_per_s_min" => Some(report.acked_per_s),
        "missing_max" => missing.map(float),
        "unacked_max" => Some(float(report.unacked)),
        "rejected_max" => Some(float(report.rejected)),
        "failed_max" => Some(float(report.failed)),
        "rss_mb_max" => server.map(|server| float(server.rss_bytes_max) / 1e6),
        "cpu_us_per_event_max" => server.and_then(|server| server.cpu_us_per_event),
        "lost_max" => server.map(|server| float(server.endings.get("lost").copied().unwrap_or(0))),
        _ => None,
    }
}
