//! `[serve]` and `[catalog]`: what a server is for, and how the catalog is run.

use std::ops::RangeInclusive;

use playhead_catalog::Settings;

use super::{ConfigError, read::Reader};

/// What a server is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Everything.
    All,
    /// Events, positions and sessions.
    Ingest,
    /// What there is to watch, and who may.
    Catalog,
}

/// Reads `[serve]`.
pub(crate) fn role(read: &mut Reader) -> Result<Role, ConfigError> {
    Ok(match read.choice("serve.role", ROLE_ABOUT, &["all", "ingest", "catalog"])? {
        "ingest" => Role::Ingest,
        "catalog" => Role::Catalog,
        _ => Role::All,
    })
}

/// Reads `[catalog]`.
pub(crate) fn catalog(read: &mut Reader) -> Result<Settings, ConfigError> {
    let default = Settings::default();
    let ttl_ms = default.cache_ttl_ms.unsigned_abs();
    let cache_mb = read.number("catalog.cache_mb", CACHE_ABOUT, default.cache_bytes_max >> 20, CACHE_MB)?;
    let ttl_ms = read.number("catalog.cache_ttl_ms", TTL_ABOUT, ttl_ms, TTL_MS)?;
    let store_ms_max = read.number("catalog.store_ms_max", STORE_ABOUT, default.store_ms_max, STORE_MS)?;
    Ok(Settings {
        cache_bytes_max: cache_mb << 20,
        cache_ttl_ms: i64::try_from(ttl_ms).unwrap_or(i64::MAX),
        store_ms_max,
        ..default
    })
}

const ROLE_ABOUT: &str = "What the server is for; the data folder is one server's alone.";
const CACHE_ABOUT: &str = "Memory for items, plans and rights that were read, MB.";
const TTL_ABOUT: &str = "How old an answer may be that another node could have changed, ms.";
const STORE_ABOUT: &str = "How long a call of the catalog waits for the store, ms.";
const CACHE_MB: RangeInclusive<u64> = 1..=65_536;
/// An hour: whoever wants older answers means something else.
const TTL_MS: RangeInclusive<u64> = 0..=3_600_000;
const STORE_MS: RangeInclusive<u64> = 10..=60_000;
