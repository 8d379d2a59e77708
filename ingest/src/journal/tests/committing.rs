//! Commits, rotation, and the errors of both.

use std::io::ErrorKind;

use proptest::prelude::*;

use super::*;
use crate::journal::sim_disk::Step;

#[test]
fn what_is_committed_is_replayed_in_order_across_segments() {
    let disk = SimDisk::default();
    let mut journal = open(&disk);
    commit_each(&mut journal, 0..300);
    let stats = journal.segments().stats();
    assert!(stats.segments > 3, "{stats:?}");
    assert_eq!(stats.bytes, stats.segments * SEGMENT_BYTES as u64);
    let (served, report) = reopen(&disk);
    assert_eq!(served, payloads(0..300));
    assert_eq!((report.records, report.segments), (300, stats.segments));
    assert_eq!(report.bytes, served.iter().map(|payload| payload.len() as u64).sum::<u64>());
    let quiet = Report { segments: report.segments, records: 300, bytes: report.bytes, ..Report::default() };
    assert_eq!(report, quiet);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_batches_come_back(
        batches in prop::collection::vec(prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..8), 0..40),
        reopened in prop::collection::vec(any::<bool>(), 40),
        ages_ms in prop::collection::vec(0..20_000_i64, 40),
    ) {
        let disk = SimDisk::default();
        let mut journal = open(&disk);
        let mut now_ms = 0;
        for ((records, reopened), age_ms) in batches.iter().zip(reopened).zip(ages_ms) {
            now_ms += age_ms;
            journal.commit(&mut batch(records), now_ms).unwrap();
            if reopened {
                journal = open(&disk);
            }
        }
        let (served, report) = reopen(&disk);
        prop_assert_eq!(served, batches.concat());
        prop_assert!(report.is_sound() && report.torn_bytes == 0, "{:?}", report);
    }
}

#[test]
fn a_commit_is_one_write_and_one_fsync_and_a_new_segment_is_durable_first() {
    use Step::{Create, Sync, SyncDir, Write};
    let disk = SimDisk::default();
    let mut journal = open(&disk);
    assert_eq!(disk.steps(), [], "a start that commits nothing makes no files");
    commit(&mut journal, &payloads(0..3)).unwrap();
    assert_eq!(disk.steps(), [Create, Write, Sync, SyncDir, Write, Sync]);
    commit(&mut journal, &payloads(3..9)).unwrap();
    assert_eq!(disk.steps(), [Write, Sync]);
    commit::<&[u8]>(&mut journal, &[]).unwrap();
    assert_eq!(disk.steps(), [], "nothing to write, nothing to sync");
}

#[test]
fn a_segment_is_used_to_its_last_byte() {
    let disk = SimDisk::default();
    let mut journal = open(&disk);
    commit(&mut journal, &payloads(0..1)).unwrap();
    let room = SEGMENT_BYTES - SEGMENT_HEADER_BYTES - batch(&payloads(0..1)).bytes();
    assert_eq!(commit(&mut journal, &[vec![7; room - 16]]).unwrap().segment(), SegmentId(1));
    assert_eq!(commit(&mut journal, &[b""]).unwrap().segment(), SegmentId(2));
    let (served, report) = reopen(&disk);
    assert_eq!(served, [payload(0), vec![7; room - 16], Vec::new()]);
    assert!(report.is_sound() && report.torn_bytes == 0, "{report:?}");
}

#[test]
fn an_old_segment_is_left_for_a_new_one() {
    let mut journal = open(&SimDisk::default());
    let mut at = |now_ms| journal.commit(&mut batch(&[b"x"]), now_ms).unwrap().segment();
    assert_eq!([at(1_000), at(30_999)], [SegmentId(1); 2]);
    assert_eq!(
        [at(31_000), at(500), at(60_999)],
        [SegmentId(2); 3],
        "a clock that goes back makes nothing old"
    );
    assert_eq!(at(61_000), SegmentId(3));
}

#[test]
fn a_segment_without_records_does_not_grow_old() {
    let disk = SimDisk::default();
    let mut journal = open(&disk);
    journal.commit(&mut Batch::new(), 0).unwrap();
    assert_eq!(journal.commit(&mut batch(&[b"x"]), 90_000).unwrap().segment(), SegmentId(1));
}

#[test]
fn a_segment_found_at_start_is_never_appended_to() {
    let disk = SimDisk::default();
    commit_each(&mut open(&disk), 0..1);
    let before = disk.read(&name(1));
    let hold = commit(&mut open(&disk), &payloads(1..2)).unwrap();
    assert_eq!(hold.segment(), SegmentId(2));
    assert_eq!(disk.read(&name(1)), before);
    assert_eq!(reopen(&disk).0, payloads(0..2));
}

#[test]
fn an_error_of_an_fsync_or_a_write_is_final() {
    for step in [Step::Sync, Step::Write] {
        let disk = SimDisk::default();
        let mut journal = open(&disk);
        commit_each(&mut journal, 0..2);
        disk.fail(step, ErrorKind::Other);
        assert!(matches!(commit(&mut journal, &payloads(2..3)), Err(JournalError::Broken(_))), "{step:?}");
        disk.steps();
        for _ in 0..3 {
            assert!(
                matches!(commit(&mut journal, &payloads(3..4)), Err(JournalError::Broken(_))),
                "{step:?}"
            );
        }
        assert_eq!(disk.steps(), [], "nothing is tried again after {step:?}");
        assert_eq!(reopen(&disk).0[..2], payloads(0..2));
    }
}

#[test]
fn an_fsync_of_records_that_finds_no_space_is_final_too() {
    let disk = SimDisk::default();
    let mut journal = open(&disk);
    commit_each(&mut journal, 0..2);
    disk.fail(Step::Sync, ErrorKind::StorageFull);
    assert!(matches!(commit(&mut journal, &payloads(2..3)), Err(JournalError::Broken(_))));
}

#[test]
fn an_error_of_the_directory_is_final() {
    let disk = SimDisk::default();
    let mut journal = open(&disk);
    disk.fail(Step::SyncDir, ErrorKind::StorageFull);
    assert!(matches!(commit(&mut journal, &payloads(0..1)), Err(JournalError::Broken(_))));
    assert!(matches!(commit(&mut journal, &payloads(0..1)), Err(JournalError::Broken(_))));
}

#[test]
fn no_space_for_a_new_segment_is_full_and_passes() {
    for step in [Step::Create, Step::Write, Step::Sync] {
        let disk = SimDisk::default();
        let mut journal = open(&disk);
        let large = vec![7; SEGMENT_BYTES / 2];
        commit(&mut journal, &[&large]).unwrap();
        disk.fail(step, ErrorKind::StorageFull);
        assert!(matches!(commit(&mut journal, &[&large]), Err(JournalError::Full(_))), "{step:?}");
        assert_eq!(disk.names(), [name(1)], "{step:?} leaves no file behind");
        assert_eq!(commit(&mut journal, &[b"small"]).unwrap().segment(), SegmentId(1), "{step:?}");
        assert_eq!(commit(&mut journal, &[&large]).unwrap().segment(), SegmentId(2), "{step:?}");
        let (served, report) = reopen(&disk);
        assert_eq!(served, [&large[..], b"small", &large], "{step:?}");
        assert!(report.is_sound() && report.unfinished.is_empty(), "{step:?} {report:?}");
    }
}

#[test]
fn no_space_in_the_middle_of_a_write_refuses_the_batch_and_nothing_else() {
    let disk = SimDisk::default();
    let mut journal = open(&disk);
    commit_each(&mut journal, 0..2);
    disk.fail(Step::Write, ErrorKind::QuotaExceeded);
    let mut refused = batch(&payloads(10..30));
    assert!(matches!(journal.commit(&mut refused, 0), Err(JournalError::Full(_))));
    commit_each(&mut journal, 2..4);
    let (served, report) = reopen(&disk);
    assert_eq!(served, payloads(0..4), "what was written of the refused batch is no record any more");
    assert!(report.is_sound() && report.torn_bytes > 0, "{report:?}");
    journal.commit(&mut refused, 0).unwrap();
    assert_eq!(reopen(&disk).0, payloads((0..4).chain(10..30)), "the same batch goes in later");
}

#[test]
fn a_refused_batch_is_not_served_from_a_sealed_segment() {
    let disk = SimDisk::default();
    let mut journal = open(&disk);
    commit_each(&mut journal, 0..1);
    disk.fail(Step::Write, ErrorKind::StorageFull);
    assert!(commit(&mut journal, &payloads(10..30)).is_err());
    journal.commit(&mut batch(&payloads(1..2)), 30_000).unwrap();
    let (served, report) = reopen(&disk);
    assert_eq!(served, payloads(0..2));
    assert!(report.is_sound() && report.torn_bytes > 0, "{report:?}");
}

#[test]
fn a_batch_that_fits_in_no_segment_is_too_large_and_harms_nothing() {
    let disk = SimDisk::default();
    let mut journal = open(&disk);
    let room = SEGMENT_BYTES - SEGMENT_HEADER_BYTES;
    let refused = commit(&mut journal, &[vec![1; room]]).unwrap_err();
    let expected = TooLarge { what: "batch", bytes: room + 16, bytes_max: room };
    assert!(matches!(refused, JournalError::TooLarge(found) if found == expected), "{refused:?}");
    assert_eq!(disk.names(), Vec::<String>::new());
    commit(&mut journal, &[vec![1; room - 16]]).unwrap();
    assert_eq!(reopen(&disk).0, [vec![1; room - 16]]);
}

#[test]
fn settings_out_of_range_are_refused_before_anything_is_touched() {
    let settings = Settings { segment_bytes: 1, ..Settings::default() };
    let refused = Journal::open(Arc::new(SimDisk::default()), settings).unwrap_err();
    assert_eq!(refused.to_string(), "segment_bytes is 1, allowed is 4096 to 1073741824");
}

#[test]
fn the_greatest_id_ends_in_an_error() {
    let disk = SimDisk::default();
    disk.put(&name(u64::MAX), Vec::new());
    assert!(matches!(commit(&mut open(&disk), &[b"x"]), Err(JournalError::Broken(_))));
    assert_eq!(reopen(&disk).1.unfinished, [SegmentId(u64::MAX)]);
}
