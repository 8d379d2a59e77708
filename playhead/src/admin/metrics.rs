//! The metrics page, in the OpenMetrics text form. Everything is read at the moment of the scrape.

use std::{fmt, sync::Arc};

use playhead_catalog::grpc::Services;
use playhead_ingest::{
    edge::quic,
    engine::{Engine, Levels},
    meters::Meters,
    tally::Count,
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::{Registry, Unit},
};

use super::{Served, process::Process};

mod caches;
mod leases;
mod listeners;
mod tokens;

/// The page. Before there is an engine or a catalog it tells of the process alone.
pub(super) fn page(
    served: Option<&Served>,
    catalog: Option<&Services>,
    shard_events_max: usize,
) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Process::now()));
    let ours = registry.sub_registry_with_prefix("playhead");
    if let Some(catalog) = catalog {
        ours.register_collector(Box::new(caches::Page(catalog.clone())));
    }
    if let Some(Served { engine, listeners, quic, tokens }) = served {
        let registry = ours;
        register_meters(registry, engine);
        tokens.iter().for_each(|tokens| tokens::register(registry, tokens));
        registry.register_collector(Box::new(listeners::Page(listeners.clone())));
        if let Some(meters) = quic {
            register_quic(registry, meters);
        }
        registry.register_collector(Box::new(leases::Page(Arc::clone(engine))));
        let engine = Arc::clone(engine);
        registry.register_collector(Box::new(Room { engine, shard_events_max }));
    }
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry)?;
    Ok(text)
}

fn register_meters(registry: &mut Registry, engine: &Engine) {
    let meters = engine.meters();
    let durations = [
        ("commit", "From taking a commit's events to settling their tickets", &meters.commit),
        ("journal_append", "One journal append with its fsync", &meters.append),
        ("store_write", "One write to the durable store, repeats included", &meters.flush),
    ];
    for (name, help, histogram) in durations {
        registry.register_with_unit(name, help, Unit::Seconds, histogram.clone());
    }
    let counters = [
        ("journal_full", "Commits that found the journal's disk full", &meters.journal_full),
        ("hot_failed", "Commits that the hot store did not answer in time", &meters.hot_failed),
        ("store_retried", "Writes that the durable store did not take at once", &meters.flush_retried),
        ("store_refused", "Writes that the durable store refused for good", &meters.flush_refused),
        (
            "store_repeated_events",
            "Events written again behind an outage of the store",
            &meters.flush_repeated,
        ),
        ("backlog_spilled_events", "Events that went to wait in the journal alone", &meters.spilled),
        (
            "backlog_caught_up_events",
            "Events that went from the journal alone to the store",
            &meters.caught_up,
        ),
        ("backlog_full", "Times that the commit waited: no room for more backlog", &meters.backlog_full),
        ("opened_blind", "Sessions opened without an answer of the durable store", &meters.opened_blind),
    ];
    for (name, help, counter) in counters {
        registry.register(name, help, counter.clone());
    }
}

/// What only QUIC counts.
fn register_quic(registry: &mut Registry, meters: &quic::Meters) {
    let own = [
        ("quic_addresses_asked", "Attempts that had to prove their address first", &meters.retried),
        ("quic_connections_sessionless", "Connections closed: nobody opened a session", &meters.sessionless),
        ("quic_streams_unread", "Streams that were cut: their answers were not read", &meters.unread),
        (
            "quic_datagrams_dropped",
            "Datagrams for no session, without events or without room",
            &meters.datagrams_dropped,
        ),
    ];
    for (name, help, counter) in own {
        registry.register(name, help, counter.clone());
    }
    registry.register("quic_streams_open", "Sessions whose stream is open", meters.streams.clone());
    let web = meters.web_connections.clone();
    registry.register("quic_web_connections_open", "Connections that are WebTransport's", web);
}

/// What the engine counts and holds.
struct Room {
    engine: Arc<Engine>,
    shard_events_max: usize,
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room").finish_non_exhaustive()
    }
}

impl Collector for Room {
    fn encode(&self, mut out: DescriptorEncoder) -> fmt::Result {
        let mut out = Page(&mut out);
        out.tally(&self.engine.tally().count())?;
        out.levels(&self.engine, self.shard_events_max)?;
        out.recovery(&self.engine)
    }
}

impl Collector for Process {
    fn encode(&self, mut out: DescriptorEncoder) -> fmt::Result {
        let mut out = Page(&mut out);
        out.info("playhead_build", "The running binary", [("version", env!("CARGO_PKG_VERSION"))])?;
        for (name, help, value) in [
            ("process_resident_memory_bytes", "Resident memory", self.resident_bytes),
            ("process_open_fds", "Open file descriptors", self.open_fds),
        ] {
            if let Some(value) = value {
                out.gauge(name, help, value)?;
            }
        }
        match self.cpu_seconds {
            Some(seconds) => out.seconds("process_cpu", "CPU time taken", seconds),
            None => Ok(()),
        }
    }
}

/// Writes one metric after the other.
struct Page<'a, 'e>(&'a mut DescriptorEncoder<'e>);

impl Page<'_, '_> {
    fn tally(&mut self, count: &Count) -> fmt::Result {
        self.counter("events_offered", "Events offered to the engine", count.offered)?;
        self.endings(count)?;
        let held = u64::try_from(count.held()).unwrap_or(0);
        self.gauge("events_held", "Events offered that have not ended", held)
    }

    /// Every ending by kind and reason; the law is `offered == sum of endings + held`.
    fn endings(&mut self, count: &Count) -> fmt::Result {
        let plain = [("STORED", count.stored), ("DUPLICATE", count.duplicate), ("BUSY", count.busy)];
        let plain = plain.into_iter().map(|(kind, events)| (kind, "", events));
        let rejected = count.rejected.iter().map(|&(reason, events)| ("REJECTED", reason.name(), events));
        let shed = count.shed.iter().map(|&(reason, events)| ("SHED", reason.name(), events));
        let lost = count.lost.iter().map(|&(cause, events)| ("LOST", cause.name(), events));
        let help = "Events by their one ending and its reason";
        let mut family = self.0.encode_descriptor("events_ended", help, None, MetricType::Counter)?;
        for (ending, reason, events) in plain.chain(rejected).chain(shed).chain(lost) {
            let labels = [("ending", ending), ("reason", reason)];
            ConstCounter::new(events).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn levels(&mut self, engine: &Engine, shard_events_max: usize) -> fmt::Result {
        let levels = engine.levels();
        self.gauge("live_sessions", "Sessions that are live on this node", levels.live_sessions as u64)?;
        self.gauge("backlog_events", "Committed, waiting for the store", levels.backlog_events as u64)?;
        self.backlog(engine.meters(), &levels)?;
        self.gauge("waiting_events", "In all shards, waiting for a commit", levels.waiting_events as u64)?;
        self.gauge("waiting_events_max", "What all shards hold together", shard_events_max as u64)?;
        self.gauge("journal_segments", "The journal's segments", levels.journal.segments)?;
        self.gauge("journal_bytes", "Bytes of the journal's files", levels.journal.bytes)?;
        self.gauge("journal_quarantined", "Damaged segments that were set aside", levels.journal.quarantined)
    }

    /// How far the durable store is behind, and for how long it is away.
    fn backlog(&mut self, meters: &Meters, levels: &Levels) -> fmt::Result {
        let Levels { backlog_oldest_age, spill, .. } = levels;
        self.gauge(
            "journal_backlog_events",
            "Waiting for the store in the journal alone",
            spill.events as u64,
        )?;
        self.gauge("journal_backlog_segments", "Segments that hold those", spill.segments as u64)?;
        let oldest_s = backlog_oldest_age.max(&spill.oldest_age).as_secs_f64();
        self.gauge_seconds("backlog_oldest_age", "How long the oldest has waited for the store", oldest_s)?;
        let outage_s = meters.outage.now().as_secs_f64();
        self.gauge_seconds("store_away", "How long the store has taken nothing, 0 while it does", outage_s)?;
        let help = "Time in which the store took nothing";
        self.seconds("store_outage", help, meters.outage.total().as_secs_f64())
    }

    /// What the last start found.
    fn recovery(&mut self, engine: &Engine) -> fmt::Result {
        let (recovered, report) = engine.recovered();
        for (name, help, value) in [
            ("recovered_events", "Events that the start took from the journal", recovered.events),
            ("recovered_known_events", "Events in the journal that the store had already", recovered.known),
            ("recovered_marks", "Explicit marks that the start took from the journal", recovered.marks),
            ("recovered_spilled_events", "Events that the start left in the journal", recovered.spilled),
            ("recovered_unreadable", "Records that mean nothing to this version", recovered.unreadable),
            (
                "recovered_torn_bytes",
                "Bytes of an unfinished last batch, never acknowledged",
                report.torn_bytes,
            ),
            ("recovered_damaged_bytes", "Bytes in the journal that are damaged", report.damaged.bytes),
            ("recovered_damaged_places", "Places in the journal that are damaged", report.damaged.places),
            (
                "recovered_missing_gaps",
                "Gaps in the row of the journal's segments",
                report.missing.len() as u64,
            ),
        ] {
            self.gauge(name, help, value)?;
        }
        Ok(())
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let metric = ConstCounter::new(value);
        metric.encode(self.0.encode_descriptor(name, help, None, metric.metric_type())?)
    }

    fn seconds(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        let metric = ConstCounter::new(value);
        let unit = Some(&Unit::Seconds);
        metric.encode(self.0.encode_descriptor(name, help, unit, metric.metric_type())?)
    }

    fn gauge_seconds(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        let metric = ConstGauge::new(value);
        let unit = Some(&Unit::Seconds);
        metric.encode(self.0.encode_descriptor(name, help, unit, metric.metric_type())?)
    }

    fn gauge(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let metric = ConstGauge::new(value);
        metric.encode(self.0.encode_descriptor(name, help, None, metric.metric_type())?)
    }

    fn info<const N: usize>(&mut self, name: &str, help: &str, labels: [(&str, &str); N]) -> fmt::Result {
        self.0.encode_descriptor(name, help, None, MetricType::Info)?.encode_info(&labels)
    }
}
