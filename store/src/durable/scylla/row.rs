//! What one statement writes: its values in the order that the statement wants them, and their size.

use scylla::serialize::{
    SerializationError,
    row::{RowSerializationContext, SerializeRow},
    writers::RowWriter,
};

use super::stamp;
use crate::{ItemId, SessionKey, UserId};

/// What one statement writes, besides its table's name.
#[derive(Debug)]
pub(super) enum Row {
    /// An event of a session.
    Event { key: SessionKey, seq: u64, at_ms: i64, event: Vec<u8>, ttl_s: i32 },
    /// What was said of a session.
    Said { key: SessionKey, said: Vec<u8>, as_of_ms: i64, ttl_s: i32 },
    /// A session's line in its user's list.
    Listed { key: SessionKey, last_at_ms: i64, ttl_s: i32 },
    /// A register of a position.
    Settled { user: UserId, item: ItemId, register: Vec<u8>, at_ms: i64 },
    /// Likewise.
    Opening { user: UserId, item: ItemId, register: Vec<u8>, at_ms: i64 },
    /// Likewise.
    Mark { user: UserId, item: ItemId, mark: Vec<u8>, at_ms: i64 },
    /// The last completion of an item.
    CompletedLast { user: UserId, item: ItemId, at_ms: i64 },
    /// The first one since this erasure.
    CompletedFirst { user: UserId, item: ItemId, generation: i64, at_ms: i64 },
}

impl Row {
    /// Its part of a request, bytes.
    pub(super) fn bytes(&self) -> usize {
        let (key, value) = match self {
            Self::Event { key, event, .. } => (of_session(key), event.len()),
            Self::Said { key, said, .. } => (of_session(key), said.len()),
            Self::Listed { key, .. } => (of_session(key), 0),
            Self::Settled { user, item, register, .. } | Self::Opening { user, item, register, .. } => {
                (of_position(user, item), register.len())
            }
            Self::Mark { user, item, mark, .. } => (of_position(user, item), mark.len()),
            Self::CompletedLast { user, item, .. } | Self::CompletedFirst { user, item, .. } => {
                (of_position(user, item), 0)
            }
        };
        ROW_BYTES + key + value
    }
}

fn of_session(key: &SessionKey) -> usize {
    key.user.as_str().len() + key.session.as_str().len()
}

fn of_position(user: &UserId, item: &ItemId) -> usize {
    user.as_str().len() + item.as_str().len()
}

impl SerializeRow for Row {
    fn serialize(
        &self,
        to: &RowSerializationContext<'_>,
        out: &mut RowWriter<'_>,
    ) -> Result<(), SerializationError> {
        match self {
            Self::Event { key, seq, at_ms, event, ttl_s } => {
                let (user, session) = (key.user.as_str(), key.session.as_str());
                (stamp::of(*at_ms), ttl_s, at_ms, event, user, session, seq.cast_signed()).serialize(to, out)
            }
            Self::Said { key, said, as_of_ms, ttl_s } => {
                let (user, session) = (key.user.as_str(), key.session.as_str());
                (stamp::of(*as_of_ms), ttl_s, said, as_of_ms, user, session).serialize(to, out)
            }
            Self::Listed { key, last_at_ms, ttl_s } => {
                let (user, session) = (key.user.as_str(), key.session.as_str());
                (user, session, last_at_ms, stamp::of(*last_at_ms), ttl_s).serialize(to, out)
            }
            Self::Settled { user, item, register, at_ms } | Self::Opening { user, item, register, at_ms } => {
                (stamp::of(*at_ms), register, user.as_str(), item.as_str()).serialize(to, out)
            }
            Self::Mark { user, item, mark, at_ms } => {
                (stamp::of(*at_ms), mark, user.as_str(), item.as_str()).serialize(to, out)
            }
            Self::CompletedLast { user, item, at_ms } => {
                (stamp::of(*at_ms), at_ms, user.as_str(), item.as_str()).serialize(to, out)
            }
            Self::CompletedFirst { user, item, generation, at_ms } => {
                (stamp::earliest(*at_ms), generation, at_ms, user.as_str(), item.as_str()).serialize(to, out)
            }
        }
    }

    fn is_empty(&self) -> bool {
        false
    }
}

/// Statement, numbers, and the length of each value.
const ROW_BYTES: usize = 76;
