//! What was watched, as rows tell of it.

use playhead_proto::ingest::v1::EventKind;

use super::{Reading, Wrong};
use crate::noun::played::{Happened, Played};

/// A session, or a part of one: only who makes it says whose it is.
pub(super) fn session(row: &Reading<'_>) -> Result<Played, Wrong> {
    let named = |key: &str| if row.says(key) { row.name(key) } else { Ok(String::new()) };
    Ok(Played {
        session_id: row.name("session_id")?,
        user_id: named("user_id")?,
        account_id: row.text("account_id")?,
        device_id: row.text("device_id")?,
        item_id: named("item_id")?,
        events: row.things("events", event)?,
    })
}

/// Something that happened in it. What has no time did not.
fn event(row: &Reading<'_>) -> Result<Option<Happened>, Wrong> {
    let kind = row.word("kind", "EVENT_KIND_", EventKind::from_str_name)?;
    let Some(at_ms) = row.time("at_ms")? else { return Ok(None) };
    Ok(Some(Happened {
        kind: kind.map_or(0, i32::from),
        at_ms,
        position_ms: row.span("position_ms")?,
        position_percent: row.number("position_percent")?,
    }))
}
