//! What is known of a session besides its events.

use crate::{AccountId, DeviceId, ItemId, SessionId, UserId};

/// Names a session: sessions are unique within their user.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionKey {
    /// Who watches.
    pub user: UserId,
    /// The session.
    pub session: SessionId,
}

/// What is played, as the player or its token says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Playable {
    /// The item.
    pub item: ItemId,
    /// What kind of item; it selects the thresholds.
    pub kind: ItemKind,
    /// Its length, ms; `None` when unknown or live.
    pub duration_ms: Option<i64>,
    /// Where the closing credits begin, ms.
    pub credits_ms: Option<i64>,
}

/// The kinds of playable items. The numbers are those of the wire and of the stored form.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ItemKind {
    /// Not said.
    #[default]
    Unknown = 0,
    /// A film.
    Movie = 1,
    /// An episode of a series.
    Episode = 2,
    /// A lesson of a course.
    Lesson = 3,
    /// A recording, such as a past class.
    Recording = 4,
    /// A live channel or event.
    Live = 5,
}

impl ItemKind {
    /// All kinds, in the order of their numbers, from 0.
    pub const ALL: [Self; 6] =
        [Self::Unknown, Self::Movie, Self::Episode, Self::Lesson, Self::Recording, Self::Live];

    /// The kind with this number, if there is one.
    #[must_use]
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| i64::from(kind.number()) == number)
    }

    /// Its number, on the wire and at rest.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// Its name, as in the documentation and in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "UNSPECIFIED",
            Self::Movie => "MOVIE",
            Self::Episode => "EPISODE",
            Self::Lesson => "LESSON",
            Self::Recording => "RECORDING",
            Self::Live => "LIVE",
        }
    }
}

/// How a session's events are ordered among themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum SeqOrder {
    /// By `seq` alone: our own protocol numbers its events.
    Native = 0,
    /// By (time, `seq`): a foreign protocol's `seq` is a hash and says nothing of order.
    Foreign = 1,
}

/// What a session's latest event said of the session. A join: the greatest by (`as_of_ms`, the rest) is kept, so
/// the order in which events arrive cannot matter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Description {
    /// The corrected time of the event that said so, Unix ms.
    pub as_of_ms: i64,
    /// What is played. A page may go on to a second item under one session of a foreign protocol.
    pub playable: Playable,
    /// Who pays.
    pub account: AccountId,
    /// Where it is watched.
    pub device: DeviceId,
    /// How the session's events are ordered.
    pub order: SeqOrder,
}

impl Description {
    /// Keeps the later of the two.
    pub fn merge(&mut self, other: &Self) {
        if *other > *self {
            *self = other.clone();
        }
    }
}
