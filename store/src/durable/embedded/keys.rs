//! Keys. Ids hold no control character, so the byte 0 ends each: no user's or session's key is the beginning of
//! another's, whatever the ids are, and a user's rows stand together, in the order of their ids.
//!
//! ```text
//! erasure  = user
//! item_erasure = item
//! position = user 0 item 0
//! session  = user 0 session 0
//! chunk    = user 0 session 0 (the smallest seq in it, 8 bytes, big-endian)
//! ```

use crate::{ItemId, SessionId, SessionKey, UserId};

/// What the keys of all sessions, chunks and positions of a user begin with.
pub(super) fn of_user(user: &UserId) -> Vec<u8> {
    ended(&[user.as_str()])
}

pub(super) fn position(user: &UserId, item: &ItemId) -> Vec<u8> {
    ended(&[user.as_str(), item.as_str()])
}

/// The key of a session, with which the keys of its chunks begin.
pub(super) fn session(key: &SessionKey) -> Vec<u8> {
    ended(&[key.user.as_str(), key.session.as_str()])
}

pub(super) fn chunk(key: &SessionKey, seq_min: u64) -> Vec<u8> {
    let mut chunk = session(key);
    chunk.extend_from_slice(&seq_min.to_be_bytes());
    chunk
}

pub(super) fn read_session(key: &[u8]) -> Option<SessionKey> {
    let (user, session, rest) = read_pair(key)?;
    let session = SessionId::new(session).ok()?;
    rest.is_empty().then_some(SessionKey { user, session })
}

pub(super) fn read_position(key: &[u8]) -> Option<(UserId, ItemId)> {
    let (user, item, rest) = read_pair(key)?;
    let item = ItemId::new(item).ok()?;
    rest.is_empty().then_some((user, item))
}

/// The session of a chunk, and the smallest seq in it.
pub(super) fn read_chunk(key: &[u8]) -> Option<(SessionKey, u64)> {
    let (user, session, rest) = read_pair(key)?;
    let session = SessionId::new(session).ok()?;
    Some((SessionKey { user, session }, u64::from_be_bytes(rest.try_into().ok()?)))
}

fn ended(ids: &[&str]) -> Vec<u8> {
    let bytes = ids.iter().map(|id| id.len() + 1).sum::<usize>();
    let mut key = Vec::with_capacity(bytes + size_of::<u64>());
    for id in ids {
        key.extend_from_slice(id.as_bytes());
        key.push(END);
    }
    key
}

fn read_pair(key: &[u8]) -> Option<(UserId, &str, &[u8])> {
    let (user, rest) = read_id(key)?;
    let (other, rest) = read_id(rest)?;
    Some((UserId::new(user).ok()?, other, rest))
}

fn read_id(key: &[u8]) -> Option<(&str, &[u8])> {
    let end = key.iter().position(|&byte| byte == END)?;
    let (id, rest) = key.split_at_checked(end)?;
    Some((std::str::from_utf8(id).ok()?, rest.get(1..)?))
}

const END: u8 = 0;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn no_key_of_one_session_begins_another(ids in [id(), id(), id(), id()]) {
            let [user, session, other_user, other_session] = ids;
            let one = SessionKey { user: UserId::new(&user).unwrap(), session: SessionId::new(&session).unwrap() };
            let other =
                SessionKey { user: UserId::new(&other_user).unwrap(), session: SessionId::new(&other_session).unwrap() };
            prop_assert_eq!(of_user(&other.user).starts_with(&of_user(&one.user)), one.user == other.user);
            prop_assert_eq!(super::session(&other).starts_with(&super::session(&one)), one == other);
            prop_assert_eq!(chunk(&other, u64::MAX).starts_with(&super::session(&one)), one == other);
        }

        #[test]
        fn keys_are_read_as_they_were_written(user in id(), other in id(), seq in any::<u64>()) {
            let user = UserId::new(&user).unwrap();
            let (session, item) = (SessionId::new(&other).unwrap(), ItemId::new(&other).unwrap());
            let key = SessionKey { user: user.clone(), session };
            prop_assert_eq!(read_session(&super::session(&key)), Some(key.clone()));
            prop_assert_eq!(read_chunk(&chunk(&key, seq)), Some((key, seq)));
            prop_assert_eq!(read_position(&position(&user, &item)), Some((user, item)));
        }

        #[test]
        fn any_bytes_are_read_without_panic(key in prop::collection::vec(any::<u8>(), 0..24)) {
            let as_session = read_session(&key);
            prop_assert!(as_session.is_none_or(|read| super::session(&read) == key));
            prop_assert!(read_chunk(&key).is_none_or(|(read, seq)| chunk(&read, seq) == key));
        }
    }

    /// Ids of few characters, so that they are often the beginnings of each other; some of several bytes.
    fn id() -> impl Strategy<Value = String> {
        prop::collection::vec(prop_oneof!["a", "b", " ", "\u{a0}", "영", "/"], 1..4)
            .prop_map(|parts| parts.concat())
    }
}
