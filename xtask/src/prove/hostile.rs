//! `hostile`: peers that mean no good beside players that do. Each attack is cut or bounded, the server lives and holds
//! little more memory, and the players hardly notice.
//!
//! The attackers are Python (`load-tests/peers/hostile.py`), so that nothing of them is ours. They run at the lowest
//! priority: on a real network they would not share the server's processor.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use super::{
    ledger, load,
    server::{Plan, Server},
    stage::Stage,
    stop::{Step, Stop},
};
use crate::steps;

mod attacker;

use attacker::{Attacker, Tally};

/// An attack, and what has to become of it.
struct Attack {
    name: &'static str,
    expected: Expected,
    against: Against,
}

/// What the server has to do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// Cut the connections.
    Cut,
    /// Refuse what was asked, without waiting for all of it.
    Refused,
    /// Go on, and hold no more than it may.
    Bounded,
    /// Send no more than three times what came from an address that did not prove itself (RFC 9000, section 8.1).
    NotAmplified,
}

/// Which edges are attacked, and where the honest players are meanwhile.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Against {
    /// gRPC and HTTP without encryption; players over gRPC.
    Tcp,
    /// The same with encryption; players over QUIC.
    Tls,
    /// QUIC; players over QUIC.
    Quic,
}

const fn attack(name: &'static str, expected: Expected, against: Against) -> Attack {
    Attack { name, expected, against }
}

const ATTACKS: [Attack; 17] = [
    attack("rapid-reset", Expected::Cut, Against::Tcp),
    attack("made-you-reset", Expected::Cut, Against::Tcp),
    attack("continuation-flood", Expected::Cut, Against::Tcp),
    attack("stream-flood", Expected::Bounded, Against::Tcp),
    attack("ping-flood", Expected::Cut, Against::Tcp),
    attack("settings-flood", Expected::Cut, Against::Tcp),
    attack("silent-tcp", Expected::Cut, Against::Tcp),
    attack("half-handshakes", Expected::Cut, Against::Tls),
    attack("slow-headers", Expected::Cut, Against::Tcp),
    attack("slow-body", Expected::Refused, Against::Tcp),
    attack("never-reads", Expected::Cut, Against::Tcp),
    attack("gzip-bomb", Expected::Refused, Against::Tcp),
    attack("giant-length", Expected::Refused, Against::Tcp),
    attack("deep-nesting", Expected::Refused, Against::Tcp),
    attack("quic-initial-flood", Expected::NotAmplified, Against::Quic),
    attack("quic-handshakes", Expected::Bounded, Against::Quic),
    attack("quic-gaps", Expected::Bounded, Against::Quic),
];

/// Plays it.
pub(super) fn play(stage: &mut Stage<'_>) -> Step {
    let python = steps::peer_python(&stage.root).map_err(Stop::Failed)?.map_err(Stop::Skipped)?;
    let mut found = Vec::new();
    for against in [Against::Tcp, Against::Tls, Against::Quic] {
        let data = stage.folder.join(against.name());
        let plain = stage.server_in(data)?.with(&SETTINGS);
        let server = against.set(plain.clone()).start(stage.waiting)?;
        let mut ledgers = Vec::new();
        for attack in ATTACKS.iter().filter(|attack| attack.against == against) {
            found.push(endure(stage, &python, &server, attack, &mut ledgers)?);
        }
        has_not_panicked(stage, &plain);
        server.kill()?;
        // The check asks without encryption, and behind a kill it asks more.
        let server = plain.start(stage.waiting)?;
        for ledger in &ledgers {
            ledger::claim_all_there(stage, ledger, server.ports, "after the attacks")?;
        }
        server.kill()?;
    }
    stage.sum_up(format!("{} attacks of {} s: {}", ATTACKS.len(), seconds(stage), found.join("; ")));
    Ok(())
}

/// Lets players play, then players and attackers for as long, and holds one against the other.
fn endure(
    stage: &mut Stage<'_>,
    python: &Path,
    server: &Server,
    attack: &Attack,
    ledgers: &mut Vec<PathBuf>,
) -> Step<String> {
    let (name, seconds) = (attack.name, seconds(stage));
    let mut best = Endured::NONE;
    // A disk that stalls in one try is not what the attack did, nor an excuse for it: the least of all calms is held against
    // the least of all attacks.
    for attempt in 1..=stage.form(1, TRIES) {
        let players = players(stage, attack, seconds);
        let calm = players.run(stage, server.ports, &format!("{name}-{attempt}-before"))?.0;
        let loading = players.start(stage, server.ports, &format!("{name}-{attempt}"))?;
        let attacker = Attacker::start(stage, python, name, server.ports, seconds)?;
        let tally = attacker.finish(stage)?;
        let (report, ledger) = loading.finish(stage)?;
        ledgers.push(ledger);
        let endured = Endured::new(&calm, &report);
        stage.say(format!("{name} {tally}, {endured}"));
        attack.judge(stage, tally);
        let more_mb = endured.most_mb.saturating_sub(endured.before_mb);
        stage.claim(more_mb <= MEMORY_MB, format!("{name}: {endured}, {MEMORY_MB} more allowed"));
        best = best.least(endured);
        if best.slower() <= SLOWER {
            break;
        }
    }
    if stage.is_long {
        stage.claim(best.slower() <= SLOWER, format!("{name}: {best}, {SLOWER} times allowed"));
    }
    Ok(format!("{name} {:.0} to {:.0} ms", best.calm_ms, best.p99_ms))
}

/// What the players and the server noticed of an attack.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Endured {
    calm_ms: f64,
    p99_ms: f64,
    before_mb: u64,
    most_mb: u64,
}

impl Endured {
    /// Before the first try.
    const NONE: Self = Self { calm_ms: f64::INFINITY, p99_ms: f64::INFINITY, before_mb: 0, most_mb: 0 };

    fn new(calm: &load::Report, attacked: &load::Report) -> Self {
        Self {
            calm_ms: calm.ack_p99_ms,
            p99_ms: attacked.ack_p99_ms,
            before_mb: calm.rss_bytes_max >> 20,
            most_mb: attacked.rss_bytes_max >> 20,
        }
    }

    /// The least latency of each, and the memory of the later.
    fn least(self, later: Self) -> Self {
        let (calm_ms, p99_ms) = (self.calm_ms.min(later.calm_ms), self.p99_ms.min(later.p99_ms));
        Self { calm_ms, p99_ms, ..later }
    }

    /// How many times slower the players were.
    fn slower(self) -> f64 {
        self.p99_ms / self.calm_ms
    }
}

impl fmt::Display for Endured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { calm_ms, p99_ms, before_mb, most_mb } = self;
        write!(f, "p99 {calm_ms:.1} then {p99_ms:.1} ms, {before_mb} then {most_mb} MB")
    }
}

impl Attack {
    fn judge(&self, stage: &mut Stage<'_>, tally: Tally) {
        let name = self.name;
        stage.claim(tally.opened > 0, format!("{name}: it was attacked"));
        let (is_so, text) = match self.expected {
            Expected::Cut => (tally.cut > 0, "its connections were cut"),
            Expected::Refused => (tally.answered + tally.cut > 0, "it was refused"),
            Expected::Bounded => (true, ""),
            Expected::NotAmplified => (
                tally.received_bytes <= AMPLIFIED_MAX * tally.sent_bytes,
                "no more than thrice what was sent",
            ),
        };
        stage.claim(is_so, format!("{name}: {text}: {tally}"));
    }
}

impl Against {
    fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Quic => "quic",
        }
    }

    fn set(self, plan: Plan) -> Plan {
        match self {
            Self::Tls => plan.with(&["tls.development=true"]),
            Self::Tcp | Self::Quic => plan,
        }
    }

    /// The way in of the honest players.
    fn honest(self) -> &'static str {
        match self {
            Self::Tcp => "grpc-connect",
            Self::Tls | Self::Quic => "quic-stream",
        }
    }
}

fn players(stage: &Stage<'_>, attack: &Attack, duration_s: u64) -> load::Plan {
    let events_per_s = stage.form(EVENTS_PER_S_SHORT, EVENTS_PER_S);
    load::Plan { edge: attack.against.honest(), ..load::Plan::players(events_per_s, duration_s) }
}

fn seconds(stage: &Stage<'_>) -> u64 {
    stage.form(SECONDS_SHORT, SECONDS)
}

fn has_not_panicked(stage: &mut Stage<'_>, plan: &Plan) {
    let log = fs::read_to_string(plan.log()).unwrap_or_default();
    let panicked = log.lines().find(|line| line.contains("panicked"));
    stage.claim(panicked.is_none(), format!("the server panicked: {}", panicked.unwrap_or_default()));
}

/// Shorter than by default, so that each of them is met within an attack.
const SETTINGS: [&str; 5] = [
    "edge.handshake_ms_max=1500",
    "edge.headers_ms_max=1500",
    "edge.write_ms_max=1500",
    "edge.call_ms_max=1500",
    "edge.body_ms_max=1500",
];
const SECONDS: u64 = 20;
const SECONDS_SHORT: u64 = 4;
/// A quarter of what two cores take that the players share.
const EVENTS_PER_S: u32 = 4_000;
const EVENTS_PER_S_SHORT: u32 = 500;
const TRIES: u32 = 5;
/// The promises.
const SLOWER: f64 = 2.0;
const MEMORY_MB: u64 = 64;
const AMPLIFIED_MAX: u64 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_in_one_try_neither_counts_nor_excuses() {
        let tried = |calm_ms, p99_ms| Endured { calm_ms, p99_ms, before_mb: 50, most_mb: 60 };
        let stalled_attack = Endured::NONE.least(tried(5.0, 200.0)).least(tried(6.0, 9.0));
        assert_eq!((stalled_attack.calm_ms, stalled_attack.p99_ms), (5.0, 9.0));
        let stalled_calm = Endured::NONE.least(tried(6.6, 23.1)).least(tried(123.6, 17.4));
        assert!(stalled_calm.slower() > SLOWER, "{stalled_calm}");
    }
}
