//! What this node wrote last of accounts' leases, so that it need not read them again while no other node writes.

use crate::{AccountId, lease::AccountLeases};
use ahash::HashMap;
use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// Which version of an account's leases a value is: of no two writes the same. The default one is of no value at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Version(Option<[u8; VERSION_BYTES]>);

impl Version {
    /// How it looks in a value; of no value it is empty.
    pub(super) fn bytes(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |bytes| bytes)
    }

    /// Splits a stored value into its version and the rest.
    pub(super) fn split(value: &[u8]) -> (Self, &[u8]) {
        match value.split_first_chunk() {
            Some((version, rest)) => (Self(Some(*version)), rest),
            None => (Self(None), &[]),
        }
    }
}

/// Accounts' leases as this node wrote them last, some of them: a bound on the memory, in two generations.
pub(super) struct Known {
    /// Of this node, unlike any other's.
    node: u64,
    writes: AtomicU64,
    generations: Mutex<[Generation; 2]>,
    /// Whose turn it is, by account; two accounts may share one.
    turns: Vec<tokio::sync::Mutex<()>>,
    hasher: RandomState,
    accounts_max: usize,
}

#[derive(Default)]
struct Generation {
    accounts: HashMap<AccountId, (Version, AccountLeases)>,
    /// How many sessions these remember.
    sessions: usize,
}

impl Generation {
    fn remove(&mut self, account: &AccountId) -> Option<(Version, AccountLeases)> {
        let removed = self.accounts.remove(account)?;
        self.sessions -= removed.1.sessions();
        Some(removed)
    }

    fn insert(&mut self, account: &AccountId, version: Version, state: AccountLeases) {
        drop(self.remove(account));
        self.sessions += state.sessions();
        self.accounts.insert(account.clone(), (version, state));
    }
}

impl Known {
    pub(super) fn new(accounts_max: usize) -> Self {
        Self {
            node: RandomState::new().hash_one(0),
            turns: std::iter::repeat_with(tokio::sync::Mutex::default).take(TURNS).collect(),
            hasher: RandomState::new(),
            writes: AtomicU64::new(0),
            generations: Mutex::default(),
            accounts_max,
        }
    }

    /// Of this node, unlike any other's.
    pub(super) fn node(&self) -> u64 {
        self.node
    }

    /// Waits for an account's turn.
    pub(super) async fn turn(&self, account: &AccountId) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        let place = self.hasher.hash_one(account) % TURNS as u64;
        match self.turns.get(usize::try_from(place).unwrap_or_default()) {
            Some(turn) => Some(turn.lock().await),
            None => None,
        }
    }

    /// A version that no write had before.
    pub(super) fn new_version(&self) -> Version {
        let write = self.writes.fetch_add(1, Ordering::Relaxed);
        let mut bytes = [0; VERSION_BYTES];
        let (node, count) = bytes.split_at_mut(VERSION_BYTES / 2);
        node.copy_from_slice(&self.node.to_be_bytes());
        count.copy_from_slice(&write.to_be_bytes());
        Version(Some(bytes))
    }

    /// Takes out what is known of an account. Who takes it puts back what came of it; else it is read again.
    pub(super) fn take(&self, account: &AccountId) -> Option<(Version, AccountLeases)> {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        let [young, old] = &mut *generations;
        let (taken, older) = (young.remove(account), old.remove(account));
        taken.or(older)
    }

    /// Keeps what was written of an account.
    pub(super) fn keep(&self, account: &AccountId, version: Version, state: AccountLeases) {
        if version == Version::default() {
            return;
        }
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        let [young, old] = &mut *generations;
        let is_full = young.accounts.len() >= self.accounts_max / 2
            || young.sessions >= self.accounts_max / 2 * SESSIONS_USUAL;
        if is_full {
            *old = std::mem::take(young);
        }
        young.insert(account, version, state);
    }
}

/// Sessions that an account may remember, in the mean, before fewer accounts are known.
const SESSIONS_USUAL: usize = 2;
/// A node's number and the number of the write.
pub(super) const VERSION_BYTES: usize = 16;
/// Turns that are taken at a time, at most.
const TURNS: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        DeviceId, ItemKind,
        contract::Dice,
        lease::{Beat, Claim, Doing, LeaseTimes, Standing, Terms},
    };

    /// An account whose sessions ended, so many of them.
    fn ended(dice: &mut Dice, sessions: i64) -> AccountLeases {
        let (user, device) = (dice.user(), DeviceId::new("tv").unwrap());
        let mut state = AccountLeases::default();
        for at_ms in 0..sessions {
            let beat = Beat {
                item: dice.item(),
                kind: ItemKind::Movie,
                terms: Terms::unlimited(),
                doing: Doing::Ended,
                position_ms: None,
                is_open: true,
                standing: Standing::New,
            };
            let key = dice.session(&user);
            let claim = Claim { key: &key, device: &device, since_ms: at_ms, as_of_ms: at_ms, beat: &beat };
            state.assert(&claim, &LeaseTimes::default(), at_ms);
        }
        state
    }

    #[test]
    fn accounts_and_their_sessions_are_bounded() {
        let mut dice = Dice::new();
        for (sessions, accounts_max) in [(1, 100), (8, 26)] {
            let known = Known::new(100);
            for number in 0..1_000 {
                let account = AccountId::new(&format!("account-{}", number % 300)).unwrap();
                drop(known.take(&account).filter(|_| dice.one_in(2)));
                known.keep(&account, known.new_version(), ended(&mut dice, sessions));
                let generations = known.generations.lock().unwrap();
                let held = |part: &Generation| {
                    part.accounts.values().map(|(_, state)| state.sessions()).sum::<usize>()
                };
                assert!(generations.iter().all(|part| part.sessions == held(part)));
                let accounts: usize = generations.iter().map(|part| part.accounts.len()).sum();
                assert!(accounts <= accounts_max, "{accounts} accounts of {sessions} sessions");
            }
        }
    }
}
