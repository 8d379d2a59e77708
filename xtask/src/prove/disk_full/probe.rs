//! One caller that writes and reads, and remembers how it was answered.

use std::{
    fmt,
    time::{Duration, Instant},
};

use crate::prove::{
    http::{self, Answer},
    server::Ports,
};

/// Writes events of one session and reads its viewer's position.
pub(super) struct Probe {
    ports: Ports,
    seq: u64,
}

/// How an event was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answered {
    /// It is durable.
    Taken,
    /// Come again later.
    Busy,
    /// Anything else, or nothing in time.
    Otherwise(String),
}

impl Probe {
    pub(super) fn new(ports: Ports) -> Self {
        Self { ports, seq: 0 }
    }

    /// Offers the next event, and says how long the answer took. One that was not taken is not offered again: each answer
    /// stands for itself.
    pub(super) fn write(&mut self) -> (Answered, Duration) {
        self.seq += 1;
        let event = format!(r#"{{"kind":"BEAT","seq":{},"position_ms":600000}}"#, self.seq);
        let session = format!(r#"{{"session_id":"{USER}","item_id":"movie"}}"#);
        let body = format!(r#"{{"session":{session},"events":[{event}]}}"#);
        let begun = Instant::now();
        let answer = http::post(self.ports.http, "/v1/events", USER, &body, PATIENCE);
        let answered = match answer {
            Ok(answer) => judge(&answer),
            Err(error) => Answered::Otherwise(error.to_string()),
        };
        (answered, begun.elapsed())
    }

    /// Reads its viewer's position back. True if it came.
    pub(super) fn read(&self) -> bool {
        let path = format!("/v1/users/{USER}/positions/movie");
        let answer = http::get_as(self.ports.http, &path, USER, PATIENCE);
        answer.is_ok_and(|answer| answer.status == 200)
    }
}

fn judge(answer: &Answer) -> Answered {
    match answer.status {
        200 if answer.body.contains(r#""stored":1"#) => Answered::Taken,
        429 | 503 if answer.body.contains("BUSY") => Answered::Busy,
        status => Answered::Otherwise(format!("{status} {}", answer.body)),
    }
}

/// How often what was answered.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub(super) taken: u64,
    pub(super) busy: u64,
    pub(super) others: u64,
    /// The first of the others.
    pub(super) example: String,
    pub(super) slowest_taken: Duration,
    pub(super) slowest_busy: Duration,
    pub(super) reads: u64,
    pub(super) reads_failed: u64,
}

impl Tally {
    pub(super) fn write(&mut self, (answered, took): (Answered, Duration)) {
        match answered {
            Answered::Taken => {
                self.taken += 1;
                self.slowest_taken = self.slowest_taken.max(took);
            }
            Answered::Busy => {
                self.busy += 1;
                self.slowest_busy = self.slowest_busy.max(took);
            }
            Answered::Otherwise(what) => {
                self.others += 1;
                if self.example.is_empty() {
                    self.example = format!("{what}, after {took:.1?}");
                }
            }
        }
    }

    pub(super) fn read(&mut self, came: bool) {
        self.reads += 1;
        self.reads_failed += u64::from(!came);
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { taken, busy, others, slowest_busy, reads, reads_failed, .. } = self;
        let read = reads - reads_failed;
        write!(
            f,
            "while full {busy} busy (slowest {slowest_busy:.0?}), {taken} taken, {others} otherwise, {read} of {reads} reads"
        )
    }
}

const USER: &str = "probe";
/// Whoever is not answered by then is left hanging.
const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_apart() {
        let of = |status, body: &str| judge(&Answer { status, body: body.into() });
        assert_eq!(of(200, r#"{"stored":1,"duplicate":0}"#), Answered::Taken);
        assert_eq!(of(503, r#"{"error":{"reason":"BUSY"}}"#), Answered::Busy);
        assert!(matches!(of(503, r#"{"error":{"reason":"STOPPING"}}"#), Answered::Otherwise(_)));
        assert!(matches!(of(200, r#"{"stored":0,"duplicate":1}"#), Answered::Otherwise(_)));
    }

    #[test]
    fn the_tally_keeps_the_first_strange_answer() {
        let mut tally = Tally::default();
        for what in ["500 a", "500 b"] {
            tally.write((Answered::Otherwise(what.into()), Duration::from_secs(5)));
        }
        tally.write((Answered::Busy, Duration::from_millis(3)));
        tally.read(true);
        tally.read(false);
        assert_eq!((tally.others, tally.busy, tally.reads, tally.reads_failed), (2, 1, 2, 1));
        assert_eq!(tally.example, "500 a, after 5.0s");
    }
}
