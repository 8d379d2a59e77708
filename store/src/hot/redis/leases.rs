//! The leases of accounts. The rule is applied here; a script sets what it comes to only over what it was applied to, and
//! says what is there instead otherwise. Whoever loses such a race applies the rule again, to that.

use super::{
    RedisHot, damaged,
    error::unavailable,
    kicks,
    known::{Known, Version},
    messages::Topic,
};
use crate::{
    AccountId, DeviceId, StoreError,
    codec::Malformed,
    hot::{HotUpdate, Verdict},
    lease::{AccountLeases, Kick, Lease, LeaseTimes, Stop, StopTarget},
};
use ahash::HashMap;
use redis::{Cmd, Pipeline, Value};
use std::sync::Arc;

/// An account whose leases are about to change.
pub(super) struct Turn<'a> {
    account: &'a AccountId,
    /// What its leases are, as far as we know, and which version of them that is.
    state: AccountLeases,
    version: Version,
    /// What they come to, once the rule was applied.
    next: AccountLeases,
    next_version: Version,
    /// Who loses a slot by it.
    kicks: Vec<Kick>,
}

impl<'a> Turn<'a> {
    /// Begins with what this node wrote last, or with nothing.
    pub(super) fn new(account: &'a AccountId, known: &Known) -> Self {
        let (version, state) = known.take(account).unwrap_or_default();
        Self {
            account,
            next: state.clone(),
            state,
            version,
            next_version: Version::default(),
            kicks: Vec::new(),
        }
    }

    /// Applies something to the leases and returns the call that sets what it comes to.
    pub(super) fn call<T>(
        &mut self,
        store: &RedisHot,
        now_ms: i64,
        change: impl FnOnce(&mut AccountLeases) -> (T, Vec<Kick>),
    ) -> (T, Cmd) {
        self.next = self.state.clone();
        let (outcome, kicks) = change(&mut self.next);
        let is_empty = self.next.is_empty();
        self.next_version = if is_empty { Version::default() } else { store.known.new_version() };
        let leases = if is_empty { Vec::new() } else { self.next.to_bytes() };
        let mut call = store.scripts.leases.call(&[&store.keys.leases(self.account)]);
        call.arg(self.version.bytes()).arg(self.next_version.bytes()).arg(leases);
        call.arg(ttl_ms(&self.next, &store.lease_times, now_ms)).arg(store.messages.channel(Topic::Kicks));
        for kick in &kicks {
            call.arg(kicks::to_bytes(store.known.node(), kick));
        }
        self.kicks = kicks;
        (outcome, call)
    }

    /// Takes the script's answer: true when what was decided counts now.
    pub(super) fn take(&mut self, reply: Value, store: &RedisHot) -> Result<bool, StoreError> {
        match reply {
            Value::Int(1) => {
                let next = std::mem::take(&mut self.next);
                store.known.keep(self.account, self.next_version, next);
                store.messages.tell(std::mem::take(&mut self.kicks));
                Ok(true)
            }
            Value::BulkString(bytes) => {
                (self.version, self.state) = read(&bytes);
                Ok(false)
            }
            _ => Err(damaged(WHAT, Malformed { what: "answer about leases" })),
        }
    }
}

/// Gives every update's beat to its account's leases, beside other calls, which are made with the first round.
pub(super) async fn assert(
    store: &RedisHot,
    batch: &[HotUpdate],
    now_ms: i64,
    mut calls: Pipeline,
) -> Result<Vec<Verdict>, StoreError> {
    let mut verdicts = vec![Verdict::Play; batch.len()];
    // One account's sessions take turns in this node, so that they race other nodes only.
    let _turn = match only_account(batch) {
        Some(account) => store.known.turn(account).await,
        None => None,
    };
    let mut turns = turns(store, batch);
    for _ in 0..ROUNDS_MAX {
        let others = calls.len();
        let mut decided = Vec::with_capacity(turns.len());
        for (turn, indices) in &mut turns {
            let change = |state: &mut _| decide(state, batch, indices, &store.lease_times, now_ms);
            let (of_account, call) = turn.call(store, now_ms, change);
            calls.add_command(call);
            decided.push(of_account);
        }
        if calls.is_empty() {
            return Ok(verdicts);
        }
        let mut replies = store.link.call(WHAT, std::mem::take(&mut calls)).await?.into_iter().skip(others);
        let mut lost = Vec::new();
        for ((mut turn, indices), decided) in turns.into_iter().zip(decided) {
            match turn.take(replies.next().unwrap_or(Value::Nil), store)? {
                true => place(&mut verdicts, &indices, decided),
                false => lost.push((turn, indices)),
            }
        }
        turns = lost;
        if turns.is_empty() {
            return Ok(verdicts);
        }
    }
    Err(unavailable(WHAT, "other nodes were faster every time"))
}

/// Puts verdicts where they belong.
fn place(verdicts: &mut [Verdict], indices: &[usize], decided: Vec<Verdict>) {
    for (&index, verdict) in indices.iter().zip(decided) {
        if let Some(place) = verdicts.get_mut(index) {
            *place = verdict;
        }
    }
}

/// The accounts of a batch, each with the places of its updates that say something of a stream.
fn turns<'a>(store: &RedisHot, batch: &'a [HotUpdate]) -> Vec<(Turn<'a>, Vec<usize>)> {
    let mut by_account: HashMap<&AccountId, usize> = HashMap::default();
    let mut turns: Vec<(Turn<'a>, Vec<usize>)> = Vec::new();
    for (index, update) in batch.iter().enumerate().filter(|(_, update)| update.beat.is_some()) {
        let at = *by_account.entry(&update.account).or_insert(turns.len());
        match turns.get_mut(at) {
            Some((_, indices)) => indices.push(index),
            None => turns.push((Turn::new(&update.account, &store.known), vec![index])),
        }
    }
    turns
}

/// The account of all updates that say something of a stream, if it is one.
fn only_account(batch: &[HotUpdate]) -> Option<&AccountId> {
    let mut accounts = batch.iter().filter(|update| update.beat.is_some()).map(|update| &update.account);
    let first = accounts.next()?;
    accounts.all(|account| account == first).then_some(first)
}

fn decide(
    state: &mut AccountLeases,
    batch: &[HotUpdate],
    indices: &[usize],
    times: &LeaseTimes,
    now_ms: i64,
) -> (Vec<Verdict>, Vec<Kick>) {
    let (mut verdicts, mut kicks) = (Vec::with_capacity(indices.len()), Vec::new());
    for update in indices.iter().filter_map(|&index| batch.get(index)) {
        let Some(claim) = update.claim() else { continue };
        let decision = state.assert(&claim, times, now_ms);
        verdicts.push(decision.verdict);
        let of_account = |(key, stop)| Kick { account: update.account.clone(), key, stop };
        kicks.extend(decision.kicked.into_iter().map(of_account));
    }
    (verdicts, kicks)
}

/// Stops a session of an account.
pub(super) async fn stop(
    store: &RedisHot,
    account: &AccountId,
    target: &StopTarget,
    by_device: Option<DeviceId>,
    now_ms: i64,
) -> Result<Option<Lease>, StoreError> {
    const WHAT: &str = "stop a session";
    let _turn = store.known.turn(account).await;
    let mut turn = Turn::new(account, &store.known);
    for _ in 0..ROUNDS_MAX {
        let (stopped, call) = turn.call(store, now_ms, |state| {
            let stopped = state.stop(target, by_device.clone(), &store.lease_times, now_ms);
            let kick = |(lease, stop): &(Lease, Arc<Stop>)| Kick {
                account: account.clone(),
                key: lease.key.clone(),
                stop: Arc::clone(stop),
            };
            let kicks = stopped.iter().map(kick).collect();
            (stopped.map(|(lease, _)| lease), kicks)
        });
        if turn.take(store.call(WHAT, call).await?, store)? {
            return Ok(stopped);
        }
    }
    Err(unavailable(WHAT, "other nodes were faster every time"))
}

/// The leases of an account as the servers have them.
pub(super) fn live(reply: Option<&[u8]>, times: &LeaseTimes, now_ms: i64) -> Vec<Lease> {
    let (_, state) = read(reply.unwrap_or_default());
    state.live(times, now_ms)
}

/// A stored value. What cannot be read counts as nothing: the next beats say it again, and it is replaced.
fn read(bytes: &[u8]) -> (Version, AccountLeases) {
    let (version, leases) = Version::split(bytes);
    (version, AccountLeases::from_bytes(leases).unwrap_or_default())
}

fn ttl_ms(state: &AccountLeases, times: &LeaseTimes, now_ms: i64) -> i64 {
    let left_ms = state.expires_at_ms(times).map_or(0, |at_ms| at_ms.saturating_sub(now_ms));
    left_ms.clamp(TTL_MS_MIN, TTL_MS_MAX)
}

const WHAT: &str = "apply";
/// A race is lost against somebody who won it; so often in a row only by chance.
const ROUNDS_MAX: usize = 64;
const TTL_MS_MIN: i64 = 1_000;
const TTL_MS_MAX: i64 = 24 * 60 * 60 * 1_000;
