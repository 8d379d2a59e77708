//! The limit of a journal: an append log that checksums each record, and knows no segments, no places, no versions.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use rustix::fs::{FallocateFlags, fallocate};

/// Records in one buffer, written with one call and made durable with one fdatasync.
#[derive(Debug)]
pub struct RawLog {
    /// None leaves out the disk.
    file: Option<(PathBuf, File)>,
    buffer: Vec<u8>,
    end: u64,
}

impl RawLog {
    /// A log in a preallocated file.
    ///
    /// # Panics
    /// When the file cannot be made.
    #[must_use]
    pub fn on_disk(folder: &Path) -> Self {
        let path = folder.join("raw.log");
        let file = preallocated(&path);
        Self { file: Some((path, file)), ..Self::in_memory() }
    }

    /// A log that writes nothing anywhere.
    #[must_use]
    pub fn in_memory() -> Self {
        Self { file: None, buffer: Vec::new(), end: 0 }
    }

    /// Adds a record: its length, its checksum, its bytes.
    ///
    /// # Panics
    /// Above 4 GiB.
    pub fn push(&mut self, record: &[u8]) {
        let length = u32::try_from(record.len()).expect("a record below 4 GiB").to_le_bytes();
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&length);
        hasher.update(record);
        self.buffer.extend_from_slice(&hasher.finalize().to_le_bytes());
        self.buffer.extend_from_slice(&length);
        self.buffer.extend_from_slice(record);
    }

    /// Makes the records durable.
    ///
    /// # Panics
    /// When the disk fails.
    pub fn commit(&mut self) {
        if let Some((_, file)) = &self.file {
            file.write_all_at(&self.buffer, self.end).expect("a disk with room");
            file.sync_data().expect("a disk that works");
        }
        self.end += self.buffer.len() as u64;
        self.buffer.clear();
    }

    /// Goes on in a fresh file when this one could not hold another commit of this size. Not for the clock: the limit
    /// knows no rotation.
    ///
    /// # Panics
    /// When the file cannot be made.
    pub fn make_room_for(&mut self, bytes: u64) {
        if self.end + bytes <= FILE_BYTES {
            return;
        }
        if let Some((path, file)) = &mut self.file {
            fs::remove_file(&*path).expect("our own file");
            *file = preallocated(path);
        }
        self.end = 0;
    }
}

fn preallocated(path: &Path) -> File {
    let file = File::create(path).expect("our own folder can be written");
    fallocate(&file, FallocateFlags::empty(), 0, FILE_BYTES).expect("a disk with room");
    file.sync_all().expect("a disk that works");
    file
}

/// As long as a segment of the journal.
const FILE_BYTES: u64 = 64 << 20;
