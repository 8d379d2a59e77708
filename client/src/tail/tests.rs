//! What a tail file promises, on a real disk.

use std::{fs, path::Path};

use super::*;

fn event(seq: u64) -> Event {
    Event { seq, position_ms: Some(1_000), ..Event::default() }
}

fn played(id: &str) -> Played {
    Played { session_id: id.into(), item_id: "m".into(), ..Played::default() }
}

fn settings(folder: &Path) -> TailSettings {
    TailSettings { sync: Sync::Never, ..TailSettings::at(folder.join("tail")) }
}

/// (session, acked through, next number, numbers without an ending).
fn left(tail: &Tail) -> Vec<(String, u64, u64, Vec<u64>)> {
    let unfinished = tail.unfinished().unwrap().into_iter();
    unfinished
        .map(|left| {
            let seqs = left.events.iter().map(|event| event.seq).collect();
            (left.session.session_id, left.acked_through, left.next_seq, seqs)
        })
        .collect()
}

#[test]
fn what_has_no_ending_is_there_when_it_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let settings = TailSettings::at(folder.path().join("tail"));
    let tail = Tail::open(&settings).unwrap();
    let [one, two, three] = ["a", "b", "c"].map(|id| tail.begin(played(id)).unwrap());
    (1..=3).for_each(|seq| one.offered(&event(seq)).unwrap());
    one.acked(2).unwrap();
    two.offered(&event(1)).unwrap();
    two.acked(1).unwrap();
    three.closed().unwrap();
    drop((tail, one, two, three));
    let again = Tail::open(&settings).unwrap();
    assert_eq!(left(&again), [("a".into(), 2, 4, vec![3]), ("b".into(), 1, 2, vec![])]);
    assert_eq!(again.torn_bytes(), 0);
    let number = again.unfinished().unwrap()[0].number;
    again.go_on(number).offered(&event(4)).unwrap();
    assert_eq!(left(&again)[0].3, [3, 4]);
}

#[test]
fn wherever_it_is_cut_off_or_hurt_all_before_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    let tail = Tail::open(&settings).unwrap();
    let session = tail.begin(played("a")).unwrap();
    let mut ends = Vec::new();
    for seq in 1..=5 {
        session.offered(&event(seq)).unwrap();
        ends.push(fs::metadata(&settings.path).unwrap().len());
    }
    drop((session, tail));
    let whole = fs::read(&settings.path).unwrap();
    let begun = usize::try_from(ends[0]).unwrap();
    for at in begun..whole.len() {
        let expect: Vec<u64> =
            (1..).zip(&ends).filter(|&(_, &end)| end <= at as u64).map(|(seq, _)| seq).collect();
        let mut hurt = whole.clone();
        hurt[at] ^= 0x40;
        for bytes in [&whole[..at], &hurt] {
            fs::write(&settings.path, bytes).unwrap();
            let tail = Tail::open(&settings).unwrap();
            assert_eq!(left(&tail)[0].3, expect, "at {at}");
            tail.go_on(1).offered(&event(9)).unwrap();
            assert_eq!(left(&tail)[0].3.last(), Some(&9), "it goes on behind what is sound");
        }
    }
    fs::write(&settings.path, &whole[..whole.len() - 1]).unwrap();
    assert_eq!(Tail::open(&settings).unwrap().torn_bytes(), ends[4] - ends[3] - 1);
}

#[test]
fn it_stays_below_its_bound_and_says_when_it_is_full() {
    let folder = tempfile::tempdir().unwrap();
    let settings = TailSettings { bytes_max: 2_000, ..settings(folder.path()) };
    let tail = Tail::open(&settings).unwrap();
    let session = tail.begin(played("a")).unwrap();
    for seq in 1..=1_000 {
        session.offered(&event(seq)).unwrap();
        session.acked(seq.saturating_sub(5)).unwrap();
        assert!(fs::metadata(&settings.path).unwrap().len() <= 2_000 + 64, "at {seq}");
    }
    let taken = (1_001..).take_while(|&seq| session.offered(&event(seq)).is_ok()).count();
    assert!((20..200).contains(&taken), "{taken}");
    assert!(matches!(session.offered(&event(9_999)), Err(TailError::Full)));
    session.acked(1_010).unwrap();
    session.offered(&event(1_001 + taken as u64)).unwrap();
    let held = left(&tail);
    assert_eq!((held[0].1, held[0].3.len()), (1_010, taken - 10 + 1));
}

#[test]
fn one_process_at_a_time_has_it_and_no_other_file_is_taken_for_one() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    let tail = Tail::open(&settings).unwrap();
    let second = Tail::open(&settings).unwrap_err();
    assert_eq!(second.kind(), io::ErrorKind::WouldBlock);
    drop(tail);
    fs::write(&settings.path, "somebody's letter").unwrap();
    assert!(Tail::open(&settings).unwrap_err().to_string().contains("no tail file"));
    assert_eq!(fs::read(&settings.path).unwrap(), b"somebody's letter", "and it is left alone");
}
