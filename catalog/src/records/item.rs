//! Where items and what belongs to them rest, and in which lists they are.

use std::collections::BTreeSet;

use playhead_store::{
    CategoryId, ItemId,
    catalog::{ExternalId, Item, Kind, Tag, tree},
    durable::documents::{Change, DocumentKey, Entry, Partition, join},
};

use super::{Stored, body};
use crate::CatalogError;

/// The document of an item.
#[must_use]
pub fn key(item: &ItemId) -> DocumentKey {
    DocumentKey::new(Partition::new(&["item", item.as_str()]), "")
}

/// The document of a collection's members, in their order.
#[must_use]
pub fn members_key(collection: &ItemId) -> DocumentKey {
    DocumentKey::new(Partition::new(&["members", collection.as_str()]), "")
}

/// The documents of all categories.
#[must_use]
pub fn categories() -> Partition {
    Partition::new(&["categories"])
}

/// The document of a category.
#[must_use]
pub fn category_key(category: &CategoryId) -> DocumentKey {
    DocumentKey::new(categories(), category.as_str())
}

/// A list of items. The last part of each entry is the item's id.
#[derive(Debug, Clone, Copy)]
pub enum List<'a> {
    /// All there are.
    All,
    /// Of a kind.
    OfKind(Kind),
    /// In a category.
    InCategory(&'a CategoryId),
    /// With a tag.
    Tagged(&'a Tag),
    /// With an id of another system.
    Called(&'a ExternalId),
    /// With a share link.
    Shared(&'a str),
    /// Lying in a container, in their order; at the top, where there is none.
    Children(Option<&'a ItemId>),
}

impl List<'_> {
    /// As it rests.
    #[must_use]
    pub fn partition(self) -> Partition {
        match self {
            Self::All => Partition::new(&["items"]),
            Self::OfKind(kind) => Partition::new(&["items of kind", kind.name()]),
            Self::InCategory(category) => Partition::new(&["items in category", category.as_str()]),
            Self::Tagged(Tag { group, name }) => Partition::new(&["items tagged", group, name]),
            Self::Called(ExternalId { system, id }) => Partition::new(&["items called", system, id]),
            Self::Shared(token) => Partition::new(&["items shared", token]),
            Self::Children(parent) => Partition::new(&["children", parent.map_or("", ItemId::as_str)]),
        }
    }
}

/// The list of the collections that an item is in.
#[must_use]
pub fn collections_of(item: &ItemId) -> Partition {
    Partition::new(&["collections of", item.as_str()])
}

/// The entry of an item among its parent's children. Sorts by the order and then by the id.
#[must_use]
pub fn child_name(item: &Item) -> String {
    let (order, id) = tree::place(item);
    // Turned so that negative ones come first.
    let order = order.cast_unsigned() ^ (1 << 31);
    join(&[&format!("{order:08x}"), id.as_str()])
}

/// All entries that an item has.
fn entries(item: &Item) -> BTreeSet<Entry> {
    let by_id = |list: List<'_>| Entry { list: list.partition(), name: item.id.as_str().to_owned() };
    let child = Entry { list: List::Children(item.parent.as_ref()).partition(), name: child_name(item) };
    let mut entries: BTreeSet<_> = [by_id(List::All), by_id(List::OfKind(item.kind)), child].into();
    entries.extend(item.categories.iter().map(|category| by_id(List::InCategory(category))));
    entries.extend(item.tags.iter().map(|tag| by_id(List::Tagged(tag))));
    entries.extend(item.external_ids.iter().map(|id| by_id(List::Called(id))));
    entries.extend(item.share_token.iter().map(|token| by_id(List::Shared(token))));
    entries
}

/// The change that makes an item what it is to be.
///
/// # Errors
/// The fault of something too large.
pub fn change(before: Option<&Stored<Item>>, item: &Item) -> Result<Change, CatalogError> {
    let old = before.map(|before| entries(&before.value)).unwrap_or_default();
    let new = entries(item);
    Ok(Change {
        adds: new.difference(&old).cloned().collect(),
        drops: old.difference(&new).cloned().collect(),
        ..Change::new(key(&item.id), before.map_or(0, |before| before.version), body(item)?)
    })
}

/// The change that makes a collection's members what they are to be.
///
/// # Errors
/// The fault of something too large.
pub fn members_change(
    collection: &ItemId,
    before: Option<&Stored<Vec<ItemId>>>,
    members: &Vec<ItemId>,
) -> Result<Change, CatalogError> {
    let entries = |members: &[ItemId]| -> BTreeSet<Entry> {
        let entry =
            |item: &ItemId| Entry { list: collections_of(item), name: collection.as_str().to_owned() };
        members.iter().map(entry).collect()
    };
    let old = before.map(|before| entries(&before.value)).unwrap_or_default();
    let new = entries(members);
    Ok(Change {
        adds: new.difference(&old).cloned().collect(),
        drops: old.difference(&new).cloned().collect(),
        ..Change::new(members_key(collection), before.map_or(0, |before| before.version), body(members)?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(order: i32, parent: Option<&str>) -> Item {
        let id = |text: &str| ItemId::new(text).unwrap();
        Item { order, parent: parent.map(id), ..Item::new(id("e-1"), Kind::Episode) }
    }

    #[test]
    fn children_sort_by_order_and_then_by_id() {
        let orders = [i32::MIN, -2, -1, 0, 1, 9, 10, i32::MAX];
        let names = orders.map(|order| child_name(&item(order, None)));
        assert!(names.is_sorted(), "{names:?}");
    }

    #[test]
    fn a_change_has_the_entries_that_come_and_go() {
        let old = Stored { value: item(1, Some("s-1")), version: 7 };
        let mut new = item(2, Some("s-1"));
        new.tags = vec![Tag { group: "mood".into(), name: "rain".into() }];
        let change = change(Some(&old), &new).unwrap();
        let told =
            |entries: &[Entry]| entries.iter().map(|entry| format!("{:?}", entry.list)).collect::<Vec<_>>();
        assert_eq!(told(&change.adds), ["children/s-1", "items tagged/mood/rain"]);
        assert_eq!(told(&change.drops), ["children/s-1"]);
        assert_eq!(change.expected, 7);
        let first = super::change(None, &new).unwrap();
        assert_eq!((first.adds.len(), first.drops.len(), first.expected), (4, 0, 0));
    }
}
