//! What is held stays, what is not goes, oldest first.

use std::io::ErrorKind;

use super::*;
use crate::journal::sim_disk::Step;

/// A journal with one record in each of `segments` segments, and a hold on each.
fn with_segments(disk: &SimDisk, segments: i64) -> (Journal, Vec<Hold>) {
    let mut journal = open(disk);
    let holds = (0..segments).map(|number| {
        let mut record = batch(&[payload(number as usize)]);
        journal.commit(&mut record, number * 30_000).unwrap()
    });
    let holds = holds.collect();
    (journal, holds)
}

#[test]
fn only_a_complete_and_unheld_beginning_goes() {
    let disk = SimDisk::default();
    let (journal, mut holds) = with_segments(&disk, 5);
    let segments = journal.segments();
    assert_eq!(segments.trimmable(), None);
    holds.remove(1);
    assert_eq!(segments.trimmable(), None, "an older one is held");
    let clone = holds[0].clone();
    holds.remove(0);
    assert_eq!(segments.trimmable(), None, "a clone holds as well");
    drop(clone);
    assert_eq!(segments.trimmable(), Some(SegmentId(2)));
    assert_eq!(segments.trim(SegmentId(5)).unwrap(), 2, "never more than what is trimmable");
    assert_eq!(disk.names(), [name(3), name(4), name(5)]);
    holds.clear();
    assert_eq!(segments.trimmable(), Some(SegmentId(4)), "the newest is being written");
    assert_eq!(segments.trim(SegmentId(3)).unwrap(), 1, "never more than what was asked for");
    let expected = SegmentStats { segments: 2, bytes: 2 * 4_096, oldest: Some(SegmentId(4)), quarantined: 0 };
    assert_eq!(segments.stats(), expected);
    let (served, report) = reopen(&disk);
    assert_eq!(served, payloads(3..5));
    assert!(report.is_sound(), "{report:?}");
}

#[test]
fn each_removal_is_durable_before_the_next() {
    let disk = SimDisk::default();
    let (journal, holds) = with_segments(&disk, 4);
    drop(holds);
    disk.steps();
    journal.segments().trim(SegmentId(3)).unwrap();
    assert_eq!(disk.steps(), [Step::Remove, Step::SyncDir].repeat(3));
}

#[test]
fn a_segment_found_at_start_stays_until_its_records_are_passed_on_and_let_go() {
    let disk = SimDisk::default();
    drop(with_segments(&disk, 3));
    let mut journal = open(&disk);
    let segments = journal.segments();
    commit(&mut journal, &payloads(3..4)).unwrap();
    assert_eq!(segments.trimmable(), None, "nothing is replayed");
    let mut replay = journal.take_replay();
    let mut seen = 0;
    let stopped = replay.run(|_, _| {
        seen += 1;
        if seen == 2 { Err("stop") } else { Ok(()) }
    });
    assert_eq!(stopped, Err("stop"));
    assert_eq!(segments.trimmable(), Some(SegmentId(1)), "the second is not replayed");
    let mut holds = Vec::new();
    let report = replay.run(|_, hold| {
        holds.push(hold.clone());
        Ok::<_, Infallible>(())
    });
    assert_eq!(report.unwrap().records, 3, "a segment that was stopped in counts once");
    assert_eq!(holds.iter().map(Hold::segment).collect::<Vec<_>>(), [SegmentId(2), SegmentId(3)]);
    assert_eq!(segments.trimmable(), Some(SegmentId(1)), "the second is held");
    drop(holds);
    assert_eq!(segments.trimmable(), Some(SegmentId(3)));
    assert_eq!(super::replay(&mut journal).0, payloads(0..0), "the replay was taken");
}

#[test]
fn a_replay_that_is_dropped_leaves_its_segments_untrimmable() {
    let disk = SimDisk::default();
    drop(with_segments(&disk, 3));
    let mut journal = open(&disk);
    drop(journal.take_replay());
    assert_eq!(journal.segments().trimmable(), None);
}

#[test]
fn an_id_is_not_used_again_after_everything_was_trimmed() {
    let disk = SimDisk::default();
    drop(with_segments(&disk, 3));
    let mut journal = open(&disk);
    replay(&mut journal);
    let segments = journal.segments();
    segments.trim(segments.trimmable().unwrap()).unwrap();
    assert_eq!(disk.names(), [name(3)], "the newest name remembers the id");
    assert_eq!(commit(&mut open(&disk), &[b"x"]).unwrap().segment(), SegmentId(4));
    disk.put(&SegmentId(9).quarantine_name(), Vec::new());
    assert_eq!(commit(&mut open(&disk), &[b"x"]).unwrap().segment(), SegmentId(10));
}

#[test]
fn a_trim_that_fails_is_tried_again() {
    for step in [Step::Remove, Step::SyncDir] {
        let disk = SimDisk::default();
        let (journal, holds) = with_segments(&disk, 3);
        drop(holds);
        let segments = journal.segments();
        disk.fail(step, ErrorKind::Other);
        assert_eq!(segments.trim(SegmentId(2)).unwrap_err().segment, SegmentId(1));
        assert_eq!(segments.trimmable(), Some(SegmentId(2)), "{step:?}");
        assert_eq!(segments.trim(SegmentId(2)).unwrap(), 2, "{step:?}");
        assert_eq!(disk.names(), [name(3)], "{step:?}");
    }
}

#[test]
fn a_damaged_segment_is_set_aside_and_counted() {
    let disk = SimDisk::default();
    drop(with_segments(&disk, 3));
    let mut bytes = disk.read(&name(2));
    bytes[90] ^= 1;
    disk.put(&name(2), bytes.clone());
    let mut journal = open(&disk);
    let (served, report) = replay(&mut journal);
    assert_eq!(served, payloads([0, 2]));
    assert_eq!(report.damaged.places, 1);
    let segments = journal.segments();
    assert_eq!(segments.trim(segments.trimmable().unwrap()).unwrap(), 2);
    assert_eq!(segments.stats().quarantined, 1);
    let aside = SegmentId(2).quarantine_name();
    assert_eq!(disk.names(), [aside.clone(), name(3)]);
    assert_eq!(disk.read(&aside), bytes, "as it was found");
    let (_, report) = reopen(&disk);
    assert_eq!(report.quarantined, 1);
    assert_eq!(open(&disk).segments().stats().quarantined, 1);
}
