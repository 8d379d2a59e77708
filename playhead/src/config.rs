//! Configuration in two steps: [`layers`] gathers texts (flags over environment over TOML file), [`Config`] is checked
//! and complete. A wrong value names its key, itself, what is allowed and where it was said.
//!
//! This is the only module that reads the environment.

use std::path::PathBuf;

use playhead_ingest::{journal::Settings as JournalSettings, settings::Settings};
use playhead_store::{ItemKind, durable::embedded::EmbeddedSettings, position::PositionRuleBook};

pub(crate) use self::{
    auth::{AuthSettings, KeysAt, TokenSettings},
    catalog::{CatalogSettings, Role, UrlKey},
    durable::{ClusterSettings, DurableSettings, Roots},
    edge::{EdgeSettings, TlsSettings, TlsSource},
    error::ConfigError,
    hot::HotSettings,
    layers::{Flags, Source},
    listen::Listen,
    read::Effective,
};

mod auth;
mod catalog;
mod durable;
mod edge;
mod engine;
mod error;
mod hot;
mod journal;
mod layers;
mod leases;
mod listen;
mod memory;
mod read;
mod show;

pub(crate) use show::{commented, effective};

use layers::Layers;
use read::Reader;

/// All that `serve` needs to know, checked.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// What the server is for.
    pub(crate) role: Role,
    /// How the catalog is run.
    pub(crate) catalog: CatalogSettings,
    /// Where the edges listen.
    pub(crate) listen: Listen,
    /// Where journal and store live.
    pub(crate) data_dir: PathBuf,
    /// The engine's limits and rules.
    pub(crate) engine: Settings,
    /// The journal's sizes; none without a journal.
    pub(crate) journal: Option<JournalSettings>,
    /// Where the lasting record is.
    pub(crate) durable: DurableSettings,
    /// The embedded store's retention and caches.
    pub(crate) store: EmbeddedSettings,
    /// Where the hot store is.
    pub(crate) hot: HotSettings,
    /// Whom the server believes.
    pub(crate) auth: AuthSettings,
    /// Which certificate the edges show.
    pub(crate) tls: TlsSettings,
    /// What connections may take.
    pub(crate) edge: EdgeSettings,
    /// True when gRPC reflection answers.
    pub(crate) grpc_reflection: bool,
    /// What is logged, and how.
    pub(crate) log: Log,
}

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Log {
    /// Levels, as `tracing_subscriber::filter::Targets` reads them.
    pub(crate) level: String,
    /// How a line looks.
    pub(crate) format: LogFormat,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// A configuration, and where each of its values comes from.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    /// It.
    pub(crate) config: Config,
    /// Every key with its value, in the order of the sections.
    pub(crate) effective: Vec<Effective>,
}

/// Reads flags, the process's environment and the TOML file, and checks all of it.
///
/// # Errors
/// The first thing that is wrong.
pub(crate) fn load(flags: &Flags) -> Result<Loaded, ConfigError> {
    // Names and values that are not UTF-8 cannot be ours: every key and every value here is text.
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    check(Layers::gather(flags, environment)?)
}

/// False when the environment asks for no colour (<https://no-color.org>).
pub(crate) fn wants_color() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// The configuration that nobody touched.
///
/// # Errors
/// None, as the tests show; the type says otherwise because checking can fail.
pub(crate) fn defaults() -> Result<Loaded, ConfigError> {
    check(Layers::default())
}

fn check(layers: Layers) -> Result<Loaded, ConfigError> {
    let mut read = Reader::new(layers);
    let role = catalog::role(&mut read)?;
    let listen = listen::listen(&mut read)?;
    let data_dir = data_dir(&mut read)?;
    let mut engine = engine::settings(&mut read)?;
    let memory_mb_max = read.number("engine.memory_mb_max", MEMORY_ABOUT, 1_088, MEMORY_MB)?;
    let durable = durable::durable(&mut read)?;
    let journal = journal::journal(&mut read, &mut engine, &durable)?;
    let store = store(&mut read)?;
    let (leases, times) = leases::leases(&mut read, &engine)?;
    engine.leases = leases;
    let hot = hot::hot(&mut read, times)?;
    engine.rules = rules(&mut read)?;
    let grpc_reflection = read.switch("grpc.reflection", "Answer gRPC reflection.", false)?;
    let catalog = catalog::catalog(&mut read)?;
    let auth = auth::auth(&mut read)?;
    let tls = edge::tls(&mut read)?;
    listen::check_reach(&listen, &auth, tls.source.is_some(), &read)?;
    let edge = edge::edge(&mut read)?;
    let log = log(&mut read)?;
    let config = Config {
        role,
        catalog,
        listen,
        data_dir,
        engine,
        journal,
        durable,
        store,
        hot,
        auth,
        tls,
        edge,
        grpc_reflection,
        log,
    };
    memory::check(&config, memory_mb_max, &read)?;
    Ok(Loaded { config, effective: read.finish()? })
}

fn data_dir(read: &mut Reader) -> Result<PathBuf, ConfigError> {
    let about = "Where the journal and the embedded store live. Made when it is not there.";
    let text = read.text("data.dir", about, "./playhead-data");
    match text.is_empty() {
        true => Err(read.wrong("data.dir", text, "the path of a folder")),
        false => Ok(PathBuf::from(text)),
    }
}

fn store(read: &mut Reader) -> Result<EmbeddedSettings, ConfigError> {
    let default = EmbeddedSettings::default();
    let mut mb =
        |key, about, bytes: u64| Ok::<u64, ConfigError>(read.number(key, about, bytes / MB, CACHE_MB)? * MB);
    let cache_bytes = mb("store.cache_mb", "Memory for blocks that were read, MB.", default.cache_bytes)?;
    let about = "Memory for rows that are not in files yet, MB; it counts when a store is made.";
    let write_buffer_bytes = mb("store.write_buffer_mb", about, default.write_buffer_bytes)?;
    let about = "Memory for what is known of sessions lately written, MB.";
    let session_cache = mb("store.session_cache_mb", about, default.session_cache_bytes as u64)?;
    let about = "Sessions and events are kept for so many days; 0 keeps them for ever.";
    let kept = default.retention_days.unwrap_or(0).into();
    let days = read.number("store.retention_days", about, kept, RETENTION_DAYS)?;
    Ok(EmbeddedSettings {
        retention_days: u32::try_from(days).ok().filter(|&days| days > 0),
        cache_bytes,
        write_buffer_bytes,
        session_cache_bytes: usize::try_from(session_cache).unwrap_or(usize::MAX),
    })
}

/// The general thresholds, and those of a kind of item where they are said.
fn rules(read: &mut Reader) -> Result<PositionRuleBook, ConfigError> {
    let mut book = PositionRuleBook::default();
    let mut general = book.of(ItemKind::Unknown);
    for kind in ItemKind::ALL {
        let prefix = match kind {
            ItemKind::Unknown => "rules".to_owned(),
            _ => format!("rules.{}", kind.name().to_ascii_lowercase()),
        };
        let (opening, percent) = (format!("{prefix}.opening_ms"), format!("{prefix}.watched_percent"));
        let mut rules = general;
        let opening_ms =
            read.number(&opening, OPENING_ABOUT, general.opening_ms.unsigned_abs(), OPENING_MS)?;
        rules.opening_ms = i64::try_from(opening_ms).unwrap_or(i64::MAX);
        let percent = read.number(&percent, WATCHED_ABOUT, general.watched_percent.into(), 1..=100)?;
        rules.watched_percent = u8::try_from(percent).unwrap_or(100);
        if kind == ItemKind::Unknown {
            general = rules;
        }
        book.set(kind, rules);
    }
    Ok(book)
}

fn log(read: &mut Reader) -> Result<Log, ConfigError> {
    let about = "What is logged to stderr, also per module: info,playhead_ingest=debug.";
    let level = read.text("log.level", about, "info");
    let is_level = |part: &str| LEVELS.contains(&part.rsplit('=').next().unwrap_or(part));
    if !level.split(',').all(is_level) {
        return Err(read.wrong("log.level", level, LEVELS_ALLOWED));
    }
    let format = match read.choice("log.format", "How a log line looks.", &["text", "json"])? {
        "json" => LogFormat::Json,
        _ => LogFormat::Text,
    };
    Ok(Log { level, format })
}

const MB: u64 = 1 << 20;
const CACHE_MB: std::ops::RangeInclusive<u64> = 1..=65_536;
/// A hundred years.
const RETENTION_DAYS: std::ops::RangeInclusive<u64> = 0..=36_500;
const MEMORY_MB: std::ops::RangeInclusive<u64> = 16..=1_048_576;
/// Ten minutes: whoever needs a longer opening means something else.
const OPENING_MS: std::ops::RangeInclusive<u64> = 0..=600_000;
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
const LEVELS_ALLOWED: &str =
    "off, error, warn, info, debug or trace, also per module: info,playhead_ingest=debug";
const MEMORY_ABOUT: &str =
    "What the engine's queues and tables and the store's caches may take together, MB.";
const OPENING_ABOUT: &str = "A position below this that was not sought to gives way to any other, ms.";
const WATCHED_ABOUT: &str = "From this share of its length on an item counts as watched, per cent.";

#[cfg(test)]
mod tests;
