//! What a user touched last, and in which series or course that is.

use playhead_store::{ItemId, catalog::Kind, position::PositionRow};

use crate::items::Chain;

/// An item that the user began or finished.
#[derive(Debug)]
pub(super) struct Touched {
    /// Its place in the list: names rise from what was touched last on.
    pub(super) name: String,
    /// When it was touched, Unix ms.
    pub(super) at_ms: i64,
    /// It.
    pub(super) item: ItemId,
    /// Where the user is in it.
    pub(super) row: PositionRow,
}

/// What was begun or finished, and touched last first.
pub(super) fn touched(rows: Vec<(ItemId, PositionRow)>) -> Vec<Touched> {
    let leads = rows.into_iter().filter(|(_, row)| row.is_in_progress() || row.is_finished());
    let mut all: Vec<Touched> = leads
        .map(|(item, row)| {
            let at_ms = row.newest_ms().unwrap_or_default();
            Touched { name: format!("{:016x}{item}", !at_ms.cast_unsigned()), at_ms, item, row }
        })
        .collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

/// The series or course that an item is in: the topmost container that is watched in order.
pub(super) fn container(chain: &Chain) -> Option<ItemId> {
    let is_in_order = |kind: Kind| {
        matches!(kind, Kind::Series | Kind::Season | Kind::Course | Kind::Version | Kind::Module)
    };
    let above = chain.iter().skip(1).take_while(|stored| is_in_order(stored.value.kind));
    above.last().map(|stored| stored.value.id.clone())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use playhead_store::catalog::Item;

    use super::*;
    use crate::records::Stored;

    fn id(name: &str) -> ItemId {
        ItemId::new(name).unwrap()
    }

    #[test]
    fn what_was_touched_last_comes_first_and_what_was_forgotten_not_at_all() {
        let mut gone = PositionRow::set(1, 5);
        gone.merge(&PositionRow::forget(9));
        let rows = vec![
            (id("old"), PositionRow::set(1, 1)),
            (id("b"), PositionRow::set(1, 7)),
            (id("gone"), gone),
            (id("marked"), PositionRow::mark_watched(true, 8)),
            (id("unmarked"), PositionRow::mark_watched(false, 8)),
            (id("a"), PositionRow::set(1, 7)),
        ];
        let names: Vec<String> = touched(rows).iter().map(|touched| touched.item.to_string()).collect();
        assert_eq!(names, ["marked", "a", "b", "old"]);
    }

    #[test]
    fn a_container_is_the_topmost_that_is_watched_in_order() {
        let chain = |kinds: &[Kind]| -> Option<String> {
            let stored = |(at, kind): (usize, &Kind)| {
                Arc::new(Stored { value: Item::new(id(&at.to_string()), *kind), version: 1 })
            };
            container(&kinds.iter().enumerate().map(stored).collect()).map(|id| id.to_string())
        };
        assert_eq!(chain(&[Kind::Movie]), None);
        assert_eq!(chain(&[Kind::Movie, Kind::Folder]), None);
        assert_eq!(chain(&[Kind::Episode, Kind::Season, Kind::Series, Kind::Folder]).as_deref(), Some("2"));
        assert_eq!(chain(&[Kind::Lesson, Kind::Module, Kind::Version, Kind::Course]).as_deref(), Some("3"));
    }
}
