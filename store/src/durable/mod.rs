//! The durable store: the lasting record of sessions, events and positions, and of [`documents`].

use std::{collections::HashMap, sync::Arc};

use crate::{
    Clock, Description, Event, ItemId, SessionKey, StoreError, UserId, erasure::ItemErasure,
    position::PositionRow, seqs::SeqSet,
};

pub mod documents;

pub mod embedded;

pub mod scylla;

/// The lasting record. Every method may be called from many tasks at once.
///
/// Writes are joins: rows merge by the rules of this crate, so neither the order nor the repetition of writes can
/// matter, and a write whose outcome is unknown is simply made again.
#[async_trait::async_trait]
pub trait Durable: Send + Sync + 'static {
    /// What is known of a session, so that a node can go on with it. Sees every write that returned before the call.
    async fn open_session(&self, key: &SessionKey) -> Result<KnownSession, StoreError>;

    /// Writes events and positions: all of it, or an error. After an error any part may have been written; writing
    /// the same again changes nothing and is how the caller goes on. Events and positions of an erased user that are
    /// not later than the erasure are left out silently.
    async fn write(&self, batch: &WriteBatch) -> Result<(), StoreError>;

    /// When it returns, every write that returned before the call survives a power loss.
    async fn persist(&self) -> Result<(), StoreError>;

    /// After so long a write that returned survives a power loss, if the store was persisted meanwhile; what holds it
    /// besides is kept until then.
    fn settles_in_ms(&self) -> u64 {
        0
    }

    /// Where a user is in an item.
    async fn position(&self, user: &UserId, item: &ItemId) -> Result<Option<PositionRow>, StoreError>;

    /// All positions of a user, in no order.
    async fn positions(&self, user: &UserId) -> Result<Vec<(ItemId, PositionRow)>, StoreError>;

    /// One session, with its events in no order, each identity once.
    async fn session(&self, key: &SessionKey) -> Result<Option<(SessionRow, Vec<Event>)>, StoreError>;

    /// All sessions of a user, in no order.
    async fn sessions(&self, user: &UserId) -> Result<Vec<SessionRow>, StoreError>;

    /// Says what time it is, so that a store that keeps its own retention can let go of what is older. Called at start
    /// and then every few seconds; costs nothing. A store whose rows expire by themselves has nothing to do.
    fn expire(&self, now_ms: i64) {
        let _ = now_ms;
    }

    /// Erases all that a user has up to `through_ms`, and remembers it, so that no later write brings it back; and the
    /// [documents](documents::Own) that are the user's own.
    /// Durable when it returns, power loss included. Safe to repeat; the latest time counts.
    async fn erase(&self, user: &UserId, through_ms: i64) -> Result<(), StoreError>;

    /// Remembers for good what was said of items, each once in a call; of all that is ever said of one the greatest counts.
    /// It changes no row: whoever reads leaves out what is erased. Durable when it returns, power loss included. After an
    /// error any part may be remembered, and it is safe to repeat.
    async fn erase_items(&self, erasures: &[(ItemId, ItemErasure)]) -> Result<(), StoreError>;

    /// What is remembered of these items. Sees every [`Durable::erase_items`] that returned before the call.
    async fn item_erasures(&self, items: &[ItemId]) -> Result<HashMap<ItemId, ItemErasure>, StoreError>;
}

/// What the store knows when a session is opened on a node.
#[derive(Debug, Clone, Default)]
pub struct KnownSession {
    /// Its clock, if it was ever written.
    pub clock: Option<Clock>,
    /// The events it holds.
    pub seqs: SeqSet,
    /// Everything of this user up to this time was erased, Unix ms.
    pub erased_through_ms: Option<i64>,
}

/// What one flush writes.
#[derive(Debug, Clone, Default)]
pub struct WriteBatch {
    /// At most one entry per session.
    pub sessions: Vec<SessionWrite>,
    /// At most one entry per user and item.
    pub positions: Vec<PositionWrite>,
}

/// A session's new events, and what they say of it.
#[derive(Debug, Clone)]
pub struct SessionWrite {
    /// The session.
    pub key: SessionKey,
    /// Its clock.
    pub clock: Clock,
    /// What its latest event said of it.
    pub description: Description,
    /// The events, at least one, each identity once. Shared, since whoever writes them keeps showing them to reads.
    pub events: Arc<Vec<Event>>,
}

/// What is to be joined into a position.
#[derive(Debug, Clone)]
pub struct PositionWrite {
    /// Whose.
    pub user: UserId,
    /// In what.
    pub item: ItemId,
    /// What is known.
    pub row: PositionRow,
}

/// A session as it rests, besides its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// The session.
    pub key: SessionKey,
    /// Its clock: the earliest fixing that was written.
    pub clock: Clock,
    /// The latest description that was written.
    pub description: Description,
    /// The corrected time of its earliest event, Unix ms.
    pub first_at_ms: i64,
    /// The corrected time of its latest event, Unix ms.
    pub last_at_ms: i64,
    /// How many events it holds.
    pub event_count: u64,
}
