//! Whatever happened to the files: it opens, it is counted, and what is left is served.

use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::journal::{scan::data_end, scan::scan, sim_disk::Step};

/// Where each record begins in a segment that has one record per batch, and where the last ends.
fn begins(numbers: std::ops::Range<usize>) -> Vec<usize> {
    let sizes = numbers.map(|number| batch(&[payload(number)]).bytes());
    let mut at = SEGMENT_HEADER_BYTES;
    let mut begins = vec![at];
    begins.extend(sizes.map(|bytes| {
        at += bytes;
        at
    }));
    begins
}

#[test]
fn a_segment_cut_anywhere_in_its_last_two_records_serves_the_others() {
    let disk = SimDisk::default();
    commit_each(&mut open(&disk), 0..6);
    let (whole, begins) = (disk.read(&name(1)), begins(0..6));
    for cut in begins[4]..begins[6] {
        let kept = if cut < begins[5] { 4 } else { 5 };
        let disk = SimDisk::default();
        disk.put(&name(1), whole[..cut].to_vec());
        let (served, report) = reopen(&disk);
        assert_eq!(served, payloads(0..kept), "cut at {cut}");
        assert_eq!(report.truncated, [SegmentId(1)], "cut at {cut}, even between two records");
        commit(&mut open(&disk), &[b"on"]).unwrap();
    }
}

#[test]
fn a_batch_torn_anywhere_is_torn_and_not_damaged() {
    let disk = SimDisk::default();
    commit_each(&mut open(&disk), 0..6);
    let (whole, begins) = (disk.read(&name(1)), begins(0..6));
    for cut in begins[4]..begins[6] {
        let mut torn = whole.clone();
        torn[cut..].fill(0);
        let disk = SimDisk::default();
        disk.put(&name(1), torn.clone());
        let (served, report) = reopen(&disk);
        // A cut among the zeros that end a record takes nothing away.
        let intact =
            (0..6).take_while(|&n| torn[begins[n]..begins[n + 1]] == whole[begins[n]..begins[n + 1]]).count();
        assert_eq!(served, payloads(0..intact), "cut at {cut}");
        assert_eq!(report.torn_bytes > 0, data_end(&torn) > begins[intact], "cut at {cut}");
        assert!(report.is_sound(), "cut at {cut}: {report:?}");
    }
}

#[test]
fn a_bit_flipped_anywhere_is_counted_and_costs_no_other_record() {
    const RECORDS: usize = 120;
    let disk = SimDisk::default();
    commit_each(&mut open(&disk), 0..RECORDS);
    let segments = disk.names();
    for seed in 0..1_000 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let disk = disk.copy();
        let hit = &segments[rng.random_range(0..segments.len())];
        let mut bytes = disk.read(hit);
        let bit = rng.random_range(0..data_end(&bytes) * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        disk.put(hit, bytes);
        let (served, report) = reopen(&disk);
        let in_header = bit / 8 < SEGMENT_HEADER_BYTES;
        assert_eq!(served.len(), RECORDS - usize::from(!in_header), "seed {seed}, {hit}, byte {}", bit / 8);
        let mut all = payloads(0..RECORDS).into_iter();
        assert!(served.iter().all(|record| all.any(|sound| sound == *record)), "seed {seed}: order kept");
        let (last, torn) = (hit == segments.last().unwrap(), report.torn_bytes > 0);
        assert!(report.damaged.places == 1 || (last && torn), "seed {seed}: {report:?}");
        commit(&mut open(&disk), &[b"on"]).unwrap();
    }
}

#[test]
fn damage_is_told_by_place_and_length() {
    let disk = SimDisk::default();
    commit_each(&mut open(&disk), 0..6);
    let begins = begins(0..6);
    let mut bytes = disk.read(&name(1));
    bytes[begins[1]..begins[3]].fill(0);
    bytes[begins[4] + 3] ^= 0x80;
    disk.put(&name(1), bytes);
    let (served, report) = reopen(&disk);
    assert_eq!(served, payloads([0, 3, 5]));
    let place = |from: usize, to: usize| Damage {
        segment: SegmentId(1),
        offset: begins[from] as u64,
        bytes: (begins[to] - begins[from]) as u64,
    };
    assert_eq!(report.damaged.listed, [place(1, 3), place(4, 5)]);
    assert_eq!((report.damaged.bytes, report.torn_bytes), (place(1, 3).bytes + place(4, 5).bytes, 0));
}

#[test]
fn a_hole_in_the_last_batch_is_torn_and_in_an_earlier_one_damaged() {
    let disk = SimDisk::default();
    let mut journal = open(&disk);
    commit(&mut journal, &payloads(0..3)).unwrap();
    let hole = begins(0..3)[1] + 4;
    let mut bytes = disk.read(&name(1));
    bytes[hole] ^= 1;
    disk.put(&name(1), bytes);
    let (served, report) = reopen(&disk);
    assert_eq!(served, payloads([0, 2]));
    assert!(report.is_sound() && report.torn_bytes > 0, "{report:?}");

    let disk = SimDisk::default();
    let mut journal = open(&disk);
    commit(&mut journal, &payloads(0..3)).unwrap();
    commit(&mut journal, &payloads(3..4)).unwrap();
    let mut bytes = disk.read(&name(1));
    bytes[hole] ^= 1;
    disk.put(&name(1), bytes);
    let (served, report) = reopen(&disk);
    assert_eq!(served, payloads([0, 2, 3]));
    assert_eq!((report.damaged.places, report.torn_bytes), (1, 0), "{report:?}");
}

#[test]
fn the_lost_end_of_a_segment_that_was_rotated_from_is_damage() {
    let disk = SimDisk::default();
    let mut journal = open(&disk);
    commit_each(&mut journal, 0..3);
    journal.commit(&mut batch(&payloads(3..4)), 30_000).unwrap();
    let begins = begins(0..3);
    let mut bytes = disk.read(&name(1));
    bytes[begins[2]..].fill(0);
    disk.put(&name(1), bytes);
    let (served, report) = reopen(&disk);
    assert_eq!(served, payloads([0, 1, 3]));
    let lost =
        Damage { segment: SegmentId(1), offset: begins[2] as u64, bytes: (begins[3] - begins[2]) as u64 };
    assert_eq!((report.damaged.listed, report.torn_bytes), (vec![lost], 0));
}

#[test]
fn bytes_of_another_segment_are_no_records() {
    let disk = SimDisk::default();
    let mut journal = open(&disk);
    commit_each(&mut journal, 0..6);
    journal.commit(&mut batch(&[b"young"]), 30_000).unwrap();
    let (old, mut young) = (disk.read(&name(1)), disk.read(&name(2)));
    let end = SEGMENT_HEADER_BYTES + 24;
    young[end..].copy_from_slice(&old[end..]);
    disk.put(&name(2), young);
    let (served, report) = reopen(&disk);
    assert_eq!(served, [payloads(0..6), vec![b"young".to_vec()]].concat());
    assert!(report.torn_bytes > 0, "{report:?}");
    disk.put(&name(2), old);
    let (served, report) = reopen(&disk);
    assert_eq!(served, payloads(0..6), "a segment under another's name is not served as it");
    assert!(report.damaged.places > 0, "{report:?}");
}

#[test]
fn a_missing_segment_is_reported_and_the_others_served() {
    let disk = SimDisk::default();
    commit_each(&mut open(&disk), 0..300);
    let all = disk.names().len();
    for gone in [2, 3] {
        disk.remove(&name(gone)).unwrap();
    }
    let (served, report) = reopen(&disk);
    assert_eq!(report.missing, [Gap { first: SegmentId(2), last: SegmentId(3) }]);
    assert_eq!(report.segments as usize, all - 2);
    assert!(!report.is_sound());
    let lost = 300 - served.len();
    let begin = served.iter().zip(0..).take_while(|(record, number)| **record == payload(*number)).count();
    assert!(lost > 0);
    assert_eq!(served[begin..], payloads(begin + lost..300));
}

#[test]
fn a_segment_that_goes_after_the_listing_is_missing() {
    let disk = SimDisk::default();
    commit_each(&mut open(&disk), 0..100);
    let mut journal = open(&disk);
    disk.remove(&name(2)).unwrap();
    assert_eq!(replay(&mut journal).1.missing, [Gap { first: SegmentId(2), last: SegmentId(2) }]);
}

#[test]
fn files_without_a_header_and_files_of_others_are_counted() {
    let disk = SimDisk::default();
    commit_each(&mut open(&disk), 0..3);
    let mut headless = disk.read(&name(1));
    headless[..SEGMENT_HEADER_BYTES].fill(0xAA);
    disk.put(&name(1), headless);
    disk.put(&name(2), Vec::new());
    disk.put(&name(3), vec![0; SEGMENT_BYTES]);
    disk.put("notes.txt", b"hello".to_vec());
    let (served, report) = reopen(&disk);
    assert_eq!(served, payloads(0..3), "records are bound to the name's id, so no header is needed");
    assert_eq!(report.damaged.listed, [Damage { segment: SegmentId(1), offset: 0, bytes: 64 }]);
    assert_eq!(report.unfinished, [SegmentId(2), SegmentId(3)]);
    assert_eq!(report.foreign, 1);
    commit(&mut open(&disk), &[b"on"]).unwrap();
    assert_eq!(disk.read("notes.txt"), b"hello");
}

#[test]
fn a_bad_page_is_counted_and_costs_no_other() {
    let disk = SimDisk::default();
    let settings = Settings { segment_bytes: 64 << 10, segment_age_ms_max: 30_000 };
    let mut journal = Journal::open(Arc::new(disk.clone()), settings).unwrap();
    commit_each(&mut journal, 0..500);
    disk.make_unreadable(&name(1), 8_192..8_193);
    disk.make_unreadable(&name(1), 60_000..60_001);
    let (served, report) = reopen(&disk);
    assert_eq!(report.unreadable_bytes, 2 * 4_096);
    assert_eq!((report.damaged.places, report.torn_bytes), (1, 0), "the second was never written to");
    let lost: Vec<_> = (0..500).filter(|number| !served.contains(&payload(*number))).collect();
    assert!((30..90).contains(&lost.len()), "{lost:?}");
    assert!(report.damaged.bytes < 4_096 + 2 * 128, "{report:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_without_a_panic_and_all_accounted_for(
        noise in prop::collection::vec(any::<u8>(), 0..3_000),
        sealed_end in prop::option::of(0..5_000_usize),
    ) {
        let findings = scan(SegmentId(1), &noise, noise.len(), sealed_end, |_, _| Ok::<_, Infallible>(())).unwrap();
        prop_assert_eq!(findings.records, 0);
        let found = findings.damaged.bytes + findings.torn_bytes;
        prop_assert!(findings.unfinished || found as usize >= data_end(&noise), "{:?}", findings);
    }
}

#[test]
fn verify_changes_nothing() {
    let disk = SimDisk::default();
    commit_each(&mut open(&disk), 0..100);
    disk.steps();
    verify(&disk).unwrap();
    assert_eq!(disk.steps(), Vec::<Step>::new());
}
