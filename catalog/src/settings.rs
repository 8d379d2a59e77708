//! How the catalog is run.

use playhead_store::{position::PositionRuleBook, progress::CompleteBy};

/// What bounds it, and how old an answer may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How old a cached answer may be, ms.
    pub cache_ttl_ms: i64,
    /// What caches may take together, bytes.
    pub cache_bytes_max: u64,
    /// How long a call waits for the store, ms.
    pub store_ms_max: u64,
    /// The largest message, bytes.
    pub message_bytes_max: usize,
    /// By what an item is done.
    pub complete_by: CompleteBy,
    /// How much of an item is enough, where it goes by what was watched; positions bear it already.
    pub rules: PositionRuleBook,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            cache_ttl_ms: 10_000,
            cache_bytes_max: 32 << 20,
            store_ms_max: 2_000,
            message_bytes_max: 4 << 20,
            complete_by: CompleteBy::default(),
            rules: PositionRuleBook::default(),
        }
    }
}

/// The most items in one BatchGetItems.
pub const BATCH_ITEMS_MAX: usize = 100;
/// The most items that a search finds.
pub const FOUND_ITEMS_MAX: usize = 1_000;
/// The most items in one tree.
pub const TREE_ITEMS_MAX: usize = 2_000;
/// The most items in one collection.
pub const COLLECTION_ITEMS_MAX: usize = 2_000;
/// The most bytes of one document at rest.
pub const DOCUMENT_BYTES_MAX: usize = 1 << 20;
/// Plans, subscriptions, seats, grants, limits and what collections hold share half of the cache; the other half is for
/// items.
pub const RIGHTS_CACHES: u64 = 6;
/// The most subscriptions of an account, and the most grants of a user, that are looked at.
pub const RIGHTS_MAX: usize = 1_000;
/// A write that met another one is tried again so often.
pub const CONFLICTS_MAX: usize = 32;
/// The most bookmarks of a user: they are read all at once.
pub const BOOKMARKS_MAX: u32 = 1_000;
/// The most segments in one write.
pub const SEGMENTS_MAX: usize = 1_000;
/// How many entries of a list are looked at to fill one page of what passes a filter.
pub const SCAN_ENTRIES_MAX: usize = 1_000;
/// Of what a user touched, so many items are looked at for what is up next, the last ones.
pub const TOUCHED_MAX: usize = 2_000;
/// The most sessions that are looked at for one container's progress.
pub const PLAYED_SESSIONS_MAX: usize = 2_000;
