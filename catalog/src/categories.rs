//! The tree of categories. There are few, and they are read together.

use std::collections::HashMap;

use playhead_store::{
    CategoryId,
    catalog::{Category, Fault},
    durable::documents::Change,
};

use crate::{
    CatalogError,
    records::{Records, Stored, body, item as rest},
    settings::CONFLICTS_MAX,
};

/// Keeps categories.
pub struct Categories {
    records: Records,
}

impl Categories {
    /// Of these records.
    #[must_use]
    pub fn new(records: Records) -> Self {
        Self { records }
    }

    /// Writes a category. What says the same is not written again.
    ///
    /// # Errors
    /// `Bad` for what may not be written, `Changed` where the version is not the present one, and the store's.
    pub async fn upsert(
        &self,
        category: Category,
        version: Option<u64>,
    ) -> Result<Stored<Category>, CatalogError> {
        category.check()?;
        for _ in 0..CONFLICTS_MAX {
            let all = self.all().await?;
            check_parent(&category, &all)?;
            if !all.iter().any(|other| other.value.id == category.id) && all.len() >= CATEGORIES_MAX {
                let message = format!("there are {CATEGORIES_MAX} categories, which is the most");
                return Err(CatalogError::state("TOO_MANY_CATEGORIES", message));
            }
            let present = all.into_iter().find(|present| present.value.id == category.id);
            let present_version = present.as_ref().map_or(0, |present| present.version);
            if let Some(same) = present.filter(|present| present.value == category) {
                return Ok(same);
            }
            if version.is_some_and(|version| version != present_version) {
                return Err(CatalogError::Changed);
            }
            let key = rest::category_key(&category.id);
            let change = Change::new(key, present_version, body(&category)?);
            if let Some(version) = self.records.put(change).await? {
                return Ok(Stored { value: category, version });
            }
        }
        Err(CatalogError::Changed)
    }

    /// All categories: siblings in their order, each behind the one above it.
    ///
    /// # Errors
    /// The store's.
    pub async fn all(&self) -> Result<Vec<Stored<Category>>, CatalogError> {
        let listed = self.records.list(&rest::categories(), None, CATEGORIES_MAX).await?;
        let mut all: Vec<Stored<Category>> = listed.into_iter().map(|(_, loaded)| loaded.value).collect();
        all.sort_by(|a, b| {
            let place = |category: &Category| (category.order, category.id.clone());
            place(&a.value).cmp(&place(&b.value))
        });
        Ok(from_the_top(&all))
    }
}

/// Parents before their children, each followed by all below it. Those that nothing leads to come last.
fn from_the_top(all: &[Stored<Category>]) -> Vec<Stored<Category>> {
    let mut children: HashMap<Option<&CategoryId>, Vec<&Stored<Category>>> = HashMap::new();
    for category in all.iter().rev() {
        children.entry(category.value.parent.as_ref()).or_default().push(category);
    }
    let mut sorted = Vec::with_capacity(all.len());
    let mut open = children.remove(&None).unwrap_or_default();
    while let Some(category) = open.pop() {
        sorted.push(category.clone());
        open.extend(children.remove(&Some(&category.value.id)).unwrap_or_default());
    }
    let mut lost: Vec<_> = children.into_values().flatten().cloned().collect();
    lost.sort_by(|a, b| a.value.id.cmp(&b.value.id));
    sorted.extend(lost);
    sorted
}

fn check_parent(category: &Category, all: &[Stored<Category>]) -> Result<(), Fault> {
    let fault = |allowed: String| {
        let parent = category.parent.as_ref().map_or("", CategoryId::as_str);
        Err(Fault::new("parent_id", parent, allowed))
    };
    let mut above = category.parent.as_ref();
    for depth in 0.. {
        let Some(id) = above else { break };
        if *id == category.id {
            return fault("a category that does not lie in this one".to_owned());
        }
        if depth >= DEPTH_MAX {
            return fault(format!("a category with less than {DEPTH_MAX} above it"));
        }
        match all.iter().find(|other| other.value.id == *id) {
            Some(parent) => above = parent.value.parent.as_ref(),
            None => return fault("a category that is there".to_owned()),
        }
    }
    Ok(())
}

/// The most categories: they are read all at once.
const CATEGORIES_MAX: usize = 5_000;
/// The most categories above another one.
const DEPTH_MAX: usize = 8;
