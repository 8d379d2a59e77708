//! `redis-killed`, `redis-empty`, `redis-scripts`, `redis-promoted`, `redis-frozen`: Redis fails in five ways while players
//! play. Nobody who plays within the limits is stopped; whoever slipped in meanwhile is found one beat after Redis is back;
//! acknowledgements go on.

use std::time::{Duration, Instant};

use super::{
    families::{BEAT, FAMILIES, Families},
    seconds::At,
    servers::{Servers, stopped},
    trial::{CALM, Found, Trial},
};
use crate::prove::{stage::Stage, stop::Step};

/// Killed, and started again with what its file has.
pub(in crate::prove) fn killed(stage: &mut Stage<'_>) -> Step {
    let away = Duration::from_secs(stage.form(7, 30));
    play(stage, "killed", away, Admits::All, |stage, servers, families| {
        let (redis, _) = servers.redis();
        servers.own().kill(redis).map_err(stopped)?;
        let admitted = intrude_and_wait(stage, families, away)?;
        servers.own().start(redis).map_err(stopped)?;
        Ok(admitted)
    })
}

/// Stopped where it stands, for longer than a stream counts without beats.
pub(in crate::prove) fn frozen(stage: &mut Stage<'_>) -> Step {
    let away = Duration::from_secs(stage.form(8, 30));
    play(stage, "frozen", away, Admits::All, |stage, servers, families| {
        let (redis, _) = servers.redis();
        servers.own().freeze(redis).map_err(stopped)?;
        let admitted = intrude_and_wait(stage, families, away)?;
        servers.own().thaw(redis).map_err(stopped)?;
        Ok(admitted)
    })
}

/// Emptied at once, several times.
pub(in crate::prove) fn empty(stage: &mut Stage<'_>) -> Step {
    let times = stage.form(2, 20);
    play(stage, "emptied", EMPTY_EVERY * times, Admits::Some, |stage, servers, families| {
        let (_, port) = servers.redis();
        for _ in 1..times {
            servers.ask_redis(port, "FLUSHALL")?;
            stage.waiting.nap(EMPTY_EVERY)?;
        }
        servers.ask_redis(port, "FLUSHALL")?;
        families.intrude()
    })
}

/// Forgets the scripts, again and again, and nothing else: nobody slips in.
pub(in crate::prove) fn scripts(stage: &mut Stage<'_>) -> Step {
    let times = stage.form(20, 100);
    play(stage, "without scripts", FORGET_EVERY * times, Admits::None, |stage, servers, families| {
        let (_, port) = servers.redis();
        for _ in 0..times {
            servers.ask_redis(port, "SCRIPT FLUSH")?;
            stage.waiting.nap(FORGET_EVERY)?;
        }
        families.intrude()
    })
}

/// The master is killed, and what is promoted is a replica that had heard nothing of the families.
pub(in crate::prove) fn promoted(stage: &mut Stage<'_>) -> Step {
    let mut servers = Servers::of(stage, 1)?;
    let (replica, port) = servers.replica()?;
    let (redis, main) = servers.redis();
    let urls = format!("hot.urls=redis://127.0.0.1:{main},redis://127.0.0.1:{port}");
    let trial = Trial::begin(stage, &servers, &[&urls], CALM * 2 + AFTER)?;
    trial.calm(stage)?;
    servers.ask_redis(port, "REPLICAOF NO ONE")?;
    let families = Families::begin(stage, trial.server.ports)?;
    trial.calm(stage)?;
    let from = At::now();
    servers.own().kill(redis).map_err(stopped)?;
    let admitted = families.intrude()?;
    let healed = heal(stage, &families, Instant::now())?;
    let played = Played { trial, families, from, admitted, healed };
    let summary = played.finish(stage, &servers, Admits::Some)?;
    // As it was, for whoever comes next.
    servers.own().kill(replica).map_err(stopped)?;
    servers.own().start(redis).map_err(stopped)?;
    stage.sum_up(format!("a replica promoted that knew nothing of {FAMILIES} families: {summary}"));
    stage.servers = Some(servers);
    Ok(())
}

/// How many intruders the fault lets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Admits {
    All,
    /// Those who are faster than the beats that bring back what was forgotten.
    Some,
    None,
}

/// Plays a fault while players and families play.
fn play(
    stage: &mut Stage<'_>,
    how: &str,
    away: Duration,
    admits: Admits,
    fault: impl FnOnce(&mut Stage<'_>, &mut Servers, &Families) -> Step<usize>,
) -> Step {
    let mut servers = Servers::of(stage, 1)?;
    let trial = Trial::begin(stage, &servers, &[], CALM + away + AFTER)?;
    let families = Families::begin(stage, trial.server.ports)?;
    trial.calm(stage)?;
    let (from, begun) = (At::now(), Instant::now());
    let admitted = fault(stage, &mut servers, &families)?;
    let (away, back) = (begun.elapsed(), Instant::now());
    let healed = heal(stage, &families, back)?;
    let played = Played { trial, families, from, admitted, healed };
    let summary = played.finish(stage, &servers, admits)?;
    stage.sum_up(format!("{how} for {:.0} s: {summary}", away.as_secs_f64()));
    stage.servers = Some(servers);
    Ok(())
}

/// Once the node knows that Redis is away, intruders come.
fn intrude_and_wait(stage: &Stage<'_>, families: &Families, away: Duration) -> Step<usize> {
    let begun = Instant::now();
    stage.waiting.nap(NOTICED)?;
    let admitted = families.intrude()?;
    stage.waiting.nap(away.saturating_sub(begun.elapsed()))?;
    Ok(admitted)
}

/// Waits until each family runs its own streams and no other, and says how long that took.
fn heal(stage: &mut Stage<'_>, families: &Families, back: Instant) -> Step<Duration> {
    let healed = stage.waiting.until(GIVE_UP, || Ok((families.not_themselves() == 0).then_some(())))?;
    let took = back.elapsed();
    stage.claim(
        healed.is_some() && took <= HEALED_WITHIN,
        format!("each family runs its own streams alone after {took:.1?}, allowed {HEALED_WITHIN:?}"),
    );
    Ok(took)
}

struct Played {
    trial: Trial,
    families: Families,
    from: At,
    admitted: usize,
    healed: Duration,
}

impl Played {
    fn finish(self, stage: &mut Stage<'_>, servers: &Servers, admits: Admits) -> Step<String> {
        let Self { trial, families, from, admitted, healed } = self;
        let is_expected = match admits {
            Admits::All => admitted == FAMILIES,
            Admits::Some => admitted > 0,
            Admits::None => admitted == 0,
        };
        stage.claim(is_expected, format!("{admitted} of {FAMILIES} slipped in, expected were {admits:?}"));
        // Whoever is to be stopped wrongly is stopped with the next beats.
        stage.waiting.nap(2 * BEAT)?;
        let tally = families.finish(stage)?;
        let to = At::now();
        let found = trial.finish(stage, servers)?;
        let seconds = found.seconds(stage, from, to, "from the fault on");
        denied_alone(stage, &found);
        let failed = match admits {
            Admits::All => {
                found.counted(stage, "playhead_leases_unanswered_total");
                found.counted(stage, "playhead_hot_failed_total")
            }
            Admits::Some | Admits::None => found.metrics.sum("playhead_hot_failed_total"),
        };
        Ok(format!(
            "{seconds}; {admitted} of {FAMILIES} slipped in, found after {:.1} s; none of {} beats within the limit and no \
             other stream was stopped; {failed} commits without Redis; {}",
            healed.as_secs_f64(),
            tally.beats,
            found.summary()
        ))
    }
}

/// Nobody is denied but the intruders, each of whom is in the end.
fn denied_alone(stage: &mut Stage<'_>, found: &Found) {
    let denied = found.metrics.sum("playhead_leases_denied_total");
    stage.claim(
        denied == FAMILIES as u64,
        format!("{denied} streams were denied, {FAMILIES} were one too many"),
    );
}

/// How long players play on when Redis is back.
const AFTER: Duration = Duration::from_secs(8);
/// How long the node is given to know that Redis is away.
const NOTICED: Duration = Duration::from_secs(1);
const EMPTY_EVERY: Duration = Duration::from_secs(3);
const FORGET_EVERY: Duration = Duration::from_millis(200);
/// A beat of each who was there before, behind the second that the node takes to find Redis again, and a look.
const HEALED_WITHIN: Duration = BEAT.saturating_add(Duration::from_millis(2_500));
const GIVE_UP: Duration = Duration::from_secs(30);
