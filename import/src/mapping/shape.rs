//! What may be said of each noun: the names are those of the API's fields.

mod keys;

use self::keys::{
    BOOKMARK, CATEGORY, COLLECTION, GRANT, ITEM, LIMITS, PLAN, RATING, SEAT, SEGMENTS, SESSION, SUBSCRIPTION,
};

/// The nouns, in the order in which they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NounKind {
    /// A category.
    Category,
    /// An item.
    Item,
    /// What a collection holds.
    Collection,
    /// The pieces of a variant.
    Segments,
    /// A plan.
    Plan,
    /// A subscription.
    Subscription,
    /// A seat of a subscription.
    Seat,
    /// A grant.
    Grant,
    /// What a user may watch at most.
    Limits,
    /// What a user thinks of an item.
    Rating,
    /// A place in an item that a user wants to find again.
    Bookmark,
    /// One playing of an item, and so where its user is in it.
    Session,
}

impl NounKind {
    /// All, in their order.
    pub const ALL: [Self; 12] = [
        Self::Category,
        Self::Item,
        Self::Collection,
        Self::Segments,
        Self::Plan,
        Self::Subscription,
        Self::Seat,
        Self::Grant,
        Self::Limits,
        Self::Rating,
        Self::Bookmark,
        Self::Session,
    ];

    /// Its name in mappings and summaries.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Category => "categories",
            Self::Item => "items",
            Self::Collection => "collections",
            Self::Segments => "segments",
            Self::Plan => "plans",
            Self::Subscription => "subscriptions",
            Self::Seat => "seats",
            Self::Grant => "grants",
            Self::Limits => "limits",
            Self::Rating => "ratings",
            Self::Bookmark => "bookmarks",
            Self::Session => "sessions",
        }
    }

    /// What may be said of it.
    pub(crate) fn keys(self) -> &'static [Key] {
        match self {
            Self::Category => CATEGORY,
            Self::Item => ITEM,
            Self::Collection => COLLECTION,
            Self::Segments => SEGMENTS,
            Self::Plan => PLAN,
            Self::Subscription => SUBSCRIPTION,
            Self::Seat => SEAT,
            Self::Grant => GRANT,
            Self::Limits => LIMITS,
            Self::Rating => RATING,
            Self::Bookmark => BOOKMARK,
            Self::Session => SESSION,
        }
    }

    /// The fields that name it: parts say them too.
    pub(crate) fn names(self) -> &'static [&'static str] {
        match self {
            Self::Category | Self::Item | Self::Plan => &["id"],
            Self::Collection => &["collection_id", "item_id"],
            Self::Segments => &["item_id", "asset_id", "variant_id", "number"],
            Self::Subscription => &["account_id", "id"],
            Self::Seat => &["account_id", "subscription_id", "user_id"],
            Self::Grant | Self::Bookmark => &["user_id", "id"],
            Self::Rating => &["user_id", "item_id"],
            Self::Session => &["session_id"],
            Self::Limits => &["user_id"],
        }
    }

    /// The fields that whoever makes it has to say besides.
    pub(crate) fn needs(self) -> &'static [&'static str] {
        match self {
            Self::Item | Self::Grant => &["kind"],
            Self::Segments => &["url", "start_ms", "duration_ms"],
            Self::Rating => &["stars"],
            Self::Bookmark => &["item_id", "position_ms"],
            Self::Session => &["user_id", "item_id"],
            Self::Subscription => &["plan_id", "status", "period_start_ms", "period_end_ms"],
            _ => &[],
        }
    }
}

/// A field and what it is made of.
pub(crate) type Key = (&'static str, Shape);

/// What a field is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    /// A text.
    Text,
    /// A whole number.
    Number,
    /// A moment, Unix ms.
    Time,
    /// A length, ms.
    Span,
    /// Yes or no.
    Flag,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Several texts.
    Texts,
    /// Several things of these fields.
    Things(&'static [Key]),
    /// Texts under names of the mapping's own.
    Named,
}
