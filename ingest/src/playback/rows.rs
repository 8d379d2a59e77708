//! The rows that events which are not in the durable store yet amount to.

use playhead_store::{Clock, Description, Event, SessionKey, durable::SessionRow};

use crate::live::Session;

/// A session's unflushed events and the row that they amount to, or `None` when it has none.
pub(super) fn unflushed(session: &Session) -> Option<(SessionRow, Vec<Event>)> {
    let (description, events) = session.unflushed()?;
    Some((row_of(&session.key, session.clock, &description, &events)?, events))
}

/// The row that events of a session amount to; none for no events.
pub(super) fn row_of(
    key: &SessionKey,
    clock: Clock,
    description: &Description,
    events: &[Event],
) -> Option<SessionRow> {
    Some(SessionRow {
        key: key.clone(),
        clock,
        description: description.clone(),
        first_at_ms: events.iter().map(|event| event.at_ms).min()?,
        last_at_ms: events.iter().map(|event| event.at_ms).max()?,
        event_count: events.len() as u64,
    })
}

/// Joins another row of the same session into this one. The count is left to whoever has the events.
pub(super) fn join_rows(row: &mut SessionRow, stored: &SessionRow) {
    row.clock.merge(stored.clock);
    row.description.merge(&stored.description);
    row.first_at_ms = row.first_at_ms.min(stored.first_at_ms);
    row.last_at_ms = row.last_at_ms.max(stored.last_at_ms);
}
