//! The client against a small server that speaks the wire and misbehaves as told, over QUIC and gRPC.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may fail loudly"
)]

mod server;
mod sessions;
mod tails;
mod trust;
