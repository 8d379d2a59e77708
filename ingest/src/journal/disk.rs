//! The only way to files: a seam small enough to simulate.

use std::io;

pub(crate) mod fs;

/// One directory of files. Names are plain file names; every call is safe from several threads.
pub trait Disk: Send + Sync {
    /// Every file's name and length, in any order; not the lock, not folders.
    ///
    /// # Errors
    ///
    /// Whatever the directory says.
    fn list(&self) -> io::Result<Vec<Listed>>;

    /// Creates a file that reads as `bytes` zeros, with space set aside for them where the file system can.
    ///
    /// The file is durable only after its [`DiskFile::sync`] and a [`Disk::sync_dir`].
    ///
    /// # Errors
    ///
    /// `AlreadyExists` if there is such a name, `StorageFull` or `QuotaExceeded` if there is no space. After an error
    /// the disk has tried to leave no file behind.
    fn create(&self, name: &str, bytes: u64) -> io::Result<Box<dyn DiskFile>>;

    /// Fills `buffer` with the file's bytes from `offset` on and says how many there were; fewer only at its end.
    ///
    /// # Errors
    ///
    /// `NotFound` if there is no such file; anything else means that these bytes cannot be read now.
    fn read_at(&self, name: &str, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// How much of a file of `bytes` bytes holds data: behind that it surely reads as zeros. A reader then needs not ask
    /// for them; `bytes` where it is not known.
    fn data_bytes(&self, name: &str, bytes: u64) -> u64 {
        let _ = name;
        bytes
    }

    /// Makes durable what is seen of a file, whoever wrote it, even a process that was killed meanwhile.
    ///
    /// # Errors
    ///
    /// `NotFound` if there is no such file; anything else means that nothing is known about what is seen of it.
    fn sync_file(&self, name: &str) -> io::Result<()>;

    /// Gives a file another name. Durable only after [`Disk::sync_dir`].
    ///
    /// # Errors
    ///
    /// `NotFound` if there is no such file.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file. Durable only after [`Disk::sync_dir`].
    ///
    /// # Errors
    ///
    /// `NotFound` if there is no such file.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes all names durable: what was created, renamed and removed before stays so after a crash.
    ///
    /// # Errors
    ///
    /// Nothing is known about the names since the last good call.
    fn sync_dir(&self) -> io::Result<()>;
}

/// A file that was just created and is being written.
pub trait DiskFile: Send + Sync {
    /// Writes all of `bytes` at `offset`. Not durable before [`DiskFile::sync`].
    ///
    /// # Errors
    ///
    /// Any part of the bytes may have been written.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes everything written before durable, and the file's length (`fdatasync`).
    ///
    /// # Errors
    ///
    /// Nothing is known about what was written since the last good call, and asking again tells nothing.
    fn sync(&mut self) -> io::Result<()>;
}

/// A file as [`Disk::list`] saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Its length in bytes.
    pub bytes: u64,
}
