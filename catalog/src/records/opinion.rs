//! Where ratings, bookmarks and segments rest.
//!
//! A user's own record says what the user gave and under which number, chance's choice, the item knows it. So a summary
//! counts everybody once, and tells of nobody when the user's own records are erased.

use playhead_store::{
    ItemId, UserId,
    catalog::opinion::Rating,
    durable::documents::{DocumentKey, Own, Partition},
};
use serde::{Deserialize, Serialize};

use super::right::place_name;

/// A user's record of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rated {
    /// What the item knows the user by.
    pub rater: u64,
    /// What the user thinks of it; `None` where that was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rating: Option<Rating>,
}

impl Rated {
    /// Which part of the item's votes it is in.
    #[must_use]
    pub fn part(rater: u64) -> u8 {
        let [first, ..] = rater.to_be_bytes();
        first
    }
}

/// The document of what a user thinks of an item.
#[must_use]
pub fn rating_key(user: &UserId, item: &ItemId) -> DocumentKey {
    DocumentKey::new(Own::Ratings.of(user), item.as_str())
}

/// The document of a part of an item's votes.
#[must_use]
pub fn votes_key(item: &ItemId, part: u8) -> DocumentKey {
    DocumentKey::new(Partition::new(&["votes", item.as_str()]), format!("{part:02x}"))
}

/// The document of what all parts of an item's votes come to.
#[must_use]
pub fn summary_key(item: &ItemId) -> DocumentKey {
    DocumentKey::new(Partition::new(&["rating summary", item.as_str()]), "")
}

/// The documents of a user's bookmarks, by their places' numbers.
#[must_use]
pub fn bookmarks(user: &UserId) -> Partition {
    Own::Bookmarks.of(user)
}

/// The documents of a variant's segments, each of [`SEGMENTS_TOGETHER`] numbers.
#[must_use]
pub fn segments(item: &ItemId, asset: &str, variant: &str) -> Partition {
    Partition::new(&["segments", item.as_str(), asset, variant])
}

/// The name of the document that a segment is in.
#[must_use]
pub fn segments_name(number: u32) -> String {
    place_name(number / SEGMENTS_TOGETHER)
}

/// How many numbers one document of segments is for.
pub const SEGMENTS_TOGETHER: u32 = 100;
