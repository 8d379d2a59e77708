//! The hot store: short-lived state that the nodes share. It is never the record: whatever it forgets is rebuilt from
//! the durable store and the next beats.

use crate::{
    AccountId, Clock, DeviceId, ItemId, SessionKey, StoreError, UserId,
    lease::{Beat, Claim, Kick, Lease, StopTarget},
    position::PositionRow,
};
use tokio::sync::broadcast;

pub use self::stale::{NOTICE_MAX, Notice, Stale};
pub use crate::lease::Verdict;

pub mod embedded;

pub mod redis;

mod stale;

/// Short-lived shared state. Every method may be called from many tasks at once, and may fail at any time without
/// harm: callers bound their wait and go on without it.
#[async_trait::async_trait]
pub trait Hot: Send + Sync + 'static {
    /// Fixes a session's clock, once: the first proposal wins on every node, and later callers get it back.
    async fn fix_clock(&self, key: &SessionKey, proposed: Clock) -> Result<Clock, StoreError>;

    /// Takes what one commit made durable: renews each session, joins its position, and gives its beat to its account's
    /// leases ([`AccountLeases::assert`](crate::lease::AccountLeases::assert)). Returns one verdict per update, in their
    /// order; an update without a beat may play. Repeating a batch, or giving parts of it in another order, changes
    /// nothing about sessions and positions; of an account's leases, asserted one at a time, never more are given than
    /// its rules allow. `now_ms` is the caller's time; a backend with a clock of its own may ignore it.
    async fn apply(&self, batch: &[HotUpdate], now_ms: i64) -> Result<Vec<Verdict>, StoreError>;

    /// Asks for a slot for a session that begins: gives its beat to its account's leases as [`Hot::apply`] does, and leaves
    /// all else as it is, its clock too, which its first frame fixes. After an error the slot may be taken; the session's
    /// beats renew it, or it expires.
    async fn admit(&self, update: &HotUpdate, now_ms: i64) -> Result<Verdict, StoreError>;

    /// The leases of an account that count now, the oldest first.
    async fn live_sessions(&self, account: &AccountId, now_ms: i64) -> Result<Vec<Lease>, StoreError>;

    /// Stops a session for good: takes its lease, remembers that for its beats, and tells all nodes. Returns the lease
    /// that it held; `None` when it holds none, and then nothing is done.
    async fn stop(
        &self,
        account: &AccountId,
        target: &StopTarget,
        by_device: Option<DeviceId>,
        now_ms: i64,
    ) -> Result<Option<Lease>, StoreError>;

    /// Hears of sessions that lost their slots by somebody else's doing, on whatever node, from now on: evicted, taken
    /// over, stopped, or too many. Some may be missed, when the listener is slow or a connection breaks; the next beat of
    /// such a session gets the verdict all the same.
    fn kicks(&self) -> broadcast::Receiver<Kick>;

    /// Where a user is in an item, as far as the hot store remembers.
    async fn position(&self, user: &UserId, item: &ItemId) -> Result<Option<PositionRow>, StoreError>;

    /// The positions of a user that the hot store remembers, in no order.
    async fn positions(&self, user: &UserId) -> Result<Vec<(ItemId, PositionRow)>, StoreError>;

    /// Tells all who listen to [`Hot::stale`], on whatever node, of what was written. After an error some of them may not
    /// know; telling it again does no harm.
    async fn tell_stale(&self, notice: &Notice) -> Result<(), StoreError>;

    /// Hears of what is written, on whatever node, from now on: each teller's notices in their order, some perhaps twice.
    /// A listener that was cut off, or is not yet heard of, misses what is told meanwhile; when it hears again, it is told
    /// [`Notice::of_all`]. One that is too slow learns from the receiver that it missed some.
    fn stale(&self) -> broadcast::Receiver<Notice>;

    /// Forgets all that a user has up to `through_ms`; leases may stay until they are over.
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
    /// What it says of its stream; `None` leaves the account's leases alone.
    pub beat: Option<Beat>,
}

impl HotUpdate {
    /// What it asks of its account's leases, if anything.
    #[must_use]
    pub fn claim(&self) -> Option<Claim<'_>> {
        let beat = self.beat.as_ref()?;
        let (key, device, since_ms, as_of_ms) =
            (&self.key, &self.device, self.clock.fixed_at_ms, self.last_at_ms);
        Some(Claim { key, device, since_ms, as_of_ms, beat })
    }
}
