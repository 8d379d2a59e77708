//! A store that crashes has lost what it acknowledged and had not settled.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, PoisonError},
};

use playhead_store::{
    Event, ItemId, SessionKey, StoreError, StoreErrorKind, UserId,
    durable::{Durable, KnownSession, SessionRow, WriteBatch},
    erasure::ItemErasure,
    position::PositionRow,
};

use super::*;

/// Knows the numbers of the events that it was given, until it crashes.
#[derive(Default)]
struct Forgetful(Mutex<Content>);

#[derive(Default)]
struct Content {
    is_down: bool,
    events: BTreeSet<u64>,
    positions: usize,
}

impl Forgetful {
    fn with<T>(&self, work: impl FnOnce(&mut Content) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn holds(&self, events: &[u64]) {
        let wanted: BTreeSet<u64> = events.iter().copied().collect();
        let all = async {
            while self.with(|content| content.events != wanted || content.positions == 0) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let held = tokio::time::timeout(Duration::from_secs(20), all).await;
        assert!(
            held.is_ok(),
            "it holds {:?} and not {wanted:?}",
            self.with(|content| content.events.clone())
        );
    }
}

#[async_trait::async_trait]
impl Durable for Forgetful {
    async fn open_session(&self, _key: &SessionKey) -> Result<KnownSession, StoreError> {
        Ok(KnownSession::default())
    }

    async fn write(&self, batch: &WriteBatch) -> Result<(), StoreError> {
        self.with(|content| {
            if content.is_down {
                return Err(StoreError { kind: StoreErrorKind::Unavailable, what: "write", source: None });
            }
            for session in &batch.sessions {
                content.events.extend(session.events.iter().map(|event| event.seq));
            }
            content.positions += batch.positions.len();
            Ok(())
        })
    }

    async fn persist(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn settles_in_ms(&self) -> u64 {
        60_000
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

#[tokio::test(flavor = "multi_thread")]
async fn what_a_store_lost_in_a_crash_is_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Forgetful::default());
    let parts = Parts {
        durable: Arc::clone(&store) as Arc<dyn Durable>,
        hot: Arc::new(EmbeddedHot::default()),
        disk: Some(Arc::new(FsDisk::open(folder.path().join("journal")).unwrap())),
        journal: journal::Settings::default(),
        verifier: Arc::new(Development),
        now: Arc::new(|| NOW),
        seed: 1,
        threads: Threads::Own,
    };
    // Trimming is tried again and again, and must not.
    let settings = Settings { flush_age_ms: 1, trim_every_ms: 10, ..Settings::default() };
    let engine = Engine::start(settings, parts).await.unwrap();
    let intake = engine.doors().intake;
    let session = intake.open(opening("s"), None, NOW).await.unwrap();
    let say = async |seq| {
        let ticket = Ticket::default();
        intake.offer(&session, &session.playing, [Ok(beat(seq))].into_iter(), NOW, &ticket);
        assert_eq!(ticket.finished().await.stored, 1);
    };
    say(1).await;
    store.holds(&[1]).await;
    store.with(|content| *content = Content { is_down: true, ..Content::default() });
    say(2).await;
    // Longer than strain lasts.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert!(engine.meters().flush_retried.get() > 0);
    store.with(|content| content.is_down = false);
    store.holds(&[1, 2]).await;
    say(3).await;
    store.holds(&[1, 2, 3]).await;
    assert!(engine.meters().flush_repeated.get() >= 1);
    assert!(engine.stop(Duration::from_secs(10)).await);
}
