//! Protobuf bytes to our types and back, in one place for all edges that speak protobuf.
//!
//! Reading walks over the bytes and makes our types directly, without the generated ones between: that keeps a bad
//! element to itself, which a generated reader cannot. (It is not faster yet: bench/RESULTS.md, decode.) An event with a
//! wrong wire type, a number out of its type's range or text that is no UTF-8 is refused alone, with its field and, where
//! it can be read, its number; its neighbours are taken. Only what holds elements, a frame or a session's batch, is
//! refused as a whole when its own bytes make no sense.
//!
//! Differences from a generated reader, all on the strict side: a number above its type's range is refused instead of
//! cut, a frame that has two of its alternatives is refused instead of taken for the last, and the long deprecated
//! groups are refused instead of skipped. Unknown fields are skipped, so that newer clients can talk to this server.

mod lease;
mod playback;
mod read;
mod scan;
mod write;

pub use lease::live_session;
pub use playback::{position, session};
pub use read::{ClientFrame, Hello, client_frame, publish_request, session_events};
pub use write::{ServerFrame, ack, event, publish_response, session_outcome, verdict, welcome};
pub(crate) use write::{delimited, failure, terminate};

/// What describes all messages and services, as the compiler of the .proto files says.
pub const DESCRIPTORS: &[u8] = playhead_proto::DESCRIPTORS;

/// The protocol version that this server speaks.
pub const PROTOCOL_VERSION: u32 = 1;
