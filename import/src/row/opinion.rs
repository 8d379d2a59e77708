//! Ratings and bookmarks, as rows tell of them.

use playhead_proto::catalog::v1 as proto;

use super::{Reading, Wrong, item::one_line};

/// A rating.
pub(super) fn rating(row: &Reading<'_>) -> Result<proto::Rating, Wrong> {
    Ok(proto::Rating {
        user_id: row.name("user_id")?,
        item_id: row.name("item_id")?,
        stars: row.needed_number("stars")?,
        comment: row.text("comment")?,
        rated_at_ms: row.time("rated_at_ms")?.unwrap_or_default(),
        ..proto::Rating::default()
    })
}

/// A bookmark.
pub(super) fn bookmark(row: &Reading<'_>) -> Result<proto::Bookmark, Wrong> {
    Ok(proto::Bookmark {
        id: row.name("id")?,
        user_id: row.name("user_id")?,
        item_id: row.name("item_id")?,
        position_ms: row.needed_span("position_ms")?,
        title: one_line(&row.text("title")?),
        note: row.text("note")?,
        ..proto::Bookmark::default()
    })
}
