//! Keeps a second process off the directory, and clears away what a first start left when it was cut short.

use crate::{StoreError, StoreErrorKind};
use std::{
    fs::{self, File, TryLockError},
    io,
    path::Path,
};

/// The directory is ours until this is dropped, or the process ends. fjall has a lock too, but no way to look at its
/// directory under it.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Makes the directory if need be, and takes it.
    pub(super) fn take(dir: &Path) -> Result<Self, StoreError> {
        let unavailable = |error| {
            StoreError::new(StoreErrorKind::Unavailable, "opening the embedded store's directory", error)
        };
        let file = open(dir).map_err(unavailable)?;
        match file.try_lock() {
            Ok(()) => clear_half_made(dir).map_err(unavailable)?,
            Err(TryLockError::WouldBlock) => return Err(in_use()),
            Err(TryLockError::Error(error)) => return Err(unavailable(error)),
        }
        Ok(Self { _file: file })
    }
}

fn open(dir: &Path) -> io::Result<File> {
    fs::create_dir_all(dir)?;
    File::options().create(true).truncate(false).write(true).open(dir.join(LOCK_FILE))
}

/// fjall refuses a directory that has its first log but not its version: it makes them in this order, so a process that
/// dies between the two would never start again. No table is made before, so nothing can be lost with them.
fn clear_half_made(dir: &Path) -> io::Result<()> {
    let is_made = fs::read(dir.join(FJALL_VERSION_FILE)).is_ok_and(|version| !version.is_empty());
    let has_tables = fs::read_dir(dir.join(FJALL_TABLES_DIR)).is_ok_and(|mut tables| tables.next().is_some());
    if is_made || has_tables {
        return Ok(());
    }
    for file in [FJALL_FIRST_LOG_FILE, FJALL_VERSION_FILE] {
        match fs::remove_file(dir.join(file)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

fn in_use() -> StoreError {
    let what = "another process has the embedded store open";
    StoreError { kind: StoreErrorKind::Unavailable, what, source: None }
}

const LOCK_FILE: &str = "playhead.lock";
/// fjall's names, from its `file.rs`.
pub(super) const FJALL_VERSION_FILE: &str = "version";
const FJALL_TABLES_DIR: &str = "keyspaces";
const FJALL_FIRST_LOG_FILE: &str = "0.jnl";
