//! The closing table, for people and for programs.

use std::{fmt::Write, time::Duration};

use playhead_load::law::Law;
use serde_json::{Value, json};

use super::{
    figures::{Snapshot, ms},
    readback::Found,
};
use crate::cli::Demo;

/// What the demo came to.
pub(super) struct Table {
    pub(super) asked: Asked,
    pub(super) url: String,
    pub(super) run: String,
    pub(super) lasted: Duration,
    pub(super) last: Snapshot,
    pub(super) found: Found,
    /// The server's own count, where it is the demo's own server.
    pub(super) law: Option<Law>,
}

/// What was asked for.
pub(super) struct Asked {
    viewers: u32,
    seed: u64,
    speedup: u32,
}

impl From<&Demo> for Asked {
    fn from(asked: &Demo) -> Self {
        Self { viewers: asked.viewers, seed: asked.seed, speedup: asked.speedup }
    }
}

impl Table {
    /// True when something was acknowledged, all of it was read back, and the server's count adds up.
    pub(super) fn is_good(&self) -> bool {
        let found = &self.found;
        let is_complete =
            found.events == self.last.acked && found.missing + found.wrong + found.positions_wrong == 0;
        self.last.acked > 0 && is_complete && self.law.as_ref().is_none_or(Law::holds)
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let Table { asked, last, found, .. } = self;
        let unacked = last.offered.saturating_sub(last.acked + last.refused);
        let mut out = format!(
            "{} viewers, seed {}, {} x speed, {:.1} s, {}\n\n",
            asked.viewers,
            asked.seed,
            asked.speedup,
            self.lasted.as_secs_f64(),
            self.url
        );
        let rows = [
            ("offered", format!("{} events in {} sessions", last.offered, last.sessions)),
            ("acked", format!("{} events, each durable before it was acknowledged", last.acked)),
            ("not acked", format!("{unacked} open, {} refused", last.refused)),
            ("busy answers", last.busy.to_string()),
            ("reconnects", last.reconnects.to_string()),
            ("ack p50", format!("{} ms", ms(last.ack_p50_us))),
            ("ack p99", format!("{} ms", ms(last.ack_p99_us))),
            ("ack max", format!("{} ms", ms(last.ack_max_us))),
            (
                "read back",
                format!("{} events, {} missing, {} wrong", found.events, found.missing, found.wrong),
            ),
            ("positions", format!("{} as expected, {} not", found.positions, found.positions_wrong)),
        ];
        let law = self.law.as_ref().map(|law| ("server's count", law.to_string()));
        for (name, value) in rows.into_iter().chain(law) {
            let _ = writeln!(out, "  {name:<15} {value}");
        }
        for mismatch in &found.mismatches {
            let _ = writeln!(out, "  ! {mismatch}");
        }
        let verdict =
            if self.is_good() { "GOOD: every acknowledged event is there" } else { "BAD: see above" };
        let _ = writeln!(out, "\n{verdict}");
        out
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        let Table { asked, last, found, .. } = self;
        json!({
            "good": self.is_good(),
            "server": self.url, "run": self.run,
            "viewers": asked.viewers, "seed": asked.seed, "speedup": asked.speedup,
            "lasted_ms": u64::try_from(self.lasted.as_millis()).unwrap_or(u64::MAX),
            "offered": last.offered, "acked": last.acked, "refused": last.refused, "busy": last.busy,
            "reconnects": last.reconnects, "sessions": last.sessions,
            "ack_p50_us": last.ack_p50_us, "ack_p99_us": last.ack_p99_us, "ack_max_us": last.ack_max_us,
            "read_back": {
                "events": found.events, "missing": found.missing, "wrong": found.wrong,
                "positions": found.positions, "positions_wrong": found.positions_wrong,
                "mismatches": found.mismatches,
            },
            "law": self.law.as_ref().map(|law| json!({
                "holds": law.holds(), "offered": law.offered, "ended": law.ended, "held": law.held,
            })),
        })
    }

    /// What to try next.
    pub(super) fn next_steps(&self) -> String {
        if self.law.is_some() {
            return OWN_NEXT.to_owned();
        }
        let user = super::drive::user(&self.run, 0);
        format!(
            "Next, with the server's HTTP and admin addresses:
  curl -H 'authorization: Bearer {user}' http://127.0.0.1:7480/v1/users/{user}/continue-watching
  curl -H 'authorization: Bearer {user}' http://127.0.0.1:7480/v1/users/{user}/sessions
  curl http://127.0.0.1:7490/metrics"
        )
    }
}

const OWN_NEXT: &str = "The demo's server and its data are gone. Next, with one that stays:
  playhead serve
  playhead demo --server http://127.0.0.1:7450
  playhead tap --limit 5
  curl http://127.0.0.1:7490/metrics";
