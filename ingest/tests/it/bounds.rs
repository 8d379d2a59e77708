//! Overload is answered, not suffered: with a stalled journal or a stalled durable store the intake says busy at once,
//! memory stays under its cap, and everything goes on when the stall ends.
//!
//! Each test runs in a process of its own, so that the memory it measures is its own.

use std::{
    collections::HashMap,
    env, fs, io,
    process::Command,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use playhead_ingest::{
    admission::RawEvent,
    edge::Now,
    engine::{Engine, Parts, Threads},
    identity::Development,
    intake::{Admitted, Intake},
    journal::{self, Disk, DiskFile, FsDisk, Listed},
    live::{Opening, Playing, Session},
    settings::{Limits, Settings},
    ticket::Ticket,
};
use playhead_store::{
    AccountId, DeviceId, Event, EventKind, ItemId, ItemKind, Playable, SeqOrder, SessionId, SessionKey,
    StoreError, UserId,
    durable::{Durable, KnownSession, SessionRow, WriteBatch},
    erasure::ItemErasure,
    hot::embedded::EmbeddedHot,
    lease::Terms,
    position::PositionRow,
};
use tokio::sync::watch;

/// "Busy" within this, DESIGN.md section 1.
const BUSY_MAX: Duration = Duration::from_millis(10);
/// How many busy answers each client waits for: enough for a p99.
const BUSY_ANSWERS: usize = 5_000;
const CLIENTS: usize = 4;

#[test]
fn a_stalled_journal_is_answered_with_busy_and_recovers_without_restart() {
    alone("bounds::a_stalled_journal_is_answered_with_busy_and_recovers_without_restart", || async {
        let house = House::build().await;
        overload(&house, &house.journal_gate.clone()).await;
    });
}

#[test]
fn a_stalled_durable_store_is_answered_with_busy_and_recovers_without_restart() {
    alone("bounds::a_stalled_durable_store_is_answered_with_busy_and_recovers_without_restart", || async {
        let house = House::build().await;
        overload(&house, &house.store_gate.clone()).await;
    });
}

#[test]
fn a_live_session_takes_no_more_memory_than_its_line_in_the_sum() {
    alone("bounds::a_live_session_takes_no_more_memory_than_its_line_in_the_sum", || async {
        let sessions = settings().limits.sessions_max;
        let allowed = settings().memory_parts().last().unwrap().1 / sessions;
        // As long as ids usually are, and as long as they may be.
        let mut houses = Vec::new();
        for (id_bytes, name) in [(36, "usual"), (128, "longest")] {
            let house = House::build().await;
            let before = resident_bytes();
            let mut open = Vec::new();
            for number in 0..sessions {
                open.push(house.session(&format!("{number:0>id_bytes$}")).await);
            }
            let each = (resident_bytes() - before) / sessions;
            println!("a live session with {name} ids takes {each} bytes, {allowed} allowed");
            assert!(each <= allowed, "{name} ids: {each} bytes");
            // What is freed would be used again, and not be counted.
            houses.push((house, open));
        }
    });
}

#[tokio::test]
async fn stopping_is_bounded_by_its_patience_though_the_store_hangs() {
    let house = House::build().await;
    house.store_gate.close();
    let clients = house.sessions().await;
    assert!(house.offer_all(&clients, 0).await.all_answered().await > 0);
    let stop = house.engine.stop(Duration::from_millis(200));
    let is_empty = tokio::time::timeout(Duration::from_secs(20), stop).await.expect("it stops");
    assert!(!is_empty, "what the store did not take is in the journal");
}

/// Stalls, offers until everybody is told busy for long, looks at latency and memory, goes on, and wants every answer.
async fn overload(house: &House, gate: &Gate) {
    // The sessions are open before the stall; all else may be taken by it.
    let memory_max: usize = settings().memory_parts().iter().rev().skip(1).map(|&(_, bytes)| bytes).sum();
    // What a first use allocates once is not what the stall costs.
    let clients = house.sessions().await;
    assert!(house.offer_all(&clients, 0).await.all_answered().await > 0);
    let before = resident_bytes();
    gate.close();
    let met = house.offer_all(&clients, BUSY_ANSWERS).await;
    let grown = resident_bytes().saturating_sub(before);
    let (median, p99, longest) = met.busy_latencies();
    println!(
        "{} events taken, then busy: median {median:?}, p99 {p99:?}, longest {longest:?}; memory grew by {} KB of {} KB",
        met.taken,
        grown >> 10,
        memory_max >> 10,
    );
    assert!(p99 < BUSY_MAX, "p99 of a busy answer: {p99:?}");
    assert!(met.retry_after_ms.iter().all(|&hint| hint > 0), "busy without a hint");
    assert!(grown <= memory_max, "{grown} bytes");
    gate.open();
    let taken = met.taken;
    assert_eq!(met.all_answered().await, taken, "everything taken is acknowledged");
    assert!(house.offer_all(&clients, 0).await.all_answered().await > 0, "new events are taken again");
    assert!(house.engine.stop(Duration::from_secs(10)).await, "everything is flushed");
    house.check_law();
}

/// An engine on a real disk, whose journal and durable store can be held up.
struct House {
    engine: Engine,
    journal_gate: Gate,
    store_gate: Gate,
    _folder: tempfile::TempDir,
}

/// What the clients were told.
#[derive(Default)]
struct Met {
    tickets: Vec<Ticket>,
    taken: u64,
    busy_after: Vec<Duration>,
    retry_after_ms: Vec<u32>,
}

impl House {
    async fn build() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (journal_gate, store_gate) = (Gate::new(), Gate::new());
        let now: Now = Arc::new(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64);
        let inner = FsDisk::open(folder.path()).unwrap();
        let parts = Parts {
            durable: Arc::new(GatedStore { gate: store_gate.clone() }),
            hot: Arc::new(EmbeddedHot::default()),
            disk: Some(Arc::new(GatedDisk { inner, gate: journal_gate.clone() })),
            journal: journal::Settings { segment_bytes: 8 << 20, ..journal::Settings::default() },
            verifier: Arc::new(Development),
            now,
            seed: 1,
            threads: Threads::Own,
        };
        let engine = Engine::start(settings(), parts).await.unwrap();
        Self { engine, journal_gate, store_gate, _folder: folder }
    }

    async fn session(&self, id: &str) -> Arc<Session> {
        let playable = Playable {
            item: ItemId::new(id).unwrap(),
            kind: ItemKind::Movie,
            duration_ms: Some(3_600_000),
            credits_ms: None,
        };
        let (account, device) = (AccountId::new(id).unwrap(), DeviceId::new(id).unwrap());
        let playing = Playing { playable, account, device, terms: Terms::unlimited() };
        let key = SessionKey { user: UserId::new(id).unwrap(), session: SessionId::new(id).unwrap() };
        let opening = Opening { key, order: SeqOrder::Native, playing };
        self.engine.doors().intake.open(opening, None, (self.engine.doors().now)()).await.unwrap()
    }

    /// The sessions of each client.
    async fn sessions(&self) -> Vec<Vec<Arc<Session>>> {
        let mut clients = Vec::new();
        for client in 0..CLIENTS {
            let mut sessions = Vec::new();
            for number in 0..50 {
                sessions.push(self.session(&format!("viewer-{client}-{number}")).await);
            }
            clients.push(sessions);
        }
        clients
    }

    /// Offers single events, one client beside the other, until each was told busy so often; with none wanted, once
    /// around.
    async fn offer_all(&self, clients: &[Vec<Arc<Session>>], busy_wanted: usize) -> Met {
        let mut tasks = Vec::new();
        for sessions in clients {
            let (intake, sessions) = (Arc::clone(&self.engine.doors().intake), sessions.clone());
            let now_ms = (self.engine.doors().now)();
            tasks.push(tokio::spawn(async move { offer(&intake, &sessions, busy_wanted, now_ms).await }));
        }
        let mut all = Met::default();
        for task in tasks {
            let met = task.await.unwrap();
            all.tickets.extend(met.tickets);
            all.taken += met.taken;
            all.busy_after.extend(met.busy_after);
            all.retry_after_ms.extend(met.retry_after_ms);
        }
        all
    }

    fn check_law(&self) {
        let count = self.engine.tally().count();
        assert_eq!((count.held(), count.lost()), (0, 0), "{count:?}");
    }
}

impl Met {
    /// Waits until everything that was taken is answered, and says how many events are stored.
    async fn all_answered(self) -> u64 {
        let mut stored = 0;
        for ticket in self.tickets {
            let settled = ticket.finished().await;
            assert!(!settled.abandoned && settled.refused.is_empty(), "{settled:?}");
            stored += settled.stored;
        }
        stored
    }

    /// Median, 99th percentile and maximum.
    fn busy_latencies(&self) -> (Duration, Duration, Duration) {
        let mut sorted = self.busy_after.clone();
        sorted.sort();
        let at = |percent: usize| sorted[(sorted.len() - 1) * percent / 100];
        (at(50), at(99), at(100))
    }
}

/// Each session is a stream of single events: the most frames, tickets and names that there can be for an event.
async fn offer(intake: &Intake, sessions: &[Arc<Session>], busy_wanted: usize, now_ms: i64) -> Met {
    let mut met = Met { tickets: sessions.iter().map(|_| Ticket::default()).collect(), ..Met::default() };
    let mut is_enough = false;
    while !is_enough {
        for (session, ticket) in sessions.iter().zip(&met.tickets) {
            // After busy the same number must come again.
            let seq = ticket.read().repeat_from_seq.unwrap_or_else(|| SEQ.fetch_add(1, Ordering::Relaxed));
            let code = Some("e".repeat(64).into());
            let event = RawEvent { error_code: code, ..RawEvent::new(EventKind::Error, seq, Some(now_ms)) };
            let began = Instant::now();
            let admitted =
                intake.offer(session, &session.playing, std::iter::once(Ok(event)), now_ms, ticket);
            match admitted {
                Admitted::Taken => met.taken += 1,
                Admitted::Busy { retry_after_ms } => {
                    met.busy_after.push(began.elapsed());
                    met.retry_after_ms.push(retry_after_ms);
                }
            }
            tokio::task::yield_now().await;
        }
        is_enough = met.busy_after.len() >= busy_wanted;
    }
    met
}

/// The next number that no session has had.
static SEQ: AtomicU64 = AtomicU64::new(1);

/// Small, so that full is soon reached and the cap is near.
fn settings() -> Settings {
    let limits = Limits { shards: 4, shard_events_max: 4_000, sessions_max: 20_000, ..Limits::default() };
    Settings {
        limits,
        flush_age_ms: 100,
        flush_events_max: 5_000,
        commit_events_max: 4_000,
        backlog_events_max: 50_000,
        ..Settings::default()
    }
}

/// A gate that is open or closed, for threads and for tasks.
#[derive(Clone)]
struct Gate(Arc<(watch::Sender<bool>, Mutex<bool>, Condvar)>);

impl Gate {
    fn new() -> Self {
        Self(Arc::new((watch::Sender::new(true), Mutex::new(true), Condvar::new())))
    }

    fn open(&self) {
        self.set(true);
    }

    fn close(&self) {
        self.set(false);
    }

    fn set(&self, is_open: bool) {
        let (tasks, threads, changed) = &*self.0;
        tasks.send_replace(is_open);
        *threads.lock().unwrap() = is_open;
        changed.notify_all();
    }

    /// For tasks.
    async fn pass(&self) {
        // The sender lives as long as whoever waits here.
        let _ = self.0.0.subscribe().wait_for(|is_open| *is_open).await;
    }

    /// For threads, which it blocks.
    fn block(&self) {
        let (_, threads, changed) = &*self.0;
        drop(changed.wait_while(threads.lock().unwrap(), |is_open| !*is_open).unwrap());
    }
}

/// A disk whose fsync waits at a gate.
struct GatedDisk {
    inner: FsDisk,
    gate: Gate,
}

struct GatedFile {
    inner: Box<dyn DiskFile>,
    gate: Gate,
}

impl Disk for GatedDisk {
    fn list(&self) -> io::Result<Vec<Listed>> {
        self.inner.list()
    }

    fn create(&self, name: &str, bytes: u64) -> io::Result<Box<dyn DiskFile>> {
        let inner = self.inner.create(name, bytes)?;
        Ok(Box::new(GatedFile { inner, gate: self.gate.clone() }))
    }

    fn read_at(&self, name: &str, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read_at(name, offset, buffer)
    }

    fn sync_file(&self, name: &str) -> io::Result<()> {
        self.inner.sync_file(name)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.inner.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.inner.remove(name)
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.inner.sync_dir()
    }
}

impl DiskFile for GatedFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.inner.write_at(offset, bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.gate.block();
        self.inner.sync()
    }
}

/// A durable store that takes everything, keeps nothing, and waits at a gate.
struct GatedStore {
    gate: Gate,
}

#[async_trait::async_trait]
impl Durable for GatedStore {
    async fn open_session(&self, _: &SessionKey) -> Result<KnownSession, StoreError> {
        Ok(KnownSession::default())
    }

    async fn write(&self, _: &WriteBatch) -> Result<(), StoreError> {
        self.gate.pass().await;
        Ok(())
    }

    async fn persist(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn position(&self, _: &UserId, _: &ItemId) -> Result<Option<PositionRow>, StoreError> {
        Ok(None)
    }

    async fn positions(&self, _: &UserId) -> Result<Vec<(ItemId, PositionRow)>, StoreError> {
        Ok(Vec::new())
    }

    async fn session(&self, _: &SessionKey) -> Result<Option<(SessionRow, Vec<Event>)>, StoreError> {
        Ok(None)
    }

    async fn sessions(&self, _: &UserId) -> Result<Vec<SessionRow>, StoreError> {
        Ok(Vec::new())
    }

    async fn erase(&self, _: &UserId, _: i64) -> Result<(), StoreError> {
        Ok(())
    }

    async fn erase_items(&self, _: &[(ItemId, ItemErasure)]) -> Result<(), StoreError> {
        Ok(())
    }

    async fn item_erasures(&self, _: &[ItemId]) -> Result<HashMap<ItemId, ItemErasure>, StoreError> {
        Ok(HashMap::new())
    }
}

/// What this process has in memory.
fn resident_bytes() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kilobytes: usize = line.trim().trim_end_matches(" kB").parse().unwrap();
    kilobytes << 10
}

/// Runs this test's work in a process in which nothing else runs.
fn alone<F: Future<Output = ()>>(test: &str, work: impl FnOnce() -> F) {
    if env::var_os(IS_ALONE).is_some() {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        return runtime.block_on(work());
    }
    let mut child = Command::new(env::current_exe().unwrap());
    let child = child.args(["--exact", test, "--nocapture"]).env(IS_ALONE, "1").output().unwrap();
    let told = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{told}\n{}", String::from_utf8_lossy(&child.stderr));
    assert!(told.contains("1 passed"), "no such test: {test}\n{told}");
    told.lines()
        .filter(|line| line.contains(" takes ") || line.contains(" taken, "))
        .for_each(|line| println!("{line}"));
}

/// Says to a test that it has its process for itself.
const IS_ALONE: &str = "PLAYHEAD_BOUNDS_ALONE";
