//! The state of an import that is under way.

use std::{collections::BTreeMap, fs, path::PathBuf};

use super::State;
use crate::{error::ImportError, mapping::shape::NounKind, report::Counts, run::Job};

/// Where the state is kept, what it is, and what it was when the import began.
pub(crate) struct Keep {
    path: PathBuf,
    state: State,
    before: Option<State>,
}

impl Keep {
    /// Of a job; `None` where it keeps none. Refuses the state of another import as far as that shows before it reads.
    pub(crate) fn begin(job: &Job) -> Result<Option<Self>, ImportError> {
        let Some(path) = job.resume.clone() else { return Ok(None) };
        let state = State::new(&job.to, job.mapping.hash, &job.files);
        let state =
            state.map_err(|error| ImportError::Resume { path: path.clone(), text: error.to_string() })?;
        let keep = Self { before: State::read(&path)?, path, state };
        keep.refuse_another()?;
        Ok(Some(keep))
    }

    /// Refuses the state of other files, now that they were read.
    pub(crate) fn check(&mut self, hashes: &[u64]) -> Result<(), ImportError> {
        self.state.note_hashes(hashes);
        self.refuse_another()
    }

    /// How many nouns are settled already.
    pub(crate) fn skip(&self) -> u64 {
        self.before.as_ref().map_or(0, |before| before.done)
    }

    /// How they ended.
    pub(crate) fn counts(&self) -> BTreeMap<NounKind, Counts> {
        self.before.as_ref().map(State::counts).unwrap_or_default()
    }

    /// Writes how far it came.
    pub(crate) fn note(&mut self, done: u64, counts: &BTreeMap<NounKind, Counts>) -> Result<(), ImportError> {
        self.state.note(done, counts);
        self.state.write(&self.path)
    }

    /// It is done: there is nothing to go on with.
    pub(crate) fn end(self) -> Result<(), ImportError> {
        fs::remove_file(&self.path).map_err(|error| ImportError::Resume {
            path: self.path,
            text: format!("cannot be removed: {error}"),
        })
    }

    fn refuse_another(&self) -> Result<(), ImportError> {
        let differs = self.before.as_ref().and_then(|before| before.differs(&self.state));
        let text = |why: String| format!("is the state of another import: {why}; remove it to begin anew");
        differs.map_or(Ok(()), |why| Err(ImportError::Resume { path: self.path.clone(), text: text(why) }))
    }
}
