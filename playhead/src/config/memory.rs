//! The memory ceiling: what the bounds add up to has to fit, so that a full server is a busy server and not a dead one.

use playhead_ingest::edge::http;
use playhead_store::{
    durable::embedded::{DOCUMENTS_BUFFER_BYTES, EmbeddedSettings},
    hot::{embedded::EmbeddedHotSettings, redis},
};

use super::{Config, ConfigError, DurableSettings, HotSettings, MB, read::Reader};

/// Holds the sum of the engine's bounds and the stores' against the ceiling.
pub(crate) fn check(config: &Config, allowed_mb: u64, read: &Reader) -> Result<(), ConfigError> {
    let mut parts = parts(config);
    let needed_mb = parts.iter().map(|&(_, bytes)| bytes).sum::<u64>().div_ceil(MB);
    if needed_mb <= allowed_mb {
        return Ok(());
    }
    parts.sort_by_key(|&(_, bytes)| std::cmp::Reverse(bytes));
    let consumers: Vec<String> = parts
        .iter()
        .take(CONSUMERS_NAMED)
        .map(|(name, bytes)| format!("{name} {} MB", bytes.div_ceil(MB)))
        .collect();
    let said_by = read.source("engine.memory_mb_max");
    Err(ConfigError::Memory { allowed_mb, needed_mb, consumers: consumers.join(", "), said_by })
}

fn parts(config: &Config) -> Vec<(&'static str, u64)> {
    let engine = config.engine.memory_parts();
    let mut parts: Vec<_> = engine.into_iter().map(|(name, bytes)| (name, bytes as u64)).collect();
    if config.durable == DurableSettings::Embedded {
        parts.extend(store_parts(&config.store));
    }
    if let Some(journal) = config.journal.as_ref().filter(|_| config.engine.spill.events_max > 0) {
        parts.push(("catch-up (journal.segment_mb)", journal.segment_bytes as u64));
    }
    parts.push(("hot store", hot_bytes(&config.hot)));
    parts.push(("catalog's cache (catalog.cache_mb)", config.catalog.general.cache_bytes_max));
    parts.push(("verified tokens", playhead_ingest::identity::cache::CACHE_BYTES_MAX));
    parts.push(("HTTP bodies", http::Options::default().body_bytes_max as u64));
    parts
}

/// What the embedded store takes. Where the disk cannot follow, its write buffers are five, then writes wait.
fn store_parts(store: &EmbeddedSettings) -> [(&'static str, u64); 4] {
    [
        ("store's write buffers of documents", DOCUMENTS_BUFFER_BYTES * 5),
        ("store's cache (store.cache_mb)", store.cache_bytes),
        ("store's write buffers (5 x store.write_buffer_mb)", store.write_buffer_bytes.saturating_mul(5)),
        ("store's session cache (store.session_cache_mb)", store.session_cache_bytes as u64),
    ]
}

fn hot_bytes(hot: &HotSettings) -> u64 {
    match hot {
        HotSettings::Embedded(hot) => embedded_hot_bytes(hot),
        HotSettings::Redis(hot) => {
            u64::from(hot.calls_max) * HOT_CALL_BYTES + redis::KNOWN_ACCOUNTS_MAX as u64 * KNOWN_ACCOUNT_BYTES
        }
    }
}

fn embedded_hot_bytes(hot: &EmbeddedHotSettings) -> u64 {
    (hot.sessions_max as u64 * HOT_SESSION_BYTES)
        .saturating_add(hot.positions_max as u64 * HOT_POSITION_BYTES)
        .saturating_add(hot.accounts_max as u64 * HOT_ACCOUNT_BYTES)
        .saturating_add(hot.lease_sessions_max as u64 * HOT_LEASE_SESSION_BYTES)
}

/// As `EmbeddedHotSettings` says, with ids of a UUID's length.
const HOT_SESSION_BYTES: u64 = 400;
/// Likewise.
const HOT_POSITION_BYTES: u64 = 800;
/// A call that waits for its reply: its keys, arguments and packed form, ids of a UUID's length supposed.
const HOT_CALL_BYTES: u64 = 1_200;
/// What is remembered of an account's leases, with two streams.
const KNOWN_ACCOUNT_BYTES: u64 = 1_024;
/// Likewise, without sessions.
const HOT_ACCOUNT_BYTES: u64 = 500;
/// A session of an account's, with a lease or without.
const HOT_LEASE_SESSION_BYTES: u64 = 400;
/// How many consumers the error names.
const CONSUMERS_NAMED: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use playhead_store::hot::redis::RedisHotSettings;

    #[test]
    fn what_the_redis_backend_remembers_of_leases_is_in_the_sum() {
        let hot = RedisHotSettings { calls_max: 64, ..RedisHotSettings::default() };
        assert!(hot_bytes(&HotSettings::Redis(hot)) > redis::KNOWN_ACCOUNTS_MAX as u64 * 1_000);
    }
}
