//! How far a user is through a container: what is known of each of its leaves, and what all of them come to.
//!
//! A leaf is an item that can be played. It is done by where the user was in it, which its position remembers, or by what
//! was played of it at least once, over all sessions.

use crate::{
    ItemId,
    fold::Interval,
    position::{PositionRow, PositionRules},
};

/// By what a leaf is done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CompleteBy {
    /// By where the user was, or by the user's own word.
    #[default]
    Position,
    /// By what was played at least once. A mark or a jump to the end is no playing.
    Watched,
}

/// An item that can be played, as the catalog has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// It.
    pub item: ItemId,
    /// Its length, ms.
    pub duration_ms: Option<i64>,
    /// Where its closing credits begin, ms.
    pub credits_ms: Option<i64>,
}

/// What a session played of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Playing {
    /// When its first event happened, Unix ms.
    pub first_at_ms: i64,
    /// When its last event so far happened, Unix ms.
    pub last_at_ms: i64,
    /// The item's length as the player said it, ms.
    pub duration_ms: Option<i64>,
    /// The parts that were played.
    pub intervals: Vec<Interval>,
}

/// How far a user is through a leaf.
#[derive(Debug, Clone, PartialEq)]
pub struct LeafProgress {
    /// The leaf.
    pub item: ItemId,
    /// Where the user is, ms; `None` when not begun.
    pub position_ms: Option<i64>,
    /// Its length, ms.
    pub duration_ms: Option<i64>,
    /// How much was played at least once, ms; `None` where nobody looked.
    pub watched_ms: Option<i64>,
    /// How far, 0 to 1; `None` when unknown.
    pub fraction: Option<f64>,
    /// When it was done, Unix ms; `None`: it is not.
    pub done_at_ms: Option<i64>,
    /// When it was first played, Unix ms; `None` when never, or not known.
    pub first_at_ms: Option<i64>,
    /// When the user touched it last, Unix ms; `None`: never.
    pub last_at_ms: Option<i64>,
}

/// What all leaves of a container come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Total {
    /// How many there are.
    pub leaves: u32,
    /// How many of them are done.
    pub done: u32,
    /// When the last one was done, Unix ms; `None` unless there are leaves and all are done.
    pub completed_at_ms: Option<i64>,
    /// When any was first played, Unix ms.
    pub first_at_ms: Option<i64>,
    /// When any was touched last, Unix ms.
    pub last_at_ms: Option<i64>,
}

impl LeafProgress {
    /// By where the user was.
    #[must_use]
    pub fn by_position(leaf: Leaf, row: Option<&PositionRow>) -> Self {
        let known = row.and_then(PositionRow::current);
        let position_ms = known.map(|(_, position_ms)| position_ms);
        let duration_ms = leaf.duration_ms.or_else(|| known.and_then(|(register, _)| register.duration_ms));
        let done_at_ms = row.and_then(|row| row.watched.since_ms());
        let is_touched = position_ms.is_some() || done_at_ms.is_some();
        Self {
            item: leaf.item,
            position_ms,
            duration_ms,
            watched_ms: None,
            fraction: match done_at_ms {
                Some(_) => Some(1.0),
                None => duration_ms.and_then(|duration_ms| share(position_ms.unwrap_or(0), duration_ms)),
            },
            done_at_ms,
            first_at_ms: None,
            last_at_ms: row.filter(|_| is_touched).and_then(PositionRow::newest_ms),
        }
    }

    /// By what was played of it at least once, in these sessions of it.
    #[must_use]
    pub fn by_watched(
        leaf: Leaf,
        row: Option<&PositionRow>,
        mut playings: Vec<Playing>,
        rules: PositionRules,
    ) -> Self {
        let told_ms = playings.iter().filter_map(|playing| playing.duration_ms).max();
        let leaf = Leaf { duration_ms: leaf.duration_ms.or(told_ms), ..leaf };
        let end_ms = leaf.credits_ms.filter(|&credits_ms| credits_ms > 0).or(leaf.duration_ms);
        let by_place = Self::by_position(leaf, row);
        playings.sort_by_key(|playing| (playing.first_at_ms, playing.last_at_ms));
        let (mut played, mut done_at_ms) = (Vec::new(), None);
        for playing in &playings {
            join(&mut played, &playing.intervals);
            let counted_ms = end_ms.map(|end_ms| (length_ms(&played, end_ms), end_ms));
            let is_enough = counted_ms.is_some_and(|(ms, end_ms)| is_enough(ms, end_ms, rules));
            done_at_ms = done_at_ms.or(is_enough.then_some(playing.last_at_ms));
        }
        let last_at_ms = playings.iter().map(|playing| playing.last_at_ms).max();
        Self {
            watched_ms: Some(length_ms(&played, i64::MAX)),
            fraction: end_ms.and_then(|end_ms| share(length_ms(&played, end_ms), end_ms)),
            done_at_ms,
            first_at_ms: playings.first().map(|playing| playing.first_at_ms),
            last_at_ms: by_place.last_at_ms.max(last_at_ms),
            ..by_place
        }
    }
}

impl Total {
    /// Of all leaves.
    #[must_use]
    pub fn of(leaves: &[LeafProgress]) -> Self {
        let count = |leaves: usize| u32::try_from(leaves).unwrap_or(u32::MAX);
        let done: Vec<i64> = leaves.iter().filter_map(|leaf| leaf.done_at_ms).collect();
        let is_complete = done.len() == leaves.len();
        Self {
            leaves: count(leaves.len()),
            done: count(done.len()),
            completed_at_ms: done.iter().copied().max().filter(|_| is_complete),
            first_at_ms: leaves.iter().filter_map(|leaf| leaf.first_at_ms).min(),
            last_at_ms: leaves.iter().filter_map(|leaf| leaf.last_at_ms).max(),
        }
    }

    /// Leaves done of all, per cent, rounded down: 100 only when all are done, and 0 of none.
    #[must_use]
    pub fn percent(&self) -> u32 {
        let percent = (u64::from(self.done) * 100).checked_div(self.leaves.into()).unwrap_or(0);
        u32::try_from(percent).unwrap_or(100)
    }
}

fn is_enough(counted_ms: i64, end_ms: i64, rules: PositionRules) -> bool {
    end_ms > 0 && i128::from(counted_ms) * 100 >= i128::from(end_ms) * i128::from(rules.watched_percent)
}

/// A part of a whole, 0 to 1.
#[expect(clippy::cast_precision_loss, reason = "media times are below 2^53")]
fn share(part_ms: i64, whole_ms: i64) -> Option<f64> {
    (whole_ms > 0).then(|| (part_ms as f64 / whole_ms as f64).clamp(0.0, 1.0))
}

/// Joins parts into others, so that they are sorted and none touches the next.
fn join(parts: &mut Vec<Interval>, more: &[Interval]) {
    parts.extend_from_slice(more);
    parts.sort_unstable();
    parts.dedup_by(|next, kept| {
        let touches = next.from_ms <= kept.to_ms;
        if touches {
            kept.to_ms = kept.to_ms.max(next.to_ms);
        }
        touches
    });
}

/// How much of parts that do not touch lies before an end, ms.
fn length_ms(parts: &[Interval], end_ms: i64) -> i64 {
    let before = parts.iter().map(|part| Interval { to_ms: part.to_ms.min(end_ms), ..*part });
    before.fold(0, |total_ms: i64, part| total_ms.saturating_add(part.length_ms().max(0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Event, EventKind, ItemKind, Playable, SessionId};

    fn leaf(duration_ms: Option<i64>, credits_ms: Option<i64>) -> Leaf {
        Leaf { item: ItemId::new("l").unwrap(), duration_ms, credits_ms }
    }

    /// A session from one time to another that played these parts.
    fn playing((first_at_ms, last_at_ms): (i64, i64), parts: &[(i64, i64)]) -> Playing {
        let intervals = parts.iter().map(|&(from_ms, to_ms)| Interval { from_ms, to_ms }).collect();
        Playing { first_at_ms, last_at_ms, duration_ms: None, intervals }
    }

    /// A position that an event says.
    fn at(kind: EventKind, position_ms: i64, at_ms: i64) -> PositionRow {
        let event = Event { position_ms: Some(position_ms), ..Event::new(kind, 1, at_ms) };
        let item = ItemId::new("l").unwrap();
        let playable =
            Playable { item, kind: ItemKind::Lesson, duration_ms: Some(100_000), credits_ms: Some(90_000) };
        let session = SessionId::new("s").unwrap();
        PositionRow::from_event(&event, &session, &playable, PositionRules::default()).unwrap()
    }

    #[test]
    fn by_position_it_is_done_where_the_position_says_so_and_stays_done() {
        let of = |row: Option<&PositionRow>| {
            let of = LeafProgress::by_position(leaf(Some(100_000), None), row);
            (of.position_ms, of.fraction, of.done_at_ms, of.last_at_ms)
        };
        assert_eq!(of(None), (None, Some(0.0), None, None));
        let mut row = at(EventKind::Seek, 25_000, 7);
        assert_eq!(of(Some(&row)), (Some(25_000), Some(0.25), None, Some(7)));
        row.merge(&at(EventKind::Seek, 90_000, 8));
        assert_eq!(of(Some(&row)), (Some(90_000), Some(1.0), Some(8), Some(8)), "in its credits");
        row.merge(&at(EventKind::Seek, 20_000, 9));
        assert_eq!(of(Some(&row)), (Some(20_000), Some(1.0), Some(8), Some(9)), "begun again");
        row.merge(&PositionRow::mark_watched(false, 10));
        assert_eq!(of(Some(&row)), (Some(20_000), Some(0.2), None, Some(10)), "the user says it is not");
        row.merge(&PositionRow::forget(11));
        assert_eq!(of(Some(&row)), (None, Some(0.0), None, None));
        assert_eq!(of(Some(&PositionRow::mark_watched(true, 5))), (None, Some(1.0), Some(5), Some(5)));
    }

    #[test]
    fn by_watched_what_counts_is_the_union_before_the_credits() {
        let sessions = [
            playing((10, 19), &[(0, 40_000)]),
            playing((30, 39), &[(20_000, 60_000), (98_000, 100_000)]),
            playing((20, 29), &[(50_000, 90_000)]),
        ];
        let of = |count: usize, duration_ms, credits_ms| {
            let playings = sessions[..count].to_vec();
            let leaf = leaf(duration_ms, credits_ms);
            let of = LeafProgress::by_watched(leaf, None, playings, PositionRules::default());
            (of.watched_ms.unwrap(), of.fraction, of.done_at_ms)
        };
        assert_eq!(of(0, Some(100_000), None), (0, Some(0.0), None));
        assert_eq!(of(1, Some(100_000), None), (40_000, Some(0.4), None));
        assert_eq!(
            of(3, Some(100_000), None),
            (92_000, Some(0.92), None),
            "the jump to the end is no playing"
        );
        assert_eq!(
            of(3, Some(100_000), Some(90_000)),
            (92_000, Some(1.0), Some(39)),
            "when the gap was filled"
        );
        assert_eq!(of(3, Some(90_000), None), (92_000, Some(1.0), Some(39)));
        assert_eq!(of(3, None, None), (92_000, None, None), "nobody knows how long it is");
    }

    #[test]
    fn by_watched_neither_a_mark_nor_the_end_is_enough() {
        let mut row = at(EventKind::Ended, 100_000, 50);
        row.merge(&PositionRow::mark_watched(true, 60));
        let playings = vec![playing((40, 50), &[(0, 5_000)])];
        let of = LeafProgress::by_watched(
            leaf(Some(100_000), None),
            Some(&row),
            playings,
            PositionRules::default(),
        );
        assert_eq!((of.done_at_ms, of.position_ms, of.watched_ms), (None, Some(100_000), Some(5_000)));
        assert_eq!((of.first_at_ms, of.last_at_ms), (Some(40), Some(60)));
    }

    #[test]
    fn a_container_is_complete_when_all_of_it_is() {
        let done = |done_at_ms: Option<i64>| LeafProgress {
            done_at_ms,
            first_at_ms: done_at_ms.map(|ms| ms - 1),
            last_at_ms: done_at_ms,
            ..LeafProgress::by_position(leaf(None, None), None)
        };
        let of = |leaves: &[Option<i64>]| {
            let total = Total::of(&leaves.iter().copied().map(done).collect::<Vec<_>>());
            (
                total.leaves,
                total.done,
                total.percent(),
                total.completed_at_ms,
                total.first_at_ms,
                total.last_at_ms,
            )
        };
        assert_eq!(of(&[]), (0, 0, 0, None, None, None));
        assert_eq!(of(&[None, None]), (2, 0, 0, None, None, None));
        assert_eq!(of(&[Some(9), None, Some(5)]), (3, 2, 66, None, Some(4), Some(9)));
        assert_eq!(of(&[Some(9), Some(7)]), (2, 2, 100, Some(9), Some(6), Some(9)));
    }
}
