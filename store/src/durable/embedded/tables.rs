//! The files below: one fjall database with a table for each kind of row.

use super::{EmbeddedSettings, fault, lock::Lock, retention::Horizon, view::View};
use crate::{StoreError, StoreErrorKind};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, config::FilterPolicy};
use std::{path::Path, sync::Arc, thread, time::Duration};

/// The open database. The fields are dropped in this order, the lock last.
pub(super) struct Tables {
    pub(super) chunks: Keyspace,
    pub(super) sessions: Keyspace,
    pub(super) positions: Keyspace,
    pub(super) erasures: Keyspace,
    pub(super) item_erasures: Keyspace,
    pub(super) documents: Keyspace,
    pub(super) entries: Keyspace,
    pub(super) database: Database,
    _lock: Lock,
}

impl Tables {
    /// Opens the database, which is made if it is not there.
    pub(super) fn open(
        dir: &Path,
        settings: &EmbeddedSettings,
        horizon: &Horizon,
    ) -> Result<Self, StoreError> {
        let lock = Lock::take(dir)?;
        let filter: Arc<dyn fjall::compaction::filter::Factory> = Arc::new(horizon.clone());
        let database = Database::builder(dir)
            .cache_size(settings.cache_bytes)
            .worker_threads(WORKER_THREADS)
            .max_journaling_size(FJALL_JOURNAL_BYTES_MAX)
            .with_compaction_filter_factories(Arc::new(move |table| expires(table).then(|| filter.clone())))
            .open()
            .map_err(fault::in_reading("opening the embedded store"))?;
        let table = |name, options: KeyspaceCreateOptions| {
            database.keyspace(name, || options).map_err(fault::in_reading("opening a table"))
        };
        let share = |parts| memtable(settings.write_buffer_bytes / WRITE_BUFFER_PARTS * parts);
        Ok(Self {
            // Nobody looks for one chunk by its key, so filters of keys would only cost memory.
            chunks: table(CHUNKS, share(2).filter_policy(FilterPolicy::disabled()))?,
            sessions: table(SESSIONS, share(1))?,
            positions: table(POSITIONS, share(1))?,
            erasures: table(ERASURES, memtable(ERASURES_BUFFER_BYTES))?,
            item_erasures: table(ITEM_ERASURES, memtable(ERASURES_BUFFER_BYTES))?,
            documents: table(DOCUMENTS, memtable(DOCUMENTS_BUFFER_BYTES / 2))?,
            entries: table(ENTRIES, memtable(DOCUMENTS_BUFFER_BYTES / 2))?,
            database,
            _lock: lock,
        })
    }

    /// Opens a database that must be there already.
    pub(super) fn open_existing(dir: &Path) -> Result<Self, StoreError> {
        if !dir.join(super::lock::FJALL_VERSION_FILE).is_file() {
            let what = "there is no embedded store in this directory";
            return Err(StoreError { kind: StoreErrorKind::Refused, what, source: None });
        }
        Self::open(dir, &EmbeddedSettings::default(), &Horizon::default())
    }

    /// Moves what the log holds into files of its own, each fsynced when it is made.
    pub(super) fn move_log_to_files(&self) -> Result<(), StoreError> {
        let of_viewers = [&self.chunks, &self.sessions, &self.positions, &self.erasures];
        for table in of_viewers.into_iter().chain([&self.item_erasures, &self.documents, &self.entries]) {
            table.rotate_memtable().map_err(fault::in_writing(MOVING_LOG))?;
            while table.sealed_memtable_count() > 0 {
                // Fails once a thread of fjall's has failed: nobody would move anything any more.
                self.database.persist(PersistMode::Buffer).map_err(fault::in_writing(MOVING_LOG))?;
                thread::park_timeout(MOVING_LOOK);
            }
        }
        Ok(())
    }

    /// Whether anything was ever said of an item's erasure.
    pub(super) fn is_any_erased(&self) -> Result<bool, StoreError> {
        let is_empty = self.item_erasures.is_empty().map_err(fault::in_reading("reading items' erasures"))?;
        Ok(!is_empty)
    }

    /// What is stored now, as of one moment.
    pub(super) fn view(&self, horizon: &Horizon) -> View<'_> {
        View::new(self, self.database.snapshot(), horizon.get())
    }
}

fn memtable(bytes: u64) -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default().max_memtable_size(bytes)
}

fn expires(table: &str) -> bool {
    matches!(table, CHUNKS | SESSIONS)
}

const CHUNKS: &str = "chunks";
const SESSIONS: &str = "sessions";
const POSITIONS: &str = "positions";
const ERASURES: &str = "erasures";
const ITEM_ERASURES: &str = "item_erasures";
const DOCUMENTS: &str = "documents";
const ENTRIES: &str = "entries";

const MOVING_LOG: &str = "moving the embedded store's log to files";
/// How often to look whether a buffer has become a file, which takes some 10 to 100 ms.
const MOVING_LOOK: Duration = Duration::from_millis(5);

/// Chunks take two parts, sessions and positions one each.
const WRITE_BUFFER_PARTS: u64 = 4;
/// A row per erased user, and per erased item.
const ERASURES_BUFFER_BYTES: u64 = 1024 * 1024;
/// Memory for documents and entries that are not in files yet, bytes; as a rule once or twice, and five times at most. They
/// are written by people and by imports, not by viewers.
pub const DOCUMENTS_BUFFER_BYTES: u64 = 2 * 1024 * 1024;
/// One thread moves write buffers to disk, two compact. With a single one a long compaction holds up the buffers, and
/// with two in all the first spins while the second compacts (fjall 3.1.13, `worker_pool.rs`).
const WORKER_THREADS: usize = 3;
/// What fjall's own log takes on disk, and has to read again at the start: two files.
const FJALL_JOURNAL_BYTES_MAX: u64 = 128 * 1024 * 1024;
