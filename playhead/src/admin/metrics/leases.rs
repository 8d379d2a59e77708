//! What is counted of stream leases. Each session counts on the node on which it is live.

use std::{fmt, sync::Arc};

use playhead_ingest::{engine::Engine, leases::ByReason};
use playhead_store::lease::StopReason;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
};

/// The leases of an engine.
pub(super) struct Page(pub(super) Arc<Engine>);

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page").finish_non_exhaustive()
    }
}

impl Collector for Page {
    fn encode(&self, mut out: DescriptorEncoder) -> fmt::Result {
        let leases = self.0.doors().leases;
        let meters = leases.meters();
        let held = ConstGauge::new(meters.held.get());
        held.encode(out.encode_descriptor("leases_held", HELD_HELP, None, MetricType::Gauge)?)?;
        by_reason(&mut out, "leases_denied", DENIED_HELP, &meters.stopped, StopReason::is_denial)?;
        by_reason(&mut out, "leases_kicked", KICKED_HELP, &meters.stopped, |reason| !reason.is_denial())?;
        by_reason(&mut out, "leases_tolerated", TOLERATED_HELP, &meters.tolerated, StopReason::is_limit)?;
        for (name, help, counter) in [
            (
                "leases_unanswered",
                "Sessions that began without an answer of the hot store",
                &meters.unanswered,
            ),
            ("lease_kicks_missed", "Kicks that came too fast to be heard", &meters.kicks_missed),
        ] {
            let metric = ConstCounter::new(counter.get());
            metric.encode(out.encode_descriptor(name, help, None, MetricType::Counter)?)?;
        }
        Ok(())
    }
}

fn by_reason(
    out: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    counters: &ByReason,
    counts: fn(StopReason) -> bool,
) -> fmt::Result {
    let mut family = out.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (reason, sessions) in counters.all().filter(|&(reason, _)| counts(reason)) {
        ConstCounter::new(sessions).encode(family.encode_family(&[("reason", reason.name())])?)?;
    }
    Ok(())
}

const HELD_HELP: &str = "Sessions on this node that hold a stream slot";
const DENIED_HELP: &str = "Sessions that were told to stop because there was no slot for them, by why";
const KICKED_HELP: &str = "Sessions that were told to stop because they lost their slot, by why";
const TOLERATED_HELP: &str = "Sessions admitted beyond a limit that is only tried, by the limit";
