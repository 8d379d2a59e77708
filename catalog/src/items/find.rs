//! What a text finds, and how the index gets to know of it.

use std::{sync::Arc, time::Duration};

use playhead_store::{
    ItemId,
    catalog::{Fault, Item},
    durable::documents::last,
    hot::Stale,
};

use super::{Items, View, lists::Filter};
use crate::{
    CatalogError,
    page::{self, Page, PageRequest},
    records::{Stored, item as rest},
    search::Search,
    settings::{BATCH_ITEMS_MAX, FOUND_ITEMS_MAX, SCAN_ENTRIES_MAX},
};

impl Items {
    /// A page of the items that a text finds and that fit, the best first. It may be short before the end.
    ///
    /// # Errors
    /// `Bad` for a text that is empty or too long, `Starting` while the index is being made, and the store's.
    pub async fn find(
        &self,
        text: &str,
        filter: &Filter,
        page: &PageRequest,
        view: View,
    ) -> Result<Page<Arc<Stored<Item>>>, CatalogError> {
        if text.trim().is_empty() || text.len() > QUERY_BYTES_MAX {
            let allowed = format!("1 to {QUERY_BYTES_MAX} bytes, not only blanks");
            return Err(Fault::new("query", text, allowed).into());
        }
        let mut offset = offset_of(page)?;
        let (mut entries, mut looked_at) = (Vec::with_capacity(page.size), 0);
        loop {
            let ids = self.look_up(text, offset, page.size.min(FOUND_ITEMS_MAX - offset)).await?;
            let is_end = ids.len() < page.size;
            self.warm(&ids, view).await?;
            for id in ids {
                if entries.len() == page.size {
                    return Ok(Page { entries, next: Some(page::token(&offset.to_string())) });
                }
                (offset, looked_at) = (offset + 1, looked_at + 1);
                let found = self.get(&id, View { is_fresh: false, ..view }).await;
                entries.extend(seen(found)?.filter(|item| filter.fits(&item.value)));
            }
            if is_end || offset >= FOUND_ITEMS_MAX {
                return Ok(Page { entries, next: None });
            }
            if looked_at >= SCAN_ENTRIES_MAX {
                return Ok(Page { entries, next: Some(page::token(&offset.to_string())) });
            }
        }
    }

    async fn look_up(&self, text: &str, offset: usize, limit: usize) -> Result<Vec<ItemId>, CatalogError> {
        let search = self.search.get().filter(|search| search.is_complete());
        let (search, text) = (Arc::clone(search.ok_or(CatalogError::Starting)?), text.to_owned());
        let found = tokio::task::spawn_blocking(move || search.find(&text, offset, limit)).await;
        Ok(found.map_err(|_| CatalogError::Unreadable("the search index".to_owned()))??)
    }

    /// Makes an index of all there is and keeps it true to what other nodes write: as far as they tell of it at once, and
    /// all again every so often. What is written here is in it at once. Does not end where it has to look again.
    pub async fn keep_searchable(&self, look_again: Option<Duration>) -> Result<(), CatalogError> {
        let search = Search::start()?;
        let search = self.search.get_or_init(|| search);
        if look_again.is_some() {
            self.unread.open();
        }
        loop {
            if let Err(error) = self.fill(search).await {
                tracing::warn!(%error, "items for the search could not be read, trying again");
                tokio::time::sleep(RETRY).await;
                continue;
            }
            completed(search).await?;
            let Some(pause) = look_again else { return Ok(()) };
            // Told of all, or not able to follow: not at once, since that may go on for a while.
            let _ = tokio::time::timeout(pause, self.follow(search)).await;
        }
    }

    /// Takes what other nodes tell of until all has to be looked at.
    async fn follow(&self, search: &Search) {
        loop {
            let stale = self.unread.next().await;
            let ids = stale.iter().filter_map(|stale| match stale {
                Stale::Item(id) => Some(id.clone()),
                _ => None,
            });
            let ids: Vec<ItemId> = ids.collect();
            let is_read = match ids.len() == stale.len() {
                true => self.put_into(search, &ids).await,
                false => break,
            };
            if let Err(error) = is_read {
                tracing::warn!(%error, "items for the search could not be read, trying again");
                break;
            }
        }
        tokio::time::sleep(RETRY).await;
    }

    async fn fill(&self, search: &Search) -> Result<(), CatalogError> {
        let (list, mut after) = (rest::List::All.partition(), None);
        loop {
            let names = self.records.entries(&list, after.as_deref(), BATCH_ITEMS_MAX).await?;
            let Some(name) = names.last() else { return Ok(()) };
            let ids: Vec<ItemId> = names.iter().filter_map(|name| ItemId::new(last(name)).ok()).collect();
            self.put_into(search, &ids).await?;
            search.room().await;
            after = Some(name.clone());
        }
    }

    async fn put_into(&self, search: &Search, ids: &[ItemId]) -> Result<(), CatalogError> {
        for ids in ids.chunks(BATCH_ITEMS_MAX) {
            let keys: Vec<_> = ids.iter().map(rest::key).collect();
            for loaded in self.records.get::<Item>(&keys).await?.into_iter().flatten() {
                search.put(Arc::new(loaded.value))?;
            }
        }
        Ok(())
    }

    /// Lets the index know of what was written here.
    pub(super) fn note_written(&self, written: &Arc<Stored<Item>>) {
        if let Some(Err(error)) = self.search.get().map(|search| search.put(Arc::clone(written))) {
            tracing::error!(%error, item = %written.value.id, "the search cannot take an item");
        }
    }
}

/// Makes all that was put be found, where that holds up nobody.
async fn completed(search: &Arc<Search>) -> Result<(), CatalogError> {
    let search = Arc::clone(search);
    let completed = tokio::task::spawn_blocking(move || search.complete()).await;
    Ok(completed.map_err(|_| CatalogError::Unreadable("the search index".to_owned()))??)
}

fn offset_of(page: &PageRequest) -> Result<usize, Fault> {
    let Some(after) = &page.after else { return Ok(0) };
    let offset = after.parse().ok().filter(|offset| *offset < FOUND_ITEMS_MAX);
    offset.ok_or_else(|| {
        Fault::new("page_token", page::token(after), "next_page_token of an earlier answer, as it is")
    })
}

fn seen<T>(found: Result<T, CatalogError>) -> Result<Option<T>, CatalogError> {
    match found {
        Ok(item) => Ok(Some(item)),
        Err(CatalogError::Absent(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

const QUERY_BYTES_MAX: usize = 256;
const RETRY: Duration = Duration::from_secs(5);
