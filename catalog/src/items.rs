//! The tree of what there is to watch.
//!
//! In reading order: reads of one item and of several stand here, [`mod@write`] is how items change, [`lists`] are pages of
//! them, [`find`] is what a text finds, and [`walk`] goes through the tree: a container with all below it, and what comes next.

use std::{
    slice,
    sync::{Arc, OnceLock},
};

use playhead_store::{
    ItemId,
    catalog::{ExternalId, Item, tree},
    durable::documents::last,
    hot::Stale,
};

use self::known::Known;
use crate::{
    CatalogError, Settings,
    cache::{Age, Cache, Figures, Loaded, Writer},
    records::{Records, Stored, item as rest},
    search::Search,
    stale::{Finally, Noted},
};

pub mod find;
pub mod known;
pub mod lists;
pub mod walk;
pub mod write;

/// Keeps items.
pub struct Items {
    records: Records,
    cache: Cache<ItemId, Option<Arc<Known>>>,
    ttl_ms: i64,
    outbox: Noted,
    /// What other nodes wrote, until the search has it.
    unread: Noted,
    search: OnceLock<Arc<Search>>,
}

/// Who looks, when, and at how old an answer.
#[derive(Debug, Clone, Copy)]
pub struct View {
    /// True for whoever keeps the catalog: sees what is not published, or deleted, too.
    pub sees_all: bool,
    /// True when nothing old will do.
    pub is_fresh: bool,
    /// The time, Unix ms.
    pub now_ms: i64,
}

impl View {
    /// How old an answer may be, where it is remembered for so long.
    pub(crate) fn age(self, ttl_ms: i64) -> Age {
        match self.is_fresh {
            true => Age::Fresh,
            false => Age::Since(self.now_ms.saturating_sub(ttl_ms)),
        }
    }
}

/// An item and the containers above it, from the nearest on.
pub type Chain = Vec<Arc<Stored<Item>>>;

impl Items {
    /// Of these records, whose writes other nodes are told of by this outbox.
    #[must_use]
    pub fn new(records: Records, outbox: Noted, settings: &Settings) -> Self {
        let cache = Cache::new(settings.cache_bytes_max / 2);
        let (unread, search) = (Noted::default(), OnceLock::new());
        Self { records, cache, ttl_ms: settings.cache_ttl_ms, outbox, unread, search }
    }

    /// An item that this viewer sees.
    ///
    /// # Errors
    /// `Absent` for what is not there or not for this viewer, and the store's.
    pub async fn get(&self, id: &ItemId, view: View) -> Result<Arc<Stored<Item>>, CatalogError> {
        Ok(Arc::clone(&self.known(id, view).await?.stored))
    }

    /// An item that this viewer sees, as it is remembered.
    ///
    /// # Errors
    /// `Absent` for what is not there or not for this viewer, and the store's.
    pub async fn known(&self, id: &ItemId, view: View) -> Result<Arc<Known>, CatalogError> {
        let known = self.remembered(id, view).await?.ok_or(ABSENT)?;
        let lies_in;
        let chain = match known.stored.value.parent {
            None => slice::from_ref(&known.stored),
            Some(_) => {
                lies_in = Box::pin(self.with_above(Arc::clone(&known.stored), view)).await?;
                &*lies_in
            }
        };
        if is_seen(chain, view) { Ok(known) } else { Err(ABSENT) }
    }

    /// An item that this viewer sees, with the containers above it.
    ///
    /// # Errors
    /// `Absent` for what is not there or not for this viewer, and the store's.
    pub async fn chain(&self, id: &ItemId, view: View) -> Result<Chain, CatalogError> {
        let chain = self.whole_chain(id, view).await?;
        if is_seen(&chain, view) { Ok(chain) } else { Err(ABSENT) }
    }

    /// An item with the containers above it, whether they are for viewers or not.
    ///
    /// # Errors
    /// `Absent` for what is not there, and the store's.
    pub async fn whole_chain(&self, id: &ItemId, view: View) -> Result<Chain, CatalogError> {
        self.with_above(self.stored(id, view).await?.ok_or(ABSENT)?, view).await
    }

    async fn with_above(&self, item: Arc<Stored<Item>>, view: View) -> Result<Chain, CatalogError> {
        let mut chain = vec![item];
        // A container that went away leaves the rest as it is; two moves at once may have made a ring.
        while let Some(parent) = chain.last().and_then(|item| item.value.parent.as_ref()) {
            match self.stored(parent, view).await? {
                Some(parent) if chain.len() <= CHAIN_MAX => chain.push(parent),
                _ => break,
            }
        }
        Ok(chain)
    }

    /// Those of several items that this viewer sees, in the order asked for.
    ///
    /// # Errors
    /// The store's.
    pub async fn get_several(
        &self,
        ids: &[ItemId],
        view: View,
    ) -> Result<Vec<Arc<Stored<Item>>>, CatalogError> {
        self.warm(ids, view).await?;
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            match self.get(id, View { is_fresh: false, ..view }).await {
                Ok(item) => found.push(item),
                Err(CatalogError::Absent(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// Several items, each with the containers above it; `None` for what is not there or not for this viewer.
    ///
    /// # Errors
    /// The store's.
    pub async fn chains(&self, ids: &[ItemId], view: View) -> Result<Vec<Option<Chain>>, CatalogError> {
        self.warm(ids, view).await?;
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            match self.chain(id, View { is_fresh: false, ..view }).await {
                Ok(chain) => found.push(Some(chain)),
                Err(CatalogError::Absent(_)) => found.push(None),
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// The item that another system calls so.
    ///
    /// # Errors
    /// `Absent` for what is not there or not for this viewer, and the store's.
    pub async fn called(&self, called: &ExternalId, view: View) -> Result<Arc<Known>, CatalogError> {
        self.first_of(rest::List::Called(called), view, |item| item.external_ids.contains(called)).await
    }

    /// The item with this share link.
    ///
    /// # Errors
    /// `Absent` for what is not there or not for this viewer, and the store's.
    pub async fn shared(&self, token: &str, view: View) -> Result<Arc<Known>, CatalogError> {
        self.first_of(rest::List::Shared(token), view, |item| item.share_token.as_deref() == Some(token))
            .await
    }

    async fn first_of(
        &self,
        list: rest::List<'_>,
        view: View,
        is_it: impl Fn(&Item) -> bool,
    ) -> Result<Arc<Known>, CatalogError> {
        for name in self.records.entries(&list.partition(), None, SAME_NAME_MAX).await? {
            let Ok(id) = ItemId::new(last(&name)) else { continue };
            match self.known(&id, view).await {
                Ok(known) if is_it(&known.stored.value) => return Ok(known),
                Ok(_) | Err(CatalogError::Absent(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Err(ABSENT)
    }

    /// An item as it rests or is remembered.
    async fn stored(&self, id: &ItemId, view: View) -> Result<Option<Arc<Stored<Item>>>, CatalogError> {
        Ok(self.remembered(id, view).await?.map(|known| Arc::clone(&known.stored)))
    }

    async fn remembered(&self, id: &ItemId, view: View) -> Result<Option<Arc<Known>>, CatalogError> {
        let age = view.age(self.ttl_ms);
        if let Some(remembered) = self.cache.peek(id, age) {
            return Ok(remembered);
        }
        let load = async { Ok(loaded(self.records.get_one(&rest::key(id)).await?)) };
        // Boxed, so that those who find it here do not carry its room.
        Box::pin(self.records.within(self.cache.get(id, age, view.now_ms, load))).await
    }

    /// Reads those of several items that are not remembered, at once.
    async fn warm(&self, ids: &[ItemId], view: View) -> Result<(), CatalogError> {
        let age = view.age(self.ttl_ms);
        let missing: Vec<&ItemId> = ids.iter().filter(|id| !self.cache.has(*id, age)).collect();
        if missing.len() < 2 && !view.is_fresh {
            return Ok(());
        }
        let keys: Vec<_> = missing.iter().map(|id| rest::key(id)).collect();
        let writes = self.cache.writes();
        for (id, found) in missing.iter().zip(self.records.get(&keys).await?) {
            self.cache.insert_unless_written(id, loaded(found), view.now_ms, writes);
        }
        Ok(())
    }

    /// Forgets what another node wrote.
    pub fn hear(&self, stale: &Stale) {
        match stale {
            Stale::All => self.cache.forget_all(Writer::Elsewhere),
            Stale::Item(id) => self.cache.forget(id, Writer::Elsewhere),
            _ => return,
        }
        self.unread.note(stale.clone());
    }

    /// What is remembered of an item may be wrong when this is over.
    fn writing<'a>(&'a self, id: &'a ItemId) -> Finally<impl FnMut() + 'a> {
        Finally(move || {
            self.cache.forget(id, Writer::Here);
            self.outbox.note(Stale::Item(id.clone()));
        })
    }

    /// How the cache fares.
    pub fn figures(&self) -> Figures {
        self.cache.figures()
    }
}

/// Whether this viewer sees an item, with the containers above it.
fn is_seen(chain: &[Arc<Stored<Item>>], view: View) -> bool {
    let mut items = chain.iter().map(|stored| &stored.value);
    view.sees_all || items.next().is_some_and(|item| tree::is_shown_in(item, items))
}

fn loaded(found: Option<Loaded<Stored<Item>>>) -> Loaded<Option<Arc<Known>>> {
    match found {
        Some(Loaded { mut value, bytes }) => {
            value.value.shrink_to_fit();
            Loaded { value: Some(Arc::new(Known::new(value))), bytes }
        }
        None => Loaded { value: None, bytes: 0 },
    }
}

const ABSENT: CatalogError = CatalogError::Absent("item");
/// Twice the depth that writes allow: a container with others in it may have been moved down.
const CHAIN_MAX: usize = 2 * tree::DEPTH_MAX;
/// Of items that race for one name, so many are looked at.
const SAME_NAME_MAX: usize = 8;
