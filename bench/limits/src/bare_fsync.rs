//! The limit of an ack: what the disk needs to make one small write durable.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::Path,
    time::{Duration, Instant},
};

use rustix::fs::{FallocateFlags, fallocate};

/// Writes so many blocks of this size into a preallocated file, each made durable by itself, and says what each took.
///
/// # Errors
/// When the disk fails.
pub fn latencies(folder: &Path, blocks: usize, block_bytes: usize) -> io::Result<Vec<Duration>> {
    let path = folder.join("fsync");
    let file = File::create(&path)?;
    let block = vec![0x5a; block_bytes];
    fallocate(&file, FallocateFlags::empty(), 0, (blocks * block_bytes) as u64)?;
    file.sync_all()?;
    let took = (0..blocks).map(|index| {
        let started = Instant::now();
        file.write_all_at(&block, (index * block_bytes) as u64)?;
        file.sync_data()?;
        Ok(started.elapsed())
    });
    let took = took.collect();
    std::fs::remove_file(&path)?;
    took
}
