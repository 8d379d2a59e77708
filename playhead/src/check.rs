//! `playhead check`: would a server start with this configuration?

use std::{
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde_json::{Map, Value, json};

use crate::{
    CommandError, auth, block_on,
    cli::{Check, Output},
    config::{self, DurableSettings, Effective},
    durable, print,
    serve::ServeError,
};

/// The data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataError {
    /// It cannot be written.
    #[error("data.dir is {:?}, where nothing can be written: {error}; allowed is a writable folder", path.display())]
    NotWritable {
        /// The folder, or the nearest one above it that exists.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A server is using it.
    #[error("data.dir is {:?}, which another process uses; allowed is a folder that no server uses", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// There is none, though something needs what is in it.
    #[error("data.dir is {:?}, and there is no such folder; allowed is the data folder of a server", path.display())]
    Missing {
        /// The folder.
        path: PathBuf,
    },
}

/// Checks everything and prints the configuration that counts.
pub(crate) fn run(asked: &Check) -> Result<ExitCode, CommandError> {
    if asked.defaults {
        print::text(&config::commented(&config::defaults()?.effective))?;
        return Ok(ExitCode::SUCCESS);
    }
    let loaded = config::load(&asked.config.settings())?;
    if loaded.config.journal.is_some() {
        check_data_dir(&loaded.config.data_dir)?;
    }
    if let DurableSettings::Cluster(cluster) = &loaded.config.durable {
        durable::settings(cluster).map_err(ServeError::ClusterSettings)?;
    }
    block_on(async { Ok(auth::check(&loaded.config).await?) })?;
    let text = match asked.output {
        Output::Text => config::effective(&loaded.effective),
        Output::Json => format!("{:#}\n", as_json(&loaded.effective)),
    };
    print::text(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// Checks that the folder, or the one that it would be made in, can be written, and that no server uses it. Leaves
/// nothing behind.
fn check_data_dir(dir: &Path) -> Result<(), DataError> {
    let not_writable = |path: &Path, error| DataError::NotWritable { path: path.to_owned(), error };
    let absolute = std::path::absolute(dir).map_err(|error| not_writable(dir, error))?;
    let existing = absolute.ancestors().find(|path| path.exists()).unwrap_or(&absolute);
    tempfile::tempfile_in(existing).map_err(|error| not_writable(existing, error))?;
    match is_locked(&lock_file(dir)) {
        false => Ok(()),
        true => Err(DataError::InUse { path: dir.to_owned() }),
    }
}

/// The journal's folder in a data folder.
pub(crate) fn journal_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("journal")
}

/// The embedded store's folder in a data folder.
pub(crate) fn store_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("store")
}

fn lock_file(data_dir: &Path) -> PathBuf {
    journal_dir(data_dir).join("LOCK")
}

/// True when somebody holds the journal's lock. Nobody can when there is no lock.
fn is_locked(lock: &Path) -> bool {
    let Ok(file) = File::options().read(true).write(true).open(lock) else { return false };
    matches!(file.try_lock(), Err(TryLockError::WouldBlock))
}

fn as_json(effective: &[Effective]) -> Value {
    let entry = |read: &Effective| {
        (read.key.clone(), json!({ "value": read.json(), "source": read.source.to_string() }))
    };
    Value::Object(effective.iter().map(entry).collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_folder_that_is_not_there_yet_is_fine_and_stays_away() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("a/b");
        check_data_dir(&dir).unwrap();
        assert!(!parent.path().join("a").exists());
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_in_use_is_refused_and_one_that_was_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let disk = playhead_ingest::journal::FsDisk::open(journal_dir(dir.path())).unwrap();
        let refused = check_data_dir(dir.path()).unwrap_err().to_string();
        assert!(refused.contains("another process uses"), "{refused}");
        drop(disk);
        check_data_dir(dir.path()).unwrap();
    }

    #[test]
    fn a_file_in_the_way_is_named() {
        let parent = tempfile::tempdir().unwrap();
        let file = parent.path().join("file");
        fs::write(&file, "").unwrap();
        let refused = check_data_dir(&file.join("data")).unwrap_err().to_string();
        assert!(refused.contains("file") && refused.contains("data.dir"), "{refused}");
    }
}
