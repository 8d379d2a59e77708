//! The ways in, from the client's side.

pub(crate) mod cmcd;
pub(crate) mod connect;
pub(crate) mod http;
pub(crate) mod publish;
pub(crate) mod queue;
pub(crate) mod streams;
