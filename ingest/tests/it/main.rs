//! The edges against a real engine, over real sockets.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    unreachable_pub,
    reason = "tests may fail loudly"
)]

mod backlog;
mod bounds;
mod cmcd;
mod grpc;
mod guarded;
mod host;
mod http;
mod http_server;
mod quic;
mod script;
mod sim;
mod tokens;
