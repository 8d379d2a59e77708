//! A real engine in a temporary folder, with a gate before its journal's fsync.

use std::{
    io,
    path::Path,
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use playhead_ingest::{
    edge::Doors,
    engine::{Engine, Parts, Threads},
    identity::{Development, Verifier},
    journal::{self, Disk, DiskFile, FsDisk, Listed},
    settings::Settings,
};
use playhead_store::{
    durable::embedded::EmbeddedDurable,
    hot::{Hot, embedded::EmbeddedHot},
};
use tempfile::TempDir;

/// An engine that stops and goes when it is dropped.
pub struct Host {
    pub engine: Engine,
    pub gate: Arc<Gate>,
    folder: Arc<TempDir>,
}

/// The journal's folder, once an engine that ended a moment ago has let go of it.
async fn open_disk(path: &Path) -> FsDisk {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        match FsDisk::open(path) {
            Ok(disk) => return disk,
            Err(error) => assert!(Instant::now() < until, "{error}"),
        }
        tokio::task::yield_now().await;
    }
}

impl Host {
    pub async fn start(settings: Settings) -> Self {
        Self::believing(settings, Arc::new(Development)).await
    }

    /// A host whose callers are who this verifier says.
    pub async fn believing(settings: Settings, verifier: Arc<dyn Verifier>) -> Self {
        Self::before(settings, verifier, Arc::new(EmbeddedHot::default())).await
    }

    /// A host before this hot store.
    pub async fn before(settings: Settings, verifier: Arc<dyn Verifier>, hot: Arc<dyn Hot>) -> Self {
        Self::on(Arc::new(tempfile::tempdir().unwrap()), settings, verifier, hot).await
    }

    /// Ends, and begins anew on the same folder with a hot store that knows nothing.
    pub async fn restarted(self, settings: Settings, verifier: Arc<dyn Verifier>) -> Self {
        assert!(self.engine.stop(Duration::from_secs(10)).await, "all of it is flushed");
        let folder = Arc::clone(&self.folder);
        drop(self);
        Self::on(folder, settings, verifier, Arc::new(EmbeddedHot::default())).await
    }

    async fn on(
        folder: Arc<TempDir>,
        settings: Settings,
        verifier: Arc<dyn Verifier>,
        hot: Arc<dyn Hot>,
    ) -> Self {
        let gate = Arc::new(Gate::default());
        let disk = GatedDisk { files: open_disk(&folder.path().join("journal")).await, gate: gate.clone() };
        let parts = Parts {
            durable: Arc::new(open_durable(&folder.path().join("store")).await),
            hot,
            disk: Some(Arc::new(disk)),
            journal: journal::Settings::default(),
            verifier,
            now: Arc::new(now_ms),
            seed: 7,
            threads: Threads::Own,
        };
        let engine = Engine::start(settings, parts).await.unwrap();
        Self { engine, gate, folder }
    }

    pub fn doors(&self) -> Doors {
        self.engine.doors()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.gate.open();
    }
}

/// Opens the store once whoever had it before has let go of it.
async fn open_durable(path: &Path) -> EmbeddedDurable {
    let begun = Instant::now();
    loop {
        match EmbeddedDurable::open(path, Default::default()) {
            Ok(durable) => return durable,
            Err(error) => assert!(begun.elapsed() < Duration::from_secs(10), "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis().try_into().unwrap()
}

/// Holds the journal's fsyncs back while it is closed, so that nothing becomes durable.
#[derive(Default)]
pub struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Default)]
struct GateState {
    closed: bool,
    waiting: bool,
}

impl Gate {
    pub fn close(&self) {
        self.state.lock().unwrap().closed = true;
    }

    pub fn open(&self) {
        self.state.lock().unwrap().closed = false;
        self.changed.notify_all();
    }

    /// Waits until a commit stands before the closed gate.
    pub async fn is_waited_for(self: &Arc<Self>) {
        let gate = self.clone();
        let stands = move || {
            let state = gate.state.lock().unwrap();
            let patience = Duration::from_secs(20);
            let waited = gate.changed.wait_timeout_while(state, patience, |state| !state.waiting);
            assert!(!waited.unwrap().1.timed_out(), "no commit came");
        };
        tokio::task::spawn_blocking(stands).await.unwrap();
    }

    fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        state.waiting = true;
        self.changed.notify_all();
        state = self.changed.wait_while(state, |state| state.closed).unwrap();
        state.waiting = false;
    }
}

struct GatedDisk {
    files: FsDisk,
    gate: Arc<Gate>,
}

struct GatedFile {
    file: Box<dyn DiskFile>,
    gate: Arc<Gate>,
}

impl Disk for GatedDisk {
    fn list(&self) -> io::Result<Vec<Listed>> {
        self.files.list()
    }

    fn create(&self, name: &str, bytes: u64) -> io::Result<Box<dyn DiskFile>> {
        let file = self.files.create(name, bytes)?;
        Ok(Box::new(GatedFile { file, gate: self.gate.clone() }))
    }

    fn read_at(&self, name: &str, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.files.read_at(name, offset, buffer)
    }

    fn sync_file(&self, name: &str) -> io::Result<()> {
        self.files.sync_file(name)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.files.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.files.remove(name)
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.files.sync_dir()
    }
}

impl DiskFile for GatedFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_at(offset, bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.gate.pass();
        self.file.sync()
    }
}
