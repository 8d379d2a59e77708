//! What the journal's records mean. The journal itself only knows bytes.
//!
//! Each record stands alone: it names its session and says all that is needed to store its events, so that whatever a
//! damaged disk leaves of a journal can still be served.

use playhead_store::{
    Clock, Description, Event, ItemId, SessionKey, UserId,
    codec::{self, FormatError, Malformed, Reader},
    position::{PositionRow, PositionRuleBook},
};

/// A journal record, read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// Events of a session.
    Events {
        /// The session.
        key: SessionKey,
        /// Its clock.
        clock: Clock,
        /// What these events say of it.
        description: Description,
        /// The events.
        events: Vec<Event>,
    },
    /// An explicit mark on a position.
    Mark {
        /// Whose.
        user: UserId,
        /// In what.
        item: ItemId,
        /// The mark.
        row: PositionRow,
    },
}

impl Record {
    /// Whose it is.
    #[must_use]
    pub fn user(&self) -> &UserId {
        match self {
            Self::Events { key, .. } => &key.user,
            Self::Mark { user, .. } => user,
        }
    }

    /// How many events it has; a mark counts as one.
    #[must_use]
    pub fn events(&self) -> usize {
        match self {
            Self::Events { events, .. } => events.len(),
            Self::Mark { .. } => 1,
        }
    }

    /// What it says of a position.
    #[must_use]
    pub fn position(&self, rules: &PositionRuleBook) -> Option<(&ItemId, PositionRow)> {
        match self {
            Self::Mark { item, row, .. } => Some((item, row.clone())),
            Self::Events { key, description: Description { playable, .. }, events, .. } => {
                let rules = rules.of(playable.kind);
                let row = PositionRow::from_events(events, &key.session, playable, rules)?;
                Some((&playable.item, row))
            }
        }
    }

    /// Leaves out what was erased. False when nothing is left.
    pub(crate) fn erase_through(&mut self, through_ms: i64) -> bool {
        match self {
            Self::Events { events, .. } => {
                events.retain(|event| event.at_ms > through_ms);
                !events.is_empty()
            }
            Self::Mark { row, .. } => !row.erase_through(through_ms),
        }
    }
}

const EVENTS: u8 = 1;
const MARK: u8 = 2;

/// Appends a record of a session's events.
pub fn put_events(
    out: &mut Vec<u8>,
    key: &SessionKey,
    clock: Clock,
    description: &Description,
    events: &[Event],
) {
    codec::put_format(out);
    out.push(EVENTS);
    codec::put_session_key(out, key);
    codec::put_clock(out, clock);
    codec::put_description(out, description);
    codec::put_events(out, events);
}

/// Appends a record of an explicit mark.
pub fn put_mark(out: &mut Vec<u8>, user: &UserId, item: &ItemId, row: &PositionRow) {
    codec::put_format(out);
    out.push(MARK);
    codec::put_text(out, user.as_str());
    codec::put_text(out, item.as_str());
    codec::put_position_row(out, row);
}

/// Reads a record back.
///
/// # Errors
/// [`FormatError`] when the bytes are no record, or one of a newer format.
pub fn read(payload: &[u8]) -> Result<Record, FormatError> {
    let mut reader = Reader::new(payload);
    reader.format()?;
    let record = match reader.u8()? {
        EVENTS => Record::Events {
            key: reader.session_key()?,
            clock: reader.clock()?,
            description: reader.description()?,
            events: reader.events()?,
        },
        MARK => Record::Mark {
            user: UserId::new(reader.text()?).map_err(|_| Malformed { what: "user" })?,
            item: ItemId::new(reader.text()?).map_err(|_| Malformed { what: "item" })?,
            row: reader.position_row()?,
        },
        _ => return Err(Malformed { what: "record kind" }.into()),
    };
    match reader.is_empty() {
        true => Ok(record),
        false => Err(Malformed { what: "end of the record" }.into()),
    }
}
