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

type Generation = HashMap<AccountId, (Version, AccountLeases)>;

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
        if young.len() >= self.accounts_max / 2 {
            *old = std::mem::take(young);
        }
        young.insert(account.clone(), (version, state));
    }
}

/// A node's number and the number of the write.
pub(super) const VERSION_BYTES: usize = 16;
/// Turns that are taken at a time, at most.
const TURNS: usize = 256;
