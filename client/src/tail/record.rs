//! What a tail file holds: eight bytes that name the format, then records, each as its length, its CRC and its bytes.

use playhead_proto::ingest::v1::{Event, Session};
use prost::Message;

/// The format, at the beginning of the file.
pub(super) const MAGIC: [u8; 8] = *b"PHTAIL\0\x01";

/// A record.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Record {
    #[prost(oneof = "Entry", tags = "1, 2, 3, 4")]
    pub(super) entry: Option<Entry>,
}

/// What happened.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum Entry {
    #[prost(message, tag = "1")]
    Opened(Opened),
    #[prost(message, tag = "2")]
    Offered(Offered),
    #[prost(message, tag = "3")]
    Acked(Acked),
    #[prost(message, tag = "4")]
    Closed(Closed),
}

/// A session begins, or stood here when the file was written anew.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Opened {
    /// The session's number in this file.
    #[prost(uint64, tag = "1")]
    pub(super) number: u64,
    #[prost(message, optional, tag = "2")]
    pub(super) session: Option<Session>,
    /// What the next event gets.
    #[prost(uint64, tag = "3")]
    pub(super) next_seq: u64,
    #[prost(uint64, tag = "4")]
    pub(super) acked_through: u64,
}

/// An event is about to be sent.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Offered {
    #[prost(uint64, tag = "1")]
    pub(super) number: u64,
    #[prost(message, optional, tag = "2")]
    pub(super) event: Option<Event>,
}

/// Everything up to a number has its ending.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Acked {
    #[prost(uint64, tag = "1")]
    pub(super) number: u64,
    #[prost(uint64, tag = "2")]
    pub(super) through: u64,
}

/// A session is over.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Closed {
    #[prost(uint64, tag = "1")]
    pub(super) number: u64,
}

/// A record as it stands in the file.
pub(super) fn encode(entry: Entry) -> Vec<u8> {
    let body = Record { entry: Some(entry) }.encode_to_vec();
    let bytes = u32::try_from(body.len()).unwrap_or(u32::MAX);
    let mut record = Vec::with_capacity(HEAD_BYTES + body.len());
    record.extend_from_slice(&bytes.to_le_bytes());
    record.extend_from_slice(&crc32fast::hash(&body).to_le_bytes());
    record.extend_from_slice(&body);
    record
}

/// The first record of these bytes, and how long it is; nothing if it is not whole or damaged.
pub(super) fn decode(bytes: &[u8]) -> Option<(Entry, usize)> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    let length =
        usize::try_from(u32::from_le_bytes(*length)).ok().filter(|&length| length <= RECORD_BYTES_MAX)?;
    let body = rest.get(..length)?;
    if crc32fast::hash(body) != u32::from_le_bytes(*crc) {
        return None;
    }
    Some((Record::decode(body).ok()?.entry?, HEAD_BYTES + length))
}

const HEAD_BYTES: usize = 8;
/// No event is nearly as large.
const RECORD_BYTES_MAX: usize = 1 << 20;
