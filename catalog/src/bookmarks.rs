//! Where in items users want to be again. Each bookmark takes one of a user's numbered places, so that one that is taken away
//! leaves room for another.

use std::sync::Arc;

use playhead_store::{
    ItemId, UserId,
    catalog::opinion::Bookmark,
    durable::documents::{Change, DocumentKey},
    entitlement::places::{Placing, place},
};

use crate::{
    CatalogError,
    items::{Items, View},
    page::{Page, PageRequest},
    records::{Records, Stored, body, opinion as rest, right::place_name},
    settings::{BOOKMARKS_MAX, CONFLICTS_MAX},
};

/// Keeps bookmarks.
pub struct Bookmarks {
    records: Records,
    items: Arc<Items>,
}

/// One of a user's places.
struct Place {
    number: u32,
    version: u64,
    held: Option<Bookmark>,
}

impl Bookmarks {
    /// Of these records, in these items.
    #[must_use]
    pub fn new(records: Records, items: Arc<Items>) -> Self {
        Self { records, items }
    }

    /// Makes a bookmark. Made again as it was, it is answered as it is.
    ///
    /// # Errors
    /// `Bad`, `Absent` for an item that is not there or not for this viewer, `Taken` for an id that another one has, `State`
    /// where there are as many as there may be, `Changed` when too many race, and the store's.
    pub async fn create(&self, bookmark: Bookmark, view: View) -> Result<Stored<Bookmark>, CatalogError> {
        bookmark.check()?;
        self.items.get(&bookmark.item, view).await?;
        for _ in 0..CONFLICTS_MAX {
            let places = self.places(&bookmark.user).await?;
            let held =
                places.iter().filter_map(|place| Some((place.number, place.held.as_ref()?.id.as_str())));
            let number = match place(held, &bookmark.id, BOOKMARKS_MAX) {
                Placing::Held(number) => return same(places, number, &bookmark),
                Placing::Free(number) => number,
                Placing::Full => {
                    let message = format!("there are {BOOKMARKS_MAX} bookmarks, which is the most of a user");
                    return Err(CatalogError::state("TOO_MANY_BOOKMARKS", message));
                }
            };
            let expected =
                places.iter().find(|place| place.number == number).map_or(0, |place| place.version);
            if let Some(version) = self.put(&bookmark.user, number, expected, Some(&bookmark)).await? {
                return Ok(Stored { value: bookmark, version });
            }
        }
        Err(CatalogError::Changed)
    }

    /// Makes a bookmark what `change` makes of it.
    ///
    /// # Errors
    /// `Bad`, `Absent`, `Changed`, and the store's.
    pub async fn update(
        &self,
        user: &UserId,
        id: &str,
        version: Option<u64>,
        change: impl Fn(Bookmark) -> Bookmark,
    ) -> Result<Stored<Bookmark>, CatalogError> {
        for _ in 0..CONFLICTS_MAX {
            let (number, present) = self.find(user, id).await?.ok_or(NO_BOOKMARK)?;
            let bookmark = change(present.value.clone());
            bookmark.check()?;
            if bookmark == present.value {
                return Ok(present);
            }
            if version.is_some_and(|version| version != present.version) {
                return Err(CatalogError::Changed);
            }
            if let Some(version) = self.put(user, number, present.version, Some(&bookmark)).await? {
                return Ok(Stored { value: bookmark, version });
            }
        }
        Err(CatalogError::Changed)
    }

    /// Takes a bookmark away. One that is not there is as wanted.
    ///
    /// # Errors
    /// `Changed`, and the store's.
    pub async fn delete(&self, user: &UserId, id: &str, version: Option<u64>) -> Result<(), CatalogError> {
        for _ in 0..CONFLICTS_MAX {
            let Some((number, present)) = self.find(user, id).await? else { return Ok(()) };
            if version.is_some_and(|version| version != present.version) {
                return Err(CatalogError::Changed);
            }
            // Looked at again when it is done: two who raced may have made it twice.
            self.put(user, number, present.version, None).await?;
        }
        Err(CatalogError::Changed)
    }

    /// A page of a user's bookmarks: the latest first, or those of one item in the order of their places.
    ///
    /// # Errors
    /// The store's.
    pub async fn list(
        &self,
        user: &UserId,
        item: Option<&ItemId>,
        page: &PageRequest,
    ) -> Result<Page<Stored<Bookmark>>, CatalogError> {
        let places = self.places(user).await?;
        let held = places.into_iter().filter_map(|Place { version, held, .. }| {
            let value = held.filter(|held| item.is_none_or(|item| held.item == *item))?;
            Some((name(&value, item.is_some()), Stored { value, version }))
        });
        let mut named: Vec<_> = held.collect();
        named.sort_by(|(a, _), (b, _)| a.cmp(b));
        named.dedup_by(|(a, _), (b, _)| a == b);
        Ok(page.take(named))
    }

    async fn find(&self, user: &UserId, id: &str) -> Result<Option<(u32, Stored<Bookmark>)>, CatalogError> {
        let places = self.places(user).await?;
        let found = places.into_iter().find_map(|Place { number, version, held }| {
            let value = held.filter(|held| held.id == id)?;
            Some((number, Stored { value, version }))
        });
        Ok(found)
    }

    async fn places(&self, user: &UserId) -> Result<Vec<Place>, CatalogError> {
        let limit = usize::try_from(BOOKMARKS_MAX).unwrap_or(usize::MAX);
        let listed = self.records.list::<Option<Bookmark>>(&rest::bookmarks(user), None, limit).await?;
        let places = listed.into_iter().filter_map(|(name, loaded)| {
            let Stored { value: held, version } = loaded.value;
            Some(Place { number: name.parse().ok()?, version, held })
        });
        Ok(places.collect())
    }

    async fn put(
        &self,
        user: &UserId,
        number: u32,
        expected: u64,
        bookmark: Option<&Bookmark>,
    ) -> Result<Option<u64>, CatalogError> {
        let key = DocumentKey::new(rest::bookmarks(user), place_name(number));
        self.records.put(Change::new(key, expected, body(&bookmark)?)).await
    }
}

/// What is answered where the id is there already.
fn same(places: Vec<Place>, number: u32, wanted: &Bookmark) -> Result<Stored<Bookmark>, CatalogError> {
    let timeless = |bookmark: &Bookmark| Bookmark { created_at_ms: 0, ..bookmark.clone() };
    let present = places.into_iter().find(|place| place.number == number);
    match present.and_then(|place| Some(Stored { value: place.held?, version: place.version })) {
        Some(present) if timeless(&present.value) == timeless(wanted) => Ok(present),
        _ => {
            let (value, holder) =
                (wanted.id.clone(), "one of the user's that says something else".to_owned());
            Err(CatalogError::Taken { field: "id", value, holder })
        }
    }
}

/// What a bookmark's place in a list sorts by.
fn name(bookmark: &Bookmark, by_place: bool) -> String {
    let at = match by_place {
        true => bookmark.position_ms.unsigned_abs(),
        false => u64::MAX - bookmark.created_at_ms.unsigned_abs(),
    };
    format!("{at:016x}{}", bookmark.id)
}

const NO_BOOKMARK: CatalogError = CatalogError::Absent("bookmark");
