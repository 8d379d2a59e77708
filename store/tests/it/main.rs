//! The embedded backends, from outside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may fail loudly"
)]

mod durable_embedded;
mod durable_scylla;
mod hot_embedded;
mod hot_redis;
