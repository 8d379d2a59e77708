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
    /// How many sessions all accounts remember: with a lease, or why they have none.
    sessions: usize,
    sessions_max: usize,
    /// Claims since the last look at what has expired.
    unlooked: u32,
}

impl Leases {
    /// One of so many parts that share the bounds.
    pub(super) fn new(settings: &EmbeddedHotSettings, parts: usize) -> Self {
        let times = settings.leases;
        let ttl_ms = GONE_MS.saturating_add(times.paused_ms.saturating_add(times.stuck_ms));
        let accounts = Aging::new(settings.accounts_max.div_ceil(parts), ttl_ms);
        let sessions_max = settings.lease_sessions_max.div_ceil(parts);
        Self { accounts, times, sessions: 0, sessions_max, unlooked: 0 }
    }

    /// The verdict on an update, and who lost their slots by it.
    pub(super) fn assert(&mut self, update: &HotUpdate, now_ms: i64) -> (Verdict, Vec<Kick>) {
        let Some(claim) = update.claim() else { return (Verdict::Play, Vec::new()) };
        let times = self.times;
        self.forget_now_and_then(&update.account, now_ms);
        let state = self.accounts.touch_or_default(&update.account, now_ms);
        let before = state.sessions();
        let Decision { verdict, kicked } = state.assert(&claim, &times, now_ms);
        self.sessions = self.sessions + state.sessions() - before;
        self.make_room();
        let of_account = |(key, stop)| Kick { account: update.account.clone(), key, stop };
        (verdict, kicked.into_iter().map(of_account).collect())
    }

    /// What comes in anew makes room for itself; what only expires waits for one look in so many claims.
    fn forget_now_and_then(&mut self, account: &AccountId, now_ms: i64) {
        self.unlooked += 1;
        if self.unlooked >= UPDATES_PER_LOOK || self.accounts.get(account).is_none() {
            self.unlooked = 0;
            let forgotten = self.accounts.expire(now_ms);
            self.sessions -= forgotten.iter().map(|(_, state)| state.sessions()).sum::<usize>();
        }
    }

    /// Forgets the accounts that were silent the longest, for as long as there are too many sessions.
    fn make_room(&mut self) {
        while self.sessions > self.sessions_max
            && let Some((_, state)) = self.accounts.forget_oldest()
        {
            self.sessions -= state.sessions();
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
        let before = state.sessions();
        let stopped = state.stop(target, by_device, &self.times, now_ms);
        self.sessions = self.sessions + state.sessions() - before;
        let (lease, stop) = stopped?;
        let kick = Kick { account: account.clone(), key: lease.key.clone(), stop };
        Some((lease, kick))
    }

    pub(super) fn erase(&mut self, user: &UserId, through_ms: i64) {
        self.accounts.values_mut().for_each(|state| state.erase(user, through_ms));
        self.sessions = self.accounts.values_mut().map(|state| state.sessions()).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Clock, ItemKind,
        contract::Dice,
        lease::{Beat, Doing, Standing, Terms},
    };

    fn counted(leases: &mut Leases) -> usize {
        leases.accounts.values_mut().map(|state| state.sessions()).sum()
    }

    /// A session of one of so many accounts that begins, or that has ended already.
    fn update(dice: &mut Dice, accounts: u64, doing: Doing, at_ms: i64) -> HotUpdate {
        let user = UserId::new(&format!("user-{}", dice.below(accounts))).unwrap();
        let beat = Beat {
            item: dice.item(),
            kind: ItemKind::Movie,
            terms: Terms::unlimited(),
            doing,
            position_ms: None,
            is_open: true,
            standing: Standing::New,
        };
        HotUpdate {
            key: dice.session(&user),
            account: AccountId::new(user.as_str()).unwrap(),
            device: DeviceId::new("tv").unwrap(),
            clock: Clock { fixed_at_ms: at_ms, offset_ms: 0 },
            last_at_ms: at_ms,
            position: None,
            beat: Some(beat),
        }
    }

    /// Households that begin one title after the other, and one viewer who stays.
    #[test]
    fn sessions_are_bounded_over_all_accounts() {
        let mut dice = Dice::new();
        let settings = EmbeddedHotSettings { lease_sessions_max: 100, ..EmbeddedHotSettings::default() };
        let mut leases = Leases::new(&settings, 1);
        let mut viewer = update(&mut dice, 1, Doing::Playing, 0);
        viewer.account = AccountId::new("stays").unwrap();
        leases.assert(&viewer, 0);
        for now_ms in 1..5_000 {
            let doing = dice.pick(&[Doing::Playing, Doing::Ended, Doing::Paused]);
            let other = update(&mut dice, 200, doing, now_ms);
            leases.assert(&other, now_ms);
            if now_ms % 10 == 0 {
                leases.assert(&viewer, now_ms);
            }
            if now_ms % 97 == 0 {
                leases.stop(&other.account, &StopTarget::Session(other.key.clone()), None, now_ms);
                leases.erase(&other.key.user, now_ms);
            }
            assert!(leases.sessions <= 100, "{}", leases.sessions);
        }
        let counted = counted(&mut leases);
        assert_eq!(leases.sessions, counted);
        assert!(leases.sessions > 80, "they are remembered while there is room: {}", leases.sessions);
        assert_eq!(leases.live(&viewer.account, 5_000).len(), 1, "whoever is heard is not the oldest");
    }
}
