//! Deletions that break off in the middle, at each of their writes: done again, they are finished.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use playhead_catalog::{
    CatalogError, Settings,
    history::History,
    items::{Items, View},
    records::Records,
    stale::Noted,
};
use playhead_store::{
    Event, ItemId, SessionKey, StoreError, StoreErrorKind, UserId,
    catalog::{Item, Kind},
    durable::{
        Durable, KnownSession, SessionRow, WriteBatch,
        documents::{Change, Document, DocumentKey, Documents, Partition, Put},
        embedded::{EmbeddedDurable, EmbeddedSettings},
    },
    erasure::ItemErasure,
    position::PositionRow,
};

use crate::site::BEGIN_MS;

/// The embedded store; after so many writes it is gone, and the write that finds it so is done in part.
struct Halting {
    store: EmbeddedDurable,
    writes_left: AtomicI64,
}

impl Halting {
    fn is_there(&self) -> bool {
        self.writes_left.fetch_sub(1, Ordering::SeqCst) > 0
    }
}

fn gone<T>() -> Result<T, StoreError> {
    Err(StoreError { kind: StoreErrorKind::Unknown, what: "a store that went away", source: None })
}

#[async_trait::async_trait]
impl Documents for Halting {
    async fn get(&self, keys: &[DocumentKey]) -> Result<Vec<Option<Document>>, StoreError> {
        self.store.get(keys).await
    }

    async fn list(
        &self,
        of: &Partition,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Document>, StoreError> {
        self.store.list(of, after, limit).await
    }

    async fn entries(
        &self,
        of: &Partition,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, StoreError> {
        self.store.entries(of, after, limit).await
    }

    async fn put(&self, changes: &[Change]) -> Result<Vec<Put>, StoreError> {
        if self.is_there() { self.store.put(changes).await } else { gone() }
    }

    async fn purge(&self, partition: &Partition) -> Result<(), StoreError> {
        self.store.purge(partition).await
    }
}

#[async_trait::async_trait]
impl Durable for Halting {
    async fn open_session(&self, key: &SessionKey) -> Result<KnownSession, StoreError> {
        self.store.open_session(key).await
    }

    async fn write(&self, batch: &WriteBatch) -> Result<(), StoreError> {
        self.store.write(batch).await
    }

    async fn persist(&self) -> Result<(), StoreError> {
        self.store.persist().await
    }

    async fn position(&self, user: &UserId, item: &ItemId) -> Result<Option<PositionRow>, StoreError> {
        self.store.position(user, item).await
    }

    async fn positions(&self, user: &UserId) -> Result<Vec<(ItemId, PositionRow)>, StoreError> {
        self.store.positions(user).await
    }

    async fn session(&self, key: &SessionKey) -> Result<Option<(SessionRow, Vec<Event>)>, StoreError> {
        self.store.session(key).await
    }

    async fn sessions(&self, user: &UserId) -> Result<Vec<SessionRow>, StoreError> {
        self.store.sessions(user).await
    }

    async fn erase(&self, user: &UserId, through_ms: i64) -> Result<(), StoreError> {
        self.store.erase(user, through_ms).await
    }

    async fn erase_items(&self, erasures: &[(ItemId, ItemErasure)]) -> Result<(), StoreError> {
        if self.is_there() {
            return self.store.erase_items(erasures).await;
        }
        self.store.erase_items(&erasures[..erasures.len() / 2]).await?;
        gone()
    }

    async fn item_erasures(&self, items: &[ItemId]) -> Result<HashMap<ItemId, ItemErasure>, StoreError> {
        self.store.item_erasures(items).await
    }
}

/// A catalog on such a store.
struct Catalog {
    store: Arc<Halting>,
    items: Items,
    history: History,
    _dir: tempfile::TempDir,
}

impl Catalog {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = EmbeddedDurable::open(dir.path(), EmbeddedSettings::default()).unwrap();
        let store = Arc::new(Halting { store, writes_left: AtomicI64::new(i64::MAX) });
        let records = Records::new(store.clone(), 10_000);
        let items = Items::new(records.clone(), Noted::default(), &Settings::default());
        let history = History::new(store.clone(), records);
        Self { store, items, history, _dir: dir }
    }

    /// A series of so many episodes: all their ids, the series' first.
    async fn put_series(&self, name: &str) -> Vec<ItemId> {
        let series = ItemId::new(name).unwrap();
        let mut ids = vec![series.clone()];
        ids.extend((0..EPISODES).map(|number| ItemId::new(&format!("{name}-{number}")).unwrap()));
        for id in &ids {
            let parent = (*id != series).then(|| series.clone());
            let kind = if parent.is_some() { Kind::Episode } else { Kind::Series };
            let item = Item { parent, ..Item::new(id.clone(), kind) };
            self.items.upsert(id, None, BEGIN_MS, |_| Ok(item.clone())).await.unwrap();
        }
        ids
    }

    async fn delete(&self, series: &ItemId, now_ms: i64) -> Result<(), CatalogError> {
        self.items.delete(series, None, true, Some(&self.history), now_ms).await.map(drop)
    }

    async fn undelete(&self, series: &ItemId, now_ms: i64) -> Result<(), CatalogError> {
        self.items.undelete(series, None, Some(&self.history), now_ms).await.map(drop)
    }

    /// How many of these items are deleted, and how many of those and of the others are erased.
    async fn state(&self, ids: &[ItemId]) -> (usize, usize, usize) {
        let erasures = self.store.item_erasures(ids).await.unwrap();
        let (mut deleted, mut erased, mut in_vain) = (0, 0, 0);
        for id in ids {
            let view = View { sees_all: true, is_fresh: true, now_ms: BEGIN_MS };
            let is_deleted = self.items.get(id, view).await.unwrap().value.deletion.is_some();
            let is_erased = erasures.get(id).is_some_and(|erasure| erasure.is_open());
            deleted += usize::from(is_deleted);
            erased += usize::from(is_deleted && is_erased);
            in_vain += usize::from(!is_deleted && is_erased);
        }
        (deleted, erased, in_vain)
    }

    /// Does something with this many writes, and again with all: whether it broke off before.
    async fn breaks_off(
        &self,
        ids: &[ItemId],
        writes: i64,
        act: impl AsyncFn(i64) -> Result<(), CatalogError>,
    ) -> bool {
        self.store.writes_left.store(writes, Ordering::SeqCst);
        let first = act(BEGIN_MS + 1_000).await;
        self.store.writes_left.store(i64::MAX, Ordering::SeqCst);
        let (deleted, erased, in_vain) = self.state(ids).await;
        assert_eq!(
            in_vain, 0,
            "whoever may play plays for nothing after {writes} writes: {deleted}, {erased}"
        );
        act(BEGIN_MS + 2_000).await.unwrap();
        first.is_err()
    }
}

const EPISODES: i64 = 120;

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_off_is_finished_when_it_is_done_again() {
    let catalog = Catalog::new();
    // Each item is marked, and then it is said in three writes what is erased; to bring it back is two writes an item.
    let marks = 1 + EPISODES;
    let (deleting, bringing_back) = (marks + 3, 2 * marks);
    for writes in [0, 1, 2, 3, marks - 1, marks, marks + 1, marks + 2, deleting, 2 * marks - 1, bringing_back]
    {
        let ids = catalog.put_series(&format!("series-{writes}")).await;
        let series = &ids[0];
        let delete = async |now_ms| catalog.delete(series, now_ms).await;
        assert_eq!(catalog.breaks_off(&ids, writes, delete).await, writes < deleting, "{writes}");
        assert_eq!(catalog.state(&ids).await, (ids.len(), ids.len(), 0), "{writes}");
        let undelete = async |now_ms| catalog.undelete(series, now_ms).await;
        assert_eq!(catalog.breaks_off(&ids, writes, undelete).await, writes < bringing_back, "{writes}");
        assert_eq!(catalog.state(&ids).await, (0, 0, 0), "{writes}");
    }
}
