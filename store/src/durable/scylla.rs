//! The durable store of a cluster: ScyllaDB or Apache Cassandra, by CQL that both speak. See ADR 11.
//!
//! In reading order: `settings` says which cluster, `connection` reaches it, `migrate` makes its schema, `statements` are
//! all that is ever asked of it. `plan` turns a batch into requests of one partition key each, made of the rows of `row`,
//! whose cells bear the times of `stamp` and the bytes of `register`; `send` hands them over, in `shapes` made once, at the
//! pace of `pace`. `read` puts rows together again, `erase` takes them away, `fault` sorts what can go wrong, `retention`
//! says how long a row lives, and `listed` which sessions need not be listed again. `documents` is the other seam.

mod connection;
mod documents;
mod erase;
mod fault;
mod listed;
mod migrate;
mod pace;
mod plan;
mod read;
mod register;
mod retention;
mod row;
mod said;
mod send;
mod settings;
mod shapes;
mod stamp;
mod statements;

pub use migrate::{Migration, Outcome, Replication, ReplicationError, migrate};
pub use settings::{Credentials, KEYSPACE_BYTES_MAX, ScyllaSettings, is_keyspace_name};

use self::{connection::Connection, listed::Listed, pace::Pace, retention::Retention};
use super::{Durable, KnownSession, SessionRow, WriteBatch, documents::Own};
use crate::{Event, ItemId, SessionKey, StoreError, UserId, erasure::ItemErasure, position::PositionRow};
use std::collections::HashMap;
use tokio::sync::OnceCell;

/// A durable store in a keyspace of a cluster. Cheap to use from many tasks.
///
/// It connects when it is first used, and again until it succeeds: a server starts without its cluster, and what it takes
/// meanwhile waits in the journal.
pub struct ScyllaDurable {
    settings: ScyllaSettings,
    connection: OnceCell<Connection>,
    pace: Pace,
    retention: Retention,
    listed: Listed,
}

impl ScyllaDurable {
    /// A store that is not connected yet.
    #[must_use]
    pub fn new(settings: ScyllaSettings) -> Self {
        Self {
            connection: OnceCell::new(),
            pace: Pace::new(settings.requests_max),
            retention: Retention::new(settings.retention_days),
            listed: Listed::default(),
            settings,
        }
    }

    /// Connects, and looks whether the keyspace has all that this version needs.
    ///
    /// # Errors
    /// `Unavailable` when no node answers, which mends by itself; `Refused` when the cluster does not know us or the
    /// keyspace lacks a migration.
    pub async fn connect(&self) -> Result<(), StoreError> {
        self.connection().await.map(|_| ())
    }

    /// How many requests may be under way at present: fewer where the cluster cannot follow.
    #[must_use]
    pub fn requests_allowed(&self) -> usize {
        self.pace.allowed()
    }

    async fn connection(&self) -> Result<&Connection, StoreError> {
        self.connection.get_or_try_init(|| Connection::open(&self.settings)).await
    }
}

#[async_trait::async_trait]
impl Durable for ScyllaDurable {
    async fn open_session(&self, key: &SessionKey) -> Result<KnownSession, StoreError> {
        self.connection().await?.open_session(key).await
    }

    async fn write(&self, batch: &WriteBatch) -> Result<(), StoreError> {
        let connection = self.connection().await?;
        let generations = connection.generations(batch).await?;
        let plan = plan::Planner { retention: &self.retention, listed: &self.listed, generations };
        let requests = plan.requests(batch);
        connection.send_all(&self.pace, requests).await?;
        self.listed.note(batch);
        Ok(())
    }

    /// A write that returned is in the commit logs of a local quorum, which fsyncs them by itself.
    async fn persist(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn settles_in_ms(&self) -> u64 {
        self.settings.settles_in_ms
    }

    async fn position(&self, user: &UserId, item: &ItemId) -> Result<Option<PositionRow>, StoreError> {
        self.connection().await?.position(user, item).await
    }

    async fn positions(&self, user: &UserId) -> Result<Vec<(ItemId, PositionRow)>, StoreError> {
        self.connection().await?.positions(user).await
    }

    async fn session(&self, key: &SessionKey) -> Result<Option<(SessionRow, Vec<Event>)>, StoreError> {
        self.connection().await?.session(key).await
    }

    async fn sessions(&self, user: &UserId) -> Result<Vec<SessionRow>, StoreError> {
        self.connection().await?.sessions(user).await
    }

    /// Rows expire by themselves; the time says how long those have that are written from now on.
    fn expire(&self, now_ms: i64) {
        self.retention.now(now_ms);
    }

    async fn erase(&self, user: &UserId, through_ms: i64) -> Result<(), StoreError> {
        let connection = self.connection().await?;
        self.listed.forget(user);
        connection.erase(&self.pace, user, through_ms).await?;
        self.listed.forget(user);
        for own in Own::ALL {
            connection.purge(&own.of(user)).await?;
        }
        Ok(())
    }

    async fn erase_items(&self, erasures: &[(ItemId, ItemErasure)]) -> Result<(), StoreError> {
        self.connection().await?.erase_items(&self.pace, erasures).await
    }

    async fn item_erasures(&self, items: &[ItemId]) -> Result<HashMap<ItemId, ItemErasure>, StoreError> {
        match items {
            [] => Ok(HashMap::new()),
            items => Ok(self.connection().await?.item_erasures(items).await?.into_iter().collect()),
        }
    }
}
