//! `torn-tail`: the journal cut off at every byte of its last two records, as a file that ends there and as a write that
//! came no further. It always starts, says what it lost, and serves the rest.

use std::{fs, io, path::Path};

use super::{
    journal::{Record, Segment},
    stage::Stage,
    still::Still,
    stop::{Step, failed},
};

/// Plays it.
pub(super) fn play(stage: &mut Stage<'_>) -> Step {
    let still = Still::make(stage, LOAD_S)?;
    let Some(last) = still.segments.iter().rev().find(|segment| segment.records.len() >= 2) else {
        stage.claim(false, "the journal has a segment with two records");
        return Ok(());
    };
    let bytes = fs::read(&last.path).map_err(failed("the last segment"))?;
    let tail = Tail::of(last, &bytes);
    let cuts: Vec<u64> = (tail.begin()..tail.end()).collect();
    let cuts = sample(&cuts, stage.form(CUTS_SHORT, usize::MAX));
    stage.say(format!("cutting at {} of the {} bytes of the last two records", cuts.len(), tail.len()));
    let mut slowest_ms = 0;
    for (at, &cut) in cuts.iter().enumerate() {
        for wound in [Wound::Ends, Wound::Zeros] {
            let ready_ms = try_cut(stage, &still, last, &tail, (cut, wound), at % CHECK_EVERY == 0)?;
            slowest_ms = slowest_ms.max(ready_ms);
        }
    }
    stage.sum_up(format!("{} cuts, each twice: always started, slowest in {slowest_ms} ms", cuts.len()));
    Ok(())
}

/// How the file goes on behind the cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wound {
    /// It ends: a file that was cut off.
    Ends,
    /// With the zeros that were set aside: a write that a crash interrupted.
    Zeros,
}

/// Cuts once and holds what is found against what has to be. Returns how long the start took, ms.
fn try_cut(
    stage: &mut Stage<'_>,
    still: &Still,
    last: &Segment,
    tail: &Tail,
    (cut, wound): (u64, Wound),
    is_checked: bool,
) -> Step<u128> {
    still.hurt(last, |path| wound.inflict(path, cut))?;
    let (least, most) = tail.lost(cut);
    let lost = still.records() - most..=still.records() - least;
    let place = format!("byte {cut}, {wound:?}");
    let verified = still.verify(stage)?;
    // Cut off is damage, for segments are made at their full length; a write that came no further is not.
    let as_expected = verified.is_sound == (wound == Wound::Zeros) && verified.code_agrees;
    stage
        .claim(as_expected && lost.contains(&verified.records), format!("{place}: verify says {verified:?}"));

    let started = still.start(stage, is_checked)?;
    let recovered = started.metrics.sum("playhead_recovered_events");
    stage.claim(lost.contains(&recovered), format!("{place}: {recovered} events back, expected {lost:?}"));
    if let Some(checked) = started.checked {
        let is_counted = (least..=most).contains(&checked.missing);
        stage.claim(is_counted && checked.is_true(), format!("{place}: {}", checked.text()));
    }
    Ok(started.ready_after.as_millis())
}

impl Wound {
    fn inflict(self, path: &Path, cut: u64) -> io::Result<()> {
        let file = fs::OpenOptions::new().write(true).open(path)?;
        let bytes = file.metadata()?.len();
        file.set_len(cut)?;
        if self == Self::Zeros { file.set_len(bytes) } else { Ok(()) }
    }
}

/// The last two records of a segment.
struct Tail {
    records: Vec<Record>,
    /// The byte behind the last one that is not zero, for each: what lies behind reads the same when it is gone.
    meant: Vec<u64>,
}

impl Tail {
    fn of(segment: &Segment, bytes: &[u8]) -> Self {
        let from = segment.records.len().saturating_sub(2);
        let records: Vec<Record> = segment.records.iter().skip(from).copied().collect();
        let meant = records.iter().map(|record| meant_end(bytes, record)).collect();
        Self { records, meant }
    }

    fn begin(&self) -> u64 {
        self.records.first().map_or(0, |record| record.begin)
    }

    fn end(&self) -> u64 {
        self.records.last().map_or(0, |record| record.end)
    }

    fn len(&self) -> u64 {
        self.end() - self.begin()
    }

    /// How many records a cut costs at least and at most: zeros that are cut off may be missed or not.
    fn lost(&self, cut: u64) -> (u64, u64) {
        let least = self.meant.iter().filter(|&&end| cut < end).count() as u64;
        let most = self.records.iter().filter(|record| cut < record.end).count() as u64;
        (least, most)
    }
}

fn meant_end(bytes: &[u8], record: &Record) -> u64 {
    let is_meant =
        |&at: &u64| usize::try_from(at).ok().and_then(|at| bytes.get(at)).is_some_and(|&byte| byte != 0);
    (record.begin..record.end).rev().find(is_meant).map_or(record.begin, |at| at + 1)
}

/// Some of them, evenly spread, with the first and the last.
fn sample(all: &[u64], most: usize) -> Vec<u64> {
    if all.len() <= most {
        return all.to_vec();
    }
    let steps = most.saturating_sub(1).max(1);
    (0..most).filter_map(|step| all.get(step * (all.len() - 1) / steps).copied()).collect()
}

/// How long the players play, s.
const LOAD_S: u64 = 3;
/// How many places the short form cuts at.
const CUTS_SHORT: usize = 20;
/// Every so many cuts the ledger is asked too.
const CHECK_EVERY: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_costs_what_it_goes_through() {
        let records =
            vec![Record { begin: 64, end: 88, batch: 64 }, Record { begin: 88, end: 112, batch: 88 }];
        let mut bytes = vec![1; 112];
        bytes[108..].fill(0);
        let segment = Segment { path: "x".into(), records };
        let tail = Tail::of(&segment, &bytes);
        assert_eq!((tail.begin(), tail.end()), (64, 112));
        assert_eq!(tail.lost(64), (2, 2));
        assert_eq!(tail.lost(88), (1, 1), "the first is whole");
        assert_eq!(tail.lost(107), (1, 1));
        assert_eq!(tail.lost(108), (0, 1), "only zeros are cut off");
    }

    #[test]
    fn a_sample_has_both_ends() {
        let all: Vec<u64> = (10..110).collect();
        let some = sample(&all, 5);
        assert_eq!((some.len(), some.first(), some.last()), (5, Some(&10), Some(&109)));
        assert_eq!(sample(&all, usize::MAX), all);
    }

    #[test]
    fn both_wounds_end_the_data_and_one_keeps_the_length() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("segment");
        for (wound, expected) in [(Wound::Ends, &[7, 7][..]), (Wound::Zeros, &[7, 7, 0, 0])] {
            fs::write(&path, [7; 4]).unwrap();
            wound.inflict(&path, 2).unwrap();
            assert_eq!(fs::read(&path).unwrap(), expected);
        }
    }
}
