//! What nodes tell each other of what they wrote, so that no cache goes on with what was before.

use crate::{AccountId, ItemId, PlanId, UserId};
use std::sync::Arc;

/// Something that was written, as caches know it: whoever remembers it reads it again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Stale {
    /// Anything may have been written; nobody can say what.
    All,
    /// An item.
    Item(ItemId),
    /// A plan.
    Plan(PlanId),
    /// A subscription of an account.
    Subscriptions(AccountId),
    /// A grant of a user.
    Grants(UserId),
    /// What a user may watch at most.
    Limits(UserId),
}

/// What one who wrote tells all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Who tells, by a number of its own, so that it knows its own words when it hears them, or [`Notice::NOBODY`].
    pub from: u64,
    /// What was written, at most [`NOTICE_MAX`] of it.
    pub stale: Arc<[Stale]>,
}

impl Notice {
    /// Who remembers nothing itself: all who listen hear what it tells.
    pub const NOBODY: u64 = 0;

    /// That anything may be stale: notices were missed.
    #[must_use]
    pub fn of_all() -> Self {
        Self { from: Self::NOBODY, stale: [Stale::All].into() }
    }
}

/// The most that one notice says: 33 KB, with ids of the greatest length.
pub const NOTICE_MAX: usize = 256;
