//! A running session of which nothing is known asserts the lease that it had.
//!
//! Either the store forgot it, or it began while no store could be asked. Where it runs beyond a limit, somebody was
//! admitted who would not have been: then whoever is paused gives way first, without being told; next goes the newest,
//! or by the other rule the oldest.

use super::{AccountLeases, Decision, Why};
use crate::{
    SessionKey,
    lease::{
        AtLimit, Claim, Lease, LeaseTimes, Standing, StopReason, StreamRules,
        breach::{self, Breach},
    },
};
use std::sync::Arc;

impl AccountLeases {
    pub(super) fn put_back(&mut self, claim: &Claim<'_>, times: &LeaseTimes, now_ms: i64) -> Decision {
        let lease = Lease::of(claim, claim.since_ms, now_ms);
        let rules = claim.beat.terms.rules.as_ref();
        let runs = matches!(claim.beat.standing, Standing::Running | Standing::Returned);
        let plays = lease.is_playing && runs;
        let mut decision = Decision::play();
        if !self.has_room(rules) {
            return decision;
        }
        if lease.expires_at_ms(times) <= now_ms {
            self.note(&lease.key, lease.as_of_ms, Why::Lapsed, now_ms);
            return decision;
        }
        if let Some(rules) = rules.filter(|rules| !rules.is_dry_run) {
            while let Some(breach) = breach::find(rules, &self.leases, &lease) {
                if !lease.is_playing {
                    // It needs no slot until it plays, and then asks for one.
                    self.note(&lease.key, lease.as_of_ms, Why::Lapsed, now_ms);
                }
                if !plays || !self.give_way(&lease, &breach, rules, now_ms, &mut decision) {
                    return decision;
                }
            }
        }
        self.put(lease);
        decision
    }

    /// Takes a lease that is too many. False when it is the session's own.
    fn give_way(
        &mut self,
        lease: &Lease,
        breach: &Breach,
        rules: &StreamRules,
        now_ms: i64,
        decision: &mut Decision,
    ) -> bool {
        let others = self.leases.clone();
        let mut candidates: Vec<&Lease> =
            breach.in_the_way.iter().filter_map(|&place| others.get(place)).collect();
        if let Some(paused) = candidates.iter().find(|other| !other.is_playing) {
            self.leases.retain(|other| other.key != paused.key);
            self.note(&paused.key, paused.as_of_ms, Why::Lapsed, now_ms);
            return true;
        }
        candidates.push(lease);
        let of = |candidate: &&Lease| standing(candidate, &candidates, breach.reason);
        let oldest = candidates.iter().copied().min_by_key(of).unwrap_or(lease);
        let newest = candidates.iter().copied().max_by_key(of).unwrap_or(lease);
        // Where none is allowed at all, the session is alone among the candidates.
        let victim = if rules.at_limit == AtLimit::EvictOldest { oldest } else { newest };
        self.leases.retain(|other| other.key != victim.key);
        if rules.at_limit == AtLimit::EvictOldest && victim.key != newest.key {
            self.stop_for(victim, StopReason::Evicted, &newest.device, now_ms, decision);
        } else {
            // Only the session that asks can show who is in its way.
            let shown = if victim.key == lease.key { &*others } else { &[] };
            let Decision { verdict, .. } = self.deny(victim, breach, shown, now_ms);
            decision.kicked.extend(verdict.stop().map(|stop| (victim.key.clone(), Arc::clone(stop))));
        }
        if victim.key != lease.key {
            return true;
        }
        // The session itself hears of it by its verdict.
        decision.verdict = decision.kicked.pop().map_or(decision.verdict.clone(), |(_, stop)| stop.into());
        false
    }
}

/// What decides who is newer: a session's age, or where devices count, that of the first on its device.
fn standing(lease: &Lease, all: &[&Lease], reason: StopReason) -> (i64, SessionKey) {
    let same_device =
        all.iter().filter(|other| reason == StopReason::DeviceLimit && other.device == lease.device);
    let (since_ms, key) = same_device.map(|other| breach::age(other)).min().unwrap_or(breach::age(lease));
    (since_ms, key.clone())
}
