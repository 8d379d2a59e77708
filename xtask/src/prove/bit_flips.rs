//! `bit-flips`: one bit of the journal flipped, at many places, one at a time. It always starts, the flip is found and
//! counted, and no other record suffers.

use super::{
    journal::{Segment, flip},
    stage::Stage,
    still::Still,
    stop::Step,
};

/// Plays it.
pub(super) fn play(stage: &mut Stage<'_>) -> Step {
    let still = Still::make(stage, LOAD_S)?;
    let (flips, starts_every) = (stage.form(FLIPS_SHORT, FLIPS_LONG), stage.form(STARTS_EVERY_SHORT, 1));
    let mut found = Found::default();
    for at in 0..flips {
        let place = choose(stage, &still.segments);
        let Some(segment) = still.segments.get(place.segment) else { continue };
        still.hurt(segment, |path| flip(path, place.byte, place.bit))?;
        let expected = expect(&still.segments, &place);
        verify(stage, &still, &place, &expected)?;
        if at % starts_every == 0 {
            start(stage, &still, &place, &expected, at % CHECK_EVERY == 0)?;
            found.starts += 1;
        }
        found.flips += 1;
        found.records_lost += expected.lost;
        found.torn += u64::from(expected.is_torn);
    }
    stage.claim(found.records_lost > 0, "a flip hit a record at all");
    let Found { flips, starts, torn, .. } = found;
    stage.sum_up(format!(
        "{flips} flips, {starts} starts: all found, {torn} of them in the last batch and so counted as torn"
    ));
    Ok(())
}

#[derive(Default)]
struct Found {
    flips: u64,
    starts: u64,
    records_lost: u64,
    torn: u64,
}

/// Where a bit is flipped.
#[derive(Debug, Clone, Copy)]
struct Place {
    segment: usize,
    byte: u64,
    bit: u8,
}

/// What a flip has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Expected {
    /// Records that it costs.
    lost: u64,
    /// It is in the last batch of the last segment: nothing tells it from a write that a crash tore.
    is_torn: bool,
}

/// Any bit of what was written, headers included.
fn choose(stage: &mut Stage<'_>, segments: &[Segment]) -> Place {
    let written: u64 = segments.iter().map(Segment::end).sum();
    let mut byte = stage.throw(0..=written.saturating_sub(1));
    let bit = stage.throw(0..=7);
    for (segment, found) in segments.iter().enumerate() {
        if byte < found.end() {
            return Place { segment, byte, bit };
        }
        byte -= found.end();
    }
    Place { segment: 0, byte: 0, bit }
}

fn expect(segments: &[Segment], place: &Place) -> Expected {
    let record = segments.get(place.segment).and_then(|segment| segment.record_at(place.byte));
    // Only what has records behind it seals: a segment is rotated from when the next one's header is there.
    let is_newest = place.segment + 1 == segments.len();
    let last_batch = segments.last().and_then(|segment| segment.records.last()).map(|record| record.batch);
    Expected {
        lost: u64::from(record.is_some()),
        is_torn: is_newest && record.is_some_and(|record| Some(record.batch) == last_batch),
    }
}

fn verify(stage: &mut Stage<'_>, still: &Still, place: &Place, expected: &Expected) -> Step {
    let verified = still.verify(stage)?;
    let is_found = match expected.is_torn {
        true => verified.torn_bytes > 0,
        false => !verified.is_sound && verified.damaged_places > 0,
    };
    let is_the_rest_there = verified.records == still.records() - expected.lost;
    stage.claim(
        is_found && verified.code_agrees && is_the_rest_there,
        format!("{place:?}: expected {expected:?}, verify says {verified:?}"),
    );
    Ok(())
}

fn start(stage: &mut Stage<'_>, still: &Still, place: &Place, expected: &Expected, is_checked: bool) -> Step {
    let started = still.start(stage, is_checked)?;
    let count = |name: &str| started.metrics.sum(name);
    let recovered = count("playhead_recovered_events");
    let name =
        if expected.is_torn { "playhead_recovered_torn_bytes" } else { "playhead_recovered_damaged_places" };
    stage.claim(
        count(name) > 0 && recovered == still.records() - expected.lost,
        format!("{place:?}: expected {expected:?}, {name} is {}, {recovered} events are back", count(name)),
    );
    if let Some(checked) = started.checked {
        let is_served = checked.missing == expected.lost && checked.is_true();
        stage.claim(is_served, format!("{place:?}: {}", checked.text()));
    }
    Ok(())
}

/// How long the players play, s: a few segments of a second each.
const LOAD_S: u64 = 4;
const FLIPS_SHORT: usize = 150;
const FLIPS_LONG: usize = 1_000;
/// The short form starts a server for every so many flips, and asks `verify` for the others.
const STARTS_EVERY_SHORT: usize = 2;
/// Every so many flips the ledger is asked too, where a server was started.
const CHECK_EVERY: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prove::journal::{HEADER_BYTES, Record};

    fn segments() -> Vec<Segment> {
        let record = |begin: u64, batch: u64| Record { begin, end: begin + 24, batch };
        let of = |records: Vec<Record>| Segment { path: "x".into(), records };
        vec![of(vec![record(64, 64)]), of(vec![record(64, 64), record(88, 88), record(112, 88)])]
    }

    fn check(segment: usize, byte: u64, expected: (u64, bool)) {
        let found = expect(&segments(), &Place { segment, byte, bit: 0 });
        assert_eq!((found.lost, found.is_torn), expected, "byte {byte} of segment {segment}");
    }

    #[test]
    fn a_flip_costs_its_record_and_only_the_last_batch_counts_as_torn() {
        check(0, HEADER_BYTES - 1, (0, false));
        check(0, 64, (1, false));
        check(1, 64, (1, false));
        check(1, 87, (1, false));
        check(1, 88, (1, true));
        check(1, 135, (1, true));
        check(1, 10, (0, false));
    }
}
