//! The rows where 1 000 viewers send at a rate far below saturation: CPU per event, ack latency, read latency.

use std::{io, time::Duration};

use playhead_limits::bare_fsync;

use super::{
    row::{Goal, Row},
    spread::percentile,
    workbench::{self, Server, Workbench},
};
use crate::drive::{
    line::Via,
    paced::{Pace, Paced},
    reads,
};

/// F1.3.
pub(super) fn cpu(workbench: &Workbench) -> io::Result<Vec<Row>> {
    let turns = cpu_via(workbench, Via::Grpc, LIMIT)?;
    let what = "server CPU per event, us: 1 000 connections, 20 000 events/s in all";
    Ok(vec![turns.row_of_costs("F1.3", what, Goal::RatioAtMost(1.25))])
}

/// The server's CPU per event, us.
pub(super) fn cpu_via(workbench: &Workbench, via: Via, limit: &'static str) -> io::Result<Turns> {
    turns(workbench, limit, async |server: &Server| {
        let load = Paced::open(via, server.address(via), CONNECTIONS).await?;
        let before = server.cpu()?;
        let seen = load.run(PACE).await?;
        server.settled().await?;
        let cpu = server.cpu()?.saturating_sub(before);
        Ok(Run { value: cpu.as_secs_f64() * 1e6 / seen.events as f64, lag_ms: ms(&seen.lags)? })
    })
}

/// F1.4.
pub(super) fn acks(workbench: &Workbench) -> io::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (name, events_per_s) in [("F1.4 5k", 5_000), ("F1.4 20k", 20_000)] {
        let pace = Pace { events_per_s, ..PACE };
        let mut turns = turns(workbench, LIMIT, async |server: &Server| {
            let seen = Paced::open(Via::Grpc, server.grpc, CONNECTIONS).await?.run(pace).await?;
            Ok(Run { value: ms(&seen.latencies)?, lag_ms: ms(&seen.lags)? })
        })?;
        for limit in &mut turns.limits {
            *limit += fsync_ms(workbench)?;
        }
        let what = format!("ack p99, ms: 1 000 connections, {events_per_s} events/s in all");
        let row = turns.row(name, &what, Goal::RatioAtMost(1.5));
        let row = row.against_name("no-op p99 + bare fsync p99");
        let bound = Row::alone(
            &format!("{name} bound"),
            "the same, whatever the limit",
            &turns.ours,
            Goal::AtMost(100.0),
        );
        rows.extend([row, turns.judged(bound)]);
    }
    Ok(rows)
}

/// F1.10.
pub(super) fn reads(workbench: &Workbench) -> io::Result<Vec<Row>> {
    let turns = turns(workbench, LIMIT, async |server: &Server| {
        let load = Paced::open(Via::Grpc, server.grpc, CONNECTIONS).await?;
        let read = async {
            tokio::time::sleep(PACE.warmup).await;
            reads::read(server.grpc, CONNECTIONS, READS_PER_S, PACE.lasting).await
        };
        let (seen, read) = tokio::try_join!(load.run(PACE), read)?;
        Ok(Run { value: ms(&read.latencies)?, lag_ms: ms(&seen.lags)? })
    })?;
    let what = "GetPosition p99, ms: 1 000 calls/s beside 20 000 events/s over 1 000 connections";
    Ok(vec![turns.row("F1.10", what, Goal::RatioAtMost(1.5))])
}

/// What one load came to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub(super) value: f64,
    /// How late the client sent, p99.
    pub(super) lag_ms: f64,
}

/// Runs that took turns.
pub(super) struct Turns {
    limit: &'static str,
    ours: Vec<f64>,
    limits: Vec<f64>,
    /// The most of any of them.
    lag_ms: f64,
}

impl Turns {
    pub(super) fn row(&self, name: &str, what: &str, goal: Goal) -> Row {
        self.judged(self.against(name, what, goal))
    }

    /// A row of what events cost, which does not depend on when they were sent as long as they were.
    pub(super) fn row_of_costs(&self, name: &str, what: &str, goal: Goal) -> Row {
        judged_by(COST_LAG_MS_MAX, self.against(name, what, goal), self.lag_ms)
    }

    fn against(&self, name: &str, what: &str, goal: Goal) -> Row {
        Row::against(name, what, &self.ours, &[(self.limit, self.limits.clone())], goal)
    }

    fn judged(&self, row: Row) -> Row {
        judged(row, self.lag_ms)
    }
}

/// A client that is late measures itself.
pub(super) fn judged(row: Row, lag_ms: f64) -> Row {
    judged_by(LAG_MS_MAX, row, lag_ms)
}

fn judged_by(lag_ms_max: f64, row: Row, lag_ms: f64) -> Row {
    let note = format!("client late by {lag_ms:.1} ms, p99 of its worst run");
    Row { is_valid: lag_ms <= lag_ms_max, note, ..row }
}

fn turns(
    workbench: &Workbench,
    limit: &'static str,
    load: impl AsyncFn(&Server) -> io::Result<Run> + Copy,
) -> io::Result<Turns> {
    let mut turns = Turns { limit, ours: Vec::new(), limits: Vec::new(), lag_ms: 0.0 };
    for _ in 0..workbench.runs {
        let ours = run("playhead", &workbench.playhead()?, load)?;
        let theirs = run(limit, &workbench.limit(limit)?, load)?;
        turns.ours.push(ours.value);
        turns.limits.push(theirs.value);
        turns.lag_ms = turns.lag_ms.max(ours.lag_ms).max(theirs.lag_ms);
    }
    Ok(turns)
}

#[expect(clippy::print_stderr, reason = "progress")]
pub(super) fn run(
    name: &str,
    server: &Server,
    load: impl AsyncFnOnce(&Server) -> io::Result<Run>,
) -> io::Result<Run> {
    let run = workbench::client()?.block_on(load(server))?;
    eprintln!("  {name:<10} {:>9.3}  client late by {:.1} ms (p99)", run.value, run.lag_ms);
    Ok(run)
}

/// What those wait for the disk who come at this load's pace and whose blocks are as large as a commit's, ms, p99.
fn fsync_ms(workbench: &Workbench) -> io::Result<f64> {
    let folder = workbench.fresh_folder()?;
    let every = Duration::from_secs(1) / PACE.events_per_s;
    ms(&bare_fsync::waits(folder.path(), FSYNC_BYTES, PACE.lasting, every)?)
}

/// The p99 in milliseconds.
pub(super) fn ms(latencies: &[Duration]) -> io::Result<f64> {
    let p99 = percentile(latencies, 0.99).ok_or_else(|| io::Error::other("nothing was answered"))?;
    Ok(p99.as_secs_f64() * 1e3)
}

/// With one event in a frame there is nothing to answer in bursts.
const LIMIT: &str = "grpc-each";
pub(super) const CONNECTIONS: usize = 1_000;
const PACE: Pace =
    Pace { events_per_s: 20_000, warmup: Duration::from_secs(2), lasting: Duration::from_secs(8) };
/// A client that sends later than this shows the machine, not the server.
const LAG_MS_MAX: f64 = 10.0;
/// A client that is late by more than this no longer offers what it should.
const COST_LAG_MS_MAX: f64 = 100.0;
const READS_PER_S: u32 = 1_000;
const FSYNC_BYTES: usize = 8 << 10;
