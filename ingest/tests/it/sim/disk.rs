//! A disk in memory. A crash of the process keeps all that was written; a power loss keeps what was synced, and of the
//! rest whatever the dice say, sector by sector and name by name.

use std::{
    collections::BTreeMap,
    io::{self, ErrorKind},
    ops::Range,
    sync::{Arc, Mutex, MutexGuard},
};

use playhead_ingest::journal::{Disk, DiskFile, Listed};

use super::world::{Defect, Sync, World, lock};

/// A handle; clones are the same disk.
#[derive(Clone)]
pub struct SimDisk {
    world: Arc<World>,
    files: Arc<Mutex<Files>>,
}

#[derive(Default)]
struct Files {
    contents: Vec<Content>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    /// Changes of names since the directory was last synced.
    unsynced: Vec<Change>,
    /// The process was killed: what it still writes goes nowhere.
    is_dead: bool,
}

#[derive(Default, Clone)]
struct Content {
    durable: Vec<u8>,
    seen: Vec<u8>,
    /// What the next sync takes to the disk. A sync that fails forgets it, and it is still seen.
    dirty: Vec<Range<usize>>,
}

enum Change {
    Add(String, usize),
    Remove(String),
    Rename(String, String),
}

impl SimDisk {
    pub fn new(world: &Arc<World>) -> Self {
        Self { world: Arc::clone(world), files: Arc::default() }
    }

    /// Another process starts.
    pub fn revive(&self) {
        self.files().is_dead = false;
    }

    /// The power is lost.
    pub fn lose_power(&self) {
        let mut files = self.files();
        let mut names = std::mem::take(&mut files.durable_names);
        for change in std::mem::take(&mut files.unsynced) {
            if self.world.chance(50) {
                change.apply(&mut names);
            }
        }
        let mut kept = Files::default();
        for (name, content) in names {
            kept.names.insert(name, kept.contents.len());
            kept.contents.push(files.contents[content].after_power_loss(&self.world));
        }
        kept.durable_names = kept.names.clone();
        *files = kept;
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        lock(&self.files)
    }

    fn changed(&self, change: Change) {
        let mut files = self.files();
        if !files.is_dead {
            change.apply(&mut files.names);
            files.unsynced.push(change);
        }
    }
}

impl Change {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Add(name, content) => drop(names.insert(name.clone(), *content)),
            Self::Remove(name) => drop(names.remove(name)),
            Self::Rename(from, to) => {
                if let Some(content) = names.remove(from) {
                    names.insert(to.clone(), content);
                }
            }
        }
    }
}

impl Content {
    fn write(&mut self, begin: usize, bytes: &[u8]) {
        self.seen[begin..begin + bytes.len()].copy_from_slice(bytes);
        self.dirty.push(begin..begin + bytes.len());
    }

    fn sync(&mut self) {
        self.durable.resize(self.seen.len(), 0);
        for range in self.dirty.drain(..) {
            self.durable[range.clone()].copy_from_slice(&self.seen[range]);
        }
    }

    fn after_power_loss(&self, world: &World) -> Self {
        let mut bytes = self.durable.clone();
        if !self.dirty.is_empty() && world.chance(50) {
            bytes.resize(self.seen.len(), 0);
        }
        let length = bytes.len();
        for range in self.dirty.iter().map(|range| range.start..range.end.min(length)) {
            for begin in range.clone().step_by(SECTOR_BYTES) {
                let sector = begin..range.end.min(begin + SECTOR_BYTES);
                if world.chance(50) {
                    bytes[sector.clone()].copy_from_slice(&self.seen[sector]);
                }
            }
        }
        Self { durable: bytes.clone(), seen: bytes, dirty: Vec::new() }
    }
}

impl Disk for SimDisk {
    fn list(&self) -> io::Result<Vec<Listed>> {
        let files = self.files();
        let bytes = |content: usize| files.contents[content].seen.len() as u64;
        let listed =
            |(name, &content): (&String, &usize)| Listed { name: name.clone(), bytes: bytes(content) };
        Ok(files.names.iter().map(listed).collect())
    }

    fn create(&self, name: &str, bytes: u64) -> io::Result<Box<dyn DiskFile>> {
        if self.world.weather().disk_full {
            self.world.say(|| "no room for a new segment");
            return Err(ErrorKind::StorageFull.into());
        }
        let mut files = self.files();
        if files.names.contains_key(name) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let content = files.contents.len();
        files.contents.push(Content { seen: vec![0; bytes as usize], ..Content::default() });
        // Its length waits for the first sync.
        files.contents[content].dirty.push(0..bytes as usize);
        drop(files);
        self.changed(Change::Add(name.to_owned(), content));
        Ok(Box::new(SimFile { disk: self.clone(), content }))
    }

    fn read_at(&self, name: &str, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let files = self.files();
        let content = *files.names.get(name).ok_or(ErrorKind::NotFound)?;
        let rest = files.contents[content].seen.get(offset as usize..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.files().names.get(from).ok_or(ErrorKind::NotFound)?;
        self.changed(Change::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.files().names.get(name).ok_or(ErrorKind::NotFound)?;
        let weather = self.world.weather();
        // A full disk's journal removes what it could not begin, and stops when it cannot.
        if !weather.disk_full && self.world.chance(weather.removals_fail) {
            return Err(io::Error::other("a removal failed"));
        }
        self.changed(Change::Remove(name.to_owned()));
        Ok(())
    }

    fn sync_dir(&self) -> io::Result<()> {
        if self.world.defect != Defect::SyncsNothing {
            let mut files = self.files();
            files.unsynced.clear();
            files.durable_names = files.names.clone();
        }
        Ok(())
    }

    fn sync_file(&self, name: &str) -> io::Result<()> {
        let content = *self.files().names.get(name).ok_or(ErrorKind::NotFound)?;
        SimFile { disk: self.clone(), content }.sync()
    }
}

struct SimFile {
    disk: SimDisk,
    content: usize,
}

impl DiskFile for SimFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let world = &self.disk.world;
        let is_full = world.weather().disk_full && world.chance(30);
        let written = if is_full { bytes.len() / 2 } else { bytes.len() };
        let mut files = self.disk.files();
        if !files.is_dead {
            files.contents[self.content].write(offset as usize, &bytes[..written]);
        }
        if is_full { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut files = self.disk.files();
        match self.disk.world.weather().sync {
            Sync::Works if self.disk.world.defect == Defect::SyncsNothing => {}
            Sync::Works => files.contents[self.content].sync(),
            Sync::Fails => {
                files.contents[self.content].dirty.clear();
                return Err(io::Error::other("an fsync failed"));
            }
            Sync::Kills => {
                files.is_dead = true;
                return Err(io::Error::other("killed meanwhile"));
            }
        }
        Ok(())
    }
}

const SECTOR_BYTES: usize = 512;
