//! A session asks for a slot.

use super::{AccountLeases, Decision, LEASES_MAX, UNLIMITED_LEASES_MAX, Why};
use crate::{
    DeviceId,
    lease::{
        AtLimit, Claim, Lease, LeaseTimes, Stop, StopReason, StreamRules, UNKNOWN_DEVICE, Verdict,
        breach::{self, Breach},
    },
};
use std::sync::Arc;

/// How a session asks that has no slot.
#[derive(Debug, Clone, Copy)]
pub(super) struct Newcomer {
    /// How old it counts.
    pub(super) since_ms: i64,
    /// True when it takes the place of what its device ran before.
    pub(super) takes_over: bool,
}

impl AccountLeases {
    pub(super) fn admit(
        &mut self,
        claim: &Claim<'_>,
        newcomer: Newcomer,
        times: &LeaseTimes,
        now_ms: i64,
    ) -> Decision {
        let lease = Lease::of(claim, newcomer.since_ms, now_ms);
        let rules = claim.beat.terms.rules.as_ref();
        if !self.has_room(rules) {
            return Decision::play();
        }
        if lease.expires_at_ms(times) <= now_ms {
            // What it says is long ago. If it is still there, it asks when it says so.
            self.note(&lease.key, lease.as_of_ms, Why::Lapsed, now_ms);
            return Decision::play();
        }
        match rules {
            Some(rules) if !rules.is_dry_run => self.admit_by(rules, lease, newcomer.takes_over, now_ms),
            rules => {
                let breach = rules.and_then(|rules| breach::find(rules, &self.leases, &lease));
                self.put(lease);
                let verdict = breach.map_or(Verdict::Play, |breach| Verdict::Tolerated(breach.reason));
                Decision { verdict, kicked: Vec::new() }
            }
        }
    }

    fn admit_by(&mut self, rules: &StreamRules, lease: Lease, takes_over: bool, now_ms: i64) -> Decision {
        let (ghosts, mut others): (Vec<Lease>, Vec<Lease>) =
            self.leases.iter().cloned().partition(|other| takes_over && is_ghost(other, &lease));
        let mut evicted = Vec::new();
        while let Some(breach) = breach::find(rules, &others, &lease) {
            if rules.at_limit == AtLimit::DenyNewest || breach.in_the_way.is_empty() {
                return self.deny(&lease, &breach, &others, now_ms);
            }
            evicted.append(&mut take_oldest(&mut others, &breach));
        }
        self.leases = others;
        let mut decision = Decision::play();
        for old in evicted {
            self.stop_for(&old, StopReason::Evicted, &lease.device, now_ms, &mut decision);
        }
        self.lay(ghosts, rules, &lease, now_ms, &mut decision);
        self.put(lease);
        decision
    }

    /// Takes the slots of a device's earlier sessions. One that is no ghost says so with its next beat, and comes back if
    /// there is room. One for which there would be none is told now.
    fn lay(
        &mut self,
        mut ghosts: Vec<Lease>,
        rules: &StreamRules,
        lease: &Lease,
        now_ms: i64,
        decision: &mut Decision,
    ) {
        let mut running = self.leases.clone();
        running.push(lease.clone());
        ghosts.sort_by_key(|ghost| std::cmp::Reverse(ghost.seen_ms));
        for ghost in ghosts {
            if breach::find(rules, &running, &ghost).is_some() {
                self.stop_for(&ghost, StopReason::TakenOver, &lease.device, now_ms, decision);
            } else {
                self.note(&ghost.key, ghost.as_of_ms, Why::Lapsed, now_ms);
                running.push(ghost);
            }
        }
    }

    /// There is no slot for this session.
    pub(super) fn deny(&mut self, lease: &Lease, breach: &Breach, others: &[Lease], now_ms: i64) -> Decision {
        let in_the_way = breach.in_the_way.iter().filter_map(|&place| others.get(place).cloned()).collect();
        self.note(&lease.key, lease.as_of_ms, Why::Denied, now_ms);
        Decision::stop(Arc::new(Stop { reason: breach.reason, by_device: None, in_the_way }))
    }

    /// Stops a session, whose lease was taken already, for good.
    pub(super) fn stop_for(
        &mut self,
        old: &Lease,
        reason: StopReason,
        by_device: &DeviceId,
        now_ms: i64,
        decision: &mut Decision,
    ) {
        let stop = Arc::new(Stop { reason, by_device: Some(by_device.clone()), in_the_way: Vec::new() });
        self.note(&old.key, old.as_of_ms, Why::Stopped(Arc::clone(&stop)), now_ms);
        decision.kicked.push((old.key.clone(), stop));
    }

    pub(super) fn put(&mut self, lease: Lease) {
        self.gone.retain(|gone| gone.key != lease.key);
        self.leases.reserve_exact(1);
        self.leases.push(lease);
    }

    /// False when there are so many leases that another session goes without.
    pub(super) fn has_room(&self, rules: Option<&StreamRules>) -> bool {
        self.leases.len() < if rules.is_some() { LEASES_MAX } else { UNLIMITED_LEASES_MAX }
    }
}

/// True when a device that begins a session cannot be running the other any more, as far as its name tells.
fn is_ghost(other: &Lease, lease: &Lease) -> bool {
    lease.device.as_str() != UNKNOWN_DEVICE && other.device == lease.device
}

/// Takes out the oldest of those in the way, or all on its device where devices count.
fn take_oldest(others: &mut Vec<Lease>, breach: &Breach) -> Vec<Lease> {
    let oldest = breach.in_the_way.first().and_then(|&place| others.get(place)).cloned();
    let is_in_the_way = |other: &mut Lease| match &oldest {
        Some(oldest) if breach.reason == StopReason::DeviceLimit => other.device == oldest.device,
        Some(oldest) => other.key == oldest.key,
        None => false,
    };
    others.extract_if(.., is_in_the_way).collect()
}
