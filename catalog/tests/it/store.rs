//! When the store is slow or away: what is remembered goes on, the rest is told in time, and no crowd runs to the store.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use playhead_catalog::Settings;
use playhead_proto::catalog::v1::{self as proto, Kind};
use playhead_store::{
    StoreError, StoreErrorKind,
    durable::{
        documents::{Change, Document, DocumentKey, Documents, Partition, Put},
        embedded::{EmbeddedDurable, EmbeddedSettings},
    },
};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::site::{Site, item, told};

/// The embedded store, behind a line that can be cut.
pub struct Line {
    store: EmbeddedDurable,
    pub state: AtomicU64,
    reads: AtomicU64,
}

pub const UP: u64 = 0;
pub const DOWN: u64 = 1;
pub const STUCK: u64 = 2;

impl Line {
    /// A line to a store in this folder, which passes.
    pub fn up(folder: &std::path::Path) -> Arc<Self> {
        let store = EmbeddedDurable::open(folder, EmbeddedSettings::default()).unwrap();
        Arc::new(Self { store, state: AtomicU64::new(UP), reads: AtomicU64::new(0) })
    }

    async fn passes(&self) -> Result<(), StoreError> {
        match self.state.load(Ordering::SeqCst) {
            UP => Ok(()),
            DOWN => Err(StoreError { kind: StoreErrorKind::Unavailable, what: "a cut line", source: None }),
            _ => std::future::pending().await,
        }
    }
}

#[async_trait::async_trait]
impl Documents for Line {
    async fn get(&self, keys: &[DocumentKey]) -> Result<Vec<Option<Document>>, StoreError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.passes().await?;
        self.store.get(keys).await
    }

    async fn list(
        &self,
        of: &Partition,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Document>, StoreError> {
        self.passes().await?;
        self.store.list(of, after, limit).await
    }

    async fn entries(
        &self,
        of: &Partition,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, StoreError> {
        self.passes().await?;
        self.store.entries(of, after, limit).await
    }

    async fn put(&self, changes: &[Change]) -> Result<Vec<Put>, StoreError> {
        self.passes().await?;
        self.store.put(changes).await
    }

    async fn purge(&self, partition: &Partition) -> Result<(), StoreError> {
        self.passes().await?;
        self.store.purge(partition).await
    }
}

async fn site() -> (tempfile::TempDir, Arc<Line>, Site) {
    let dir = tempfile::tempdir().unwrap();
    let line = Line::up(dir.path());
    let settings = Settings { store_ms_max: 200, ..Settings::default() };
    let site = Site::on(Arc::clone(&line) as Arc<dyn Documents>, settings).await;
    (dir, line, site)
}

async fn get(site: &Site, id: &str) -> Result<String, tonic::Status> {
    let request = site.watch("ann", proto::GetItemRequest { id: id.into(), ..Default::default() });
    site.catalog().get_item(request).await.map(|answer| answer.into_inner().item.unwrap().id)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_remembered_goes_on_without_the_store_and_the_rest_is_told_in_time() {
    let (_dir, line, site) = site().await;
    for id in ["known", "unknown"] {
        site.put(item(id, Kind::Movie, "", 0)).await;
    }
    assert_eq!(get(&site, "known").await.unwrap(), "known");
    assert_eq!(told(&get(&site, "nothing").await.unwrap_err()).0, Code::NotFound);
    for state in [DOWN, STUCK] {
        line.state.store(state, Ordering::SeqCst);
        assert_eq!(get(&site, "known").await.unwrap(), "known");
        assert_eq!(
            told(&get(&site, "nothing").await.unwrap_err()).0,
            Code::NotFound,
            "that it is not is known too"
        );
        let refused =
            tokio::time::timeout(Duration::from_secs(5), get(&site, "unknown")).await.unwrap().unwrap_err();
        assert_eq!(told(&refused), (Code::Unavailable, "STORE_UNAVAILABLE".into(), Vec::new()));
        assert!(refused.get_error_details().retry_info().is_some());
        let request =
            proto::UpsertItemRequest { item: Some(item("new", Kind::Movie, "", 0)), update_mask: None };
        let refused = site.catalog().upsert_item(site.keep(request)).await.unwrap_err();
        assert_eq!(told(&refused).1, "STORE_UNAVAILABLE");
    }
    line.state.store(UP, Ordering::SeqCst);
    assert_eq!(get(&site, "unknown").await.unwrap(), "unknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_who_miss_the_same_item_read_once() {
    let (_dir, line, site) = site().await;
    site.put(item("film", Kind::Movie, "", 0)).await;
    let site = Arc::new(site);
    let before = line.reads.load(Ordering::SeqCst);
    let asked: Vec<_> = (0..1_000)
        .map(|_| {
            let site = Arc::clone(&site);
            tokio::spawn(async move { get(&site, "film").await.unwrap() })
        })
        .collect();
    for one in asked {
        assert_eq!(one.await.unwrap(), "film");
    }
    assert_eq!(line.reads.load(Ordering::SeqCst) - before, 1);
}
