//! A disk in memory for the journal's tests: it fails when told to, and forgets in a crash what was not synced.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests may fail loudly")]

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard},
};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::disk::{Disk, DiskFile, Listed};

/// A handle; clones are the same disk.
#[derive(Clone, Default)]
pub(crate) struct SimDisk(Arc<Mutex<State>>);

/// What changes a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Create,
    Write,
    Sync,
    Rename,
    Remove,
    SyncDir,
}

#[derive(Default)]
struct State {
    inodes: Vec<Inode>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    /// Changes of names since the directory was last synced.
    unsynced: Vec<NameChange>,
    steps: Vec<Step>,
    faults: VecDeque<(Step, io::ErrorKind)>,
    power_off_after: Option<usize>,
    unreadable: Vec<(String, Range<u64>)>,
}

#[derive(Default, Clone)]
struct Inode {
    durable: Vec<u8>,
    seen: Vec<u8>,
}

#[derive(Clone)]
enum NameChange {
    Add(String, usize),
    Remove(String),
    Rename(String, String),
}

impl SimDisk {
    /// Makes the next such step fail once; several wait in line. A write that fails writes half.
    pub(crate) fn fail(&self, step: Step, kind: io::ErrorKind) {
        self.state().faults.push_back((step, kind));
    }

    /// Turns the power off in the middle of the step after so many more.
    pub(crate) fn power_off_after(&self, steps: usize) {
        let mut state = self.state();
        state.power_off_after = Some(state.steps.len() + steps);
    }

    /// Goes on as it is seen, as if the process had died and not the power.
    pub(crate) fn power_on(&self) {
        self.state().power_off_after = None;
    }

    /// The steps since this was last asked.
    pub(crate) fn steps(&self) -> Vec<Step> {
        std::mem::take(&mut self.state().steps)
    }

    /// What is on the disk after a crash: of what was not synced, any sectors and any names.
    pub(crate) fn after_crash(&self, rng: &mut ChaCha8Rng) -> Self {
        let state = self.state();
        let mut names = state.durable_names.clone();
        for change in state.unsynced.iter().filter(|_| rng.random()) {
            change.apply(&mut names);
        }
        let inodes: Vec<_> = state.inodes.iter().map(|inode| inode.after_crash(rng)).collect();
        let durable_names = names.clone();
        Self(Arc::new(Mutex::new(State { inodes, names, durable_names, ..State::default() })))
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.state().names.keys().cloned().collect()
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        let state = self.state();
        state.inodes[state.names[name]].seen.clone()
    }

    /// Puts a file there, durably, whatever was there before.
    pub(crate) fn put(&self, name: &str, bytes: Vec<u8>) {
        let mut state = self.state();
        let inode = state.inodes.len();
        state.inodes.push(Inode { durable: bytes.clone(), seen: bytes });
        state.names.insert(name.into(), inode);
        state.durable_names.insert(name.into(), inode);
    }

    pub(crate) fn make_unreadable(&self, name: &str, bytes: Range<u64>) {
        self.state().unreadable.push((name.into(), bytes));
    }

    /// A disk of its own with the same files, all durable.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self::default();
        for name in self.names() {
            copy.put(&name, self.read(&name));
        }
        copy
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl State {
    /// Counts a step and says whether it fails, and whether the power is off.
    fn step(&mut self, step: Step) -> (bool, io::Result<()>) {
        let off_at = self.power_off_after.unwrap_or(usize::MAX);
        let dead = self.steps.len() > off_at;
        let dying = self.steps.len() == off_at;
        self.steps.push(step);
        if dead || dying {
            return (dead, Err(io::Error::other("the power is off")));
        }
        match self.faults.front() {
            Some((fault, kind)) if *fault == step => {
                let error = io::Error::from(*kind);
                self.faults.pop_front();
                (false, Err(error))
            }
            _ => (false, Ok(())),
        }
    }

    fn change(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.unsynced.push(change);
    }

    fn inode(&self, name: &str) -> io::Result<usize> {
        self.names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Add(name, inode) => drop(names.insert(name.clone(), *inode)),
            Self::Remove(name) => drop(names.remove(name)),
            Self::Rename(from, to) => {
                if let Some(inode) = names.remove(from) {
                    names.insert(to.clone(), inode);
                }
            }
        }
    }
}

impl Inode {
    fn after_crash(&self, rng: &mut ChaCha8Rng) -> Self {
        let kept = if rng.random() { &self.seen } else { &self.durable };
        let mut bytes = vec![0; kept.len()];
        let at = |file: &[u8], place| file.get(place).copied().unwrap_or(0);
        for sector in (0..bytes.len()).step_by(SECTOR_BYTES) {
            let from = if rng.random() { &self.seen } else { &self.durable };
            let end = bytes.len().min(sector + SECTOR_BYTES);
            (sector..end).for_each(|place| bytes[place] = at(from, place));
        }
        Self { durable: bytes.clone(), seen: bytes }
    }
}

impl Disk for SimDisk {
    fn list(&self) -> io::Result<Vec<Listed>> {
        let state = self.state();
        let listed = |(name, inode): (&String, &usize)| Listed {
            name: name.clone(),
            bytes: state.inodes[*inode].seen.len() as u64,
        };
        Ok(state.names.iter().rev().map(listed).collect())
    }

    fn create(&self, name: &str, bytes: u64) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        let (dead, result) = state.step(Step::Create);
        if state.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let full = result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::StorageFull);
        let inode = state.inodes.len();
        if !dead && !full {
            let seen = vec![0; usize::try_from(bytes).unwrap()];
            state.inodes.push(Inode { durable: Vec::new(), seen });
            state.change(NameChange::Add(name.into(), inode));
        }
        drop(state);
        result.map(|()| Box::new(SimFile { disk: self.clone(), inode }) as Box<dyn DiskFile>)
    }

    fn read_at(&self, name: &str, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let state = self.state();
        let file = &state.inodes[state.inode(name)?].seen;
        let end = offset + buffer.len() as u64;
        let hit =
            |(bad, range): &(String, Range<u64>)| bad == name && range.start < end && offset < range.end;
        if state.unreadable.iter().any(hit) {
            buffer.fill(0xEE);
            return Err(io::Error::other("a bad sector"));
        }
        let rest = file.get(usize::try_from(offset).unwrap()..).unwrap_or(&[]);
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn sync_file(&self, name: &str) -> io::Result<()> {
        let inode = self.state().inode(name)?;
        SimFile { disk: self.clone(), inode }.sync()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        let (dead, result) = state.step(Step::Rename);
        state.inode(from)?;
        if !dead {
            state.change(NameChange::Rename(from.into(), to.into()));
        }
        result
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        let (dead, result) = state.step(Step::Remove);
        state.inode(name)?;
        if !dead {
            state.change(NameChange::Remove(name.into()));
        }
        result
    }

    fn sync_dir(&self) -> io::Result<()> {
        let mut state = self.state();
        state.step(Step::SyncDir).1?;
        state.unsynced.clear();
        state.durable_names = state.names.clone();
        Ok(())
    }
}

struct SimFile {
    disk: SimDisk,
    inode: usize,
}

impl DiskFile for SimFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.disk.state();
        let (dead, result) = state.step(Step::Write);
        let written = match result {
            Ok(()) => bytes.len(),
            Err(_) if dead => 0,
            Err(_) => bytes.len() / 2,
        };
        let begin = usize::try_from(offset).unwrap();
        state.inodes[self.inode].seen[begin..begin + written].copy_from_slice(&bytes[..written]);
        result
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.disk.state();
        state.step(Step::Sync).1?;
        let inode = &mut state.inodes[self.inode];
        inode.durable = inode.seen.clone();
        Ok(())
    }
}

const SECTOR_BYTES: usize = 512;
