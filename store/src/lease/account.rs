//! The leases of one account, and the rule.

mod admit;
mod put_back;

use self::admit::Newcomer;
use super::{Claim, Doing, Lease, LeaseTimes, Standing, Stop, StopCode, StopReason, Verdict, breach};
use crate::{DeviceId, SessionKey, UserId};
use std::sync::Arc;

/// The leases of one account, and the sessions that lost theirs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountLeases {
    /// In no order, at most one of each session.
    pub(super) leases: Vec<Lease>,
    /// The latest that went, at most [`GONE_MAX`], the oldest first.
    pub(super) gone: Vec<Gone>,
}

/// A session that has no lease any more, so that its next beat is not taken for one that a store forgot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gone {
    pub(super) key: SessionKey,
    /// When it went, Unix ms.
    pub(super) at_ms: i64,
    /// The corrected time of the latest event that it was told of before, Unix ms.
    pub(super) as_of_ms: i64,
    pub(super) why: Why,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Why {
    /// It was paused for too long, or its device began another. When it plays again it asks like a new one.
    Lapsed,
    /// It was not heard of for too long while it played. When it plays again it asks like a new one, unless it was this store
    /// that did not hear it.
    Silent,
    /// It ended. What it said before that says nothing any more; what it says later asks like a new one.
    Released,
    /// There was no slot for it.
    Denied,
    /// It was stopped for good.
    Stopped(Arc<Stop>),
}

/// What the rule decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Whether the session that asked may play.
    pub verdict: Verdict,
    /// The sessions that lost their slots by it.
    pub kicked: Vec<(SessionKey, Arc<Stop>)>,
}

/// Whom to stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopTarget {
    /// This session.
    Session(SessionKey),
    /// The account's session with this code.
    Code(StopCode),
}

impl AccountLeases {
    /// Hears a session: one that begins asks for a slot, one that runs keeps its own, one that has ended gives it back.
    ///
    /// Repeating it changes nothing, and of what a session says the latest counts, in whatever order it comes.
    pub fn assert(&mut self, claim: &Claim<'_>, times: &LeaseTimes, now_ms: i64) -> Decision {
        self.expire(Some(claim.key), times, now_ms);
        let decision = match self.gone.iter().find(|gone| gone.key == *claim.key).cloned() {
            Some(Gone { why: Why::Stopped(stop), .. }) => Decision::stop(stop),
            _ if claim.beat.doing == Doing::Ended => self.release(claim, now_ms),
            _ if self.holds(claim.key) => self.renew(claim, times, now_ms),
            Some(gone) => self.come_back(claim, &gone, times, now_ms),
            None if claim.beat.standing != Standing::New => self.put_back(claim, times, now_ms),
            None => self.admit(claim, Newcomer { since_ms: claim.since_ms, takes_over: true }, times, now_ms),
        };
        self.invariants();
        decision
    }

    /// Stops a session for good, and returns its lease. None when no such session holds one.
    pub fn stop(
        &mut self,
        target: &StopTarget,
        by_device: Option<DeviceId>,
        times: &LeaseTimes,
        now_ms: i64,
    ) -> Option<(Lease, Arc<Stop>)> {
        self.expire(None, times, now_ms);
        let place = self.leases.iter().position(|lease| match target {
            StopTarget::Session(key) => lease.key == *key,
            StopTarget::Code(code) => lease.stop_code() == *code,
        })?;
        let lease = self.leases.swap_remove(place);
        let stop = Arc::new(Stop { reason: StopReason::Stopped, by_device, in_the_way: Vec::new() });
        self.note(&lease.key, lease.as_of_ms, Why::Stopped(Arc::clone(&stop)), now_ms);
        Some((lease, stop))
    }

    /// The leases that count now, the oldest first.
    #[must_use]
    pub fn live(&self, times: &LeaseTimes, now_ms: i64) -> Vec<Lease> {
        let mut live: Vec<Lease> =
            self.leases.iter().filter(|lease| lease.expires_at_ms(times) > now_ms).cloned().collect();
        live.sort_by(|a, b| breach::age(a).cmp(&breach::age(b)));
        live
    }

    /// From when on nothing of this matters any more, Unix ms; `None` when nothing does already.
    #[must_use]
    pub fn expires_at_ms(&self, times: &LeaseTimes) -> Option<i64> {
        // A lease that is over is remembered for a while.
        let leases = self.leases.iter().map(|lease| lease.expires_at_ms(times));
        let gone = self.gone.iter().map(|gone| gone.at_ms);
        leases.chain(gone).max().map(|at_ms| at_ms.saturating_add(GONE_MS))
    }

    /// Forgets a user's sessions that say nothing later than this.
    pub fn erase(&mut self, user: &UserId, through_ms: i64) {
        self.leases.retain(|lease| lease.key.user != *user || lease.as_of_ms > through_ms);
        self.gone.retain(|gone| gone.key.user != *user || gone.as_of_ms > through_ms);
    }

    /// How many leases it holds, expired ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.leases.len()
    }

    /// How many sessions it remembers: with a lease, or why they have none.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.leases.len() + self.gone.len()
    }

    /// True when it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.leases.is_empty() && self.gone.is_empty()
    }

    /// Lets go of what is over. The lease of the session that speaks is left: nobody took its slot until now.
    fn expire(&mut self, but: Option<&SessionKey>, times: &LeaseTimes, now_ms: i64) {
        let is_over = |lease: &mut Lease| lease.expires_at_ms(times) <= now_ms && Some(&lease.key) != but;
        let over: Vec<Lease> = self.leases.extract_if(.., is_over).collect();
        for lease in over {
            let is_paused = lease.paused_since_ms(times).is_some();
            let why = if is_paused { Why::Lapsed } else { Why::Silent };
            self.note(&lease.key, lease.as_of_ms, why, now_ms);
        }
        self.gone.retain(|gone| gone.at_ms.saturating_add(GONE_MS) > now_ms);
    }

    fn holds(&self, key: &SessionKey) -> bool {
        self.leases.iter().any(|lease| lease.key == *key)
    }

    fn release(&mut self, claim: &Claim<'_>, now_ms: i64) -> Decision {
        let as_of_ms = claim.as_of_ms;
        let is_old = self.leases.iter().any(|lease| lease.key == *claim.key && lease.as_of_ms > as_of_ms);
        if !is_old {
            self.leases.retain(|lease| lease.key != *claim.key);
            self.note(claim.key, as_of_ms, Why::Released, now_ms);
        }
        Decision::play()
    }

    fn renew(&mut self, claim: &Claim<'_>, times: &LeaseTimes, now_ms: i64) -> Decision {
        if let Some(lease) = self.leases.iter_mut().find(|lease| lease.key == *claim.key) {
            lease.renew(claim, now_ms);
        }
        // It may be paused for too long.
        self.expire(None, times, now_ms);
        Decision::play()
    }

    /// A session that lost its slot asks for another, if it plays.
    fn come_back(&mut self, claim: &Claim<'_>, gone: &Gone, times: &LeaseTimes, now_ms: i64) -> Decision {
        let is_playing = claim.beat.doing == Doing::Playing;
        if gone.why == Why::Silent && is_playing && claim.beat.standing == Standing::Running {
            // Its node heard it all the time: the store stood still, or was an old copy, and forgot it as good as.
            return self.put_back(claim, times, now_ms);
        }
        let is_old = gone.why == Why::Released && claim.as_of_ms <= gone.as_of_ms;
        let plays = is_playing && claim.beat.standing != Standing::Known;
        if is_old || (gone.why != Why::Denied && !plays) {
            return Decision::play();
        }
        // It is as old as its return; and what else is on its device now came after it, so that is no ghost of its own.
        self.admit(claim, Newcomer { since_ms: now_ms, takes_over: false }, times, now_ms)
    }

    /// Remembers why a session has no lease.
    fn note(&mut self, key: &SessionKey, as_of_ms: i64, why: Why, now_ms: i64) {
        let known = self.gone.iter().position(|gone| gone.key == *key).map(|place| self.gone.remove(place));
        let as_of_ms = known.map_or(as_of_ms, |known| known.as_of_ms.max(as_of_ms));
        if self.gone.len() >= GONE_MAX {
            self.gone.remove(0);
        }
        // Accounts are many, and most have few: nothing is kept ready.
        self.gone.reserve_exact(1);
        self.gone.push(Gone { key: key.clone(), at_ms: now_ms, as_of_ms, why });
    }

    fn invariants(&self) {
        debug_assert!(self.gone.len() <= GONE_MAX, "bounded");
        debug_assert!(self.leases.len() <= LEASES_MAX, "bounded");
        debug_assert!(self.gone.iter().all(|gone| !self.holds(&gone.key)), "whoever has gone holds nothing");
    }
}

impl Decision {
    fn play() -> Self {
        Self { verdict: Verdict::Play, kicked: Vec::new() }
    }

    fn stop(stop: Arc<Stop>) -> Self {
        Self { verdict: Verdict::Stop(stop), kicked: Vec::new() }
    }
}

impl Lease {
    /// What a session would hold that is admitted now.
    fn of(claim: &Claim<'_>, since_ms: i64, now_ms: i64) -> Self {
        let Claim { key, device, as_of_ms, beat, .. } = *claim;
        let heard_ms = claim.heard_ms(now_ms);
        Self {
            key: key.clone(),
            device: device.clone(),
            device_type: beat.terms.device_type.clone(),
            item: beat.item.clone(),
            kind: beat.kind,
            since_ms,
            seen_ms: heard_ms,
            as_of_ms,
            is_playing: beat.doing == Doing::Playing,
            position_ms: beat.position_ms,
            moved_ms: heard_ms,
        }
    }

    /// Hears its session. What it says counts if it is the latest; that it is there counts in any case.
    fn renew(&mut self, claim: &Claim<'_>, now_ms: i64) {
        let Claim { device, as_of_ms, beat, .. } = *claim;
        let heard_ms = claim.heard_ms(now_ms);
        self.seen_ms = self.seen_ms.max(heard_ms);
        if as_of_ms < self.as_of_ms {
            return;
        }
        let is_playing = beat.doing == Doing::Playing;
        let has_moved = beat.position_ms.is_none() || beat.position_ms != self.position_ms;
        if is_playing != self.is_playing || (is_playing && has_moved) {
            self.moved_ms = self.moved_ms.max(heard_ms);
        }
        (self.is_playing, self.position_ms, self.as_of_ms) = (is_playing, beat.position_ms, as_of_ms);
        (self.item, self.kind) = (beat.item.clone(), beat.kind);
        (self.device, self.device_type) = (device.clone(), beat.terms.device_type.clone());
    }
}

/// How long it is remembered that a session lost its slot, ms.
pub const GONE_MS: i64 = 2 * 60 * 60 * 1_000;
/// The most sessions of an account of which it is remembered.
pub const GONE_MAX: usize = 16;
/// The most leases of an account. Who finds no room plays on without one.
pub const LEASES_MAX: usize = 1_024;
/// The most leases of an account while those who ask have no limit.
pub const UNLIMITED_LEASES_MAX: usize = 64;
