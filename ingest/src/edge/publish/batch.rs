//! A session's batch, as an edge read it, and what it says of its session.

use std::borrow::Cow;

use playhead_store::{
    AccountId, DeviceId, IdError, ItemId, ItemKind, Playable, SeqOrder, SessionId, SessionKey, UserId,
};

use crate::{
    admission::{self, RejectReason, Rejection},
    identity::{Identity, UNKNOWN_DEVICE, Viewer},
    intake::Offered,
    live::{Opening, Playing},
};

/// A session's batch as an edge read it: texts and numbers are as they came.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionBatch {
    /// The session.
    pub session_id: String,
    /// What is played.
    pub item_id: String,
    /// What kind of item, or the name or number that no kind has.
    pub item_kind: Result<ItemKind, Box<str>>,
    /// Its length, ms.
    pub duration_ms: Option<i64>,
    /// Where its closing credits begin, ms.
    pub credits_ms: Option<i64>,
    /// Who watches; empty when not named.
    pub user_id: String,
    /// Who pays; empty when not named.
    pub account_id: String,
    /// Where; empty when not named.
    pub device_id: String,
    /// When it was sent, by the player's clock, Unix ms.
    pub sent_at_ms: Option<i64>,
    /// The events.
    pub events: Vec<Offered>,
}

/// A batch, or a whole message, that an edge could not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableBatch {
    /// The session, or empty when even that could not be read.
    pub session_id: String,
    /// How many events it carries, as far as they can be told apart.
    pub events: u64,
    /// Why.
    pub rejection: Rejection,
}

impl SessionBatch {
    /// Checks all but the events, and says what session they are of and what it plays.
    ///
    /// # Errors
    /// The first field that is wrong, and names that `identity` may not use.
    pub fn opening(&self, identity: &Identity) -> Result<Opening, Rejection> {
        let session = id("session.session_id", &self.session_id, SessionId::new)?;
        let playable = self.playable()?;
        let Viewer { user, account, device } = self.viewer(identity)?;
        self.sent_at_ms.map(|sent_at_ms| admission::time("sent_at_ms", sent_at_ms)).transpose()?;
        let playing = Playing { playable, account, device };
        Ok(Opening { key: SessionKey { user, session }, order: SeqOrder::Native, playing })
    }

    fn playable(&self) -> Result<Playable, Rejection> {
        let length = |field, ms| admission::media(RejectReason::DurationOutOfRange, field, ms);
        let kind = self.item_kind.as_ref().map_err(|name| {
            Rejection::new(RejectReason::UnknownItemKind, "session.item_kind", name, ITEM_KINDS)
        })?;
        Ok(Playable {
            item: id("session.item_id", &self.item_id, ItemId::new)?,
            kind: *kind,
            duration_ms: length("session.duration_ms", self.duration_ms)?,
            credits_ms: length("session.credits_ms", self.credits_ms)?,
        })
    }

    /// A viewer is who the credential says, and may at most repeat that; a service must say.
    fn viewer(&self, identity: &Identity) -> Result<Viewer, Rejection> {
        match identity {
            Identity::Viewer(viewer) => {
                same_or_unnamed("user_id", &self.user_id, viewer.user.as_str())?;
                same_or_unnamed("account_id", &self.account_id, viewer.account.as_str())?;
                same_or_unnamed("device_id", &self.device_id, viewer.device.as_str())?;
                Ok(viewer.clone())
            }
            Identity::Service => Ok(Viewer {
                user: id("user_id", &self.user_id, UserId::new)?,
                account: id("account_id", or_default(&self.account_id, &self.user_id), AccountId::new)?,
                device: id("device_id", or_default(&self.device_id, UNKNOWN_DEVICE), DeviceId::new)?,
            }),
        }
    }

    /// The lowest number among its events.
    pub(super) fn lowest_seq(&self) -> u64 {
        let seq_of = |event: &Offered| event.as_ref().map_or_else(|unreadable| unreadable.seq, |raw| raw.seq);
        self.events.iter().map(seq_of).min().unwrap_or(0)
    }
}

/// Checks an id, for every edge in the same words.
///
/// # Errors
/// BAD_TEXT, with the field.
pub fn id<T>(
    field: impl Into<Cow<'static, str>>,
    text: &str,
    checked: impl FnOnce(&str) -> Result<T, IdError>,
) -> Result<T, Rejection> {
    checked(text).map_err(|_| Rejection::new(RejectReason::BadText, field, text, ID_ALLOWED))
}

/// What an id may be, for error messages.
pub const ID_ALLOWED: &str = "1 to 128 bytes without control characters";
/// The kinds that an item may have, for error messages.
pub const ITEM_KINDS: &str = "MOVIE, EPISODE, LESSON, RECORDING or LIVE (1 to 5), or none";

fn same_or_unnamed(field: &'static str, named: &str, own: &str) -> Result<(), Rejection> {
    match named.is_empty() || named == own {
        true => Ok(()),
        false => {
            let allowed = "the caller's own, or empty";
            Err(Rejection::new(RejectReason::NotAllowed, field, named, allowed))
        }
    }
}

fn or_default<'a>(named: &'a str, default: &'a str) -> &'a str {
    if named.is_empty() { default } else { named }
}
