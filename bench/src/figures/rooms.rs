//! The rows of single rooms, in this process: the journal against a raw log, the door, and tokens against their bare
//! signatures.

use std::{
    io,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use playhead_ingest::{
    identity::keys::Algorithm,
    journal::{Batch, FsDisk, Journal, Settings},
};
use playhead_limits::raw_log::RawLog;

use super::{
    row::{Goal, Row},
    workbench::Workbench,
};
use crate::{door::Door, sample, tokens::Tokens};

/// F1.6.
pub(super) fn journal(workbench: &Workbench) -> io::Result<Vec<Row>> {
    let (mut ours, mut limits) = (Vec::new(), Vec::new());
    let record = vec![0x5a; RECORD_BYTES];
    for _ in 0..workbench.runs {
        let folder = workbench.fresh_folder()?;
        let (mut commits, mut log) = (Commits::on_disk(folder.path())?, RawLog::on_disk(folder.path()));
        let (mut ours_took, mut log_took) = (Duration::ZERO, Duration::ZERO);
        // By turns, so that a disk that is slow for a while is slow for both.
        for _ in 0..COMMITS {
            ours_took += commits.commit(&record)?;
            log_took += append(&mut log, &record);
        }
        ours.push(per_second(ours_took));
        limits.push(per_second(log_took));
    }
    let what = "records/s: journal, group commit of 2 000 records of 100 bytes, one fsync each";
    Ok(vec![Row::against("F1.6", what, &ours, &[("raw log", limits)], Goal::RatioAtLeast(0.7))])
}

/// A journal that is written and never read.
struct Commits {
    journal: Journal,
    batch: Batch,
}

impl Commits {
    fn on_disk(folder: &Path) -> io::Result<Self> {
        let disk = FsDisk::open(folder.join("journal")).map_err(io::Error::other)?;
        let journal = Journal::open(Arc::new(disk), Settings::default()).map_err(io::Error::other)?;
        Ok(Self { journal, batch: Batch::new() })
    }

    /// Making the next segment is part of it, removing old ones is not.
    fn commit(&mut self, record: &[u8]) -> io::Result<Duration> {
        let started = Instant::now();
        for _ in 0..RECORDS {
            self.batch.push(|out| out.extend_from_slice(record)).map_err(io::Error::other)?;
        }
        let hold = self.journal.commit(&mut self.batch, sample::now_ms()).map_err(io::Error::other)?;
        self.batch.clear();
        let took = started.elapsed();
        drop(hold);
        let segments = self.journal.segments();
        if let Some(through) = segments.trimmable() {
            segments.trim(through).map_err(io::Error::other)?;
        }
        Ok(took)
    }
}

fn append(log: &mut RawLog, record: &[u8]) -> Duration {
    log.make_room_for((RECORDS * 2 * RECORD_BYTES) as u64);
    let started = Instant::now();
    for _ in 0..RECORDS {
        log.push(record);
    }
    log.commit();
    started.elapsed()
}

fn per_second(took: Duration) -> f64 {
    (COMMITS * RECORDS) as f64 / took.as_secs_f64()
}

/// F1.8: the time, and how often it allocates; the events themselves lie in the shard's own buffers.
pub(super) fn door(workbench: &Workbench) -> io::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for frame_events in [1, 500] {
        let runs: Vec<f64> = (0..workbench.runs).map(|_| offered_ns(frame_events)).collect();
        let what = format!("admission and shard push, ns per event: frames of {frame_events}");
        rows.push(Row::alone(&format!("F1.8 time of {frame_events}"), &what, &runs, Goal::AtMost(250.0)));
        let allocated = workbench.ask("allocations", &frame_events.to_string())?;
        let allocated: f64 = allocated.parse().map_err(io::Error::other)?;
        let what = format!("admission and shard push, allocations per event: frames of {frame_events}");
        let each = [allocated / Door::EVENTS as f64];
        rows.push(Row::alone(
            &format!("F1.8 allocations of {frame_events}"),
            &what,
            &each,
            Goal::AtMost(0.0),
        ));
    }
    Ok(rows)
}

/// The first rounds grow buffers and are not counted.
fn offered_ns(frame_events: usize) -> f64 {
    let mut door = Door::open();
    let mut took = Duration::ZERO;
    for round in 0..2 * ROUNDS {
        let offered = door.offer(frame_events);
        door.empty();
        took += if round < ROUNDS { Duration::ZERO } else { offered };
    }
    door.close();
    took.as_secs_f64() * 1e9 / (ROUNDS * Door::EVENTS) as f64
}

/// F2.5: a token that the cache knows, and one that it does not, against the bare check of its signature.
pub(super) fn tokens(workbench: &Workbench) -> io::Result<Vec<Row>> {
    let tokens = Tokens::new(Algorithm::EdDsa);
    let each = |rounds: u32, work: &dyn Fn() -> bool| {
        let started = Instant::now();
        let all_good = (0..rounds).all(|_| work());
        let took = started.elapsed();
        assert!(all_good, "a good token");
        took.as_secs_f64() * 1e9 / f64::from(rounds)
    };
    let (mut cached, mut first, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..=workbench.runs {
        let (known, new) = (each(CACHED_ROUNDS, &|| tokens.cached()), each(FIRST_ROUNDS, &|| tokens.first()));
        let least = each(FIRST_ROUNDS, &|| tokens.bare());
        // The first run warms up.
        if run > 0 {
            cached.push(known);
            first.push(new);
            bare.push(least);
        }
    }
    let what = "token verification, ns: EdDSA session token of the first time";
    Ok(vec![
        Row::alone(
            "F2.5 cached",
            "token verification, ns: a token that the cache knows",
            &cached,
            Goal::AtMost(100.0),
        ),
        Row::against("F2.5 first", what, &first, &[("bare signature check", bare)], Goal::RatioAtMost(1.2)),
    ])
}

const CACHED_ROUNDS: u32 = 1_000_000;
const FIRST_ROUNDS: u32 = 5_000;
const RECORDS: usize = 2_000;
const RECORD_BYTES: usize = 100;
const COMMITS: usize = 500;
const ROUNDS: usize = 200;
