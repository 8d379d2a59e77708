//! The rows of a server that only stands: what idle streams take of memory, and how soon it is ready after a crash.

use std::{io, path::Path, sync::Arc, time::Instant};

use playhead_ingest::{
    journal::{Batch, FsDisk, Journal, Settings},
    record,
};

use super::{
    row::{Goal, Row},
    spread::Spread,
    workbench::{self, Server, Workbench},
};
use crate::{
    drive::{
        connect::{Connect, Shape},
        line::Via,
    },
    sample,
};

/// F1.7.
pub(super) fn memory(workbench: &Workbench) -> io::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (name, connections, streams) in [("F1.7", 100, 100), ("F1.7 alone", ALONE, 1)] {
        let shape = Shape { connections, streams, window: 1 };
        let what = format!(
            "resident memory per idle session, KiB: {} streams over {connections} connections",
            connections * streams
        );
        rows.push(idle(workbench, name, &what, Via::Grpc, shape)?);
    }
    Ok(rows)
}

/// What idle sessions take of memory, beside what the transport alone takes of it.
pub(super) fn idle(workbench: &Workbench, name: &str, what: &str, via: Via, shape: Shape) -> io::Result<Row> {
    let limit = if via == Via::Grpc { "grpc-each" } else { "quic" };
    let (mut ours, mut limits) = (Vec::new(), Vec::new());
    for _ in 0..workbench.runs {
        ours.push(idle_kib(&workbench.playhead()?, via, shape)?);
        limits.push(idle_kib(&workbench.limit(limit)?, via, shape)?);
    }
    let limit = Some((limit.to_owned(), Spread::of(&limits)));
    Ok(Row { limit, ..Row::alone(name, what, &ours, Goal::AtMost(40.0)) })
}

fn idle_kib(server: &Server, via: Via, shape: Shape) -> io::Result<f64> {
    workbench::client()?.block_on(async {
        let before = server.resident_bytes()?;
        let _streams = Connect::open(via, server.address(via), shape).await?;
        server.settled().await?;
        let added = server.resident_bytes()?.saturating_sub(before);
        Ok(added as f64 / 1_024.0 / (shape.connections * shape.streams) as f64)
    })
}

/// F1.9.
pub(super) fn start(workbench: &Workbench) -> io::Result<Vec<Row>> {
    let (mut took_s, mut cpu_s) = (Vec::new(), Vec::new());
    for _ in 0..workbench.runs {
        let folder = workbench.fresh_folder()?;
        write_journal(&folder.path().join("journal"))?;
        let started = Instant::now();
        let server = workbench.playhead_on_all_cores(folder)?;
        took_s.push(started.elapsed().as_secs_f64());
        cpu_s.push(server.cpu()?.as_secs_f64());
    }
    let what =
        "start to ready, s: 2 000 000 unflushed events in the journal, of 10 000 sessions, 1 per record";
    let note = format!("{:.1} s of CPU", Spread::of(&cpu_s).median);
    Ok(vec![Row { note, ..Row::alone("F1.9", what, &took_s, Goal::AtMost(10.0)) }])
}

/// What a server leaves that was killed before it flushed anything: a record for each event, as from players that send
/// one at a time.
fn write_journal(folder: &Path) -> io::Result<()> {
    let disk = FsDisk::open(folder.to_path_buf()).map_err(io::Error::other)?;
    let mut journal = Journal::open(Arc::new(disk), Settings::default()).map_err(io::Error::other)?;
    let now_ms = sample::now_ms();
    let sessions: Vec<_> =
        (0..SESSIONS).map(|index| (sample::key(index), sample::description(index, now_ms))).collect();
    let mut batch = Batch::new();
    for seq in 1..=EVENTS_EACH {
        for (key, description) in &sessions {
            let events = [sample::beat(seq, now_ms)];
            let clock = sample::clock(now_ms);
            let pushed = batch.push(|out| record::put_events(out, key, clock, description, &events));
            pushed.map_err(io::Error::other)?;
        }
        journal.commit(&mut batch, now_ms).map_err(io::Error::other)?;
        batch.clear();
    }
    Ok(())
}

/// As many connections as one address may have by default, and some to spare.
pub(super) const ALONE: usize = 4_000;
const SESSIONS: usize = 10_000;
const EVENTS_EACH: u64 = 200;
const _: () = assert!(SESSIONS as u64 * EVENTS_EACH == 2_000_000);
