//! The names of keys. What a script touches lies under one hash tag, the user's, so it lies in one slot of a cluster.

use crate::{AccountId, UserId};

/// Names the keys of a store.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    prefix: String,
}

/// The keys of a user.
#[derive(Debug, Clone)]
pub(super) struct UserKeys {
    /// A hash: the clock of each session.
    pub(super) clocks: String,
    /// A hash: the row of each item.
    pub(super) positions: String,
    /// Up to when the user was erased.
    pub(super) erased: String,
}

impl Keys {
    pub(super) fn new(prefix: &str) -> Self {
        // The form of the values is in the name: another form begins anew, beside this one.
        Self { prefix: format!("{prefix}:1") }
    }

    pub(super) fn of(&self, user: &UserId) -> UserKeys {
        let key = |what| format!("{}:{{{}}}:{what}", self.prefix, tag(user.as_str()));
        UserKeys { clocks: key("clocks"), positions: key("positions"), erased: key("erased") }
    }

    /// Where an account's leases are.
    pub(super) fn leases(&self, account: &AccountId) -> String {
        format!("{}:{{{}}}:leases", self.prefix, tag(account.as_str()))
    }

    /// A channel that all nodes of this store share.
    pub(super) fn channel(&self, name: &str) -> String {
        format!("{}:{name}", self.prefix)
    }
}

/// An id as a hash tag: without braces, which would end it early.
fn tag(id: &str) -> String {
    let mut tag = String::with_capacity(id.len());
    for character in id.chars() {
        match character {
            '%' => tag.push_str("%25"),
            '{' => tag.push_str("%7B"),
            '}' => tag.push_str("%7D"),
            other => tag.push(other),
        }
    }
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_users_keys_share_their_tag() {
        for (user, tag) in [("alice", "alice"), ("}{", "%7D%7B"), ("%7D", "%257D"), ("앨리스", "앨리스")]
        {
            let keys = Keys::new("playhead").of(&UserId::new(user).unwrap());
            for key in [keys.clocks, keys.positions, keys.erased] {
                let (_, behind) = key.split_once('{').unwrap();
                assert_eq!(behind.split_once('}').unwrap().0, tag);
            }
        }
    }
}
