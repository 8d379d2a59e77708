//! How items change: written, deleted with what lies below them, and brought back.

use std::{slice, sync::Arc};

use playhead_store::{
    ItemId,
    catalog::{Deletion, Fault, Item, tree},
};

use super::{ABSENT, CHAIN_MAX, Items, View, known::Known};
use crate::{
    CatalogError,
    history::History,
    records::{Outcome, Stored, Written, item as rest},
    settings::CONFLICTS_MAX,
};

impl Items {
    /// Makes an item what `change` makes of the present one, which may not be there. Where another writer was faster,
    /// that is done anew; where a version is named, it must be the present one. What says the same is not written again.
    ///
    /// # Errors
    /// `Bad` for what may not be written, `Changed` where the version is not the present one, `Taken` for a name that is
    /// another item's, `State` for a deleted one, and the store's.
    pub async fn upsert(
        &self,
        id: &ItemId,
        version: Option<u64>,
        now_ms: i64,
        change: impl Fn(Option<&Item>) -> Result<Item, Fault>,
    ) -> Result<Written<Arc<Stored<Item>>>, CatalogError> {
        for _ in 0..CONFLICTS_MAX {
            let present = self.present(id, now_ms).await?;
            let mut item = change(present.as_ref().map(|present| &present.value))?;
            item.updated_at_ms = now_ms;
            item.created_at_ms = present.as_ref().map_or(now_ms, |present| present.value.created_at_ms);
            item.deletion = None;
            // Whoever writes again, since it got no answer, names the version of before.
            if let Some(same) = present.as_ref().filter(|present| present.value.says_the_same(&item)) {
                return Ok(Written { stored: Arc::clone(same), outcome: Outcome::Unchanged });
            }
            if version.is_some_and(|version| present.as_ref().map_or(0, |item| item.version) != version) {
                return Err(CatalogError::Changed);
            }
            self.check(present.as_deref(), &item, now_ms).await?;
            if let Some(stored) = self.put(present.as_deref(), item).await? {
                return Ok(Written {
                    stored,
                    outcome: Outcome::over(present.map_or(0, |item| item.version)),
                });
            }
        }
        Err(CatalogError::Changed)
    }

    async fn check(
        &self,
        present: Option<&Stored<Item>>,
        item: &Item,
        now_ms: i64,
    ) -> Result<(), CatalogError> {
        item.check()?;
        if let Some(Stored { value: present, .. }) = present {
            if present.kind != item.kind {
                let allowed = format!("{}, since kinds do not change", present.kind.name());
                return Err(Fault::new("kind", item.kind.name(), allowed).into());
            }
            if present.deletion.is_some() {
                return Err(CatalogError::state(
                    "DELETED",
                    format!("{} is deleted: undelete it first", item.id),
                ));
            }
        }
        self.check_parent(item, now_ms).await?;
        self.check_names(item, now_ms).await
    }

    async fn check_parent(&self, item: &Item, now_ms: i64) -> Result<(), CatalogError> {
        let bad = |allowed: String| {
            let parent = item.parent.as_ref().map_or("", ItemId::as_str);
            Err(Fault::new("parent_id", parent, allowed).into())
        };
        let kind = item.kind.name();
        let Some(parent) = &item.parent else {
            return match tree::may_lie_in(item.kind, None) {
                true => Ok(()),
                false => bad(format!("a container that holds items of kind {kind}")),
            };
        };
        let chain = match self.whole_chain(parent, keeper(now_ms)).await {
            Ok(chain) => chain,
            Err(CatalogError::Absent(_)) => return bad("an item that is there".to_owned()),
            Err(error) => return Err(error),
        };
        if chain.iter().any(|above| above.value.id == item.id) {
            return bad("a container that does not lie in this item".to_owned());
        }
        if chain.iter().any(|above| above.value.deletion.is_some()) {
            return bad("a container that is not deleted".to_owned());
        }
        if chain.len() > tree::DEPTH_MAX {
            return bad(format!("a container with less than {} above it", tree::DEPTH_MAX));
        }
        match chain.first().map(|parent| parent.value.kind) {
            Some(holder) if tree::may_lie_in(item.kind, Some(holder)) => Ok(()),
            holder => {
                let holder = holder.map_or("", |holder| holder.name());
                bad(format!("a container that holds items of kind {kind}; this is of kind {holder}"))
            }
        }
    }

    /// What an item is called elsewhere is no other item's. Two who race may both pass; reads then find the first by id.
    async fn check_names(&self, item: &Item, now_ms: i64) -> Result<(), CatalogError> {
        let view = keeper(now_ms);
        for called in &item.external_ids {
            let value = || format!("{} {}", called.system, called.id);
            not_taken(item, "external_ids", value, self.called(called, view).await)?;
        }
        if let Some(token) = &item.share_token {
            not_taken(item, "share_token", || "(hidden)".to_owned(), self.shared(token, view).await)?;
        }
        Ok(())
    }

    /// Deletes an item, so that it can be brought back; with all that lies below it, if that is wanted, and with what
    /// everybody did there, if a history is given. From the first write on viewers see nothing of it. Done again, it is
    /// finished where it was broken off.
    ///
    /// # Errors
    /// `Absent`, `Changed`, `State` for a container that holds something when nothing is to go with it, and the store's.
    pub async fn delete(
        &self,
        id: &ItemId,
        version: Option<u64>,
        cascade: bool,
        history: Option<&History>,
        now_ms: i64,
    ) -> Result<Arc<Stored<Item>>, CatalogError> {
        let view = keeper(now_ms);
        let is_deleted = |item: &Stored<Item>| item.value.deletion.is_some();
        if !cascade && self.children_as_they_are(id, view).await?.iter().any(|child| !is_deleted(child)) {
            let message = format!("{id} holds other items: delete them first, or with it (cascade)");
            return Err(CatalogError::state("HAS_CHILDREN", message));
        }
        let deletion = Deletion { at_ms: now_ms, root: id.clone() };
        let deleted = self.mark(id, version, now_ms, None, Some(&deletion)).await?;
        let below = self.below(id, view).await?;
        for below in &below {
            self.mark(below, None, now_ms, None, Some(&deletion)).await?;
        }
        // Last, so that what is erased is deleted: only what is deleted is ever brought back.
        if let Some(history) = history {
            history.erase(slice::from_ref(id), now_ms).await?;
            history.erase(if cascade { &below } else { &[] }, now_ms).await?;
        }
        Ok(deleted)
    }

    /// Brings an item back, with all that its deletion took along. Of a history that was erased, nothing comes back, and
    /// what is done from now on counts.
    ///
    /// # Errors
    /// `Absent`, `Changed`, `State` for one that was deleted with another one, and the store's.
    pub async fn undelete(
        &self,
        id: &ItemId,
        version: Option<u64>,
        history: Option<&History>,
        now_ms: i64,
    ) -> Result<Arc<Stored<Item>>, CatalogError> {
        let view = keeper(now_ms);
        let present = self.present(id, now_ms).await?.ok_or(ABSENT)?;
        if let Some(Deletion { root, .. }) = present.value.deletion.as_ref().filter(|gone| gone.root != *id) {
            let message = format!("{id} was deleted with {root}: undelete that");
            return Err(CatalogError::state("DELETED_WITH_ANOTHER", message));
        }
        // From the leaves up, so that one that is broken off is found again by its root.
        for below in self.below(id, view).await?.into_iter().rev() {
            self.bring_back(&below, None, id, history, now_ms).await?;
        }
        self.bring_back(id, version, id, history, now_ms).await
    }

    /// Takes an item's deletion of this root away. Its history begins anew before that, so that nobody plays in vain.
    async fn bring_back(
        &self,
        id: &ItemId,
        version: Option<u64>,
        root: &ItemId,
        history: Option<&History>,
        now_ms: i64,
    ) -> Result<Arc<Stored<Item>>, CatalogError> {
        let present = self.present(id, now_ms).await?.ok_or(ABSENT)?;
        let is_other = present.value.deletion.as_ref().is_some_and(|deletion| deletion.root != *root);
        let is_changed = version.is_some_and(|version| present.version != version);
        if let Some(history) = history.filter(|_| !is_other && !is_changed) {
            history.begin_anew(slice::from_ref(id), now_ms).await?;
        }
        self.mark(id, version, now_ms, Some(root), None).await
    }

    /// All ids below an item, each behind the one that it lies in.
    async fn below(&self, id: &ItemId, view: View) -> Result<Vec<ItemId>, CatalogError> {
        let (mut found, mut at) = (vec![id.clone()], 0);
        while let Some(container) = found.get(at).cloned() {
            for child in self.children_as_they_are(&container, view).await? {
                if !found.contains(&child.value.id) {
                    found.push(child.value.id.clone());
                }
            }
            at += 1;
        }
        found.remove(0);
        Ok(found)
    }

    /// Sets or takes away an item's deletion; only one of that root, where one is named. One that is deleted stays so.
    async fn mark(
        &self,
        id: &ItemId,
        version: Option<u64>,
        now_ms: i64,
        of_root: Option<&ItemId>,
        deletion: Option<&Deletion>,
    ) -> Result<Arc<Stored<Item>>, CatalogError> {
        for _ in 0..CONFLICTS_MAX {
            let present = self.present(id, now_ms).await?.ok_or(ABSENT)?;
            let before = present.value.deletion.as_ref();
            let is_as_wanted = match deletion {
                Some(_) => before.is_some(),
                None => before.is_none_or(|before| of_root.is_some_and(|root| before.root != *root)),
            };
            if is_as_wanted {
                return Ok(present);
            }
            if version.is_some_and(|version| present.version != version) {
                return Err(CatalogError::Changed);
            }
            let deletion = deletion.cloned();
            let item = Item { deletion, updated_at_ms: now_ms, ..present.value.clone() };
            if let Some(written) = self.put(Some(&*present), item).await? {
                return Ok(written);
            }
        }
        Err(CatalogError::Changed)
    }

    async fn present(&self, id: &ItemId, now_ms: i64) -> Result<Option<Arc<Stored<Item>>>, CatalogError> {
        self.stored(id, keeper(now_ms)).await
    }

    async fn put(
        &self,
        before: Option<&Stored<Item>>,
        item: Item,
    ) -> Result<Option<Arc<Stored<Item>>>, CatalogError> {
        let change = rest::change(before, &item)?;
        let written = {
            let _writing = self.writing(&item.id);
            self.records.put(change).await?
        };
        let written = written.map(|version| Arc::new(Stored { value: item, version }));
        written.iter().for_each(|written| self.note_written(written));
        Ok(written)
    }
}

fn not_taken(
    item: &Item,
    field: &'static str,
    value: impl Fn() -> String,
    found: Result<Arc<Known>, CatalogError>,
) -> Result<(), CatalogError> {
    match found {
        Ok(other) if other.stored.value.id != item.id => {
            Err(CatalogError::Taken { field, value: value(), holder: other.stored.value.id.to_string() })
        }
        Ok(_) | Err(CatalogError::Absent(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whoever writes looks at what rests.
fn keeper(now_ms: i64) -> View {
    View { sees_all: true, is_fresh: true, now_ms }
}

const _: () = assert!(CHAIN_MAX >= tree::DEPTH_MAX);
