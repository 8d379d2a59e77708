//! Dumps of five systems, each in its own tables and dialect, imported into a real engine and catalog that are served over
//! real sockets, and asked what their systems ask; and what an import does when it is repeated, broken off, or given what is
//! wrong.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    unreachable_pub,
    reason = "tests may fail loudly, and are no library"
)]

mod feeds;
mod player;
mod s1_streaming;
mod s2_courses;
mod s3_learning;
mod s4_vod;
mod s5_commerce;
mod site;
mod trouble;
mod watched;
