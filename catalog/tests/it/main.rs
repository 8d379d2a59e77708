//! The catalog over a real socket, on a real store, with signed tokens.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    unreachable_pub,
    reason = "tests may fail loudly, and are no library"
)]

mod cross_user;
mod history;
mod items;
mod opinions;
mod places;
mod play;
mod remembered;
mod rest;
mod rights;
mod screens;
mod search;
mod segments;
mod site;
mod stale;
mod store;
mod stores;
