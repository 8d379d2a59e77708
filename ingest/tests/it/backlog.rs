//! A journal full of events that no store has, and the store is away: the engine starts at once, serves, and takes all of
//! it to the store when that is back, beside what players send meanwhile.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use playhead_ingest::{
    admission::RawEvent,
    edge::Doors,
    engine::{Engine, Parts, Threads},
    identity::Development,
    intake::Admitted,
    journal::{self, Batch, FsDisk, Journal},
    live::{Opening, Playing, Session},
    record,
    settings::{Limits, Settings, SpillSettings},
    ticket::Ticket,
};
use playhead_store::{
    AccountId, Clock, Description, DeviceId, Event, EventKind, ItemId, ItemKind, Playable, SeqOrder,
    SessionId, SessionKey, StoreError, StoreErrorKind, UserId,
    durable::{Durable, KnownSession, SessionRow, WriteBatch},
    erasure::ItemErasure,
    hot::embedded::EmbeddedHot,
    lease::Terms,
    position::PositionRow,
};

use super::host::now_ms;

/// Without optimisation an event takes ten times as long.
const EVENTS: u64 = if cfg!(debug_assertions) { 200_000 } else { 2_000_000 };
const SESSIONS: u64 = EVENTS / 100;
/// Everything committed is ready within this, DESIGN.md section 6.
const READY_MAX: Duration = Duration::from_secs(10);
/// A frame is acknowledged within this while the backlog is drained: commits do not wait for it. A busy disk stalls.
const ACK_MAX: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_of_millions_is_ready_at_once_and_drained_while_serving() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    let store = Arc::new(AwayStore::default());
    let began = Instant::now();
    let engine = start(folder.path(), &store).await;
    let ready = began.elapsed();
    let (recovered, report) = engine.recovered();
    assert_eq!((recovered.events + recovered.spilled, report.records), (EVENTS, EVENTS), "{recovered:?}");
    assert!(ready < READY_MAX, "{ready:?}");

    let doors = engine.doors();
    let mut live = Live::open(&doors).await;
    live.beats(&doors, 100).await;
    assert_eq!(store.events(), 0);
    store.is_here.store(true, Ordering::Relaxed);
    let began = Instant::now();
    // Whoever comes back finds what the journal has: the number is known, and the position is the last one.
    let session = doors.intake.open(opening(7), None, now_ms()).await.unwrap();
    assert_eq!(offer(&doors, &session, 100).await, 0, "a duplicate");
    let found = doors.playback.position(&session.key.user, &session.playing.playable.item).await.unwrap();
    assert_eq!(found.unwrap().current().unwrap().1, 100_000);
    while engine.levels().spill.events > 0 {
        live.beats(&doors, 20).await;
        assert!(began.elapsed() < Duration::from_secs(120), "{:?}", engine.levels());
    }
    // What came last waits for its age.
    while engine.levels().backlog_events > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(began.elapsed() < Duration::from_secs(120), "{:?}", engine.levels());
    }
    println!(
        "{EVENTS} events: ready in {ready:?}, drained in {:?} beside {} live events, slowest acknowledgement {:?}",
        began.elapsed(),
        live.sent,
        live.slowest,
    );
    assert!(live.slowest < ACK_MAX, "{:?}", live.slowest);
    assert_eq!(store.events(), EVENTS as usize + live.sent as usize);
    assert!(engine.stop(Duration::from_secs(10)).await, "nothing is left");
}

fn fill(folder: &Path) {
    let disk = Arc::new(FsDisk::open(folder).unwrap());
    let mut journal = Journal::open(disk, journal::Settings::default()).unwrap();
    let mut batch = Batch::new();
    for seq in 1..=EVENTS / SESSIONS {
        for number in 0..SESSIONS {
            let Opening { key, order, playing } = opening(number);
            let at_ms = now_ms();
            let Playing { playable, account, device, .. } = playing;
            let description = Description { as_of_ms: at_ms, playable, account, device, order };
            let event = Event { position_ms: Some(seq.cast_signed() * 1_000), ..beat(seq, at_ms) };
            let clock = Clock::fix(None, at_ms);
            batch.push(|out| record::put_events(out, &key, clock, &description, &[event])).unwrap();
            if batch.len() == 4_096 {
                journal.commit(&mut batch, at_ms).unwrap();
                batch.clear();
            }
        }
    }
    journal.commit(&mut batch, now_ms()).unwrap();
}

fn beat(seq: u64, at_ms: i64) -> Event {
    Event::new(EventKind::Seek, seq, at_ms)
}

async fn start(folder: &Path, store: &Arc<AwayStore>) -> Engine {
    let parts = Parts {
        durable: Arc::clone(store) as Arc<dyn Durable>,
        hot: Arc::new(EmbeddedHot::default()),
        disk: Some(Arc::new(FsDisk::open(folder).unwrap())),
        journal: journal::Settings::default(),
        verifier: Arc::new(Development),
        now: Arc::new(now_ms),
        seed: 7,
        threads: Threads::Own,
    };
    // One session beats for as long as the draining takes, as fast as it can.
    let limits = Limits { session_events_max: 10_000_000, ..Limits::default() };
    let settings =
        Settings { limits, spill: SpillSettings::REMOTE, backlog_events_max: 20_000, ..Settings::default() };
    Engine::start(settings, parts).await.unwrap()
}

fn opening(number: u64) -> Opening {
    let name = format!("0f8fad5b-d9cb-469f-a165-{number:012}");
    let item = ItemId::new("7c9e6679-7425-40de-944b-e07fc1f90ae7").unwrap();
    let playable = Playable { item, kind: ItemKind::Movie, duration_ms: None, credits_ms: None };
    Opening {
        key: SessionKey { user: UserId::new(&name).unwrap(), session: SessionId::new(&name).unwrap() },
        order: SeqOrder::Native,
        playing: Playing {
            playable,
            account: AccountId::new(&name).unwrap(),
            device: DeviceId::new("tv").unwrap(),
            terms: Terms::unlimited(),
        },
    }
}

/// Offers one event and says how many are new, once it is acknowledged.
async fn offer(doors: &Doors, session: &Arc<Session>, seq: u64) -> u64 {
    let (event, ticket) = (RawEvent::new(EventKind::Beat, seq, Some(now_ms())), Ticket::default());
    let events = std::iter::once(Ok(event));
    let admitted = doors.intake.offer(session, &session.playing, events, now_ms(), &ticket);
    assert_eq!(admitted, Admitted::Taken);
    let settled = ticket.finished().await;
    assert_eq!(settled.stored + settled.duplicate, 1, "{settled:?}");
    settled.stored
}

/// A player that plays on.
struct Live {
    session: Arc<Session>,
    sent: u64,
    slowest: Duration,
}

impl Live {
    async fn open(doors: &Doors) -> Self {
        let session = doors.intake.open(opening(SESSIONS), None, now_ms()).await.unwrap();
        Self { session, sent: 0, slowest: Duration::ZERO }
    }

    async fn beats(&mut self, doors: &Doors, count: u64) {
        for _ in 0..count {
            let began = Instant::now();
            self.sent += 1;
            assert_eq!(offer(doors, &self.session, self.sent).await, 1, "{}", self.sent);
            self.slowest = self.slowest.max(began.elapsed());
        }
    }
}

/// A store that is away until it is here, and then keeps which events it was given.
#[derive(Default)]
struct AwayStore {
    is_here: AtomicBool,
    rows: Mutex<HashMap<SessionKey, HashSet<u64>>>,
    positions: Mutex<HashMap<(UserId, ItemId), PositionRow>>,
}

impl AwayStore {
    fn events(&self) -> usize {
        self.rows.lock().unwrap().values().map(HashSet::len).sum()
    }

    fn answer<T>(&self, answer: T) -> Result<T, StoreError> {
        match self.is_here.load(Ordering::Relaxed) {
            true => Ok(answer),
            false => Err(StoreError { kind: StoreErrorKind::Unavailable, what: "away", source: None }),
        }
    }
}

#[async_trait::async_trait]
impl Durable for AwayStore {
    async fn open_session(&self, key: &SessionKey) -> Result<KnownSession, StoreError> {
        let rows = self.rows.lock().unwrap();
        let seqs = rows.get(key).map(|seqs| seqs.iter().copied().collect()).unwrap_or_default();
        self.answer(KnownSession { seqs, ..KnownSession::default() })
    }

    async fn write(&self, batch: &WriteBatch) -> Result<(), StoreError> {
        self.answer(())?;
        let mut rows = self.rows.lock().unwrap();
        for write in &batch.sessions {
            rows.entry(write.key.clone()).or_default().extend(write.events.iter().map(|event| event.seq));
        }
        let mut positions = self.positions.lock().unwrap();
        for write in &batch.positions {
            positions.entry((write.user.clone(), write.item.clone())).or_default().merge(&write.row);
        }
        Ok(())
    }

    async fn persist(&self) -> Result<(), StoreError> {
        self.answer(())
    }

    async fn position(&self, user: &UserId, item: &ItemId) -> Result<Option<PositionRow>, StoreError> {
        self.answer(self.positions.lock().unwrap().get(&(user.clone(), item.clone())).cloned())
    }

    async fn positions(&self, _: &UserId) -> Result<Vec<(ItemId, PositionRow)>, StoreError> {
        self.answer(Vec::new())
    }

    async fn session(&self, _: &SessionKey) -> Result<Option<(SessionRow, Vec<Event>)>, StoreError> {
        self.answer(None)
    }

    async fn sessions(&self, _: &UserId) -> Result<Vec<SessionRow>, StoreError> {
        self.answer(Vec::new())
    }

    async fn erase(&self, _: &UserId, _: i64) -> Result<(), StoreError> {
        self.answer(())
    }

    async fn erase_items(&self, _: &[(ItemId, ItemErasure)]) -> Result<(), StoreError> {
        self.answer(())
    }

    async fn item_erasures(&self, _: &[ItemId]) -> Result<HashMap<ItemId, ItemErasure>, StoreError> {
        self.answer(HashMap::new())
    }
}
