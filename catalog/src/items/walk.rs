//! Through the tree: a container with all below it, and the item after another one.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use playhead_store::{
    ItemId,
    catalog::{Item, Kind, tree::DEPTH_MAX},
};

use super::{Items, View};
use crate::{CatalogError, records::Stored, settings::TREE_ITEMS_MAX};

/// An item with what lies in it.
#[derive(Debug, Clone)]
pub struct Node {
    /// The item.
    pub item: Arc<Stored<Item>>,
    /// What lies in it, in its order.
    pub children: Vec<Node>,
}

/// Says whether an item is looked for.
pub type Wanted<'a> = &'a (dyn Fn(&Item) -> bool + Sync);

impl Items {
    /// An item with all that lies below it, so many levels deep.
    ///
    /// # Errors
    /// `Absent` for what is not there or not for this viewer, `State` where there are more than [`TREE_ITEMS_MAX`], and
    /// the store's.
    pub async fn tree(&self, root: &ItemId, depth: usize, view: View) -> Result<Node, CatalogError> {
        let item = self.get(root, view).await?;
        let mut left = TREE_ITEMS_MAX;
        self.node(item, depth, View { is_fresh: false, ..view }, &mut left).await
    }

    fn node<'a>(
        &'a self,
        item: Arc<Stored<Item>>,
        depth: usize,
        view: View,
        left: &'a mut usize,
    ) -> BoxFuture<'a, Result<Node, CatalogError>> {
        Box::pin(async move {
            let mut children = Vec::new();
            if depth > 0 && item.value.kind.is_container() {
                let found = self.all_children(&item.value.id, view).await?;
                let too_large = || {
                    let message =
                        format!("the tree has more than {TREE_ITEMS_MAX} items: ask for less depth");
                    CatalogError::state("TREE_TOO_LARGE", message)
                };
                *left = left.checked_sub(found.len()).ok_or_else(too_large)?;
                for child in found {
                    children.push(self.node(child, depth - 1, view, left).await?);
                }
            }
            Ok(Node { item, children })
        })
    }

    /// What comes after an item: in its season the next episode, then the next season's first; in its course likewise, but
    /// never in another version of it. `None` at the end, and for what lies in no order.
    ///
    /// # Errors
    /// `Absent` for what is not there or not for this viewer, and the store's.
    pub async fn next(&self, id: &ItemId, view: View) -> Result<Option<Arc<Stored<Item>>>, CatalogError> {
        self.next_such(id, view, &|_| true).await
    }

    /// The first that is wanted of those that come after an item.
    ///
    /// # Errors
    /// `Absent` for what is not there or not for this viewer, and the store's.
    pub async fn next_such(
        &self,
        id: &ItemId,
        view: View,
        is_wanted: Wanted<'_>,
    ) -> Result<Option<Arc<Stored<Item>>>, CatalogError> {
        let chain = self.chain(id, view).await?;
        let view = View { is_fresh: false, ..view };
        for (below, container) in chain.iter().zip(chain.iter().skip(1)) {
            if container.value.kind == Kind::Folder {
                break;
            }
            let siblings = self.all_children(&container.value.id, view).await?;
            let at = siblings.iter().position(|sibling| sibling.value.id == below.value.id);
            for sibling in siblings.into_iter().skip(at.map_or(usize::MAX, |at| at + 1)) {
                if let Some(first) = self.first(sibling, DEPTH_MAX, view, is_wanted).await? {
                    return Ok(Some(first));
                }
            }
            if !matches!(container.value.kind, Kind::Season | Kind::Module) {
                break;
            }
        }
        Ok(None)
    }

    /// The first item in a container that is none itself and wanted; the item, where it is none.
    fn first<'a>(
        &'a self,
        item: Arc<Stored<Item>>,
        depth: usize,
        view: View,
        is_wanted: Wanted<'a>,
    ) -> BoxFuture<'a, Result<Option<Arc<Stored<Item>>>, CatalogError>> {
        Box::pin(async move {
            if !item.value.kind.is_container() {
                return Ok(Some(item).filter(|item| is_wanted(&item.value)));
            }
            if depth > 0 {
                for child in self.all_children(&item.value.id, view).await? {
                    if let Some(first) = self.first(child, depth - 1, view, is_wanted).await? {
                        return Ok(Some(first));
                    }
                }
            }
            Ok(None)
        })
    }
}
