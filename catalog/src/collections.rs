//! Ordered choices of items that lie elsewhere.

use std::{collections::HashSet, sync::Arc};

use playhead_store::{
    ItemId,
    catalog::{Fault, Item, Kind},
    durable::documents::last,
    hot::Stale,
};

use crate::{
    CatalogError, Settings,
    cache::{Cache, Figures, Loaded, Writer},
    items::{Items, View},
    page::{Page, PageRequest},
    records::{Records, Stored, item as rest},
    settings::{COLLECTION_ITEMS_MAX, CONFLICTS_MAX, RIGHTS_CACHES, RIGHTS_MAX},
    stale::{Finally, Noted},
};

/// Keeps what is in collections.
pub struct Collections {
    records: Records,
    items: Arc<Items>,
    /// The collections that an item is in.
    holding: Cache<ItemId, Arc<[ItemId]>>,
    ttl_ms: i64,
    outbox: Noted,
}

impl Collections {
    /// Of these records and items; other nodes are told of writes by this outbox.
    #[must_use]
    pub fn new(records: Records, items: Arc<Items>, outbox: Noted, settings: &Settings) -> Self {
        let holding = Cache::new(settings.cache_bytes_max / 2 / RIGHTS_CACHES);
        Self { records, items, holding, ttl_ms: settings.cache_ttl_ms, outbox }
    }

    /// Forgets what another node wrote.
    pub fn hear(&self, stale: &Stale) {
        match stale {
            Stale::All => self.holding.forget_all(Writer::Elsewhere),
            Stale::Item(id) => self.holding.forget(id, Writer::Elsewhere),
            _ => {}
        }
    }

    /// How the cache fares.
    pub fn figures(&self) -> Figures {
        self.holding.figures()
    }

    /// What is remembered of these may be wrong when this is over.
    fn writing<'a>(&'a self, items: HashSet<&'a ItemId>) -> Finally<impl FnMut() + 'a> {
        Finally(move || {
            for &item in &items {
                self.holding.forget(item, Writer::Here);
                self.outbox.note(Stale::Item(item.clone()));
            }
        })
    }

    /// Says what a collection holds from now on, in this order: the version that it came to.
    ///
    /// # Errors
    /// `Absent` for no collection, `Bad` for items that are not there, given twice or too many, `Changed`, and the
    /// store's.
    pub async fn set(
        &self,
        collection: &ItemId,
        members: &Vec<ItemId>,
        version: Option<u64>,
        now_ms: i64,
    ) -> Result<Stored<()>, CatalogError> {
        let view = View { sees_all: true, is_fresh: true, now_ms };
        self.collection(collection, view).await?;
        self.check(members, view).await?;
        let key = rest::members_key(collection);
        for _ in 0..CONFLICTS_MAX {
            let present = self.records.get_one::<Vec<ItemId>>(&key).await?.map(|loaded| loaded.value);
            let present_version = present.as_ref().map_or(0, |present| present.version);
            if present.as_ref().is_some_and(|present| present.value == *members) {
                return Ok(Stored { value: (), version: present_version });
            }
            if version.is_some_and(|version| version != present_version) {
                return Err(CatalogError::Changed);
            }
            let before: HashSet<&ItemId> = present.iter().flat_map(|present| &present.value).collect();
            let _writing = self.writing(&before ^ &members.iter().collect());
            let change = rest::members_change(collection, present.as_ref(), members)?;
            if let Some(version) = self.records.put(change).await? {
                return Ok(Stored { value: (), version });
            }
        }
        Err(CatalogError::Changed)
    }

    async fn check(&self, members: &[ItemId], view: View) -> Result<(), CatalogError> {
        if members.len() > COLLECTION_ITEMS_MAX {
            let allowed = format!("0 to {COLLECTION_ITEMS_MAX}");
            return Err(Fault::new("item_ids", format!("{} of them", members.len()), allowed).into());
        }
        let mut seen = HashSet::new();
        if let Some((at, again)) = members.iter().enumerate().find(|(_, member)| !seen.insert(*member)) {
            return Err(Fault::new(format!("item_ids[{at}]"), again, "each of them once").into());
        }
        let found = self.items.get_several(members, view).await?;
        let there: HashSet<&ItemId> = found.iter().map(|item| &item.value.id).collect();
        match members.iter().enumerate().find(|(_, member)| !there.contains(member)) {
            Some((at, member)) => {
                Err(Fault::new(format!("item_ids[{at}]"), member, "an item that is there").into())
            }
            None => Ok(()),
        }
    }

    /// A page of what a collection holds, in its order, as far as this viewer sees it; and the collection's version.
    ///
    /// # Errors
    /// `Absent` for no collection that this viewer sees, and the store's.
    pub async fn list(
        &self,
        collection: &ItemId,
        page: &PageRequest,
        view: View,
    ) -> Result<(Page<Arc<Stored<Item>>>, Stored<()>), CatalogError> {
        self.collection(collection, view).await?;
        let stored = self.records.get_one::<Vec<ItemId>>(&rest::members_key(collection)).await?;
        let Stored { value: members, version } =
            stored.map_or(Stored { value: Vec::new(), version: 0 }, |loaded| loaded.value);
        let numbered = members.into_iter().enumerate().map(|(at, member)| (format!("{at:08}"), member));
        let Page { entries, next } = page.take(numbered);
        let mut entries = self.items.get_several(&entries, view).await?;
        entries.retain(|item| item.value.deletion.is_none());
        Ok((Page { entries, next }, Stored { value: (), version }))
    }

    /// What comes after an item in a collection, as far as this viewer sees it.
    ///
    /// # Errors
    /// `Absent` for no collection that this viewer sees, and the store's.
    pub async fn next(
        &self,
        collection: &ItemId,
        after: &ItemId,
        view: View,
    ) -> Result<Option<Arc<Stored<Item>>>, CatalogError> {
        self.collection(collection, view).await?;
        let stored = self.records.get_one::<Vec<ItemId>>(&rest::members_key(collection)).await?;
        let members = stored.map(|loaded| loaded.value.value).unwrap_or_default();
        let at = members.iter().position(|member| member == after);
        for member in members.iter().skip(at.map_or(usize::MAX, |at| at + 1)) {
            match self.items.get(member, view).await {
                Ok(item) if item.value.deletion.is_none() => return Ok(Some(item)),
                Ok(_) | Err(CatalogError::Absent(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// The collections that any of these items is in.
    ///
    /// # Errors
    /// The store's.
    pub async fn of(
        &self,
        items: impl Iterator<Item = &ItemId>,
        view: View,
    ) -> Result<Vec<ItemId>, CatalogError> {
        let age = view.age(self.ttl_ms);
        let mut found = Vec::new();
        for item in items {
            let load = self.holding.get(item, age, view.now_ms, self.read_holding(item));
            found.extend(self.records.within(load).await?.iter().cloned());
        }
        Ok(found)
    }

    async fn read_holding(&self, item: &ItemId) -> Result<Loaded<Arc<[ItemId]>>, CatalogError> {
        let (mut value, mut bytes) = (Vec::new(), 0);
        for name in self.records.entries(&rest::collections_of(item), None, RIGHTS_MAX).await? {
            let Ok(collection) = ItemId::new(last(&name)) else { continue };
            // An entry may be left over from what the collection held before.
            let members = self.records.get_one::<Vec<ItemId>>(&rest::members_key(&collection)).await?;
            if members.is_some_and(|members| members.value.value.contains(item)) {
                bytes += name.len();
                value.push(collection);
            }
        }
        Ok(Loaded { value: value.into(), bytes })
    }

    async fn collection(&self, id: &ItemId, view: View) -> Result<(), CatalogError> {
        match self.items.get(id, view).await?.value.kind {
            Kind::Collection => Ok(()),
            _ => Err(CatalogError::Absent("collection")),
        }
    }
}
