//! How far an import came, in a small file: so that one that was broken off goes on where it was.
//!
//! Nouns come in an order that mapping and files alone decide; the file says how many of them are settled. It counts only
//! for the mapping, the files and the server that it was written for.

use std::{
    collections::BTreeMap,
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{error::ImportError, mapping::shape::NounKind, report::Counts};

pub(crate) mod keep;

/// How far an import came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    format: u32,
    to: String,
    mapping: String,
    files: Vec<FileState>,
    /// How many nouns are settled, from the first on.
    pub(crate) done: u64,
    counts: BTreeMap<String, Counts>,
}

/// What a file was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct FileState {
    path: String,
    bytes: u64,
    hash: String,
}

impl State {
    /// Of an import that has not begun. Hashes of files are not known yet.
    pub(crate) fn new(to: &str, mapping: u64, files: &[PathBuf]) -> io::Result<Self> {
        let files = files.iter().map(|path| {
            let bytes = fs::metadata(path)?.len();
            Ok(FileState { path: path.display().to_string(), bytes, hash: String::new() })
        });
        let (files, mapping) = (files.collect::<io::Result<_>>()?, format!("{mapping:016x}"));
        Ok(Self { format: FORMAT, to: to.to_owned(), mapping, files, done: 0, counts: BTreeMap::new() })
    }

    /// The state in a file; `None` where there is no file.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>, ImportError> {
        let wrong = |text: String| ImportError::Resume { path: path.to_owned(), text };
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(wrong(format!("cannot be read: {error}"))),
        };
        let state: Self = serde_json::from_str(&text)
            .map_err(|error| wrong(format!("is no state of an import: {error}")))?;
        match state.format {
            FORMAT => Ok(Some(state)),
            other => Err(wrong(format!("is of format {other}; allowed is {FORMAT}"))),
        }
    }

    /// Why the import that this is the state of is not `other`; `None` where it is. Hashes that are not known are not held
    /// against it.
    pub(crate) fn differs(&self, other: &Self) -> Option<String> {
        if self.to != other.to {
            return Some(format!("it goes to {}, this import to {}", self.to, other.to));
        }
        if self.mapping != other.mapping {
            return Some("the mapping is another one, or was changed meanwhile".to_owned());
        }
        let names =
            |state: &Self| state.files.iter().map(|file| file.path.clone()).collect::<Vec<_>>().join(", ");
        if names(self) != names(other) {
            return Some(format!("it is of {}, this import of {}", names(self), names(other)));
        }
        let mut pairs = self.files.iter().zip(&other.files);
        let changed = pairs.find(|(then, now)| {
            then.bytes != now.bytes
                || (!now.hash.is_empty() && !then.hash.is_empty() && then.hash != now.hash)
        });
        changed.map(|(file, _)| format!("{} was changed meanwhile", file.path))
    }

    /// Notes what the files turned out to hold.
    pub(crate) fn note_hashes(&mut self, hashes: &[u64]) {
        for (file, hash) in self.files.iter_mut().zip(hashes) {
            file.hash = format!("{hash:016x}");
        }
    }

    /// Notes how far it came.
    pub(crate) fn note(&mut self, done: u64, counts: &BTreeMap<NounKind, Counts>) {
        self.done = done;
        self.counts = counts.iter().map(|(kind, counts)| (kind.name().to_owned(), *counts)).collect();
    }

    /// How those ended that are settled.
    pub(crate) fn counts(&self) -> BTreeMap<NounKind, Counts> {
        let known = |name: &str| NounKind::ALL.into_iter().find(|kind| kind.name() == name);
        self.counts.iter().filter_map(|(name, counts)| Some((known(name)?, *counts))).collect()
    }

    /// Writes it, as a whole or not at all.
    pub(crate) fn write(&self, path: &Path) -> Result<(), ImportError> {
        let wrong = |error: io::Error| ImportError::Resume {
            path: path.to_owned(),
            text: format!("cannot be written: {error}"),
        };
        let text = serde_json::to_string_pretty(self).map_err(|error| wrong(io::Error::other(error)))?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(wrong)?;
        file.write_all(text.as_bytes()).map_err(wrong)?;
        file.persist(path).map(drop).map_err(|error| wrong(error.error))
    }
}

/// Where the state of an import of these files is kept, if nothing else is said: beside the first of them.
#[must_use]
pub fn beside(files: &[PathBuf]) -> PathBuf {
    let mut name = files.first().map(|path| path.clone().into_os_string()).unwrap_or_default();
    name.push(".import-state");
    PathBuf::from(name)
}

const FORMAT: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_counts_for_its_own_import_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b, kept) = (dir.path().join("a.sql"), dir.path().join("b.sql"), dir.path().join("state"));
        fs::write(&a, "one").unwrap();
        fs::write(&b, "two").unwrap();
        assert_eq!(State::read(&kept).unwrap(), None);
        let of = |to: &str, mapping, files: &[&PathBuf]| {
            State::new(to, mapping, &files.iter().map(|&path| path.clone()).collect::<Vec<_>>()).unwrap()
        };
        let mut state = of("s", 1, &[&a]);
        state.note_hashes(&[7]);
        state.note(3, &[(NounKind::Item, Counts { created: 3, ..Counts::default() })].into());
        state.write(&kept).unwrap();
        let read = State::read(&kept).unwrap().unwrap();
        assert_eq!((&read, read.counts()[&NounKind::Item].created), (&state, 3));
        let why = |other: &State| read.differs(other).unwrap_or_default();
        assert_eq!(why(&of("s", 1, &[&a])), "");
        assert!(why(&of("t", 1, &[&a])).contains("it goes to s, this import to t"));
        assert!(why(&of("s", 2, &[&a])).contains("the mapping is another one"));
        assert!(why(&of("s", 1, &[&b])).contains("it is of"));
        let mut changed = of("s", 1, &[&a]);
        changed.note_hashes(&[8]);
        assert!(why(&changed).contains("was changed meanwhile"));
        fs::write(&a, "longer").unwrap();
        assert!(why(&of("s", 1, &[&a])).contains("was changed meanwhile"));
        fs::write(&kept, "{}").unwrap();
        assert!(State::read(&kept).unwrap_err().to_string().contains("is no state of an import"));
    }

    #[test]
    fn it_lies_beside_the_first_file() {
        assert_eq!(beside(&["d/a.sql".into(), "b.sql".into()]), PathBuf::from("d/a.sql.import-state"));
    }
}
