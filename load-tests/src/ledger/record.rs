//! What a ledger holds.

use playhead_proto::ingest::v1 as proto;

/// One entry.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Record {
    #[prost(oneof = "Entry", tags = "1, 2, 3, 4, 5")]
    pub(crate) entry: Option<Entry>,
}

/// The kinds of entries.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Entry {
    /// Which run this is: always the first.
    #[prost(message, tag = "1")]
    Run(Run),
    /// A session begins.
    #[prost(message, tag = "2")]
    Session(Session),
    /// An event is about to be sent.
    #[prost(message, tag = "3")]
    Sent(Sent),
    /// Events of a session ended, or got their last word.
    #[prost(message, tag = "4")]
    Ended(Ended),
    /// The run is over, and nothing more was sent.
    #[prost(message, tag = "5")]
    Closed(Closed),
}

/// Which run.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Run {
    /// Of this format.
    #[prost(uint32, tag = "1")]
    pub(crate) version: u32,
    /// What its names begin with.
    #[prost(string, tag = "2")]
    pub(crate) run: String,
    /// The scenario's name.
    #[prost(string, tag = "3")]
    pub(crate) scenario: String,
    #[prost(uint64, tag = "4")]
    pub(crate) seed: u64,
    /// Unix ms.
    #[prost(int64, tag = "5")]
    pub(crate) started_at_ms: i64,
}

/// A session.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Session {
    #[prost(uint64, tag = "1")]
    pub(crate) number: u64,
    #[prost(uint32, tag = "2")]
    pub(crate) user: u32,
    #[prost(uint32, tag = "3")]
    pub(crate) item: u32,
    #[prost(uint32, tag = "4")]
    pub(crate) device: u32,
    /// [`crate::scenario::Edge::number`].
    #[prost(uint32, tag = "5")]
    pub(crate) edge: u32,
}

/// An event, as its edge promises to keep it.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Sent {
    #[prost(uint64, tag = "1")]
    pub(crate) session: u64,
    #[prost(message, required, tag = "2")]
    pub(crate) event: proto::Event,
}

/// The last word on the events of a session whose numbers lie in a range.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Ended {
    #[prost(uint64, tag = "1")]
    pub(crate) session: u64,
    /// The lowest number; 0 means the lowest that has no word yet.
    #[prost(uint64, tag = "2")]
    pub(crate) from: u64,
    /// The highest number.
    #[prost(uint64, tag = "3")]
    pub(crate) through: u64,
    #[prost(enumeration = "Word", tag = "4")]
    pub(crate) word: i32,
}

/// A last word. A later one counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum Word {
    /// It is durable, the server said.
    Acked = 0,
    /// It was refused for good.
    Rejected = 1,
    /// It was taken without a promise.
    Accepted = 2,
    /// There was no room, and it was left at that.
    Busy = 3,
    /// There was no answer.
    Failed = 4,
}

/// The end.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Closed {
    /// Events sent.
    #[prost(uint64, tag = "1")]
    pub(crate) sent: u64,
}

/// Of the format that this code writes.
pub(crate) const VERSION: u32 = 1;
/// Blocks of ledgers begin the file with this.
pub(crate) const MAGIC: &[u8; 8] = b"PHLEDGR1";
