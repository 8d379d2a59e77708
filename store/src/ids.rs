//! The names of things: short texts that are checked once and cheap to clone.

use std::{fmt, sync::Arc};

/// The longest id, in bytes. Long enough for a UUID, a URN or a hashed e-mail address, short enough for a key.
pub const ID_BYTES_MAX: usize = 128;

/// Why a text is no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// It has no characters.
    #[error("is empty")]
    Empty,
    /// It is longer than [`ID_BYTES_MAX`].
    #[error("is longer than {ID_BYTES_MAX} bytes")]
    TooLong,
    /// It has a control character, which no log, key or URL should carry.
    #[error("has a control character")]
    Control,
}

fn check(text: &str) -> Result<(), IdError> {
    match text {
        "" => Err(IdError::Empty),
        long if long.len() > ID_BYTES_MAX => Err(IdError::TooLong),
        odd if has_control(odd) => Err(IdError::Control),
        _ => Ok(()),
    }
}

fn has_control(text: &str) -> bool {
    match text.is_ascii() {
        // Nearly all are, and several are checked in a call: without a way out, the bytes are looked at side by side.
        true => text.bytes().fold(false, |found, byte| found | byte.is_ascii_control()),
        false => text.chars().any(char::is_control),
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes 1 to [`ID_BYTES_MAX`] bytes of text without control characters.
            ///
            /// # Errors
            /// [`IdError`] says what is wrong with any other text.
            pub fn new(text: &str) -> Result<Self, IdError> {
                check(text).map(|()| Self(text.into()))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                Self::new(&text).map_err(serde::de::Error::custom)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }
    };
}

id! {
    /// Who watches: a profile of an account. Owns positions and history.
    UserId
}
id! {
    /// Who pays: owns the subscription and the quota of concurrent streams.
    AccountId
}
id! {
    /// Where it is watched.
    DeviceId
}
id! {
    /// One playing of one item by one user on one device. Unique within its user.
    SessionId
}
id! {
    /// Anything in the catalog.
    ItemId
}
id! {
    /// A node of the tree of categories.
    CategoryId
}
id! {
    /// What can be subscribed to.
    PlanId
}
id! {
    /// A subscription. Unique within its account.
    SubscriptionId
}
id! {
    /// A grant. Unique within its user.
    GrantId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_checked_once() {
        let longest = "x".repeat(ID_BYTES_MAX);
        let too_long = "x".repeat(ID_BYTES_MAX + 1);
        for (text, expect) in [
            ("", Err(IdError::Empty)),
            ("a", Ok(())),
            ("영화-1", Ok(())),
            ("a\nb", Err(IdError::Control)),
            ("a\u{7f}", Err(IdError::Control)),
            (longest.as_str(), Ok(())),
            (too_long.as_str(), Err(IdError::TooLong)),
        ] {
            assert_eq!(UserId::new(text).map(|_| ()), expect, "{text:?}");
        }
    }
}
