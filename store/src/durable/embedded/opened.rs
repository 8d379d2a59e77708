//! The open tables, and opening them again.
//!
//! fjall takes no write after one that failed, nor after one of its own threads did. A disk that was full for a moment
//! would end this store until the process starts again, so the writer closes the tables and opens them anew. What fjall
//! said that it took rests in its files, and reads go on before and after.

use super::{EmbeddedSettings, fault, retention::Horizon, tables::Tables};
use crate::StoreError;
use std::{
    path::{Path, PathBuf},
    sync::{PoisonError, RwLock, RwLockReadGuard},
};
use tracing::warn;

/// The open tables of a directory.
pub(super) struct Opened {
    dir: PathBuf,
    settings: EmbeddedSettings,
    horizon: Horizon,
    /// None after they could not be opened again.
    tables: RwLock<Option<Tables>>,
}

impl Opened {
    /// Opens the directory's tables, which are made if they are not there.
    pub(super) fn open(dir: &Path, settings: EmbeddedSettings, horizon: Horizon) -> Result<Self, StoreError> {
        let tables = Tables::open(dir, &settings, &horizon)?;
        Ok(Self { dir: dir.to_owned(), settings, horizon, tables: RwLock::new(Some(tables)) })
    }

    /// Works on the tables. They stay open as long as the work goes on.
    pub(super) fn with<T>(
        &self,
        work: impl FnOnce(&Tables, &Horizon) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let tables: RwLockReadGuard<'_, _> = self.tables.read().unwrap_or_else(PoisonError::into_inner);
        tables.as_ref().ok_or_else(fault::closed).and_then(|tables| work(tables, &self.horizon))
    }

    /// Says whether a write may begin: fjall moves its buffers to files behind our back, and a thread of its that finds
    /// no space ends it, so the buffers must fit on the disk.
    pub(super) fn has_room(&self) -> Result<(), StoreError> {
        let disk = rustix::fs::statvfs(&self.dir).map_err(|error| fault::of_disk(error.into()))?;
        match disk.f_bavail.saturating_mul(disk.f_frsize) >= self.settings.write_buffer_bytes {
            true => Ok(()),
            false => Err(fault::no_room()),
        }
    }

    /// Closes the tables and opens them again. Reads wait meanwhile.
    pub(super) fn reopen(&self) -> Result<(), StoreError> {
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        // Closed first: fjall locks its files.
        *tables = None;
        *tables = Some(Tables::open(&self.dir, &self.settings, &self.horizon)?);
        drop(tables);
        // The fsync of the log may be what failed, and asking again would be answered "fine" by a disk that lacks it.
        self.with(|tables, _| tables.move_log_to_files())?;
        warn!("embedded store failed and was opened again");
        Ok(())
    }
}
