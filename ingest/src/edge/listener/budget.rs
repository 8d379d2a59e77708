//! How much of something a peer may send: a budget that grows with time and with what it sends to some purpose, up to a
//! bound. In thousandths, so that small earnings count. Knows no clock.

/// A budget and what is left of it.
#[derive(Debug)]
pub(super) struct Budget {
    allowance: Allowance,
    /// Below zero is what was overdrawn.
    left: i64,
    at_ms: u64,
}

/// A budget's bounds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowance {
    pub(super) at_once: i64,
    pub(super) per_s: i64,
}

impl Budget {
    pub(super) fn new(allowance: Allowance) -> Self {
        Self { allowance, left: allowance.at_once * ONE, at_ms: 0 }
    }

    /// Adds to it, up to its bound.
    pub(super) fn earn(&mut self, thousandths: i64) {
        self.left = self.left.saturating_add(thousandths).min(self.allowance.at_once * ONE);
    }

    /// Takes one, or nothing when there is not one left.
    pub(super) fn spend(&mut self, now_ms: u64) -> Option<()> {
        self.grow(now_ms);
        if self.left < ONE {
            return None;
        }
        self.left -= ONE;
        Some(())
    }

    /// Takes one whether it is there or not.
    pub(super) fn overdraw(&mut self, now_ms: u64) {
        self.grow(now_ms);
        self.left -= ONE;
    }

    /// How long it takes from now on to earn back what was overdrawn, ms.
    pub(super) fn owed_ms(&mut self, now_ms: u64) -> u64 {
        self.grow(now_ms);
        let owed = u64::try_from(-self.left).unwrap_or_default();
        owed.div_ceil(self.allowance.per_s.unsigned_abs().max(1))
    }

    fn grow(&mut self, now_ms: u64) {
        let passed_ms = i64::try_from(now_ms.saturating_sub(self.at_ms)).unwrap_or(i64::MAX);
        self.at_ms = now_ms;
        // So many a second are as many thousandths a millisecond.
        self.earn(passed_ms.saturating_mul(self.allowance.per_s));
    }
}

const ONE: i64 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    const FEW: Allowance = Allowance { at_once: 2, per_s: 10 };

    #[test]
    fn what_is_spent_grows_back_with_time_up_to_its_bound() {
        let mut budget = Budget::new(FEW);
        assert_eq!((0..5).filter(|_| budget.spend(0).is_some()).count(), 2);
        assert_eq!(budget.spend(99), None);
        assert_eq!(budget.spend(100), Some(()));
        assert_eq!((0..5).filter(|_| budget.spend(3_600_000).is_some()).count(), 2);
    }

    #[test]
    fn what_is_overdrawn_is_owed() {
        let mut budget = Budget::new(FEW);
        (0..5).for_each(|_| budget.overdraw(0));
        assert_eq!(budget.owed_ms(0), 300);
        budget.earn(ONE);
        assert_eq!(budget.owed_ms(50), 150);
        assert_eq!(budget.owed_ms(200), 0);
    }
}
