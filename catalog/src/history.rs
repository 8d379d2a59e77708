//! What everybody did in items, when these are deleted with it and when they are brought back. It is the engines' record, so
//! what is said of an item goes to the durable store that they share, and their reads go by it. See ADR 22.

use std::sync::Arc;

use playhead_store::{ItemId, StoreError, durable::Durable, erasure::ItemErasure};

use crate::{CatalogError, records::Records};

/// Erases what everybody did in items.
pub struct History {
    durable: Arc<dyn Durable>,
    records: Records,
}

impl History {
    /// In this store, which may take as long to answer as these records' may.
    #[must_use]
    pub fn new(durable: Arc<dyn Durable>, records: Records) -> Self {
        Self { durable, records }
    }

    /// From when it returns, nothing of what anybody did or still does in these items is shown, until they are brought
    /// back. Done again, it is finished where it was broken off.
    ///
    /// # Errors
    /// The store's.
    pub async fn erase(&self, items: &[ItemId], now_ms: i64) -> Result<(), CatalogError> {
        self.say(items, |before| ItemErasure::begin(before, now_ms)).await
    }

    /// From when it returns, what is done in these items counts again.
    ///
    /// # Errors
    /// The store's.
    pub async fn begin_anew(&self, items: &[ItemId], now_ms: i64) -> Result<(), CatalogError> {
        self.say(items, |before| ItemErasure::end(before, now_ms)).await
    }

    async fn say(
        &self,
        items: &[ItemId],
        what: impl Fn(Option<ItemErasure>) -> Option<ItemErasure> + Sync,
    ) -> Result<(), CatalogError> {
        for items in items.chunks(ITEMS_AT_ONCE) {
            let said = self.say_of(items, &what);
            self.records.within(async { said.await.map_err(CatalogError::Store) }).await?;
        }
        Ok(())
    }

    async fn say_of(
        &self,
        items: &[ItemId],
        what: impl Fn(Option<ItemErasure>) -> Option<ItemErasure>,
    ) -> Result<(), StoreError> {
        let before = self.durable.item_erasures(items).await?;
        let said = items.iter().filter_map(|item| Some((item.clone(), what(before.get(item).copied())?)));
        let said: Vec<(ItemId, ItemErasure)> = said.collect();
        if said.is_empty() { Ok(()) } else { self.durable.erase_items(&said).await }
    }
}

/// So many are one write, which has the time of one call of the store.
const ITEMS_AT_ONCE: usize = 100;
