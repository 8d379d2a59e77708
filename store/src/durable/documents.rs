//! The lasting record of what people write by hand or by import: the catalog, plans, subscriptions, grants. See ADR 15.
//!
//! A *document* is a text with a version, under a name in a partition. It changes only from the version that its writer
//! saw. *Entries* are names in lists, by which documents are found: they come before their document says so and go after,
//! so that a list may have too much and never lacks anything; whoever reads a list looks at the documents.

use std::fmt;

use crate::{StoreError, UserId};

/// The lasting record of documents. Every method may be called from many tasks at once.
#[async_trait::async_trait]
pub trait Documents: Send + Sync + 'static {
    /// The documents of these keys, in this order; `None` where there is none. Sees every put that returned before.
    async fn get(&self, keys: &[DocumentKey]) -> Result<Vec<Option<Document>>, StoreError>;

    /// The documents of a partition in the order of their names' bytes, from behind a name on; fewer than `limit` only at
    /// the end.
    async fn list(
        &self,
        partition: &Partition,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Document>, StoreError>;

    /// The entries of a list in the order of their bytes, from behind one on; fewer than `limit` only at the end.
    async fn entries(
        &self,
        list: &Partition,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, StoreError>;

    /// Makes each change whose document is at the version that it expects, its entries included, and says so of each, in
    /// this order; no two may be of one document. Durable when it returns, power loss included. After an error any part
    /// may have been made; making the same again changes nothing more and is how the caller goes on.
    async fn put(&self, changes: &[Change]) -> Result<Vec<Put>, StoreError>;

    /// Takes away all documents of a partition, for good, as if they never were. They must have no entries, and nobody may
    /// be writing there. Durable when it returns; safe to repeat.
    async fn purge(&self, partition: &Partition) -> Result<(), StoreError>;
}

/// Where documents or entries lie together: parts of a name, none of which has control characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition(String);

impl Partition {
    /// The partition of these parts.
    #[must_use]
    pub fn new(parts: &[&str]) -> Self {
        Self(join(parts))
    }

    /// As it rests.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.replace(SEPARATOR, "/"))
    }
}

/// What is a user's own: these documents go when [`Durable::erase`](super::Durable::erase) erases the user. They have no
/// entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Own {
    /// What lets the user watch something.
    Grants,
    /// What the user may watch at most.
    Limits,
    /// What the user thinks of items.
    Ratings,
    /// Where the user wants to be again.
    Bookmarks,
}

impl Own {
    /// All of it.
    pub const ALL: [Self; 4] = [Self::Grants, Self::Limits, Self::Ratings, Self::Bookmarks];

    /// Where it lies.
    #[must_use]
    pub fn of(self, user: &UserId) -> Partition {
        let kind = match self {
            Self::Grants => "grants",
            Self::Limits => "limits",
            Self::Ratings => "ratings",
            Self::Bookmarks => "bookmarks",
        };
        Partition::new(&[kind, user.as_str()])
    }
}

/// A name of several parts, none of which has control characters. Sorts by its parts.
#[must_use]
pub fn join(parts: &[&str]) -> String {
    parts.join(SEPARATOR_TEXT)
}

/// The last part of a name of several.
#[must_use]
pub fn last(name: &str) -> &str {
    name.rsplit(SEPARATOR).next().unwrap_or_default()
}

/// Where a document lies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentKey {
    /// With which others.
    pub partition: Partition,
    /// Its name there, of parts without control characters; may be empty.
    pub name: String,
}

impl DocumentKey {
    /// The document of this name.
    pub fn new(partition: Partition, name: impl Into<String>) -> Self {
        Self { partition, name: name.into() }
    }
}

/// A document as it rests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its name in its partition.
    pub name: String,
    /// Its version, from 1, one more with each change.
    pub version: u64,
    /// What it says.
    pub body: String,
}

/// What is to become of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The document.
    pub key: DocumentKey,
    /// The version that it must be at; 0 where it must never have been.
    pub expected: u64,
    /// What it says from then on.
    pub body: String,
    /// Entries that it has from now on. Of one document each may be added and dropped as often as is wanted.
    pub adds: Vec<Entry>,
    /// Entries that it has no more.
    pub drops: Vec<Entry>,
}

impl Change {
    /// A change of a document that has no entries.
    #[must_use]
    pub fn new(key: DocumentKey, expected: u64, body: String) -> Self {
        Self { key, expected, body, adds: Vec::new(), drops: Vec::new() }
    }
}

/// A name in a list. Of one entry there is one document that may add it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entry {
    /// The list.
    pub list: Partition,
    /// The name, of parts without control characters.
    pub name: String,
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It was made, now or when it was put before: the document is at this version.
    Done(u64),
    /// The document was not at the version expected.
    Conflict,
}

/// Between the parts of a name: a control character, which no part has, and less than any other character.
const SEPARATOR: char = '\u{1f}';
const SEPARATOR_TEXT: &str = "\u{1f}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_sorts_by_its_parts() {
        let names = [join(&["a", "z"]), join(&["a b", "a"]), join(&["ab", "a"]), join(&["가"])];
        assert!(names.is_sorted(), "{names:?}");
        assert_eq!(names.each_ref().map(|name| last(name)), ["z", "a", "a", "가"]);
        assert_eq!(format!("{:?}", Partition::new(&["kind", "MOVIE"])), "kind/MOVIE");
    }
}
