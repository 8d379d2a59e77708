//! When the next beat is due: the server says how far apart they are.

use std::time::{Duration, Instant};

/// A session's rhythm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Beats {
    interval: Duration,
    last: Option<Instant>,
}

impl Default for Beats {
    fn default() -> Self {
        Self { interval: INTERVAL, last: None }
    }
}

impl Beats {
    /// The server says how long from now the next beat is wanted; 0 says nothing.
    pub(crate) fn hear(&mut self, next_beat_ms: u32) {
        if next_beat_ms > 0 {
            self.interval = Duration::from_millis(next_beat_ms.into()).clamp(INTERVAL_MIN, INTERVAL_MAX);
        }
    }

    /// An event was offered: whatever it was, it says that the session is alive.
    pub(crate) fn offered(&mut self, now: Instant) {
        self.last = Some(now);
    }

    /// How far beats are apart.
    pub(crate) fn interval(&self) -> Duration {
        self.interval
    }

    /// When the next beat is due; at once if nothing was offered yet.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.last.map(|last| last + self.interval)
    }
}

/// Until the server says another.
const INTERVAL: Duration = Duration::from_secs(10);
/// A server that asks for more than this is not believed.
const INTERVAL_MIN: Duration = Duration::from_millis(500);
/// Nor one that asks for less: a lease would not live so long.
const INTERVAL_MAX: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_drives_the_interval_within_bounds() {
        let (mut beats, now) = (Beats::default(), Instant::now());
        assert_eq!(beats.due(), None, "at once");
        beats.offered(now);
        assert_eq!(beats.due(), Some(now + Duration::from_secs(10)));
        beats.hear(30_000);
        assert_eq!(beats.due(), Some(now + Duration::from_secs(30)));
        beats.hear(0);
        assert_eq!(beats.interval(), Duration::from_secs(30), "nothing was said");
        beats.hear(1);
        assert_eq!(beats.interval(), INTERVAL_MIN);
        beats.hear(u32::MAX);
        assert_eq!(beats.interval(), INTERVAL_MAX);
    }
}
