//! How long a row lives: until so many days after it happened, whenever it is written.

use std::sync::atomic::{AtomicI64, Ordering};

/// Says how long rows live. It knows the time from whoever calls [`Retention::now`]; before that, every event counts as
/// one of this moment.
pub(super) struct Retention {
    kept_s: Option<i64>,
    now_ms: AtomicI64,
}

impl Retention {
    pub(super) fn new(days: Option<u32>) -> Self {
        Self { kept_s: days.map(|days| i64::from(days) * DAY_S), now_ms: AtomicI64::new(i64::MIN) }
    }

    /// Says what time it is.
    pub(super) fn now(&self, now_ms: i64) {
        self.now_ms.fetch_max(now_ms, Ordering::Relaxed);
    }

    /// The TTL of what happened then, s: 0 for ever, `None` when its time is over already.
    pub(super) fn ttl_s(&self, at_ms: i64) -> Option<i32> {
        let Some(kept_s) = self.kept_s else { return Some(0) };
        let age_ms = self.now_ms.load(Ordering::Relaxed).saturating_sub(at_ms).max(0);
        let left_s = kept_s.saturating_sub(age_ms / 1_000);
        i32::try_from(left_s).ok().filter(|&left_s| left_s > 0)
    }

    /// The TTL of a session's line in its user's list, s: a day more, since it is not written with every event.
    pub(super) fn ttl_of_list_s(&self, last_at_ms: i64) -> Option<i32> {
        let ttl_s = self.ttl_s(last_at_ms)?;
        Some(if ttl_s == 0 { 0 } else { ttl_s.saturating_add(LIST_S) })
    }
}

const DAY_S: i64 = 86_400;
const LIST_S: i32 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_lives_until_so_many_days_after_it_happened() {
        let retention = Retention::new(Some(10));
        assert_eq!(retention.ttl_s(0), Some(864_000), "the time is not known yet");
        let now_ms = 1_785_000_000_000;
        retention.now(now_ms);
        retention.now(5);
        for (age_s, ttl_s) in
            [(-60, Some(864_000)), (0, Some(864_000)), (100, Some(863_900)), (863_999, Some(1))]
        {
            assert_eq!(retention.ttl_s(now_ms - age_s * 1_000), ttl_s, "{age_s}");
        }
        assert_eq!((retention.ttl_s(now_ms - 864_000_000), retention.ttl_s(i64::MIN)), (None, None));
        assert_eq!(retention.ttl_of_list_s(now_ms), Some(950_400));
    }

    #[test]
    fn without_a_retention_rows_live_for_ever() {
        let retention = Retention::new(None);
        retention.now(i64::MAX);
        assert_eq!((retention.ttl_s(0), retention.ttl_of_list_s(0)), (Some(0), Some(0)));
    }
}
