//! A disk and a durable store that take everything at once and keep nothing: what is left is the room's own work.

use std::{
    collections::HashMap,
    io::{self, ErrorKind},
    sync::Arc,
};

use playhead_ingest::journal::{Disk, DiskFile, Listed};
use playhead_store::{
    Event, ItemId, SessionKey, StoreError, UserId,
    durable::{Durable, KnownSession, SessionRow, WriteBatch},
    erasure::ItemErasure,
    position::PositionRow,
};

/// A disk that is always empty.
#[derive(Debug, Clone, Copy, Default)]
pub struct NullDisk;

impl NullDisk {
    /// One for an engine.
    #[must_use]
    pub fn shared() -> Arc<dyn Disk> {
        Arc::new(Self)
    }
}

impl Disk for NullDisk {
    fn list(&self) -> io::Result<Vec<Listed>> {
        Ok(Vec::new())
    }

    fn create(&self, _name: &str, _bytes: u64) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(Self))
    }

    fn read_at(&self, _name: &str, _offset: u64, _buffer: &mut [u8]) -> io::Result<usize> {
        Err(ErrorKind::NotFound.into())
    }

    fn sync_file(&self, _name: &str) -> io::Result<()> {
        Ok(())
    }

    fn rename(&self, _from: &str, _to: &str) -> io::Result<()> {
        Ok(())
    }

    fn remove(&self, _name: &str) -> io::Result<()> {
        Ok(())
    }

    fn sync_dir(&self) -> io::Result<()> {
        Ok(())
    }
}

impl DiskFile for NullDisk {
    fn write_at(&mut self, _offset: u64, _bytes: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A durable store that knows nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct NullDurable;

#[async_trait::async_trait]
impl Durable for NullDurable {
    async fn open_session(&self, _key: &SessionKey) -> Result<KnownSession, StoreError> {
        Ok(KnownSession::default())
    }

    async fn write(&self, _batch: &WriteBatch) -> Result<(), StoreError> {
        Ok(())
    }

    async fn persist(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn position(&self, _user: &UserId, _item: &ItemId) -> Result<Option<PositionRow>, StoreError> {
        Ok(None)
    }

    async fn positions(&self, _user: &UserId) -> Result<Vec<(ItemId, PositionRow)>, StoreError> {
        Ok(Vec::new())
    }

    async fn session(&self, _key: &SessionKey) -> Result<Option<(SessionRow, Vec<Event>)>, StoreError> {
        Ok(None)
    }

    async fn sessions(&self, _user: &UserId) -> Result<Vec<SessionRow>, StoreError> {
        Ok(Vec::new())
    }

    async fn erase(&self, _user: &UserId, _through_ms: i64) -> Result<(), StoreError> {
        Ok(())
    }

    async fn erase_items(&self, _erasures: &[(ItemId, ItemErasure)]) -> Result<(), StoreError> {
        Ok(())
    }

    async fn item_erasures(&self, _items: &[ItemId]) -> Result<HashMap<ItemId, ItemErasure>, StoreError> {
        Ok(HashMap::new())
    }
}
