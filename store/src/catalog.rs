//! What there is to watch: the nouns of the catalog and its rules, without clock and I/O.
//!
//! In reading order: [`item`] is the noun that all else hangs on, told in a [`language`], playable by its [`asset`]s, within
//! a [`window`] and for whom its [`policy`] says; [`tree`] is how items lie in each other, and [`check`] what may be
//! written of one. [`category`] and [`opinion`] are what stands beside: categories, ratings and bookmarks.

pub mod item;

pub mod language;

pub mod asset;

pub mod window;

pub mod policy;

pub mod tree;

pub mod check;

pub mod category;

pub mod opinion;

pub use asset::{Asset, AssetKind, Encryption, Segment, Variant};
pub use category::Category;
pub use check::Fault;
pub use item::{Deletion, ExternalId, Item, Kind, Status, Tag, Text, Version};
pub use language::Language;
pub use policy::{GrantKind, GrantNeed, Policy, SubscriptionNeed, Way};
pub use window::{Country, Window};
