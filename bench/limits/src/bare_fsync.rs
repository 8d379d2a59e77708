//! The limit of an ack: what the disk needs to make one small write durable.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::Path,
    time::{Duration, Instant},
};

use rustix::fs::{FallocateFlags, fallocate};

/// One write made durable: when it began, since the beginning of all, and when it was done.
type Call = (Duration, Duration);

/// Writes blocks of this size into a preallocated file, each made durable by itself, one behind the other for so long.
/// Says how long each of those waited who came all that while, one every `every`, and whose block went with the next
/// write: a disk that stalls once in a thousand writes stalls for many of them.
///
/// # Errors
/// When the disk fails.
pub fn waits(
    folder: &Path,
    block_bytes: usize,
    lasts: Duration,
    every: Duration,
) -> io::Result<Vec<Duration>> {
    let path = folder.join("fsync");
    let file = File::create(&path)?;
    let block = vec![0x5a; block_bytes];
    fallocate(&file, FallocateFlags::empty(), 0, FILE_BYTES)?;
    file.sync_all()?;
    let (begun, mut calls) = (Instant::now(), Vec::<Call>::new());
    while begun.elapsed() < lasts {
        let began = begun.elapsed();
        file.write_all_at(&block, (calls.len() * block_bytes) as u64 % (FILE_BYTES - block_bytes as u64))?;
        file.sync_data()?;
        calls.push((began, begun.elapsed()));
    }
    std::fs::remove_file(&path)?;
    Ok(waits_for(&calls, every))
}

/// How long those wait who come one every `every`, each for the first call that begins behind its coming.
fn waits_for(calls: &[Call], every: Duration) -> Vec<Duration> {
    let mut waits = Vec::new();
    let mut comes = Duration::ZERO;
    for &(began, done) in calls {
        while comes <= began {
            waits.push(done.saturating_sub(comes));
            comes += every;
        }
    }
    waits
}

/// As long as a segment of the journal.
const FILE_BYTES: u64 = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_counts_for_all_who_came_meanwhile() {
        let ms = Duration::from_millis;
        // The second call takes 4 ms; who comes at 2, 3, 4 and 5 waits for the third.
        let calls = [(ms(0), ms(1)), (ms(1), ms(5)), (ms(5), ms(6))];
        assert_eq!(waits_for(&calls, ms(1)), [ms(1), ms(4), ms(4), ms(3), ms(2), ms(1)]);
    }
}
