//! How far a user is through a container.

use std::collections::{HashMap, HashSet};

use playhead_ingest::button::Played;
use playhead_store::{
    ItemId, ItemKind, UserId,
    catalog::{Item, Kind, tree::DEPTH_MAX},
    position::PositionRow,
    progress::{CompleteBy, Leaf, LeafProgress, Playing, Total},
};

use super::Screens;
use crate::{
    CatalogError,
    items::{View, walk::Node},
    page::PageRequest,
    settings::{COLLECTION_ITEMS_MAX, PLAYED_SESSIONS_MAX, TREE_ITEMS_MAX},
};

/// How far a user is through a container.
#[derive(Debug, Clone)]
pub struct Progress {
    /// By what its leaves are done.
    pub complete_by: CompleteBy,
    /// Through all of it.
    pub total: Total,
    /// Through each of its leaves, in the order of the tree.
    pub leaves: Vec<LeafProgress>,
}

impl Screens {
    /// How far a user is through a container, or through an item that can be played.
    ///
    /// # Errors
    /// `Absent` for what is not there or not for viewers, `State` for more than is looked at, and the stores'.
    pub async fn progress(
        &self,
        user: &UserId,
        item: &ItemId,
        now_ms: i64,
    ) -> Result<Progress, CatalogError> {
        let reads = self.read_progress(user, item, now_ms);
        tokio::time::timeout(self.patience(), reads).await.unwrap_or_else(|_| Err(self.slow()))
    }

    async fn read_progress(
        &self,
        user: &UserId,
        item: &ItemId,
        now_ms: i64,
    ) -> Result<Progress, CatalogError> {
        let view = View { sees_all: false, is_fresh: false, now_ms };
        let leaves = self.leaves(item, view).await?;
        let rows: HashMap<ItemId, PositionRow> = self.places.all(user).await?.into_iter().collect();
        let complete_by = self.settings.complete_by;
        let leaves: Vec<LeafProgress> = match complete_by {
            CompleteBy::Position => {
                let leaves = leaves.into_iter().map(|(leaf, _)| (rows.get(&leaf.item), leaf));
                leaves.map(|(row, leaf)| LeafProgress::by_position(leaf, row)).collect()
            }
            CompleteBy::Watched => self.by_watched(user, leaves, &rows).await?,
        };
        Ok(Progress { complete_by, total: Total::of(&leaves), leaves })
    }

    async fn by_watched(
        &self,
        user: &UserId,
        leaves: Vec<(Leaf, ItemKind)>,
        rows: &HashMap<ItemId, PositionRow>,
    ) -> Result<Vec<LeafProgress>, CatalogError> {
        let items: HashSet<ItemId> = leaves.iter().map(|(leaf, _)| leaf.item.clone()).collect();
        let mut playings: HashMap<ItemId, Vec<Playing>> = HashMap::new();
        match self.places.played(user, &items, PLAYED_SESSIONS_MAX).await? {
            Played::All(played) => {
                for (item, playing) in played {
                    playings.entry(item).or_default().push(playing);
                }
            }
            Played::TooMany(sessions) => {
                let message = format!(
                    "the user played it in {sessions} sessions, and {PLAYED_SESSIONS_MAX} are looked at: ask for the \
                     containers in it"
                );
                return Err(CatalogError::state("TOO_MANY_SESSIONS", message));
            }
        }
        let of = |(leaf, kind): (Leaf, ItemKind)| {
            let (row, playings) = (rows.get(&leaf.item), playings.remove(&leaf.item).unwrap_or_default());
            LeafProgress::by_watched(leaf, row, playings, self.settings.rules.of(kind))
        };
        Ok(leaves.into_iter().map(of).collect())
    }

    /// What can be played in a container, in the order of its tree, each item once.
    async fn leaves(&self, root: &ItemId, view: View) -> Result<Vec<(Leaf, ItemKind)>, CatalogError> {
        let roots = match self.items.get(root, view).await?.value.kind {
            Kind::Collection => {
                let all = PageRequest { size: COLLECTION_ITEMS_MAX, after: None };
                let (members, _) = self.collections.list(root, &all, view).await?;
                members.entries.iter().map(|member| member.value.id.clone()).collect()
            }
            _ => vec![root.clone()],
        };
        let (mut leaves, mut seen) = (Vec::new(), HashSet::new());
        for root in roots {
            let tree = self.items.tree(&root, DEPTH_MAX, view).await.map_err(|error| match error {
                CatalogError::State { .. } => too_large(),
                error => error,
            })?;
            gather(&tree, &mut seen, &mut leaves);
            if leaves.len() > TREE_ITEMS_MAX {
                return Err(too_large());
            }
        }
        Ok(leaves)
    }
}

fn gather(node: &Node, seen: &mut HashSet<ItemId>, leaves: &mut Vec<(Leaf, ItemKind)>) {
    let Item { id, kind, duration_ms, credits_ms, .. } = &node.item.value;
    if let Some(kind) = kind.playable()
        && seen.insert(id.clone())
    {
        leaves.push((Leaf { item: id.clone(), duration_ms: *duration_ms, credits_ms: *credits_ms }, kind));
    }
    node.children.iter().for_each(|child| gather(child, seen, leaves));
}

fn too_large() -> CatalogError {
    let message = format!("it holds more than {TREE_ITEMS_MAX} items: ask for the containers in it");
    CatalogError::state("TREE_TOO_LARGE", message)
}
