//! What a run knows of its own events, on disk: what was sent, and how it ended. A generator that is killed leaves a
//! ledger that can be read up to its last whole block.
//!
//! The file is a row of blocks, each `length: u32, crc32: u32, payload`, little endian; a payload is a row of
//! length-delimited [`record::Record`]s. The first record says which run it is. An event is written before it is sent,
//! an ending after it was heard; about 30 bytes per event, and 2 to 10 per acknowledgement.

pub mod read;
pub(crate) mod record;
pub(crate) mod write;
