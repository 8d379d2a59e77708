//! The rows where a server is kept as busy as one core can be: events per second of its CPU, everything counted that it
//! does for them, flushes that come later included.

use std::{io, time::Duration};

use super::{
    row::{Goal, Row},
    workbench::{self, Server, Workbench},
};
use crate::{
    drive::{Done, connect, line::Via, post, publish},
    sample,
};

/// F1.1.
pub(super) fn connect(workbench: &Workbench) -> io::Result<Vec<Row>> {
    let turns = streams(workbench, Via::Grpc, &["grpc-each", "grpc-burst"])?;
    let what =
        "durable events per server-core-second: Connect, 16 connections x 64 sessions, 1 event per message";
    Ok(vec![turns.row("F1.1", what, Goal::RatioAtLeast(0.6))])
}

/// Sessions on streams of their own, saturated.
pub(super) fn streams(workbench: &Workbench, via: Via, limits: &[&'static str]) -> io::Result<Turns> {
    let shape = connect::Shape { connections: 16, streams: 64, window: STREAM_WINDOW };
    turns(workbench, limits, async |server: &Server| {
        let mut load = connect::Connect::open(via, server.address(via), shape).await?;
        cost(server, load.run(LASTING)).await
    })
}

/// F1.2.
pub(super) fn publish(workbench: &Workbench) -> io::Result<Vec<Row>> {
    let shape = publish::Shape { connections: 16, calls: 4, sessions: 20, events: 25 };
    let turns = turns(workbench, &["grpc-each"], async |server: &Server| {
        let mut load = publish::Publish::open(server.grpc, shape).await?;
        cost(server, load.run(LASTING)).await
    })?;
    let what =
        "durable events per server-core-second: Publish, 16 connections x 4 calls of 20 sessions x 25 events";
    Ok(vec![turns.row("F1.2", what, Goal::RatioAtLeast(0.5))])
}

/// F1.5.
pub(super) fn json(workbench: &Workbench) -> io::Result<Vec<Row>> {
    let turns = posts(workbench, "json", sample::post_json)?;
    let what = "durable events per server-core-second: HTTP JSON, 1 event per POST, 256 connections kept";
    let peer = Row::alone(
        "F1.5 peer",
        "the same, against 10 x the EPAS sink's 2 776",
        &turns.ours,
        Goal::AtLeast(27_760.0),
    );
    Ok(vec![turns.row("F1.5", what, Goal::RatioAtLeast(0.6)), peer])
}

/// F1.11.
pub(super) fn cmcd(workbench: &Workbench) -> io::Result<Vec<Row>> {
    let turns = posts(workbench, "empty", sample::post_cmcd)?;
    let what = "CMCD records per server-core-second: 1 record per POST, 256 connections kept";
    Ok(vec![turns.row("F1.11", what, Goal::RatioAtLeast(0.6))])
}

fn posts(workbench: &Workbench, limit: &'static str, write: post::Write) -> io::Result<Turns> {
    turns(workbench, &[limit], async |server: &Server| {
        let mut load = post::Post::open(server.http, POST_CONNECTIONS, write).await?;
        cost(server, load.run(LASTING)).await
    })
}

/// Runs that took turns.
pub(super) struct Turns {
    ours: Vec<f64>,
    limits: Vec<(&'static str, Vec<f64>)>,
    busy: u64,
}

impl Turns {
    pub(super) fn row(&self, name: &str, what: &str, goal: Goal) -> Row {
        let note = if self.busy > 0 { format!("busy {} times", self.busy) } else { String::new() };
        Row { note, ..Row::against(name, what, &self.ours, &self.limits, goal) }
    }
}

/// Runs Playhead and then each limit, all of them again and again, each on a fresh server.
pub(super) fn turns(
    workbench: &Workbench,
    limits: &[&'static str],
    load: impl AsyncFn(&Server) -> io::Result<Cost> + Copy,
) -> io::Result<Turns> {
    let mut turns =
        Turns { ours: Vec::new(), limits: limits.iter().map(|name| (*name, Vec::new())).collect(), busy: 0 };
    for _ in 0..workbench.runs {
        let cost = run("playhead", &workbench.playhead()?, load)?;
        turns.ours.push(cost.per_core_second());
        turns.busy += cost.done.busy;
        for (name, runs) in &mut turns.limits {
            runs.push(run(name, &workbench.limit(name)?, load)?.per_core_second());
        }
    }
    Ok(turns)
}

pub(super) fn run(
    name: &str,
    server: &Server,
    load: impl AsyncFnOnce(&Server) -> io::Result<Cost>,
) -> io::Result<Cost> {
    let cost = workbench::client()?.block_on(load(server))?;
    cost.report(name);
    Ok(cost)
}

/// What a load cost its server.
pub(super) struct Cost {
    done: Done,
    /// All of it, until the server was idle again.
    server: Duration,
    /// What it took while the load ran: near the wall time when it was saturated.
    server_meanwhile: Duration,
}

impl Cost {
    pub(super) fn per_core_second(&self) -> f64 {
        self.done.events as f64 / self.server.as_secs_f64()
    }

    #[expect(clippy::print_stderr, reason = "progress")]
    fn report(&self, name: &str) {
        let wall_s = self.done.wall.as_secs_f64();
        eprintln!(
            "  {name:<10} {:>9.0} /core-s  {:>6.3} us  wall {:>9.0} /s  server {:>3.0} % busy, {:.2} s after  busy {}",
            self.per_core_second(),
            1e6 / self.per_core_second(),
            self.done.events as f64 / wall_s,
            100.0 * self.server_meanwhile.as_secs_f64() / wall_s,
            self.server.saturating_sub(self.server_meanwhile).as_secs_f64(),
            self.done.busy,
        );
    }
}

async fn cost(server: &Server, load: impl Future<Output = io::Result<Done>>) -> io::Result<Cost> {
    let cost = cost_of_answers(server, load).await?;
    // What was shed behind a 204 does not count.
    let events = server.stored()?.map_or(cost.done.events, |stored| stored.min(cost.done.events));
    Ok(Cost { done: Done { events, ..cost.done }, ..cost })
}

/// The same, where every answer counts.
pub(super) async fn cost_of_answers(
    server: &Server,
    load: impl Future<Output = io::Result<Done>>,
) -> io::Result<Cost> {
    let before = server.cpu()?;
    let done = load.await?;
    let meanwhile = server.cpu()?;
    server.settled().await?;
    let after = server.cpu()?;
    let (server, server_meanwhile) = (after.saturating_sub(before), meanwhile.saturating_sub(before));
    Ok(Cost { done, server, server_meanwhile })
}

/// How long each load lasts: several of everything that the engine does by the second.
const LASTING: Duration = Duration::from_secs(6);
/// Events of one stream under way.
const STREAM_WINDOW: u64 = 32;
/// Enough that a commit has something to do while answers travel.
const POST_CONNECTIONS: usize = 256;
