//! What the listeners count, each metric once with the edge as its label.

use std::fmt;

use playhead_ingest::edge::listener::{CUTS, Counts};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
};

/// The listeners by their edges' names.
#[derive(Debug)]
pub(super) struct Page(pub(super) Vec<(&'static str, Counts)>);

impl Collector for Page {
    fn encode(&self, mut out: DescriptorEncoder) -> fmt::Result {
        self.gauge(&mut out, "connections_open", "Connections that are open", |counts| counts.open.get())?;
        for (name, help, read) in COUNTERS {
            let mut family = out.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (edge, counts) in &self.0 {
                ConstCounter::new(read(counts)).encode(family.encode_family(&[("edge", *edge)])?)?;
            }
        }
        let help = "Connections that were cut, by why";
        let mut family = out.encode_descriptor("connections_cut", help, None, MetricType::Counter)?;
        for (edge, counts) in &self.0 {
            for cut in CUTS {
                let labels = [("edge", *edge), ("reason", cut.name())];
                ConstCounter::new(counts.cuts(cut)).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

impl Page {
    fn gauge(
        &self,
        out: &mut DescriptorEncoder<'_>,
        name: &str,
        help: &str,
        read: fn(&Counts) -> i64,
    ) -> fmt::Result {
        let mut family = out.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (edge, counts) in &self.0 {
            ConstGauge::new(read(counts)).encode(family.encode_family(&[("edge", *edge)])?)?;
        }
        Ok(())
    }
}

type Read = fn(&Counts) -> u64;

const COUNTERS: [(&str, &str, Read); 4] = [
    ("connections_accepted", "Connections that were accepted", |counts| counts.accepted.get()),
    ("connections_slowed", "Times that a connection was not read for a while: empty streams", |counts| {
        counts.slowed.get()
    }),
    ("connections_full", "Connections closed at once: their address had its share", |counts| {
        counts.full.get()
    }),
    ("handshakes_failed", "TLS handshakes that failed or took too long", |counts| {
        counts.handshake_failed.get()
    }),
];
