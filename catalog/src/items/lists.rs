//! Pages of items: what lies in a container, and what is of a kind, in a category, with a tag.

use std::sync::Arc;

use playhead_store::{
    CategoryId, ItemId,
    catalog::{Item, Kind, Status, Tag, tree},
    durable::documents::last,
};

use super::{Items, View};
use crate::{
    CatalogError,
    page::{self, Page, PageRequest},
    records::{Stored, item as rest},
    settings::{SCAN_ENTRIES_MAX, TREE_ITEMS_MAX},
};

/// Which items are wanted: those that fit all that is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this kind.
    pub kind: Option<Kind>,
    /// In this category.
    pub category: Option<CategoryId>,
    /// With this tag.
    pub tag: Option<Tag>,
    /// Published so far. Of what is not, viewers see nothing.
    pub status: Option<Status>,
    /// Deleted ones as well. Viewers see none.
    pub with_deleted: bool,
}

impl Filter {
    /// The list that has the fewest items besides those wanted.
    fn list(&self) -> rest::List<'_> {
        match (&self.category, &self.tag, self.kind) {
            (Some(category), ..) => rest::List::InCategory(category),
            (None, Some(tag), _) => rest::List::Tagged(tag),
            (None, None, Some(kind)) => rest::List::OfKind(kind),
            (None, None, None) => rest::List::All,
        }
    }

    pub(super) fn fits(&self, item: &Item) -> bool {
        self.kind.is_none_or(|kind| item.kind == kind)
            && self.category.as_ref().is_none_or(|category| item.categories.contains(category))
            && self.tag.as_ref().is_none_or(|tag| item.tags.contains(tag))
            && self.status.is_none_or(|status| item.status == status)
            && (self.with_deleted || item.deletion.is_none())
    }
}

impl Items {
    /// A page of the items that fit, by id. It may be short before the end: the token says whether there is more.
    ///
    /// # Errors
    /// The store's.
    pub async fn list(
        &self,
        filter: &Filter,
        page: &PageRequest,
        view: View,
    ) -> Result<Page<Arc<Stored<Item>>>, CatalogError> {
        self.page_of(filter.list(), page, view, |item, _| filter.fits(item)).await
    }

    /// A page of what lies in a container, in its order; at the top, where none is named.
    ///
    /// # Errors
    /// `Absent` for a container that is not there or not for this viewer, and the store's.
    pub async fn children(
        &self,
        parent: Option<&ItemId>,
        page: &PageRequest,
        view: View,
    ) -> Result<Page<Arc<Stored<Item>>>, CatalogError> {
        if let Some(parent) = parent {
            let container = self.get(parent, view).await?;
            if container.value.kind == Kind::Course && !view.sees_all {
                // Which version is shown depends on all of them.
                let all = self.all_children(parent, view).await?;
                return Ok(page.take(all.into_iter().map(|item| (rest::child_name(&item.value), item))));
            }
        }
        let lies_here = |item: &Item, name: &str| {
            item.parent.as_ref() == parent && item.deletion.is_none() && rest::child_name(item) == name
        };
        self.page_of(rest::List::Children(parent), page, view, lies_here).await
    }

    /// All that lies in a container, in its order, as far as this viewer sees it by itself.
    ///
    /// # Errors
    /// `State` where there are more than a tree may have, and the store's.
    pub(super) async fn all_children(
        &self,
        parent: &ItemId,
        view: View,
    ) -> Result<Vec<Arc<Stored<Item>>>, CatalogError> {
        let mut children = self.children_as_they_are(parent, view).await?;
        children.retain(|child| child.value.deletion.is_none());
        if !view.sees_all {
            let mut shown: Vec<Item> = children.iter().map(|child| child.value.clone()).collect();
            tree::keep_shown(&mut shown);
            children.retain(|child| shown.iter().any(|item| item.id == child.value.id));
        }
        Ok(children)
    }

    /// All that lies in a container, in its order, deleted or not.
    pub(super) async fn children_as_they_are(
        &self,
        parent: &ItemId,
        view: View,
    ) -> Result<Vec<Arc<Stored<Item>>>, CatalogError> {
        let list = rest::List::Children(Some(parent)).partition();
        let names = self.records.entries(&list, None, TREE_ITEMS_MAX + 1).await?;
        if names.len() > TREE_ITEMS_MAX {
            let message = format!("{parent} holds more than {TREE_ITEMS_MAX} items: use ListChildren");
            return Err(CatalogError::state("TREE_TOO_LARGE", message));
        }
        let named = self.named(&names, view).await?;
        let lies_here = |(name, child): (String, Arc<Stored<Item>>)| {
            let item = &child.value;
            (item.parent.as_ref() == Some(parent) && rest::child_name(item) == name).then_some(child)
        };
        Ok(named.into_iter().filter_map(lies_here).collect())
    }

    async fn page_of(
        &self,
        list: rest::List<'_>,
        page: &PageRequest,
        view: View,
        fits: impl Fn(&Item, &str) -> bool,
    ) -> Result<Page<Arc<Stored<Item>>>, CatalogError> {
        let (list, mut after, mut looked_at) = (list.partition(), page.after.clone(), 0);
        let mut entries = Vec::with_capacity(page.size);
        loop {
            let names = self.records.entries(&list, after.as_deref(), page.size + 1).await?;
            let is_end = names.len() <= page.size;
            looked_at += names.len();
            for (name, item) in self.named(&names, view).await? {
                if entries.len() == page.size {
                    return Ok(Page { entries, next: after.as_deref().map(page::token) });
                }
                if fits(&item.value, &name) && self.is_seen(&item, view).await? {
                    entries.push(item);
                }
                after = Some(name);
            }
            after = names.last().cloned().or(after);
            if is_end {
                return Ok(Page { entries, next: None });
            }
            if looked_at >= SCAN_ENTRIES_MAX || entries.len() == page.size {
                return Ok(Page { entries, next: after.as_deref().map(page::token) });
            }
        }
    }

    /// The items that entries name, each with its entry; those that are not there are left out.
    async fn named(
        &self,
        names: &[String],
        view: View,
    ) -> Result<Vec<(String, Arc<Stored<Item>>)>, CatalogError> {
        // Entries are written with the ids of items, so none is left out here.
        let (names, ids): (Vec<&String>, Vec<ItemId>) =
            names.iter().filter_map(|name| Some((name, ItemId::new(last(name)).ok()?))).unzip();
        self.warm(&ids, view).await?;
        let view = View { is_fresh: false, ..view };
        let mut found = Vec::with_capacity(ids.len());
        for (name, id) in names.into_iter().zip(&ids) {
            found.extend(self.stored(id, view).await?.map(|item| (name.clone(), item)));
        }
        Ok(found)
    }

    async fn is_seen(&self, item: &Stored<Item>, view: View) -> Result<bool, CatalogError> {
        match self.chain(&item.value.id, View { is_fresh: false, ..view }).await {
            Ok(_) => Ok(true),
            Err(CatalogError::Absent(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
