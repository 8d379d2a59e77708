//! The tail's file: appending, and writing it anew when it is full.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use super::{
    Sync, TailError, TailSettings,
    read::{self, Found},
    record::{self, Entry, MAGIC},
};

/// An open tail file, locked for this process.
#[derive(Debug)]
pub(super) struct TailFile {
    settings: TailSettings,
    file: File,
    /// How much of it is written and sound.
    bytes: u64,
    torn_bytes: u64,
    next_number: u64,
    /// Something was settled since it was written anew.
    has_settled: bool,
    /// The disk failed us, and nobody knows what it has.
    is_broken: bool,
}

impl TailFile {
    /// Opens or makes it; what cannot be read at its end is cut off.
    pub(super) fn open(settings: &TailSettings) -> io::Result<Self> {
        let mut file = open_locked(&settings.path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let found = match bytes.is_empty() {
            true => Found { next_number: 1, ..Found::default() },
            false => read::read(&bytes).ok_or_else(|| foreign(&settings.path))?,
        };
        let sound_bytes = found.sound_bytes as u64;
        let mut tail = Self {
            settings: settings.clone(),
            file,
            bytes: sound_bytes,
            torn_bytes: bytes.len() as u64 - sound_bytes,
            next_number: found.next_number,
            has_settled: true,
            is_broken: false,
        };
        if bytes.is_empty() {
            tail.write(&MAGIC)?;
            tail.file.sync_all()?;
            sync_folder(&tail.settings.path)?;
        } else if tail.torn_bytes > 0 {
            tail.file.set_len(sound_bytes)?;
            tail.file.sync_all()?;
        }
        Ok(tail)
    }

    pub(super) fn torn_bytes(&self) -> u64 {
        self.torn_bytes
    }

    /// A number for another session.
    pub(super) fn next_number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number - 1
    }

    /// What is in it.
    pub(super) fn read(&mut self) -> io::Result<Found> {
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(0))?;
        (&mut self.file).take(self.bytes).read_to_end(&mut bytes)?;
        read::read(&bytes).ok_or_else(|| foreign(&self.settings.path))
    }

    /// Appends what must not be lost, if there is room.
    pub(super) fn append(&mut self, entry: Entry) -> Result<(), TailError> {
        let record = record::encode(entry);
        if self.has_no_room(&record) && self.has_settled {
            self.write_anew()?;
        }
        if self.has_no_room(&record) {
            return Err(TailError::Full);
        }
        self.write(&record)?;
        if self.settings.sync == Sync::Always
            && let Err(error) = self.file.sync_data()
        {
            // What an fsync that failed has written is not known, and asking again does not tell.
            self.is_broken = true;
            return Err(error.into());
        }
        Ok(())
    }

    /// Appends what may be lost, for it would only be found out again. There is always room.
    pub(super) fn append_settled(&mut self, entry: Entry) -> Result<(), TailError> {
        self.has_settled = true;
        self.write(&record::encode(entry))?;
        if self.bytes > self.settings.bytes_max {
            self.write_anew()?;
        }
        Ok(())
    }

    fn has_no_room(&self, record: &[u8]) -> bool {
        self.bytes + record.len() as u64 > self.settings.bytes_max
    }

    /// Writes behind what is sound. Half a record is taken back, or else nothing more is written.
    fn write(&mut self, record: &[u8]) -> io::Result<()> {
        if self.is_broken {
            return Err(io::Error::other("the disk failed before"));
        }
        let written = self.file.seek(SeekFrom::Start(self.bytes)).and_then(|_| self.file.write_all(record));
        match written {
            Ok(()) => self.bytes += record.len() as u64,
            Err(_) => self.is_broken = self.file.set_len(self.bytes).is_err(),
        }
        written
    }

    /// Writes all that is not settled to another file, which then takes this one's place.
    fn write_anew(&mut self) -> io::Result<()> {
        let found = self.read()?;
        let beside = self.settings.path.with_added_extension("new");
        let mut file = open_locked(&beside)?;
        file.set_len(0)?;
        let records = found.unfinished.into_iter().flat_map(read::Unfinished::records);
        let bytes: Vec<u8> = MAGIC.into_iter().chain(records.flatten()).collect();
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&beside, &self.settings.path)?;
        sync_folder(&self.settings.path)?;
        (self.file, self.bytes, self.has_settled) = (file, bytes.len() as u64, false);
        Ok(())
    }
}

fn open_locked(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    file.try_lock().map_err(|error| match error {
        fs::TryLockError::WouldBlock => io::Error::new(
            io::ErrorKind::WouldBlock,
            format!("{}: another process has this tail file", path.display()),
        ),
        fs::TryLockError::Error(error) => error,
    })?;
    Ok(file)
}

fn foreign(path: &Path) -> io::Error {
    let problem = format!("{}: it is no tail file of this version", path.display());
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

/// A name is on the disk when its folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.map_or_else(|| PathBuf::from("."), Path::to_owned))?.sync_all()
}
