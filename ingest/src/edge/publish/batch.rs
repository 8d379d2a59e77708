//! A session's batch, as an edge read it, and what it says of its session.

use std::borrow::Cow;

use playhead_store::{
    AccountId, DeviceId, IdError, ItemId, ItemKind, Playable, SeqOrder, SessionId, SessionKey, UserId,
    lease::Terms,
};

use crate::{
    admission::{self, RejectReason, Rejection},
    identity::{Identity, Pass, UNKNOWN_DEVICE, Viewer},
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
        let Viewer { user, account, device, pass, terms, .. } = self.viewer(identity)?;
        let (session, playable) = match pass {
            Some(pass) => self.passed(&pass)?,
            None => (id("session.session_id", &self.session_id, SessionId::new)?, self.playable(None)?),
        };
        self.sent_at_ms.map(|sent_at_ms| admission::time("sent_at_ms", sent_at_ms)).transpose()?;
        let playing = Playing { playable, account, device, terms };
        Ok(Opening { key: SessionKey { user, session }, order: SeqOrder::Native, playing })
    }

    /// What a session token allows. The frame may repeat its names or leave them out; where the token says more of the
    /// item, its word counts.
    fn passed(&self, pass: &Pass) -> Result<(SessionId, Playable), Rejection> {
        same_or_unnamed("session.session_id", &self.session_id, pass.session.as_str())?;
        same_or_unnamed("session.item_id", &self.item_id, pass.item.as_str())?;
        let said = self.playable(Some(&pass.item))?;
        let kind = if pass.item_kind == ItemKind::Unknown { said.kind } else { pass.item_kind };
        let (duration_ms, credits_ms) =
            (pass.duration_ms.or(said.duration_ms), pass.credits_ms.or(said.credits_ms));
        Ok((pass.session.clone(), Playable { item: said.item, kind, duration_ms, credits_ms }))
    }

    fn playable(&self, item: Option<&ItemId>) -> Result<Playable, Rejection> {
        let length = |field, ms| admission::media(RejectReason::DurationOutOfRange, field, ms);
        let kind = self.item_kind.as_ref().map_err(|name| {
            Rejection::new(RejectReason::UnknownItemKind, "session.item_kind", name, ITEM_KINDS)
        })?;
        let item = match item {
            Some(item) => item.clone(),
            None => id("session.item_id", &self.item_id, ItemId::new)?,
        };
        Ok(Playable {
            item,
            kind: *kind,
            duration_ms: length("session.duration_ms", self.duration_ms)?,
            credits_ms: length("session.credits_ms", self.credits_ms)?,
        })
    }

    /// A viewer is who the credential says, and may at most repeat that; whoever speaks for many must say.
    fn viewer(&self, identity: &Identity) -> Result<Viewer, Rejection> {
        match identity {
            Identity::Viewer(viewer) => {
                same_or_unnamed("user_id", &self.user_id, viewer.user.as_str())?;
                same_or_unnamed("account_id", &self.account_id, viewer.account.as_str())?;
                same_or_unnamed("device_id", &self.device_id, viewer.device.as_str())?;
                Ok(viewer.clone())
            }
            Identity::Service { .. } | Identity::Admin => Ok(Viewer {
                user: id("user_id", &self.user_id, UserId::new)?,
                account: id("account_id", or_default(&self.account_id, &self.user_id), AccountId::new)?,
                device: id("device_id", or_default(&self.device_id, UNKNOWN_DEVICE), DeviceId::new)?,
                pass: None,
                terms: Terms::unlimited(),
                country: None,
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
