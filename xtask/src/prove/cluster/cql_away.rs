//! `cql-down`, `cql-frozen`, `cql-slow`: the only CQL server is killed and comes back, stands still, answers slowly. Players
//! are acknowledged from the journal as before; afterwards all of it is in the server.

use std::time::{Duration, Instant};

use super::{
    seconds::At,
    servers::Servers,
    trial::{CALM, Found, Trial},
};
use crate::prove::{metrics::Metrics, stage::Stage, stop::Step};

/// Killed, and started again after a while.
pub(in crate::prove) fn down(stage: &mut Stage<'_>) -> Step {
    let away = Duration::from_secs(stage.form(12, 60));
    play(stage, away, STARTS, |stage, servers| {
        servers.kill_cql(0)?;
        stage.waiting.nap(away)?;
        servers.start_cql(0)
    })?
    .sum_up(stage, KILLED, true)
}

/// Stopped where it stands.
pub(in crate::prove) fn frozen(stage: &mut Stage<'_>) -> Step {
    let away = Duration::from_secs(stage.form(8, 30));
    play(stage, away, Duration::ZERO, |stage, servers| {
        servers.freeze_cql()?;
        stage.waiting.nap(away)?;
        servers.thaw_cql()
    })?
    .sum_up(stage, "frozen", true)
}

/// Most of the time it stands still, for moments that are shorter than anybody's patience.
pub(in crate::prove) fn slow(stage: &mut Stage<'_>) -> Step {
    let away = Duration::from_secs(stage.form(8, 60));
    let played = play(stage, away, Duration::ZERO, |stage, servers| {
        let begun = Instant::now();
        while begun.elapsed() < away {
            servers.freeze_cql()?;
            let still = stage.moment(STILL_MS);
            stage.waiting.nap(still)?;
            servers.thaw_cql()?;
            stage.waiting.nap(MOVING)?;
        }
        Ok(())
    })?;
    let Writes { count, took } = played.writes;
    let (least, away) = (played.away / 2, played.away);
    // While it moves, a quick machine writes often and fast; most of the time writes have to wait all the same.
    stage.claim(
        took >= least,
        format!("{count} writes took {took:.1?} of {away:.1?}, to be slow {least:.1?}"),
    );
    played.sum_up(stage, &format!("{count} writes took {:.1} s, slow", took.as_secs_f64()), false)
}

/// What came of a fault.
struct Played {
    found: Found,
    from: At,
    to: At,
    away: Duration,
    waiting: u64,
    caught_up: Duration,
    writes: Writes,
}

/// What was written to it meanwhile.
#[derive(Debug, Clone, Copy)]
struct Writes {
    count: u64,
    /// All of them together.
    took: Duration,
}

/// Plays a fault of the only CQL server while players play.
fn play(
    stage: &mut Stage<'_>,
    away: Duration,
    returns: Duration,
    fault: impl FnOnce(&mut Stage<'_>, &mut Servers) -> Step,
) -> Step<Played> {
    let mut servers = Servers::of(stage, 1)?;
    let trial = Trial::begin(stage, &servers, &[], CALM + away + returns + AFTER)?;
    trial.calm(stage)?;
    let before = trial.server.metrics()?;
    let (from, begun) = (At::now(), Instant::now());
    fault(stage, &mut servers)?;
    let (away, back) = (begun.elapsed(), Instant::now());
    let waiting = trial.backlog()?;
    let writes = Writes::between(&before, &trial.server.metrics()?);
    stage.say(format!("it is back after {:.1} s, {waiting} events wait", away.as_secs_f64()));
    let caught_up = trial.catch_up(stage, back)?;
    let to = At::now();
    let found = trial.finish(stage, &servers)?;
    stage.servers = Some(servers);
    Ok(Played { found, from, to, away, waiting, caught_up, writes })
}

impl Writes {
    /// Those between two looks.
    fn between(before: &Metrics, after: &Metrics) -> Self {
        let more = |what: &str, units| {
            let name = format!("playhead_store_write_seconds_{what}");
            after.in_units(&name, units).saturating_sub(before.in_units(&name, units))
        };
        Self { count: more("count", 1), took: Duration::from_millis(more("sum", 1_000)) }
    }
}

impl Played {
    fn sum_up(self, stage: &mut Stage<'_>, how: &str, is_away: bool) -> Step {
        let Self { found, from, to, away, waiting, caught_up, .. } = self;
        let seconds = found.seconds(stage, from, to, "while it was away and until all was drained");
        if how == KILLED {
            found.counted(stage, "playhead_store_repeated_events_total");
        }
        let retried = match is_away {
            true => found.counted(stage, "playhead_store_retried_total"),
            false => found.metrics.sum("playhead_store_retried_total"),
        };
        stage.sum_up(format!(
            "{how} for {:.0} s: {seconds}; {waiting} events waited, drained after {:.1} s; {retried} writes retried; {}",
            away.as_secs_f64(),
            caught_up.as_secs_f64(),
            found.summary()
        ));
        Ok(())
    }
}

const KILLED: &str = "killed";
/// How long it takes to start, at a low priority.
const STARTS: Duration = Duration::from_secs(12);
/// How long players play on when it is back.
const AFTER: Duration = Duration::from_secs(6);
/// How long it stands still each time, ms.
const STILL_MS: std::ops::RangeInclusive<u64> = 300..=700;
const MOVING: Duration = Duration::from_millis(60);
