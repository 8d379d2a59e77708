//! `[engine]`: the engine's own settings, by their own names and ranges.

use playhead_ingest::settings::{Limits, OutOfRange, Settings};

use super::{ConfigError, read::Reader};

/// Reads the section; the rules are left as they are by default.
pub(crate) fn settings(read: &mut Reader) -> Result<Settings, ConfigError> {
    let mut engine = Engine { read, default: Settings::default() };
    let limits = Limits {
        shards: engine.count("shards", "Buffers between edges and journal.")?,
        batch_events_max: engine.count("batch_events_max", "Most events in one frame.")?,
        shard_events_max: engine.count("shard_events_max", "Most events that wait in one shard.")?,
        publish_sessions_max: engine.count("publish_sessions_max", "Most sessions in one Publish.")?,
        session_events_max: engine.count("session_events_max", "Most events that one session may hold.")?,
        sessions_max: engine.count("sessions_max", "Most sessions that are live at a time.")?,
        streams_per_user_max: engine
            .small("streams_per_user_max", "Most streams that one user has open here.")?,
        streams_per_device_max: engine
            .small("streams_per_device_max", "Most streams that one device of a user has open here.")?,
        retry_after_ms: engine.small("retry_after_ms", "When to come again after busy, ms.")?,
        open_ms_max: engine.number("open_ms_max", "How long opening a session waits for a store, ms.")?,
        next_beat_ms: engine.small("next_beat_ms", "How often players beat, ms.")?,
        message_bytes_max: engine.count("message_bytes_max", "Largest message or body, bytes.")?,
    };
    let settings = Settings {
        limits,
        rules: engine.default.rules,
        leases: engine.default.leases.clone(),
        flush_age_ms: engine
            .number("flush_age_ms", "How long events gather before the store's write, ms.")?,
        flush_events_max: engine.count("flush_events_max", "Most events in one write to the store.")?,
        commit_events_max: engine.count("commit_events_max", "A commit that has so many takes no more.")?,
        commit_distance_ms: engine
            .number("commit_distance_ms", "Least time between two commits under load, ms.")?,
        backlog_events_max: engine
            .count("backlog_events_max", "Most events that wait for the store in memory.")?,
        spill: engine.default.spill.clone(),
        hot_ms_max: engine.number("hot_ms_max", "How long a commit waits for the hot store, ms.")?,
        trim_every_ms: engine.number("trim_every_ms", "How often the journal is trimmed, ms.")?,
        session_idle_ms: engine
            .long("session_idle_ms", "A quiet session leaves memory after this long, ms.")?,
    };
    let related = |OutOfRange { key, value, allowed }| read.wrong(&key_of(key), value, allowed);
    settings.check().map_err(related)?;
    Ok(settings)
}

struct Engine<'a> {
    read: &'a mut Reader,
    default: Settings,
}

impl Engine<'_> {
    fn number(&mut self, name: &'static str, about: &str) -> Result<u64, ConfigError> {
        let ranges = self.default.ranges();
        let range = ranges.iter().find(|range| range.key == name);
        let (default, least, most) =
            range.map_or((0, 0, u64::MAX), |range| (range.value, range.least, range.most));
        // What depends on another setting is checked when all are known.
        let least = if DEPENDENT.contains(&name) { 1 } else { least };
        self.read.number(&key_of(name), about, default, least..=most)
    }

    fn count(&mut self, name: &'static str, about: &str) -> Result<usize, ConfigError> {
        Ok(usize::try_from(self.number(name, about)?).unwrap_or(usize::MAX))
    }

    fn small(&mut self, name: &'static str, about: &str) -> Result<u32, ConfigError> {
        Ok(u32::try_from(self.number(name, about)?).unwrap_or(u32::MAX))
    }

    fn long(&mut self, name: &'static str, about: &str) -> Result<i64, ConfigError> {
        Ok(i64::try_from(self.number(name, about)?).unwrap_or(i64::MAX))
    }
}

fn key_of(name: &str) -> String {
    format!("engine.{name}")
}

/// Settings whose least value is `batch_events_max`.
const DEPENDENT: [&str; 2] = ["shard_events_max", "backlog_events_max"];
