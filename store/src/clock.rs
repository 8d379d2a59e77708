//! The session clock: a player's times, corrected once and for all.
//!
//! The player's clock is never trusted alone. The first frame of a session fixes an offset between the player's clock
//! and the server's; it is kept with the session and used for all its frames, on every node, so that a replay gives
//! the same values and an evening offline keeps its real times.

/// Up to this difference between the clocks counts as none: it is the network's delay, not a wrong clock.
pub const CLOCK_TOLERANCE_MS: i64 = 2_000;
/// No corrected time is later than the time of receipt plus this, so no phone can write into the future.
pub const FUTURE_MS_MAX: i64 = 60_000;
/// The latest time that a frame may name, Unix ms: the end of the year 9999.
pub const TIME_MS_MAX: i64 = 253_402_300_799_999;

/// A session's clock offset and when it was fixed. The earliest fixing wins wherever two meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Clock {
    /// When the session's first frame was received, Unix ms.
    pub fixed_at_ms: i64,
    /// The server's clock minus the player's, ms.
    pub offset_ms: i64,
}

impl Clock {
    /// Fixes the clock of a session whose first frame, sent at `sent_at_ms` by the player's clock, came at
    /// `received_at_ms`. An unknown sent time, like one within [`CLOCK_TOLERANCE_MS`], gives the offset 0.
    #[must_use]
    pub fn fix(sent_at_ms: Option<i64>, received_at_ms: i64) -> Self {
        let difference_ms = sent_at_ms.map_or(0, |sent_at_ms| received_at_ms.saturating_sub(sent_at_ms));
        let offset_ms = if difference_ms.saturating_abs() <= CLOCK_TOLERANCE_MS { 0 } else { difference_ms };
        Self { fixed_at_ms: received_at_ms, offset_ms }
    }

    /// The corrected time of what the player says happened at `at_ms`: never negative, and never later than
    /// `received_at_ms` plus [`FUTURE_MS_MAX`].
    #[must_use]
    pub fn correct(self, at_ms: i64, received_at_ms: i64) -> i64 {
        let latest_ms = received_at_ms.saturating_add(FUTURE_MS_MAX);
        at_ms.saturating_add(self.offset_ms).min(latest_ms).max(0)
    }

    /// Keeps the earlier fixing; of two at the same time the smaller offset.
    pub fn merge(&mut self, other: Self) {
        *self = (*self).min(other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arbitrary::Dice;

    /// An evening in July 2026.
    const NOW_MS: i64 = 1_785_000_000_000;
    const HOUR_MS: i64 = 3_600_000;
    const YEAR_MS: i64 = 365 * 24 * HOUR_MS;

    #[test]
    fn a_difference_within_tolerance_is_the_network_and_no_wrong_clock() {
        for (sent_at_ms, expect) in [
            (Some(NOW_MS), 0),
            (Some(NOW_MS - 2_000), 0),
            (Some(NOW_MS + 2_000), 0),
            (Some(NOW_MS - 2_001), 2_001),
            (Some(NOW_MS + 2_001), -2_001),
            (None, 0),
        ] {
            let expect = Clock { fixed_at_ms: NOW_MS, offset_ms: expect };
            assert_eq!(Clock::fix(sent_at_ms, NOW_MS), expect, "{sent_at_ms:?}");
        }
    }

    #[test]
    fn a_phone_ten_years_ahead_cannot_write_into_the_future() {
        let ahead_ms = 10 * YEAR_MS;
        let clock = Clock::fix(Some(NOW_MS + ahead_ms), NOW_MS);
        assert_eq!(clock.correct(NOW_MS + ahead_ms - 5_000, NOW_MS), NOW_MS - 5_000);
    }

    #[test]
    fn a_phone_that_hides_or_changes_its_clock_cannot_either() {
        let hidden = Clock::fix(None, NOW_MS);
        assert_eq!(hidden.correct(NOW_MS + 10 * YEAR_MS, NOW_MS), NOW_MS + FUTURE_MS_MAX);
        let set_back = Clock::fix(Some(NOW_MS - 10 * YEAR_MS), NOW_MS);
        assert_eq!(set_back.correct(NOW_MS, NOW_MS + 1_000), NOW_MS + 1_000 + FUTURE_MS_MAX);
    }

    #[test]
    fn a_phone_ten_years_behind_writes_into_the_present() {
        let clock = Clock::fix(Some(NOW_MS - 10 * YEAR_MS), NOW_MS);
        assert_eq!(clock.correct(NOW_MS - 10 * YEAR_MS - 5_000, NOW_MS), NOW_MS - 5_000);
    }

    #[test]
    fn an_evening_offline_keeps_its_real_times() {
        for ahead_ms in [0, 3 * HOUR_MS, -YEAR_MS] {
            let clock = Clock::fix(Some(NOW_MS + ahead_ms), NOW_MS);
            let watched_ms = NOW_MS - 4 * HOUR_MS;
            assert_eq!(clock.correct(watched_ms + ahead_ms, NOW_MS), watched_ms, "{ahead_ms}");
        }
    }

    #[test]
    fn a_replay_gives_the_same_values_however_late() {
        let clock = Clock::fix(Some(NOW_MS + HOUR_MS), NOW_MS);
        let at_first = clock.correct(NOW_MS + HOUR_MS, NOW_MS);
        for late_ms in [1, HOUR_MS, YEAR_MS] {
            let mut fixed_again = Clock::fix(Some(NOW_MS + HOUR_MS + 7), NOW_MS + late_ms);
            fixed_again.merge(clock);
            assert_eq!(fixed_again, clock, "{late_ms}");
            assert_eq!(fixed_again.correct(NOW_MS + HOUR_MS, NOW_MS + late_ms), at_first, "{late_ms}");
        }
    }

    #[test]
    fn the_earliest_fixing_wins_in_whatever_order_they_meet() {
        for seed in 0..10_000 {
            let mut dice = Dice::new(seed);
            let mut any =
                || Clock { fixed_at_ms: dice.between(0, 3), offset_ms: dice.pick(&[i64::MIN, 0, i64::MAX]) };
            let (a, b, c) = (any(), any(), any());
            assert_eq!(merged(a, b), merged(b, a), "seed {seed}");
            assert_eq!(merged(merged(a, b), c), merged(a, merged(b, c)), "seed {seed}");
            assert_eq!(merged(a, a), a, "seed {seed}");
            assert!(merged(a, b).fixed_at_ms <= a.fixed_at_ms, "seed {seed}");
        }
    }

    #[test]
    fn the_wildest_times_stay_between_nothing_and_the_latest() {
        let extremes = [i64::MIN, i64::MIN + 1, -1, 0, 1, NOW_MS, TIME_MS_MAX, i64::MAX - 1, i64::MAX];
        for sent_at_ms in extremes {
            for at_ms in extremes {
                let corrected_ms = Clock::fix(Some(sent_at_ms), NOW_MS).correct(at_ms, NOW_MS);
                assert!((0..=NOW_MS + FUTURE_MS_MAX).contains(&corrected_ms), "{sent_at_ms} {at_ms}");
            }
        }
    }

    fn merged(mut a: Clock, b: Clock) -> Clock {
        a.merge(b);
        a
    }
}
