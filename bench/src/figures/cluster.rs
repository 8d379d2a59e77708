//! The rows of a server on a cluster's stores. They need a CQL server and a Redis that run, named by `--cql` and `--redis`:
//! `cargo xtask services up` starts both.

use std::{io, time::Duration};

use playhead_limits::cql_loop::CqlLoop;
use playhead_store::durable::scylla::{self, ScyllaSettings};
use rustix::process::{Pid, Signal, kill_process};

use super::{
    paced::{self, Run},
    row::{Goal, Row},
    workbench::{self, Server, Workbench},
};
use crate::{
    drive::{
        line::Via,
        paced::{Pace, Paced},
    },
    redis, sample,
};

/// F3.2: what a minute and a half of beats comes to in writes, by the CQL server's own count.
pub(super) fn mutations(workbench: &Workbench) -> io::Result<Vec<Row>> {
    let cql = workbench.cluster.cql()?;
    let mut rows = Vec::new();
    for (name, age_ms, most) in [("F3.2 at once", 0, 1_000.0), ("F3.2 after 60 s", 60_000, 200.0)] {
        let (events, all) = written_per_thousand(workbench, cql, age_ms)?;
        let what = format!("CQL writes per 1 000 beats of 10 s, flush_age_ms {age_ms}");
        let of_events = Row::alone(name, &format!("{what}: of sessions"), &[events], Goal::AtMost(most));
        let note = format!("{all:.0} with those of positions and of users' lists");
        rows.push(Row { note, ..of_events });
    }
    Ok(rows)
}

fn written_per_thousand(workbench: &Workbench, cql: &str, age_ms: u64) -> io::Result<(f64, f64)> {
    let keyspace = workbench::client()?.block_on(fresh_keyspace(cql))?.keyspace;
    let server = workbench.playhead_with(&on_cluster(cql, &keyspace, age_ms))?;
    workbench::client()?.block_on(async {
        let driver = CqlLoop::connect(cql, &keyspace).await.map_err(io::Error::other)?;
        let before = Writes::count(&driver, &keyspace).await?;
        let pace = Pace { events_per_s: BEATS_PER_S, warmup: Duration::ZERO, lasting: BEATS_FOR };
        let seen = Paced::open(Via::Grpc, server.grpc, VIEWERS).await?.run(pace).await?;
        tokio::time::sleep(Duration::from_millis(age_ms) + DRAINED_AFTER).await;
        let after = Writes::count(&driver, &keyspace).await?;
        let each = |writes: i64| writes as f64 * 1_000.0 / seen.events as f64;
        Ok((each(after.events - before.events), each(after.all - before.all)))
    })
}

/// How much was written to a keyspace.
struct Writes {
    events: i64,
    all: i64,
}

impl Writes {
    async fn count(driver: &CqlLoop, keyspace: &str) -> io::Result<Self> {
        let count = async |table| {
            let count = driver.writes(keyspace, table).await;
            count.ok_or_else(|| io::Error::other("the CQL server does not count writes as Cassandra 5 does"))
        };
        let events = count("events").await?;
        Ok(Self { events, all: events + count("sessions").await? + count("positions").await? })
    }
}

/// F3.3: an acknowledgement does not wait for the cluster.
pub(super) fn acks(workbench: &Workbench) -> io::Result<Vec<Row>> {
    let (mut embedded, mut healthy, mut frozen, mut down) = (vec![], vec![], vec![], vec![]);
    let mut lag_ms: f64 = 0.0;
    let mut run = |name, server: &Server, runs: &mut Vec<f64>| -> io::Result<()> {
        let run = paced::run(name, server, async |server| {
            let seen = Paced::open(Via::Grpc, server.grpc, paced::CONNECTIONS).await?.run(ACKS).await?;
            Ok(Run { value: paced::ms(&seen.latencies)?, lag_ms: paced::ms(&seen.lags)? })
        })?;
        lag_ms = lag_ms.max(run.lag_ms);
        runs.push(run.value);
        Ok(())
    };
    for _ in 0..workbench.runs {
        run("embedded", &workbench.playhead()?, &mut embedded)?;
        run("healthy", &on_fresh_keyspace(workbench)?, &mut healthy)?;
        let server = on_fresh_keyspace(workbench)?;
        let freezing = Frozen::begin(workbench.cluster.cql_pid()?)?;
        run("frozen", &server, &mut frozen)?;
        drop(freezing);
        run("down", &workbench.playhead_with(&on_cluster(NOBODY, "playhead", FLUSH_AGE_MS))?, &mut down)?;
    }
    let rows = [("healthy", healthy), ("frozen", frozen), ("down", down)].map(|(state, ours)| {
        let what = format!("ack p99, ms: 1 000 connections, 5 000 events/s in all, CQL {state}");
        let limits = [("embedded", embedded.clone())];
        let row = Row::against(&format!("F3.3 {state}"), &what, &ours, &limits, Goal::RatioAtMost(1.2));
        paced::judged(row, lag_ms)
    });
    Ok(rows.into())
}

/// A process that does not run until this is dropped.
struct Frozen(Pid);

impl Frozen {
    fn begin(pid: i32) -> io::Result<Self> {
        let pid = Pid::from_raw(pid).ok_or(io::ErrorKind::InvalidInput)?;
        kill_process(pid, Signal::STOP)?;
        Ok(Self(pid))
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        // It may be gone.
        let _ = kill_process(self.0, Signal::CONT);
    }
}

/// F3.4: a commit's script calls, against the same calls made beforehand.
pub(super) fn hot(workbench: &Workbench) -> io::Result<Vec<Row>> {
    let url = workbench.cluster.redis()?;
    let runtime = workbench::client()?;
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    let (hot, mut calls) = (runtime.block_on(redis::connect(url))?, redis::Bare::connect(url)?);
    for run in 0..=workbench.runs {
        let (mut applied, mut called) = (Duration::ZERO, Duration::ZERO);
        for _ in 0..HOT_ROUNDS {
            applied += redis::apply(&runtime, &hot, HOT_SESSIONS)?;
            called += redis::call(&mut calls, &hot, HOT_SESSIONS)?;
        }
        let per_second = |took: Duration| (HOT_ROUNDS * HOT_SESSIONS) as f64 / took.as_secs_f64();
        // The first warms up.
        if run > 0 {
            ours.push(per_second(applied));
            bare.push(per_second(called));
        }
    }
    let what = format!("hot.apply against Redis, calls/s: {HOT_SESSIONS} sessions a commit");
    let limits = [("bare script, pipelined", bare)];
    Ok(vec![Row::against("F3.4", &what, &ours, &limits, Goal::RatioAtLeast(0.8))])
}

/// What servers are told that share a record and a hot store.
pub(super) fn shared(workbench: &Workbench) -> io::Result<Vec<String>> {
    let cql = workbench.cluster.cql()?;
    let keyspace = workbench::client()?.block_on(fresh_keyspace(cql))?.keyspace;
    let mut settings = on_cluster(cql, &keyspace, FLUSH_AGE_MS);
    settings.push("hot.backend=redis".to_owned());
    settings.push(format!("hot.urls={}", workbench.cluster.redis()?));
    // Neither does it know what another pair of servers said.
    settings.push(format!("hot.prefix={keyspace}"));
    Ok(settings)
}

fn on_fresh_keyspace(workbench: &Workbench) -> io::Result<Server> {
    workbench.playhead_with(&on_fresh_cql(workbench)?)
}

/// What a server is told whose record is a keyspace of its own.
pub(super) fn on_fresh_cql(workbench: &Workbench) -> io::Result<Vec<String>> {
    let cql = workbench.cluster.cql()?;
    let keyspace = workbench::client()?.block_on(fresh_keyspace(cql))?.keyspace;
    Ok(on_cluster(cql, &keyspace, FLUSH_AGE_MS))
}

/// A keyspace that knows no session yet: what is there already would be a duplicate to a server.
pub(super) async fn fresh_keyspace(cql: &str) -> io::Result<ScyllaSettings> {
    let settings = ScyllaSettings {
        contact_points: vec![cql.to_owned()],
        keyspace: format!("figures_{}", sample::now_ms()),
        ..ScyllaSettings::default()
    };
    let replication = format!("{}:1", settings.datacenter).parse().map_err(io::Error::other)?;
    scylla::migrate(&settings, &replication, false).await.map_err(io::Error::other)?;
    Ok(settings)
}

/// What a server is told that keeps its record there.
fn on_cluster(cql: &str, keyspace: &str, flush_age_ms: u64) -> Vec<String> {
    vec![
        "durable.backend=scylla".to_owned(),
        format!("durable.contact_points={cql}"),
        format!("durable.keyspace={keyspace}"),
        format!("engine.flush_age_ms={flush_age_ms}"),
    ]
}

/// The default.
const FLUSH_AGE_MS: u64 = 1_000;
/// Where nobody listens.
const NOBODY: &str = "127.0.0.1:1";
const VIEWERS: usize = 1_000;
/// Of each viewer one in 10 s.
const BEATS_PER_S: u32 = 100;
/// Twelve beats of each: two whole ages of 60 s.
const BEATS_FOR: Duration = Duration::from_secs(120);
const DRAINED_AFTER: Duration = Duration::from_secs(5);
const ACKS: Pace =
    Pace { events_per_s: 5_000, warmup: Duration::from_secs(2), lasting: Duration::from_secs(8) };
const HOT_SESSIONS: usize = 500;
const HOT_ROUNDS: usize = 200;
