//! Which parts of an item were played: from a to b, as far as the time between allows for it.

use crate::Rate;

/// A part of an item that was played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval {
    /// Where it begins, ms.
    pub from_ms: i64,
    /// Where it ends, ms; after its beginning.
    pub to_ms: i64,
}

impl Interval {
    /// Its length, ms.
    #[must_use]
    pub fn length_ms(self) -> i64 {
        self.to_ms.saturating_sub(self.from_ms)
    }
}

/// Follows the playhead, and keeps what it played.
#[derive(Default)]
pub(super) struct Watch {
    /// Where the playhead was last known to be.
    known_ms: Option<i64>,
    /// The media time that can have been played since.
    playable_ms: i64,
    watched_ms: i64,
    /// In the order in which they were played; what goes on where the last one ended extends it.
    played: Vec<Interval>,
}

impl Watch {
    /// So much wall time passed while playing at this rate.
    pub(super) fn play(&mut self, elapsed_ms: i64, rate: Rate) {
        let media_ms = i128::from(elapsed_ms) * i128::from(rate.thousandths()) / 1_000;
        let media_ms = i64::try_from(media_ms).unwrap_or(i64::MAX);
        self.playable_ms = self.playable_ms.saturating_add(media_ms);
    }

    /// The playhead is at this position. The way there was watched if it can have been played in the time since it
    /// was last known; otherwise it was an unannounced jump.
    pub(super) fn reach(&mut self, position_ms: i64) {
        if let Some(from_ms) = self.known_ms
            && from_ms < position_ms
            && position_ms.saturating_sub(from_ms) <= self.reachable_ms()
        {
            self.add(Interval { from_ms, to_ms: position_ms });
        }
        self.jump_to(Some(position_ms));
    }

    /// The playhead is at this position, or nobody knows where, and was not played there.
    pub(super) fn jump_to(&mut self, position_ms: Option<i64>) {
        self.known_ms = position_ms;
        self.playable_ms = 0;
    }

    /// Media time played, repeats included, ms.
    pub(super) fn watched_ms(&self) -> i64 {
        self.watched_ms
    }

    /// The union of what was played: sorted, with gaps between.
    pub(super) fn into_intervals(mut self) -> Vec<Interval> {
        self.played.sort_unstable();
        self.played.dedup_by(|next, kept| {
            let touches = next.from_ms <= kept.to_ms;
            if touches {
                kept.to_ms = kept.to_ms.max(next.to_ms);
            }
            touches
        });
        self.played
    }

    /// The furthest advance that passes as playing, ms. The slack never more than doubles a short time, or the many
    /// small seeks of a drag would each be given it.
    fn reachable_ms(&self) -> i64 {
        let drift_ms = self.playable_ms / DRIFT_PARTS;
        let slack_ms = self.playable_ms.min(SLACK_MS_MAX);
        self.playable_ms.saturating_add(drift_ms).saturating_add(slack_ms)
    }

    fn add(&mut self, interval: Interval) {
        self.watched_ms = self.watched_ms.saturating_add(interval.length_ms());
        match self.played.last_mut() {
            Some(last) if last.to_ms == interval.from_ms => last.to_ms = interval.to_ms,
            _ => self.played.push(interval),
        }
    }
}

/// The lengths of all together, ms.
pub(super) fn total_ms(intervals: &[Interval]) -> i64 {
    intervals.iter().fold(0, |total_ms: i64, interval| total_ms.saturating_add(interval.length_ms()))
}

/// A tenth: players that catch up with a live edge run up to 1.1 times faster without saying so.
const DRIFT_PARTS: i64 = 10;
/// Players that round time and position to whole seconds are off by up to a second at both.
const SLACK_MS_MAX: i64 = 2_000;
