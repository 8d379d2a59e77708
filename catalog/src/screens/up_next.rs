//! What a user goes on with: where the user was, or what comes after what was finished.

mod touched;

use std::{collections::HashSet, pin::pin, sync::Arc};

use futures_util::future::try_join_all;
use playhead_store::{
    ItemId,
    catalog::{Item, window},
    entitlement::{Access, ViewerLimits},
};

use self::touched::{Touched, container, touched};
use super::{Screens, Watcher};
use crate::{
    CatalogError,
    items::{Chain, View},
    page::{self, Page, PageRequest},
    records::Stored,
    settings::{BATCH_ITEMS_MAX, TOUCHED_MAX},
};

/// A page of what is up next.
#[derive(Debug, Clone)]
pub struct UpNext {
    /// The entries, what was touched last first.
    pub page: Page<Entry>,
    /// True when the catalog did not answer in time.
    pub positions_alone: bool,
}

/// Something to go on with.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What.
    pub item: ItemId,
    /// The same, as the catalog has it; `None` when it did not answer.
    pub known: Option<Arc<Stored<Item>>>,
    /// Why.
    pub lead: Lead,
    /// When the user touched what leads here last, Unix ms.
    pub touched_at_ms: i64,
    /// The series or course that it is in.
    pub container: Option<ItemId>,
}

/// Why something is up next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lead {
    /// It was begun and not finished.
    Resume {
        /// Where the user was, ms.
        position_ms: i64,
        /// Its length as the player said it, ms.
        duration_ms: Option<i64>,
    },
    /// It comes after this one, which was finished.
    After(ItemId),
}

/// What was touched last in a series or course, or an item that is in none.
struct Led<'a> {
    touched: &'a Touched,
    chain: Chain,
    container: Option<ItemId>,
}

/// What is for this user now.
struct Open<'a> {
    watcher: &'a Watcher,
    limits: Option<&'a ViewerLimits>,
    finished: HashSet<&'a ItemId>,
    view: View,
}

impl Screens {
    /// A page of what a user goes on with.
    ///
    /// # Errors
    /// The stores', of positions. Where the catalog fails or is slow, positions alone are answered.
    pub async fn up_next(
        &self,
        watcher: &Watcher,
        page: &PageRequest,
        now_ms: i64,
    ) -> Result<UpNext, CatalogError> {
        let mut deadline = pin!(tokio::time::sleep(self.patience()));
        let rows = tokio::select! {
            rows = self.places.all(&watcher.user) => rows?,
            () = &mut deadline => return Err(self.slow()),
        };
        let all = touched(rows);
        let guided = tokio::select! {
            guided = self.guided(watcher, &all, page, now_ms) => guided,
            () = &mut deadline => Err(self.slow()),
        };
        match guided {
            Ok(page) => Ok(UpNext { page, positions_alone: false }),
            Err(error) => {
                tracing::warn!(%error, "the catalog did not answer, positions alone are shown");
                Ok(UpNext { page: alone(&all, page), positions_alone: true })
            }
        }
    }

    async fn guided(
        &self,
        watcher: &Watcher,
        all: &[Touched],
        page: &PageRequest,
        now_ms: i64,
    ) -> Result<Page<Entry>, CatalogError> {
        let view = View { sees_all: false, is_fresh: false, now_ms };
        let limits = self.rights.limits(&watcher.user, view).await?;
        let limits = limits.as_ref().as_ref().map(|stored| &stored.value);
        let finished = all.iter().filter(|touched| touched.row.is_finished()).map(|touched| &touched.item);
        let open = Open { watcher, limits, finished: finished.collect(), view };
        let (mut entries, mut last, mut seen) = (Vec::new(), String::new(), HashSet::new());
        for some in all.get(..TOUCHED_MAX.min(all.len())).unwrap_or_default().chunks(BATCH_ITEMS_MAX) {
            let led = self.led(some, &mut seen, page, view).await?;
            for some in led.chunks(ENTRIES_AT_ONCE) {
                let found = try_join_all(some.iter().map(|led| self.entry(led, &open))).await?;
                for (led, entry) in some.iter().zip(found) {
                    let Some(entry) = entry else { continue };
                    if entries.len() == page.size {
                        return Ok(Page { entries, next: Some(page::token(&last)) });
                    }
                    entries.push(entry);
                    last.clone_from(&led.touched.name);
                }
            }
        }
        Ok(Page { entries, next: None })
    }

    /// Of these, what was touched last in each series or course that was not seen before, from behind the page before on.
    async fn led<'a>(
        &self,
        some: &'a [Touched],
        seen: &mut HashSet<ItemId>,
        page: &PageRequest,
        view: View,
    ) -> Result<Vec<Led<'a>>, CatalogError> {
        let ids: Vec<ItemId> = some.iter().map(|touched| touched.item.clone()).collect();
        let mut led = Vec::new();
        for (touched, chain) in some.iter().zip(self.items.chains(&ids, view).await?) {
            // What is gone leads nowhere.
            let Some(chain) = chain else { continue };
            let container = container(&chain);
            let is_new = seen.insert(container.clone().unwrap_or_else(|| touched.item.clone()));
            if is_new && page.after.as_ref().is_none_or(|after| touched.name > *after) {
                led.push(Led { touched, chain, container });
            }
        }
        Ok(led)
    }

    async fn entry(&self, led: &Led<'_>, open: &Open<'_>) -> Result<Option<Entry>, CatalogError> {
        let Touched { at_ms, item, row, .. } = led.touched;
        let resumed = row.current().filter(|_| row.is_in_progress());
        let (chain, lead) = match resumed {
            Some((register, position_ms)) => {
                (led.chain.clone(), Lead::Resume { position_ms, duration_ms: register.duration_ms })
            }
            None => match self.after(item, open).await {
                Ok(Some(chain)) => (chain, Lead::After(item.clone())),
                // It went away meanwhile, or lies among more than are looked at.
                Ok(None) | Err(CatalogError::Absent(_) | CatalogError::State { .. }) => return Ok(None),
                Err(error) => return Err(error),
            },
        };
        let known = chain.first().filter(|_| open.is_for(&chain)).cloned();
        Ok(known.map(|known| Entry {
            item: known.value.id.clone(),
            known: Some(known),
            lead,
            touched_at_ms: *at_ms,
            container: led.container.clone(),
        }))
    }

    /// What can be played after an item and is not finished, with the containers above it.
    async fn after(&self, item: &ItemId, open: &Open<'_>) -> Result<Option<Chain>, CatalogError> {
        let is_wanted = |item: &Item| {
            let is_played = item.kind.playable().is_some();
            is_played && !open.finished.contains(&item.id) && open.is_open(item)
        };
        match self.items.next_such(item, open.view, &is_wanted).await? {
            Some(next) => self.items.chain(&next.value.id, open.view).await.map(Some),
            None => Ok(None),
        }
    }
}

impl Open<'_> {
    /// Whether an item's own windows are open here and now.
    fn is_open(&self, item: &Item) -> bool {
        let here = window::availability(&item.windows, self.watcher.country, self.view.now_ms);
        matches!(here, window::Availability::Open(_))
    }

    /// Whether an item is for anybody like this user now, with all that lies above it.
    fn is_for(&self, chain: &Chain) -> bool {
        let chain: Vec<&Item> = chain.iter().map(|stored| &stored.value).collect();
        let access = Access {
            chain: &chain,
            collections: &[],
            country: self.watcher.country,
            share_token: None,
            limits: self.limits,
            grants: &[],
            subscribed: &[],
        };
        access.open(self.view.now_ms).is_ok()
    }
}

/// What positions say without the catalog.
fn alone(all: &[Touched], page: &PageRequest) -> Page<Entry> {
    page.take(all.iter().filter(|touched| touched.row.is_in_progress()).filter_map(|touched| {
        let (register, position_ms) = touched.row.current()?;
        let entry = Entry {
            item: touched.item.clone(),
            known: None,
            lead: Lead::Resume { position_ms, duration_ms: register.duration_ms },
            touched_at_ms: touched.at_ms,
            container: None,
        };
        Some((touched.name.clone(), entry))
    }))
}

/// So many entries of a page look for what comes next at the same time.
const ENTRIES_AT_ONCE: usize = 8;
