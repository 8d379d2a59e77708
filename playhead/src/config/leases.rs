//! `[leases]`: how many streams an account may run whose token says nothing, and how long a stream counts.

use std::ops::RangeInclusive;

use playhead_ingest::{leases::LeaseSettings, settings::Settings};
use playhead_store::lease::{AtLimit, LeaseTimes, StreamRules, rules::STREAMS_MAX};

use super::{ConfigError, read::Reader};

/// Reads the section: what the engine holds sessions to, and the times that the hot store keeps.
pub(crate) fn leases(
    read: &mut Reader,
    engine: &Settings,
) -> Result<(LeaseSettings, LeaseTimes), ConfigError> {
    let streams = number(read, "leases.streams_max", STREAMS_ABOUT, 0, 0..=STREAMS_MAX.into())?;
    let at_limit = read.choice("leases.at_limit", AT_LIMIT_ABOUT, &AtLimit::ALL.map(AtLimit::name))?;
    let devices = number(read, "leases.devices_max", DEVICES_ABOUT, 0, 0..=STREAMS_MAX.into())?;
    let is_dry_run = read.switch("leases.dry_run", DRY_RUN_ABOUT, false)?;
    let unanswered = read.choice("leases.unanswered", UNANSWERED_ABOUT, &["admit", "deny"])?;
    let beats =
        read.number("leases.playing_beats", "A stream counts until so many beats are missing.", 3, BEATS)?;
    let default = LeaseTimes::default();
    let mut ms = |key, about, ms: i64| -> Result<i64, ConfigError> {
        Ok(seconds(read.number(key, about, ms.unsigned_abs() / 1_000, SECONDS)?))
    };
    let times = LeaseTimes {
        playing_ms: i64::try_from(beats * u64::from(engine.limits.next_beat_ms)).unwrap_or(i64::MAX),
        paused_ms: ms("leases.paused_s", "A paused stream counts for so long, s.", default.paused_ms)?,
        stuck_ms: ms(
            "leases.stuck_s",
            "A playhead that does not move is paused after so long, s.",
            default.stuck_ms,
        )?,
    };
    let devices_max = Some(devices).filter(|&devices| devices > 0);
    let at_limit = AtLimit::from_name(at_limit).unwrap_or(AtLimit::DenyNewest);
    // A limit of devices alone leaves the streams of each as they are.
    let streams_max = if streams > 0 { streams } else { STREAMS_MAX };
    let rules = (streams > 0 || devices > 0)
        .then(|| StreamRules { devices_max, ..StreamRules::streams(streams_max, at_limit) });
    let admits_unanswered = unanswered == "admit";
    let silent_ms_max = times.playing_ms;
    let settings = LeaseSettings { is_dry_run, admits_unanswered, silent_ms_max, ..LeaseSettings::default() };
    Ok((settings.with_rules(rules), times))
}

fn number(
    read: &mut Reader,
    key: &str,
    about: &str,
    default: u64,
    range: RangeInclusive<u64>,
) -> Result<u32, ConfigError> {
    Ok(u32::try_from(read.number(key, about, default, range)?).unwrap_or(u32::MAX))
}

fn seconds(seconds: u64) -> i64 {
    i64::try_from(seconds * 1_000).unwrap_or(i64::MAX)
}

const BEATS: RangeInclusive<u64> = 2..=100;
/// Up to a day.
const SECONDS: RangeInclusive<u64> = 1..=86_400;
const STREAMS_ABOUT: &str =
    "Streams that an account may run at once whose token does not say it; 0 sets no limit.";
const AT_LIMIT_ABOUT: &str = "What happens to one more:";
const DEVICES_ABOUT: &str = "Devices that such an account may play on at once; 0 sets no limit.";
const DRY_RUN_ABOUT: &str =
    "Only try all limits, those of tokens too: stop nobody, and count who would have been.";
const UNANSWERED_ABOUT: &str = "What becomes of a session that begins while the hot store does not answer:";
