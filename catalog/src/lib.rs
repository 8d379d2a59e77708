//! Playhead's catalog: what there is to watch, who may watch it, and why not.
//!
//! The path of a call, in reading order:
//! 1. [`grpc`] says who calls ([`rest`] lists what is answered over HTTP too), and `wire` makes its messages our types, in
//!    one place.
//! 2. [`items`] keeps the tree of what there is: writes with their checks, reads for viewers and for those who keep it.
//!    [`categories`] and [`collections`] are other ways to find it, [`search`] finds it by its words. Where an item is deleted
//!    with what was done there, [`history`] says so to those who keep that.
//! 3. [`entitlement`] keeps plans, subscriptions and grants, and asks the rule in `playhead-store` whether a user may.
//! 4. [`play`] is the play button: a decision, a slot, a view, a token, and [`urls`] that are signed. [`opinions`],
//!    [`bookmarks`] and [`segments`] are kept beside, and [`screens`] put the catalog and positions together.
//! 5. [`records`] is how all of it rests: documents behind the store's seam, read through a [`cache`] that asks once for
//!    all who wait.
//!
//! A write is durable when it is answered. A read may be as old as the cache's time to live, unless it asks for what is
//! fresh; on the node that wrote it is never older than the write, and on others that hear of the write ([`stale`]) not for
//! more than a moment.

pub mod grpc;

pub mod rest;

mod wire;

pub mod check;

pub mod items;

pub mod history;

pub mod collections;

pub mod categories;

pub mod entitlement;

pub mod play;

pub mod urls;

pub mod opinions;

pub mod bookmarks;

pub mod segments;

pub mod screens;

pub mod records;

pub mod cache;

pub mod stale;

pub mod search;

pub mod page;

pub mod settings;

pub mod error;

pub use error::CatalogError;
pub use settings::Settings;
