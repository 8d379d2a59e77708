//! `soak`: half the peak for a long time. Resident memory, open files and the journal's size are flat after the first
//! quarter: the journal's size follows from its age, not from how long the server runs.

use std::time::{Duration, Instant};

use super::{ledger, peak, server::Server, stage::Stage, stop::Step};

/// Plays it.
pub(super) fn play(stage: &mut Stage<'_>) -> Step {
    let mut plan = stage.server_in(stage.folder.join("data"))?;
    if !stage.is_long {
        plan = plan.with(&SETTINGS_SHORT);
    }
    let server = plan.start(stage.waiting)?;
    let rate = match stage.is_long {
        true => peak::measure(stage, server.ports)?.times(0.5),
        false => EVENTS_PER_S_SHORT,
    };
    let duration_s = stage.form(DURATION_S_SHORT, DURATION_S_LONG);
    let loading = peak::batches(rate, duration_s).start(stage, server.ports, "load")?;
    let samples = watch(stage, &server, Duration::from_secs(duration_s))?;
    let (report, ledger) = loading.finish(stage)?;
    let growth = judge(stage, &samples);
    let acked = ledger::claim_all_there(stage, &ledger, server.ports, "after the soak")?;
    stage.sum_up(format!(
        "{duration_s} s at {:.0} events/s: {growth}; {acked} acked, all there",
        report.acked_per_s
    ));
    Ok(())
}

/// What a server holds at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Held {
    rss_bytes: u64,
    open_files: u64,
    journal_bytes: u64,
}

fn watch(stage: &Stage<'_>, server: &Server, duration: Duration) -> Step<Vec<Held>> {
    let (begun, mut samples) = (Instant::now(), Vec::new());
    while begun.elapsed() < duration {
        let metrics = server.metrics()?;
        samples.push(Held {
            rss_bytes: metrics.sum("process_resident_memory_bytes"),
            open_files: metrics.sum("process_open_fds"),
            journal_bytes: metrics.sum("playhead_journal_bytes"),
        });
        stage.waiting.nap(stage.form(SAMPLE_EVERY_SHORT, SAMPLE_EVERY_LONG))?;
    }
    Ok(samples)
}

/// Holds the last quarter against the second, and says how much there was in both.
fn judge(stage: &mut Stage<'_>, samples: &[Held]) -> String {
    let (Some(second), Some(last)) = (most(quarter(samples, 1)), most(quarter(samples, 3))) else {
        stage.claim(false, "there are samples of each quarter");
        return "not sampled".to_owned();
    };
    let mb = |bytes: u64| bytes >> 20;
    let pairs = [
        (
            "MB resident",
            mb(second.rss_bytes),
            mb(last.rss_bytes),
            stage.form(RSS_MB_SLACK_SHORT, RSS_MB_SLACK),
        ),
        ("open files", second.open_files, last.open_files, FILES_SLACK),
        ("MB of journal", mb(second.journal_bytes), mb(last.journal_bytes), JOURNAL_MB_SLACK),
    ];
    for (what, before, after, slack) in pairs {
        let is_flat = after <= before + before / TENTH + slack;
        stage.claim(is_flat, format!("{what}: {before} at most in the second quarter, {after} in the last"));
    }
    stage.claim(second.journal_bytes > 0, "the journal has a size");
    pairs.map(|(what, before, after, _)| format!("{what} {before} then {after}")).join(", ")
}

/// One of four parts, counted from 0.
fn quarter(samples: &[Held], part: usize) -> &[Held] {
    let length = samples.len() / 4;
    samples.get(part * length..(part + 1) * length).unwrap_or_default()
}

/// The most of each.
fn most(samples: &[Held]) -> Option<Held> {
    samples.iter().copied().reduce(|most, held| Held {
        rss_bytes: most.rss_bytes.max(held.rss_bytes),
        open_files: most.open_files.max(held.open_files),
        journal_bytes: most.journal_bytes.max(held.journal_bytes),
    })
}

/// So that a segment's whole life, from its beginning to its trimming, passes many times in half a minute.
const SETTINGS_SHORT: [&str; 2] = ["journal.segment_age_ms=1000", "engine.trim_every_ms=1000"];
const EVENTS_PER_S_SHORT: u32 = 5_000;
const DURATION_S_SHORT: u64 = 32;
const DURATION_S_LONG: u64 = 1_200;
const SAMPLE_EVERY_SHORT: Duration = Duration::from_millis(200);
const SAMPLE_EVERY_LONG: Duration = Duration::from_secs(2);
/// What may be added, as a part of what there was.
const TENTH: u64 = 10;
/// What the allocator may keep, MB.
const RSS_MB_SLACK: u64 = 16;
/// In half a minute tables and caches have not reached their bounds yet.
const RSS_MB_SLACK_SHORT: u64 = 150;
const FILES_SLACK: u64 = 8;
/// Two segments: one that is written, one that waits to be trimmed.
const JOURNAL_MB_SLACK: u64 = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quarters_are_equal_parts_and_the_most_of_each_counts() {
        let held = |rss_bytes, open_files| Held { rss_bytes, open_files, journal_bytes: 0 };
        let samples: Vec<Held> = (0..9).map(|at| held(at, 10 - at)).collect();
        assert_eq!(quarter(&samples, 1), [held(2, 8), held(3, 7)]);
        assert_eq!(most(quarter(&samples, 1)), Some(held(3, 8)));
        assert_eq!(most(quarter(&samples[..3], 1)), None, "too few for quarters");
    }
}
