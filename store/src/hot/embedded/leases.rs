//! One part of the leases: those of the accounts that fall to it. Single-threaded; whoever holds its lock has it alone.

use super::{EmbeddedHotSettings, aging::Aging, part::UPDATES_PER_LOOK};
use crate::{
    AccountId, DeviceId, UserId,
    hot::{HotUpdate, Verdict},
    lease::{AccountLeases, Decision, GONE_MS, Kick, Lease, LeaseTimes, StopTarget},
};

pub(super) struct Leases {
    accounts: Aging<AccountId, AccountLeases>,
    times: LeaseTimes,
    /// Claims since the last look at what has expired.
    unlooked: u32,
}

impl Leases {
    /// One of so many parts that share the bounds.
    pub(super) fn new(settings: &EmbeddedHotSettings, parts: usize) -> Self {
        let times = settings.leases;
        let ttl_ms = GONE_MS.saturating_add(times.paused_ms.saturating_add(times.stuck_ms));
        let accounts = Aging::new(settings.accounts_max.div_ceil(parts), ttl_ms);
        Self { accounts, times, unlooked: 0 }
    }

    /// The verdict on an update, and who lost their slots by it.
    pub(super) fn assert(&mut self, update: &HotUpdate, now_ms: i64) -> (Verdict, Vec<Kick>) {
        let Some(claim) = update.claim() else { return (Verdict::Play, Vec::new()) };
        let times = self.times;
        self.forget_now_and_then(&update.account, now_ms);
        let state = self.accounts.touch_or_default(&update.account, now_ms);
        let Decision { verdict, kicked } = state.assert(&claim, &times, now_ms);
        let of_account = |(key, stop)| Kick { account: update.account.clone(), key, stop };
        (verdict, kicked.into_iter().map(of_account).collect())
    }

    /// What comes in anew makes room for itself; what only expires waits for one look in so many claims.
    fn forget_now_and_then(&mut self, account: &AccountId, now_ms: i64) {
        self.unlooked += 1;
        if self.unlooked >= UPDATES_PER_LOOK || self.accounts.get(account).is_none() {
            self.unlooked = 0;
            self.accounts.expire(now_ms);
        }
    }

    pub(super) fn live(&self, account: &AccountId, now_ms: i64) -> Vec<Lease> {
        self.accounts.get(account).map_or_else(Vec::new, |state| state.live(&self.times, now_ms))
    }

    pub(super) fn stop(
        &mut self,
        account: &AccountId,
        target: &StopTarget,
        by_device: Option<DeviceId>,
        now_ms: i64,
    ) -> Option<(Lease, Kick)> {
        let state = self.accounts.touch(account, now_ms)?;
        let (lease, stop) = state.stop(target, by_device, &self.times, now_ms)?;
        let kick = Kick { account: account.clone(), key: lease.key.clone(), stop };
        Some((lease, kick))
    }

    pub(super) fn erase(&mut self, user: &UserId, through_ms: i64) {
        self.accounts.values_mut().for_each(|state| state.erase(user, through_ms));
    }
}
