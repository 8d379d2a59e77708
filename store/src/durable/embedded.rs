//! The durable store of a single node: fjall, an LSM tree in this process. See ADR 4.
//!
//! In reading order: `opened` keeps the tables open, `writer` is the one thread that writes, `change` what a batch
//! changes, `erasing` what an erasure does, `view` is how everything is read, on the threads of `reads`; `rows` and
//! `keys` are how it rests, in the tables of `tables`, and `retention` is how it goes. A write is not fsynced: the journal
//! before this store holds it until `persist`. `documents` is the other seam, in the same database; what is put there is
//! fsynced at once.

mod change;
mod documents;
mod erasing;
mod fault;
mod keys;
mod lock;
mod opened;
mod reads;
mod recent;
mod retention;
mod rows;
mod tables;
mod verify;
mod view;
mod writer;

pub use tables::DOCUMENTS_BUFFER_BYTES;
pub use verify::{StoreReport, verify};

use super::{Durable, KnownSession, SessionRow, WriteBatch};
use crate::{Event, ItemId, SessionKey, StoreError, UserId, erasure::ItemErasure, position::PositionRow};
use opened::Opened;
use reads::Reads;
use retention::Horizon;
use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tables::Tables;
use view::View;
use writer::{Command, Writer};

/// How an embedded store is run.
///
/// Its memory is `cache_bytes`, `session_cache_bytes` and, as a rule, once or twice `write_buffer_bytes`: 48 to 64 MiB by
/// default. Where the disk cannot follow, five times `write_buffer_bytes` (112 MiB by default); then writes wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EmbeddedSettings {
    /// Sessions and events are kept for so many days after they happened; `None` keeps them for ever. Positions stay.
    pub retention_days: Option<u32>,
    /// Memory for blocks that were read, bytes.
    pub cache_bytes: u64,
    /// Memory for rows that are not in files yet, bytes. It counts when a store is made, and is kept with it.
    pub write_buffer_bytes: u64,
    /// Memory for what the writer knows of the sessions that it lately wrote, bytes: some 900 each.
    pub session_cache_bytes: usize,
}

impl Default for EmbeddedSettings {
    fn default() -> Self {
        Self {
            retention_days: Some(400),
            cache_bytes: 16 << 20,
            write_buffer_bytes: 16 << 20,
            session_cache_bytes: 16 << 20,
        }
    }
}

/// A durable store in a directory of its own. Cheap to read from many tasks; writes go through one thread.
///
/// Dropping it blocks until its writer is done with what was handed over, and fsyncs, and until nobody reads any more.
pub struct EmbeddedDurable {
    /// First, so that the thread has ended when the tables are closed.
    writer: Writer,
    horizon: Horizon,
    retention_days: Option<u32>,
    reads: Reads,
    /// False while no item was ever erased: then nobody needs to look which.
    is_any_erased: AtomicBool,
}

impl EmbeddedDurable {
    /// Opens the store in this directory, which is made if it is not there. Blocks for as long as fjall reads its log,
    /// 128 MiB at most.
    ///
    /// # Errors
    /// `Unavailable` when another process has it open or the disk cannot be read, `Damaged` when it cannot be read for
    /// what it is, `Refused` when another version of fjall wrote it.
    pub fn open(dir: &Path, settings: EmbeddedSettings) -> Result<Self, StoreError> {
        let horizon = Horizon::default();
        let opened = Arc::new(Opened::open(dir, settings, horizon.clone())?);
        let is_any_erased = AtomicBool::new(opened.with(|tables, _| tables.is_any_erased())?);
        let writer = Writer::start(opened.clone(), settings.session_cache_bytes)?;
        let (reads, retention_days) = (Reads::new(opened), settings.retention_days);
        Ok(Self { writer, horizon, retention_days, reads, is_any_erased })
    }

    /// Reads on a thread that may wait for the disk.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&View<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let horizon = self.horizon.clone();
        self.read_tables(move |tables| read(&tables.view(&horizon))).await
    }

    /// Reads the tables as they are, likewise.
    async fn read_tables<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Tables) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.reads.run(move |opened| opened.with(|tables, _| read(tables))).await
    }
}

#[async_trait::async_trait]
impl Durable for EmbeddedDurable {
    async fn open_session(&self, key: &SessionKey) -> Result<KnownSession, StoreError> {
        let key = key.clone();
        self.read(move |view| view.open_session(&key)).await
    }

    async fn write(&self, batch: &WriteBatch) -> Result<(), StoreError> {
        let batch = batch.clone();
        self.writer.run(|answer| Command::Write(batch, answer)).await
    }

    /// What is older than the retention is invisible at once, and leaves the disk when its files are compacted. Until
    /// the first call nothing has expired.
    fn expire(&self, now_ms: i64) {
        if let Some(retention_days) = self.retention_days {
            self.horizon.raise(now_ms, retention_days);
        }
    }

    async fn persist(&self) -> Result<(), StoreError> {
        self.writer.run(Command::Persist).await
    }

    async fn position(&self, user: &UserId, item: &ItemId) -> Result<Option<PositionRow>, StoreError> {
        let (user, item) = (user.clone(), item.clone());
        self.read(move |view| view.position(&user, &item)).await
    }

    async fn positions(&self, user: &UserId) -> Result<Vec<(ItemId, PositionRow)>, StoreError> {
        let user = user.clone();
        self.read(move |view| view.positions(&user)).await
    }

    async fn session(&self, key: &SessionKey) -> Result<Option<(SessionRow, Vec<Event>)>, StoreError> {
        let key = key.clone();
        self.read(move |view| view.session(&key)).await
    }

    async fn sessions(&self, user: &UserId) -> Result<Vec<SessionRow>, StoreError> {
        let user = user.clone();
        self.read(move |view| view.sessions(&user)).await
    }

    async fn erase(&self, user: &UserId, through_ms: i64) -> Result<(), StoreError> {
        let user = user.clone();
        self.writer.run(|answer| Command::Erase(user, through_ms, answer)).await
    }

    async fn erase_items(&self, erasures: &[(ItemId, ItemErasure)]) -> Result<(), StoreError> {
        // Before any is, so that whoever reads behind it looks.
        self.is_any_erased.store(true, Ordering::Release);
        let erasures = erasures.to_vec();
        self.writer.run(|answer| Command::EraseItems(erasures, answer)).await
    }

    async fn item_erasures(&self, items: &[ItemId]) -> Result<HashMap<ItemId, ItemErasure>, StoreError> {
        if items.is_empty() || !self.is_any_erased.load(Ordering::Acquire) {
            return Ok(HashMap::new());
        }
        let items = items.to_vec();
        self.read(move |view| view.item_erasures(items)).await
    }
}

#[cfg(test)]
mod tests;
