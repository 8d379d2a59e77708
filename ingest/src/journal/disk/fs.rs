//! A directory of the file system, locked against a second process.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FallocateFlags, SeekFrom, fallocate, seek},
    io::{Errno, retry_on_intr},
};

use super::{Disk, DiskFile, Listed};

/// A directory of the file system.
#[derive(Debug)]
pub struct FsDisk {
    path: PathBuf,
    /// The directory itself, for its fsync.
    directory: File,
    /// Held for as long as this disk lives; none when it only reads.
    lock: Option<File>,
}

/// Why a directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FsDiskError {
    /// Another process writes here. Stop it, or choose another directory.
    #[error("{} is in use by another process", .path.display())]
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// The directory cannot be made or opened. Put it right.
    #[error("{} cannot be opened", .path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl FsDisk {
    /// Opens a directory for reading and writing, makes it durably if it is missing, and locks it while it is open.
    ///
    /// # Errors
    ///
    /// [`FsDiskError::Locked`] if another `FsDisk` has it open like this, in any process.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, FsDiskError> {
        let path = path.into();
        match create_durably(&path).and_then(|()| lock(&path)) {
            Ok(Some(lock)) => Self::with_lock(path, Some(lock)),
            Ok(None) => Err(FsDiskError::Locked { path }),
            Err(source) => Err(FsDiskError::Io { path, source }),
        }
    }

    /// Opens a directory to read it beside whoever writes it: no lock is taken, and nothing can be changed.
    ///
    /// # Errors
    ///
    /// [`FsDiskError::Io`] if it cannot be opened.
    pub fn open_read_only(path: impl Into<PathBuf>) -> Result<Self, FsDiskError> {
        Self::with_lock(path.into(), None)
    }

    fn with_lock(path: PathBuf, lock: Option<File>) -> Result<Self, FsDiskError> {
        match File::open(&path) {
            Ok(directory) => Ok(Self { path, directory, lock }),
            Err(source) => Err(FsDiskError::Io { path, source }),
        }
    }

    fn writable(&self, name: &str) -> io::Result<PathBuf> {
        match self.lock {
            Some(_) => Ok(self.path.join(name)),
            None => Err(io::Error::new(io::ErrorKind::PermissionDenied, "opened read-only")),
        }
    }
}

impl Disk for FsDisk {
    fn list(&self) -> io::Result<Vec<Listed>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            match entry.metadata() {
                Ok(found) if found.is_file() && name != LOCK => {
                    files.push(Listed { name, bytes: found.len() })
                }
                // Whoever writes beside us may have trimmed it meanwhile.
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(files)
    }

    fn create(&self, name: &str, bytes: u64) -> io::Result<Box<dyn DiskFile>> {
        let path = self.writable(name)?;
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        match preallocate(&file, bytes) {
            Ok(()) => Ok(Box::new(FsFile(file))),
            Err(error) => {
                fs::remove_file(&path)?;
                Err(error)
            }
        }
    }

    fn read_at(&self, name: &str, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let file = File::open(self.path.join(name))?;
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match file.read_at(rest, offset + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    /// Asks the file system for the end of the last extent that was written: most of a young segment is set aside only.
    fn data_bytes(&self, name: &str, bytes: u64) -> u64 {
        let Ok(file) = File::open(self.path.join(name)) else { return bytes };
        let mut end = 0;
        loop {
            match seek(&file, SeekFrom::Data(end)) {
                Ok(data) => match seek(&file, SeekFrom::Hole(data)) {
                    Ok(hole) if hole > end => end = hole,
                    _ => return bytes,
                },
                // No data behind: the file system's way to say so.
                Err(Errno::NXIO) => return end.min(bytes),
                Err(_) => return bytes,
            }
        }
    }

    fn sync_file(&self, name: &str) -> io::Result<()> {
        File::open(self.path.join(name))?.sync_data()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.writable(from)?, self.writable(to)?)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.writable(name)?)
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.directory.sync_all()
    }
}

struct FsFile(File);

impl DiskFile for FsFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }
}

/// Makes a directory and those above it, each durable in the one above: an acknowledged record is not readable in a
/// directory whose own name was lost.
fn create_durably(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().unwrap_or(Path::new(""));
    create_durably(parent)?;
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    File::open(parent)?.sync_all()
}

/// Takes the lock, or nothing if another has it. The system gives it back when the process ends, however it ends.
fn lock(directory: &Path) -> io::Result<Option<File>> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(directory.join(LOCK))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Sets space aside. Where the file system cannot, only the length is set, and a write may still find no space.
fn preallocate(file: &File, bytes: u64) -> io::Result<()> {
    match retry_on_intr(|| fallocate(file, FallocateFlags::empty(), 0, bytes)) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => file.set_len(bytes),
        other => Ok(other?),
    }
}

/// The file whose lock says that a process writes here.
const LOCK: &str = "LOCK";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_opener_is_refused_until_the_first_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let first = FsDisk::open(folder.path()).unwrap();
        let refused = FsDisk::open(folder.path());
        assert!(
            matches!(&refused, Err(FsDiskError::Locked { path }) if path == folder.path()),
            "{refused:?}"
        );
        drop(first);
        assert!(FsDisk::open(folder.path()).is_ok());
    }

    #[test]
    fn behind_the_data_there_is_none() {
        const BYTES: u64 = 4 << 20;
        let folder = tempfile::tempdir().unwrap();
        let disk = FsDisk::open(folder.path()).unwrap();
        let mut file = disk.create("a", BYTES).unwrap();
        // In order and with gaps, synced and not: what was written is never behind the end.
        for (step, offset) in [0, 5_000, 1 << 20, 70_000, (3 << 20) + 1, BYTES - 2].into_iter().enumerate() {
            file.write_at(offset, b"x").unwrap();
            if step % 2 == 0 {
                file.sync().unwrap();
            }
            let data_bytes = usize::try_from(disk.data_bytes("a", BYTES)).unwrap();
            let mut whole = vec![0; usize::try_from(BYTES).unwrap()];
            disk.read_at("a", 0, &mut whole).unwrap();
            assert!(whole[data_bytes..].iter().all(|&byte| byte == 0), "after step {step}");
        }
        assert_eq!(disk.data_bytes("a", BYTES), BYTES);
        assert_eq!(disk.data_bytes("no such file", 7), 7);
    }

    #[test]
    fn a_reader_beside_a_writer_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let writer = FsDisk::open(folder.path().join("deep/er")).unwrap();
        writer.create("a", 16).unwrap().write_at(8, b"bytes").unwrap();
        let reader = FsDisk::open_read_only(folder.path().join("deep/er")).unwrap();
        assert_eq!(
            reader.list().unwrap(),
            [Listed { name: "a".into(), bytes: 16 }],
            "the lock is not listed"
        );
        let mut buffer = [9; 10];
        assert_eq!(reader.read_at("a", 8, &mut buffer).unwrap(), 8);
        assert_eq!(&buffer, b"bytes\0\0\0\x09\x09");
        for refused in [reader.create("b", 1).map(drop), reader.remove("a"), reader.rename("a", "b")] {
            assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        }
        assert!(FsDisk::open_read_only(folder.path().join("none")).is_err(), "a reader makes no directory");
    }

    #[test]
    fn a_name_is_created_once_and_renamed_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let disk = FsDisk::open(folder.path()).unwrap();
        disk.create("a", 8).unwrap().sync().unwrap();
        assert_eq!(disk.create("a", 8).err().unwrap().kind(), io::ErrorKind::AlreadyExists);
        disk.rename("a", "b").unwrap();
        disk.sync_dir().unwrap();
        assert_eq!(disk.remove("a").unwrap_err().kind(), io::ErrorKind::NotFound);
        disk.remove("b").unwrap();
        assert_eq!(disk.list().unwrap(), []);
    }

    #[test]
    fn no_space_leaves_no_file_behind() {
        let folder = tempfile::tempdir().unwrap();
        let disk = FsDisk::open(folder.path()).unwrap();
        // No file system has four exbibytes; some say that there is no space, some that no file is so large.
        assert!(disk.create("a", 1 << 62).is_err());
        assert_eq!(disk.list().unwrap(), []);
    }
}
