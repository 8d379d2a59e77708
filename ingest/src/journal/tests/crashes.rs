//! The power goes at any step; what was acknowledged is there, and a crash alone is never called damage.

use std::{
    io,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::journal::sim_disk::Step;

/// Commits records until the disk fails or `numbers` ends, trimming now and then, and says which were acknowledged.
fn run(journal: &mut Journal, numbers: std::ops::Range<usize>, rng: &mut ChaCha8Rng) -> Vec<usize> {
    let mut acknowledged = Vec::new();
    let mut number = numbers.start;
    while number < numbers.end {
        let records = number..number + rng.random_range(1..12_usize);
        number = records.end;
        match commit(journal, &payloads(records.clone())) {
            Ok(_) => acknowledged.extend(records),
            Err(error) => {
                assert!(matches!(error, JournalError::Broken(_)), "{error:?}");
                break;
            }
        }
    }
    acknowledged
}

/// Checks that `served` has every acknowledged record, in order, and nothing that was never offered.
fn check(served: &[Vec<u8>], acknowledged: &[usize], offered: std::ops::Range<usize>, what: &str) {
    let mut rest = served.iter();
    for number in acknowledged {
        assert!(
            rest.any(|record| *record == payload(*number)),
            "{what}: record {number} is lost or out of order"
        );
    }
    let known = payloads(offered);
    assert!(served.iter().all(|record| known.contains(record)), "{what}: an unknown record");
}

#[test]
fn what_a_killed_process_had_not_synced_is_durable_before_it_is_served() {
    for seed in 0..20 {
        let disk = SimDisk::default();
        // Create, Write, Sync, SyncDir and Write are done; the Sync of the records is not.
        disk.power_off_after(5);
        commit(&mut open(&disk), &payloads(0..3)).unwrap_err();
        disk.power_on();
        let (served, _) = replay(&mut open(&disk));
        assert_eq!(served, payloads(0..3));
        let (kept, report) = reopen(&disk.after_crash(&mut ChaCha8Rng::seed_from_u64(seed)));
        assert_eq!(kept, served, "seed {seed}");
        assert!(report.is_sound(), "seed {seed}: {report:?}");
    }
}

#[test]
fn what_a_failed_fsync_left_to_be_seen_is_not_served() {
    let disk = SimDisk::default();
    let mut journal = open(&disk);
    commit_each(&mut journal, 0..1);
    disk.fail(Step::Sync, io::ErrorKind::Other);
    commit(&mut journal, &payloads(1..4)).unwrap_err();
    let (served, report) = reopen(&disk);
    assert_eq!(served, payloads(0..1), "the next process must not take the rest for durable");
    assert!(report.is_sound(), "{report:?}");
}

#[test]
fn the_power_goes_at_every_step_and_everything_acknowledged_is_served() {
    // Three segments' worth: every step of a rotation is among the first 60.
    for steps in 0..60 {
        for seed in 0..20 {
            let what = format!("power off after {steps} steps, seed {seed}");
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let disk = SimDisk::default();
            disk.power_off_after(steps);
            let acknowledged = run(&mut open(&disk), 0..200, &mut rng);
            let disk = disk.after_crash(&mut rng);
            let (served, report) = reopen(&disk);
            check(&served, &acknowledged, 0..220, &what);
            assert!(report.is_sound(), "{what}: {report:?}");
            assert!(report.unfinished.len() <= 1, "{what}: {report:?}");
            commit(&mut open(&disk), &[b"on"]).expect(&what);
            assert_eq!(reopen(&disk).0.last().unwrap(), b"on", "{what}");
        }
    }
}

#[test]
fn crash_after_crash_loses_nothing_that_was_not_trimmed() {
    for seed in 0..300 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut disk = SimDisk::default();
        // What the journal still owes; what was trimmed may be served again or not.
        let (mut owed, mut next) = (Vec::new(), 0);
        for life in 0..8 {
            let what = format!("seed {seed}, life {life}");
            let mut journal = open(&disk);
            let (served, report) = replay(&mut journal);
            check(&served, &owed, 0..next, &what);
            assert!(report.is_sound(), "{what}: {report:?}");
            disk.power_off_after(rng.random_range(0..40));
            if rng.random_bool(0.4) {
                let segments = journal.segments();
                owed = segments.trimmable().map_or(owed, |through| kept_behind(&disk, through, &what));
                let _ = segments.trimmable().map(|through| segments.trim(through));
            }
            let begin = next;
            next += 150;
            owed.extend(run(&mut journal, begin..next - 12, &mut rng));
            disk = disk.after_crash(&mut rng);
        }
    }
}

/// The numbers of the records in segments behind `through`.
fn kept_behind(disk: &SimDisk, through: SegmentId, what: &str) -> Vec<usize> {
    let mut kept = Vec::new();
    let report = salvage(disk, |id, payload| {
        let number = std::str::from_utf8(&payload[7..13]).expect(what).parse().expect(what);
        if id > through {
            kept.push(number);
        }
        Ok::<_, io::Error>(())
    });
    assert!(report.expect(what).is_sound());
    kept
}

#[test]
fn a_journal_of_real_files_is_verified_beside_its_writer_and_replayed_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { segment_bytes: 64 << 10, segment_age_ms_max: 30_000 };
    let open = || {
        let disk = FsDisk::open(folder.path().join("journal")).unwrap();
        Journal::open(Arc::new(disk), settings.clone()).unwrap()
    };
    let mut journal = open();
    for begin in (0..3_000).step_by(100) {
        commit(&mut journal, &payloads(begin..begin + 100)).unwrap();
    }
    let beside = verify(&FsDisk::open_read_only(folder.path().join("journal")).unwrap()).unwrap();
    assert_eq!((beside.records, beside.is_sound(), beside.torn_bytes), (3_000, true, 0));
    commit(&mut journal, &payloads(3_000..3_001)).expect("the writer noticed nothing");
    drop(journal);
    let mut journal = open();
    let (served, report) = replay(&mut journal);
    assert_eq!(served, payloads(0..3_001));
    assert!(report.is_sound() && report.segments > 3, "{report:?}");
    let segments = journal.segments();
    assert_eq!(segments.trim(segments.trimmable().unwrap()).unwrap(), report.segments - 1);
    assert_eq!(
        std::fs::read_dir(folder.path().join("journal")).unwrap().count(),
        2,
        "one segment and the lock"
    );
}

#[test]
fn a_reading_that_a_writer_overtakes_finds_no_damage() {
    const CHUNKS: usize = 16;
    let disk = SimDisk::default();
    let settings = Settings { segment_bytes: CHUNKS << 20, segment_age_ms_max: 30_000 };
    let mut journal = Journal::open(Arc::new(disk.clone()), settings).unwrap();
    commit(&mut journal, &[b"first"]).unwrap();
    let journal = Mutex::new(journal);
    // In each of the two readings, more is committed than the rest of the chunk that was just read.
    let racing = Racing::new(disk, |reads| {
        if reads == 0 || reads == CHUNKS + 1 {
            (0..4).for_each(|_| drop(commit(&mut journal.lock().unwrap(), &[vec![7; 300 << 10]]).unwrap()));
        }
    });
    let report = verify(&racing).unwrap();
    assert!(report.is_sound(), "{report:?}");
    assert!((5..9).contains(&report.records), "what was committed before the second reading: {report:?}");
    assert_eq!(verify(&racing).unwrap().records, 9);
}

#[test]
fn a_segment_that_is_trimmed_while_others_are_read_is_not_missing() {
    let disk = SimDisk::default();
    commit_each(&mut open(&disk), 0..300);
    assert!(disk.names().len() > 3);
    let racing = Racing::new(disk.clone(), |reads| {
        if reads == 0 {
            (1..3).for_each(|id| disk.remove(&name(id)).unwrap());
        }
    });
    let report = verify(&racing).unwrap();
    assert!(report.is_sound(), "{report:?}");
}

/// A disk on which something happens after each read.
struct Racing<F> {
    disk: SimDisk,
    after: F,
    reads: AtomicUsize,
}

impl<F: Fn(usize) + Send + Sync> Racing<F> {
    fn new(disk: SimDisk, after: F) -> Self {
        Self { disk, after, reads: AtomicUsize::new(0) }
    }
}

impl<F: Fn(usize) + Send + Sync> Disk for Racing<F> {
    fn list(&self) -> io::Result<Vec<Listed>> {
        self.disk.list()
    }
    fn create(&self, name: &str, bytes: u64) -> io::Result<Box<dyn DiskFile>> {
        self.disk.create(name, bytes)
    }
    fn read_at(&self, name: &str, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.disk.read_at(name, offset, buffer)?;
        (self.after)(self.reads.fetch_add(1, Ordering::Relaxed));
        Ok(count)
    }
    fn sync_file(&self, name: &str) -> io::Result<()> {
        self.disk.sync_file(name)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }
    fn sync_dir(&self) -> io::Result<()> {
        self.disk.sync_dir()
    }
}
