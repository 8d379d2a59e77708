//! What the catalog's caches count and hold, each metric once with the cache as its label.

use std::fmt;

use playhead_catalog::{cache::Figures, grpc::Services};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
};

/// The caches of a catalog.
pub(super) struct Page(pub(super) Services);

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page").finish_non_exhaustive()
    }
}

impl Collector for Page {
    fn encode(&self, mut out: DescriptorEncoder) -> fmt::Result {
        let caches = self.0.caches();
        for (name, help, read) in COUNTERS {
            let mut family = out.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (cache, figures) in &caches {
                ConstCounter::new(read(figures)).encode(family.encode_family(&[("cache", *cache)])?)?;
            }
        }
        for (name, help, read) in GAUGES {
            let mut family = out.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (cache, figures) in &caches {
                ConstGauge::new(read(figures)).encode(family.encode_family(&[("cache", *cache)])?)?;
            }
        }
        Ok(())
    }
}

type Read = fn(&Figures) -> u64;

const COUNTERS: [(&str, &str, Read); 3] = [
    ("cache_hits", "Answers of the catalog without a read of their own", |figures| figures.hits),
    ("cache_misses", "Values that the catalog read from the store", |figures| figures.misses),
    ("cache_told_stale", "Times that a cache forgot since another node wrote, or may have", |figures| {
        figures.told
    }),
];

const GAUGES: [(&str, &str, Read); 2] = [
    ("cache_entries", "Values that a cache of the catalog holds", |figures| figures.entries),
    ("cache_bytes", "What they take, about, bytes", |figures| figures.bytes),
];
