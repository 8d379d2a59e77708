//! The binary as its users meet it: started as a process, asked over its ports, stopped by signals.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "tests may fail loudly"
)]

mod catalog;
mod check;
mod client;
mod cluster;
mod crash;
mod demo;
mod erased;
mod import;
mod load;
mod players;
mod process;
mod serve;
mod tap;
mod tls;
mod token;
mod verify;
