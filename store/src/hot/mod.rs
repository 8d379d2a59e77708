//! The hot store: short-lived state that the nodes share. It is never the record: whatever it forgets is rebuilt from
//! the durable store and the next beats.

use crate::{AccountId, Clock, DeviceId, ItemId, SessionKey, StoreError, UserId, position::PositionRow};

pub mod embedded;

pub mod redis;

/// Short-lived shared state. Every method may be called from many tasks at once, and may fail at any time without
/// harm: callers bound their wait and go on without it.
#[async_trait::async_trait]
pub trait Hot: Send + Sync + 'static {
    /// Fixes a session's clock, once: the first proposal wins on every node, and later callers get it back.
    async fn fix_clock(&self, key: &SessionKey, proposed: Clock) -> Result<Clock, StoreError>;

    /// Takes what one commit made durable: renews each session and joins its position. Returns one verdict per
    /// update, in their order. Repeating a batch, or giving parts of it in another order, changes nothing.
    /// `now_ms` is the caller's time; a backend with a clock of its own may ignore it.
    async fn apply(&self, batch: &[HotUpdate], now_ms: i64) -> Result<Vec<Verdict>, StoreError>;

    /// Where a user is in an item, as far as the hot store remembers.
    async fn position(&self, user: &UserId, item: &ItemId) -> Result<Option<PositionRow>, StoreError>;

    /// The positions of a user that the hot store remembers, in no order.
    async fn positions(&self, user: &UserId) -> Result<Vec<(ItemId, PositionRow)>, StoreError>;

    /// Forgets all that a user has up to `through_ms`.
    async fn erase(&self, user: &UserId, through_ms: i64) -> Result<(), StoreError>;
}

/// What one commit says of one session.
#[derive(Debug, Clone)]
pub struct HotUpdate {
    /// The session.
    pub key: SessionKey,
    /// Who pays for it.
    pub account: AccountId,
    /// Where it is watched.
    pub device: DeviceId,
    /// The session's clock, which the hot store keeps with it.
    pub clock: Clock,
    /// The corrected time of its latest event in the commit, Unix ms.
    pub last_at_ms: i64,
    /// What its events say of the position in the session's item, if anything.
    pub position: Option<(ItemId, PositionRow)>,
}

/// Whether a session may play.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may.
    Play,
    /// It must stop.
    Stop,
}
