//! How items lie in each other.

use super::{Item, Kind, Status};
use crate::ItemId;

/// The most containers above an item.
pub const DEPTH_MAX: usize = 8;

/// Whether an item of this kind may lie in a container of that kind; at the top where there is none.
#[must_use]
pub fn may_lie_in(kind: Kind, parent: Option<Kind>) -> bool {
    match parent {
        None => !matches!(kind, Kind::Season | Kind::Version | Kind::Module),
        Some(Kind::Folder) => !matches!(kind, Kind::Season | Kind::Version | Kind::Module),
        Some(Kind::Series) => kind == Kind::Season || is_told_in_order(kind),
        Some(Kind::Season) => is_told_in_order(kind),
        Some(Kind::Course) => matches!(kind, Kind::Version | Kind::Module) || is_taught(kind),
        Some(Kind::Version) => kind == Kind::Module || is_taught(kind),
        Some(Kind::Module) => kind == Kind::Module || is_taught(kind),
        // A collection's items lie elsewhere; what is played or read holds nothing.
        Some(_) => false,
    }
}

fn is_told_in_order(kind: Kind) -> bool {
    matches!(kind, Kind::Episode | Kind::Movie | Kind::Clip | Kind::Recording | Kind::Live | Kind::Reading)
}

fn is_taught(kind: Kind) -> bool {
    matches!(kind, Kind::Lesson | Kind::Movie | Kind::Clip | Kind::Recording | Kind::Live | Kind::Reading)
}

/// Brings siblings into their order: lowest first, equal ones by id.
pub fn sort(siblings: &mut [Item]) {
    siblings.sort_by(|a, b| place(a).cmp(&place(b)));
}

/// Where an item stands among its siblings.
#[must_use]
pub fn place(item: &Item) -> (i32, &ItemId) {
    (item.order, &item.id)
}

/// Whether viewers see an item by itself: what lies above it counts besides.
#[must_use]
pub fn is_shown(item: &Item) -> bool {
    item.status == Status::Published && item.deletion.is_none()
}

/// Whether viewers see an item that lies in these, from the nearest on.
#[must_use]
pub fn is_shown_in<'a>(item: &Item, mut above: impl Iterator<Item = &'a Item>) -> bool {
    is_shown(item) && above.all(is_shown)
}

/// Takes out of siblings what viewers do not see: what is not published, and all versions but the latest. Who is enrolled
/// in an earlier version reaches it by its id.
pub fn keep_shown(siblings: &mut Vec<Item>) {
    siblings.retain(is_shown);
    let number = |item: &Item| item.version.as_ref().map(|version| version.number);
    let latest = siblings.iter().filter_map(number).max();
    siblings.retain(|item| item.kind != Kind::Version || number(item) == latest);
}

/// From which age on an item may be watched: as it says, or else the nearest container above that does.
#[must_use]
pub fn maturity_age<'a>(chain: impl IntoIterator<Item = &'a Item>) -> Option<u8> {
    chain.into_iter().find_map(|item| item.maturity_age)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Deletion, Version};

    fn item(id: &str, kind: Kind, order: i32) -> Item {
        let id = ItemId::new(id).unwrap();
        Item { order, status: Status::Published, ..Item::new(id, kind) }
    }

    /// For each kind of container, what it holds.
    #[test]
    fn each_container_holds_its_own_kinds() {
        for (parent, held) in [
            (None, "MOVIE EPISODE LESSON RECORDING LIVE CLIP READING SERIES COURSE COLLECTION FOLDER"),
            (
                Some(Kind::Folder),
                "MOVIE EPISODE LESSON RECORDING LIVE CLIP READING SERIES COURSE COLLECTION FOLDER",
            ),
            (Some(Kind::Series), "MOVIE EPISODE RECORDING LIVE CLIP READING SEASON"),
            (Some(Kind::Season), "MOVIE EPISODE RECORDING LIVE CLIP READING"),
            (Some(Kind::Course), "MOVIE LESSON RECORDING LIVE CLIP READING VERSION MODULE"),
            (Some(Kind::Version), "MOVIE LESSON RECORDING LIVE CLIP READING MODULE"),
            (Some(Kind::Module), "MOVIE LESSON RECORDING LIVE CLIP READING MODULE"),
            (Some(Kind::Collection), ""),
            (Some(Kind::Movie), ""),
            (Some(Kind::Reading), ""),
        ] {
            let kinds = Kind::ALL.iter().filter(|kind| may_lie_in(**kind, parent)).map(|kind| kind.name());
            assert_eq!(kinds.collect::<Vec<_>>().join(" "), held, "{parent:?}");
        }
    }

    #[test]
    fn siblings_stand_by_order_and_then_by_id() {
        let mut siblings =
            [("b", 2), ("z", -1), ("a", 2), ("c", 0)].map(|(id, order)| item(id, Kind::Episode, order));
        sort(&mut siblings);
        assert_eq!(siblings.map(|item| item.id.to_string()).join(" "), "z c a b");
    }

    #[test]
    fn viewers_see_the_latest_version_that_is_published() {
        let version = |number, status| {
            let version = Some(Version { number, changelog: String::new() });
            Item { version, status, ..item(&format!("v{number}"), Kind::Version, 0) }
        };
        let mut siblings = vec![
            version(1, Status::Published),
            version(3, Status::Published),
            version(4, Status::PendingReview),
            item("trailer", Kind::Clip, 9),
        ];
        let deletion = Some(Deletion { at_ms: 5, root: ItemId::new("gone").unwrap() });
        siblings.push(Item { deletion, ..item("gone", Kind::Clip, 9) });
        keep_shown(&mut siblings);
        assert_eq!(siblings.iter().map(|item| item.id.as_str()).collect::<Vec<_>>(), ["v3", "trailer"]);
    }

    #[test]
    fn an_item_is_hidden_by_anything_above_it() {
        let [lesson, module, course] = [("l", Kind::Lesson), ("m", Kind::Module), ("c", Kind::Course)]
            .map(|(id, kind)| item(id, kind, 0));
        assert!(is_shown_in(&lesson, [&module, &course].into_iter()));
        for status in Status::ALL.iter().copied().filter(|status| *status != Status::Published) {
            let course = Item { status, ..course.clone() };
            assert!(!is_shown_in(&lesson, [&module, &course].into_iter()), "{status:?}");
        }
    }

    #[test]
    fn the_nearest_age_counts() {
        let aged = |maturity_age| Item { maturity_age, ..item("x", Kind::Series, 0) };
        let (none, twelve, eighteen) = (aged(None), aged(Some(12)), aged(Some(18)));
        assert_eq!(maturity_age([&none, &twelve, &eighteen]), Some(12));
        assert_eq!(maturity_age([&eighteen, &twelve]), Some(18));
        assert_eq!(maturity_age([&none]), None);
    }
}
