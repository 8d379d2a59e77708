//! Tokens as callers show them, on every way in: which are refused, and what the good ones may touch.

mod bad;
mod cross_user;
mod edges;
mod issuer;
mod matrix;
mod own;
mod passes;
mod quic;
mod scopes;
mod streams;
