//! The pieces of variants, for players and tools that want them one by one. They rest together by the hundred.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use playhead_store::{
    ItemId,
    catalog::{Fault, Segment, asset::join_segments, check},
    durable::documents::DocumentKey,
};

use crate::{
    CatalogError,
    items::{Items, View},
    page::{Page, PageRequest, token},
    records::{
        Records,
        opinion::{self as rest, SEGMENTS_TOGETHER},
        right::place_name,
    },
    settings::SEGMENTS_MAX,
};

/// Keeps segments.
pub struct Segments {
    records: Records,
    items: Arc<Items>,
}

/// A variant of an asset of an item.
#[derive(Debug, Clone)]
pub struct Of {
    /// The item.
    pub item: ItemId,
    /// The asset.
    pub asset: String,
    /// The variant.
    pub variant: String,
}

impl Segments {
    /// Of these records, of these items.
    #[must_use]
    pub fn new(records: Records, items: Arc<Items>) -> Self {
        Self { records, items }
    }

    /// Writes segments; those with other numbers stay.
    ///
    /// # Errors
    /// `Bad`, `Absent` for a variant that is not there, `Changed` when too many race, and the store's. Then some may have
    /// been written, and writing them again is safe.
    pub async fn upsert(&self, of: &Of, segments: &[Segment], now_ms: i64) -> Result<(), CatalogError> {
        check_all(segments)?;
        self.find(of, View { sees_all: true, is_fresh: true, now_ms }).await?;
        let mut together: BTreeMap<String, Vec<Segment>> = BTreeMap::new();
        for segment in segments {
            together.entry(rest::segments_name(segment.number)).or_default().push(segment.clone());
        }
        let partition = rest::segments(&of.item, &of.asset, &of.variant);
        for (name, new) in together {
            let change = |present: Option<Vec<Segment>>| {
                let mut all = present.unwrap_or_default();
                join_segments(&mut all, &new);
                Ok(all)
            };
            self.records.revise(DocumentKey::new(partition.clone(), name), None, change).await?;
        }
        Ok(())
    }

    /// Takes all segments of a variant away, be it there or not.
    ///
    /// # Errors
    /// The store's.
    pub async fn delete(&self, of: &Of) -> Result<(), CatalogError> {
        self.records.purge(&rest::segments(&of.item, &of.asset, &of.variant)).await
    }

    /// A page of a variant's segments, by number.
    ///
    /// # Errors
    /// `Absent` for a variant that is not there or not for this viewer, `Bad` for a token that no page gave, and the
    /// store's.
    pub async fn list(&self, of: &Of, page: &PageRequest, view: View) -> Result<Page<Segment>, CatalogError> {
        self.find(of, view).await?;
        let after = page.after.as_deref().map(number).transpose()?;
        let first = after.map_or(0, |after| after.saturating_add(1));
        let partition = rest::segments(&of.item, &of.asset, &of.variant);
        // The document behind the one before.
        let mut from = (first / SEGMENTS_TOGETHER).checked_sub(1).map(place_name);
        let mut entries: Vec<Segment> = Vec::with_capacity(page.size + 1);
        while entries.len() <= page.size {
            let found =
                self.records.list::<Vec<Segment>>(&partition, from.as_deref(), DOCUMENTS_READ).await?;
            let is_end = found.len() < DOCUMENTS_READ;
            for (name, loaded) in found {
                entries.extend(loaded.value.value.into_iter().filter(|segment| segment.number >= first));
                from = Some(name);
            }
            if is_end {
                break;
            }
        }
        let is_end = entries.len() <= page.size;
        entries.truncate(page.size);
        let last = entries.last().filter(|_| !is_end).map(|segment| token(&place_name(segment.number)));
        Ok(Page { entries, next: last })
    }

    async fn find(&self, of: &Of, view: View) -> Result<(), CatalogError> {
        let item = self.items.get(&of.item, view).await?;
        let mut assets = item.value.assets.iter().filter(|asset| asset.id == of.asset);
        let is_there = item.value.deletion.is_none()
            && assets.any(|asset| asset.variants.iter().any(|variant| variant.id == of.variant));
        if is_there { Ok(()) } else { Err(CatalogError::Absent("variant")) }
    }
}

fn check_all(segments: &[Segment]) -> Result<(), Fault> {
    if !(1..=SEGMENTS_MAX).contains(&segments.len()) {
        let allowed = format!("1 to {SEGMENTS_MAX}");
        return Err(Fault::new("segments", format!("{} of them", segments.len()), allowed));
    }
    let mut seen = HashSet::with_capacity(segments.len());
    if let Some(at) = segments.iter().position(|segment| !seen.insert(segment.number)) {
        return Err(Fault::new(format!("segments[{at}].number"), "the same again", "each of them once"));
    }
    check::indexed("segments", segments, Segment::check)
}

fn number(name: &str) -> Result<u32, Fault> {
    let allowed = "next_page_token of an earlier answer, as it is";
    name.parse().map_err(|_| Fault::new("page_token", name, allowed))
}

/// How many documents are read at once: two fill the largest page.
const DOCUMENTS_READ: usize = 2;
