//! When what is to be sent: computed ahead, from the scenario alone. Nothing that a server does moves it.

use std::time::Duration;

/// From a time on, a rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Since the beginning of the run, seconds.
    pub at_s: f64,
    /// Events per second.
    pub events_per_s: f64,
}

/// A rate over time, in messages, until the end.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Schedule {
    pieces: Vec<Piece>,
}

/// A part of the run with one rate.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Piece {
    from_s: f64,
    to_s: f64,
    per_s: f64,
    /// Messages due before it.
    before: f64,
}

impl Schedule {
    /// Messages of `events_per_message`, at the rates of `steps`, of which the first begins at 0.
    pub(crate) fn new(steps: &[Step], events_per_message: u32, lasts: Duration) -> Self {
        let end_s = lasts.as_secs_f64();
        let mut pieces: Vec<Piece> = Vec::with_capacity(steps.len());
        let mut before = 0.0;
        for (at, step) in steps.iter().enumerate() {
            let to_s = steps.get(at + 1).map_or(end_s, |next| next.at_s).min(end_s);
            let per_s = step.events_per_s / f64::from(events_per_message.max(1));
            if to_s <= step.at_s {
                continue;
            }
            pieces.push(Piece { from_s: step.at_s, to_s, per_s, before });
            before += (to_s - step.at_s) * per_s;
        }
        Self { pieces }
    }

    /// When message number `message` (from 0, parts allowed) is due, since the beginning. `None` beyond the end.
    pub(crate) fn due(&self, message: f64) -> Option<Duration> {
        let holds = |piece: &&Piece| message < piece.before + (piece.to_s - piece.from_s) * piece.per_s;
        let piece = self.pieces.iter().find(holds)?;
        Some(Duration::from_secs_f64(piece.from_s + (message - piece.before) / piece.per_s))
    }
}

/// Puts a time on the grid on which the generator wakes, later rather than earlier.
pub(crate) fn on_grid(due: Duration) -> Duration {
    let tick = TICK.as_nanos();
    let ticks = due.as_nanos().div_ceil(tick);
    u32::try_from(ticks).map_or(due, |ticks| TICK * ticks)
}

/// How often the generator wakes. Intended times lie on this grid, so that waking costs no latency of the server's: a
/// finer one costs a core, a coarser one sends in bursts.
pub(crate) const TICK: Duration = Duration::from_micros(500);

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(steps: &[(f64, f64)], per_message: u32, lasts_s: u64) -> Schedule {
        let steps: Vec<Step> =
            steps.iter().map(|&(at_s, events_per_s)| Step { at_s, events_per_s }).collect();
        Schedule::new(&steps, per_message, Duration::from_secs(lasts_s))
    }

    #[test]
    fn an_even_rate_is_even_and_ends() {
        let even = schedule(&[(0.0, 1_000.0)], 10, 2);
        assert_eq!(even.due(0.0), Some(Duration::ZERO));
        assert_eq!(even.due(50.0), Some(Duration::from_millis(500)));
        assert!(even.due(199.9).is_some());
        assert_eq!(even.due(200.0), None);
    }

    #[test]
    fn a_step_changes_the_rate_and_nothing_before_it() {
        let spike = schedule(&[(0.0, 100.0), (1.0, 1_000.0), (2.0, 100.0)], 1, 3);
        assert_eq!(spike.due(99.0), Some(Duration::from_millis(990)));
        assert_eq!(spike.due(600.0), Some(Duration::from_millis(1_500)));
        assert_eq!(spike.due(1_110.0), Some(Duration::from_millis(2_100)));
        assert_eq!(spike.due(1_200.0), None);
        let pause = schedule(&[(0.0, 100.0), (1.0, 0.0), (2.0, 100.0)], 1, 3);
        assert_eq!(pause.due(100.0), Some(Duration::from_secs(2)), "a pause has no messages");
    }

    #[test]
    fn the_grid_never_lets_anything_go_early() {
        for us in [0_u64, 1, 499, 500, 501, 12_345_678] {
            let due = Duration::from_micros(us);
            let put = on_grid(due);
            assert!(put >= due && put < due + TICK, "{us}");
            assert_eq!(put.as_micros() % TICK.as_micros(), 0);
        }
    }
}
