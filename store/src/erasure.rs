//! The erasure of an item: it was deleted, and with it what everybody did there.
//!
//! From then on all of it is gone, whatever still comes of players that go on or were offline, until the item is brought
//! back. What happens from that moment on counts again; what came before stays gone.

use crate::{Event, durable::SessionRow, position::PositionRow};

/// What was said last of an item. The order of the fields is the order of what was said: the later counts, and of two at
/// one time the one that erases more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemErasure {
    /// When it was said, Unix ms.
    pub at_ms: i64,
    /// All up to this time is gone, corrected Unix ms; [`i64::MAX`] until the item is brought back.
    pub through_ms: i64,
}

impl ItemErasure {
    /// What is said of an item that is deleted now; `None` where that was said before. It comes behind what was said
    /// before, whatever this clock says.
    #[must_use]
    pub fn begin(before: Option<Self>, now_ms: i64) -> Option<Self> {
        match before {
            Some(before) if before.is_open() => None,
            before => Some(Self { at_ms: behind(before, now_ms), through_ms: i64::MAX }),
        }
    }

    /// What is said of an item that is brought back now; `None` where nothing is to be said.
    #[must_use]
    pub fn end(before: Option<Self>, now_ms: i64) -> Option<Self> {
        before.filter(|before| before.is_open())?;
        let at_ms = behind(before, now_ms);
        Some(Self { at_ms, through_ms: at_ms })
    }

    /// True until the item is brought back.
    #[must_use]
    pub fn is_open(self) -> bool {
        self.through_ms == i64::MAX
    }

    /// What is left of a position.
    #[must_use]
    pub fn of_position(self, mut row: PositionRow) -> Option<PositionRow> {
        (!row.erase_through(self.through_ms)).then_some(row)
    }

    /// What is left of a session.
    #[must_use]
    pub fn of_session(self, mut row: SessionRow, mut events: Vec<Event>) -> Option<(SessionRow, Vec<Event>)> {
        events.retain(|event| event.at_ms > self.through_ms);
        let times = || events.iter().map(|event| event.at_ms);
        (row.first_at_ms, row.last_at_ms) = (times().min()?, times().max()?);
        row.event_count = events.len() as u64;
        Some((row, events))
    }

    /// Whether anything is left of a session that ended so.
    #[must_use]
    pub fn spares(self, last_at_ms: i64) -> bool {
        last_at_ms > self.through_ms
    }
}

fn behind(before: Option<ItemErasure>, now_ms: i64) -> i64 {
    before.map_or(now_ms, |before| now_ms.max(before.at_ms.saturating_add(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_deleted_and_brought_back_in_turn_whatever_the_clocks_say() {
        let mut said: Option<ItemErasure> = None;
        assert_eq!(ItemErasure::end(said, 5), None, "it was never deleted");
        for (deleted_ms, back_ms) in [(100, 200), (150, 120), (150, 900)] {
            let deleted = ItemErasure::begin(said, deleted_ms).unwrap();
            assert!(Some(deleted) > said && deleted.is_open() && deleted.at_ms >= deleted_ms);
            assert!(!deleted.spares(i64::MAX), "whatever still comes");
            assert_eq!(ItemErasure::begin(Some(deleted), i64::MAX), None, "safe to repeat");
            let back = ItemErasure::end(Some(deleted), back_ms).unwrap();
            assert!(back > deleted && !back.is_open() && back.at_ms >= back_ms);
            assert!(!back.spares(back.at_ms) && back.spares(back.at_ms + 1));
            assert_eq!(ItemErasure::end(Some(back), i64::MAX), None, "safe to repeat");
            said = Some(back);
        }
    }

    #[test]
    fn what_is_later_is_left_of_a_position() {
        let erasure = ItemErasure { at_ms: 100, through_ms: 100 };
        assert_eq!(erasure.of_position(PositionRow::set(5, 100)), None);
        let later = PositionRow::set(5, 101);
        assert_eq!(erasure.of_position(later.clone()), Some(later));
    }
}
