//! `[journal]`: the log that acknowledgements rest on, and how much of it may wait for a store that is away.

use std::ops::RangeInclusive;

use playhead_ingest::{
    journal,
    settings::{Settings, SpillSettings},
};

use super::{ConfigError, DurableSettings, MB, read::Reader};

/// Reads `[journal]`, and says in the engine's settings what may wait there. None when there is no journal.
pub(crate) fn journal(
    read: &mut Reader,
    engine: &mut Settings,
    durable: &DurableSettings,
) -> Result<Option<journal::Settings>, ConfigError> {
    let is_on = read.choice("journal.mode", MODE_ABOUT, &["on", "off"])? == "on";
    let settings = sizes(read, engine)?;
    let spill = spill(read, settings.segment_bytes as u64 / MB)?;
    match (is_on, durable) {
        (true, DurableSettings::Embedded) => {}
        (true, DurableSettings::Cluster(_)) => engine.spill = spill,
        (false, DurableSettings::Embedded) => {
            return Err(read.wrong("journal.mode", "off", "on, unless durable.backend is scylla"));
        }
        (false, DurableSettings::Cluster(_)) => {
            without_a_journal(read, engine)?;
            return Ok(None);
        }
    }
    Ok(Some(settings))
}

/// Whoever asks for an age means events to wait for others, and without a journal there is nowhere to wait.
fn without_a_journal(read: &Reader, engine: &mut Settings) -> Result<(), ConfigError> {
    match read.said(FLUSH_AGE).filter(|&said| said != "0") {
        Some(said) => Err(read.wrong(FLUSH_AGE, said, "0, unless journal.mode is on")),
        None => {
            engine.flush_age_ms = 0;
            Ok(())
        }
    }
}

fn sizes(read: &mut Reader, engine: &Settings) -> Result<journal::Settings, ConfigError> {
    let default = journal::Settings::default();
    let default_mb = default.segment_bytes as u64 / MB;
    let segment_mb =
        read.number("journal.segment_mb", "Size of a journal segment.", default_mb, SEGMENT_MB)?;
    let about = "Age after which a segment is closed, so that it can be removed, ms.";
    let age_ms = journal::SEGMENT_AGE_MS_MIN..=journal::SEGMENT_AGE_MS_MAX;
    let segment_age_ms_max =
        read.number("journal.segment_age_ms", about, default.segment_age_ms_max, age_ms)?;
    let segment_bytes = usize::try_from(segment_mb * MB).unwrap_or(usize::MAX);
    if engine.check_segment(segment_bytes).is_err() {
        let least_mb = (engine.commit_bytes_max() as u64 + MB).div_ceil(MB);
        let allowed =
            format!("{least_mb} or more: one commit has to fit (engine.commit_events_max, shard_events_max)");
        return Err(read.wrong("journal.segment_mb", segment_mb, allowed));
    }
    Ok(journal::Settings { segment_bytes, segment_age_ms_max })
}

fn spill(read: &mut Reader, segment_mb: u64) -> Result<SpillSettings, ConfigError> {
    let default = SpillSettings::REMOTE;
    let events_max =
        read.number("journal.backlog_events_max", EVENTS_ABOUT, default.events_max as u64, EVENTS)?;
    let journal_mb_max =
        read.number("journal.backlog_mb_max", MB_ABOUT, default.journal_bytes_max / MB, BACKLOG_MB)?;
    if journal_mb_max < 2 * segment_mb {
        let allowed = format!("{} or more: two segments (journal.segment_mb)", 2 * segment_mb);
        return Err(read.wrong("journal.backlog_mb_max", journal_mb_max, allowed));
    }
    Ok(SpillSettings {
        events_max: usize::try_from(events_max).unwrap_or(usize::MAX),
        journal_bytes_max: journal_mb_max * MB,
        age_s_max: read.number("journal.backlog_age_s_max", AGE_ABOUT, default.age_s_max, AGE_S)?,
        catch_up_events_s_max: read.number(
            "journal.catch_up_events_s_max",
            RATE_ABOUT,
            default.catch_up_events_s_max,
            EVENTS_S,
        )?,
    })
}

const FLUSH_AGE: &str = "engine.flush_age_ms";
/// A segment of 1 MB still holds the largest frame; the upper end is the journal's own bound, 1 GB.
const SEGMENT_MB: RangeInclusive<u64> = 1..=journal::SEGMENT_BYTES_MAX as u64 / MB;
const EVENTS: RangeInclusive<u64> = 0..=100_000_000;
/// Up to a terabyte.
const BACKLOG_MB: RangeInclusive<u64> = 2..=1_048_576;
/// Up to thirty days.
const AGE_S: RangeInclusive<u64> = 1..=2_592_000;
const EVENTS_S: RangeInclusive<u64> = 0..=10_000_000;
const MODE_ABOUT: &str =
    "Acknowledge what is in the journal, or without one only what the cluster has taken (durable.backend).";
const EVENTS_ABOUT: &str =
    "Most events that wait in the journal alone while a cluster is away or behind; 0: none do.";
const MB_ABOUT: &str = "While the journal is larger than this, no more may wait in it alone, MB.";
const AGE_ABOUT: &str =
    "While the oldest event has waited longer than this, no more may wait in the journal alone, s.";
const RATE_ABOUT: &str =
    "Most events a second that go from there to the cluster once it follows; 0: as fast as it takes them.";
