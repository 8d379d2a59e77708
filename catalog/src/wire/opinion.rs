//! Ratings, bookmarks and segments as they come and as they are told.

use playhead_proto::catalog::v1 as proto;
use playhead_store::{
    ItemId, UserId,
    catalog::{
        Fault, Segment,
        opinion::{Bookmark, Opinion, Rating},
    },
};
use prost_types::FieldMask;

use super::id;
use crate::records::Stored;

/// A rating.
pub(crate) fn rating(stored: &Stored<Rating>) -> proto::Rating {
    let Rating { user, item, stars, comment, approved, rated_at_ms } = stored.value.clone();
    proto::Rating {
        user_id: user.to_string(),
        item_id: item.to_string(),
        stars: stars.into(),
        comment,
        approved,
        rated_at_ms,
        etag: stored.etag(),
    }
}

/// A rating as it is given at this time.
pub(crate) fn read_rating(
    user: UserId,
    request: proto::RateItemRequest,
    now_ms: i64,
) -> Result<Rating, Fault> {
    let stars = u8::try_from(request.stars).map_err(|_| Fault::new("stars", request.stars, "1 to 5"))?;
    let item = id("item_id", &request.item_id, ItemId::new)?;
    Ok(Rating { user, item, stars, comment: request.comment, approved: false, rated_at_ms: now_ms })
}

/// What all users think of an item.
pub(crate) fn summary(opinion: &Opinion) -> proto::RatingSummary {
    let count = |count: &u64| i64::try_from(*count).unwrap_or(i64::MAX);
    proto::RatingSummary { counts: opinion.counts.iter().map(count).collect(), mean: opinion.mean() }
}

/// A bookmark.
pub(crate) fn bookmark(stored: &Stored<Bookmark>) -> proto::Bookmark {
    let Bookmark { id, user, item, position_ms, title, note, created_at_ms } = stored.value.clone();
    proto::Bookmark {
        id,
        user_id: user.to_string(),
        item_id: item.to_string(),
        position_ms,
        title,
        note,
        created_at_ms,
        etag: stored.etag(),
    }
}

/// A bookmark as it is made at this time.
pub(crate) fn read_bookmark(user: UserId, bookmark: proto::Bookmark, now_ms: i64) -> Result<Bookmark, Fault> {
    let item = id("item_id", &bookmark.item_id, ItemId::new)?;
    let proto::Bookmark { id, position_ms, title, note, .. } = bookmark;
    Ok(Bookmark { id, user, item, position_ms, title, note, created_at_ms: now_ms })
}

/// How a bookmark changes: the fields that a mask names are taken from another one.
pub(crate) fn change(
    from: proto::Bookmark,
    mask: Option<FieldMask>,
) -> Result<impl Fn(Bookmark) -> Bookmark, Fault> {
    let paths = mask.unwrap_or_default().paths;
    if let Some((at, path)) = paths.iter().enumerate().find(|(_, path)| !FIELDS.contains(&path.as_str())) {
        return Err(Fault::new(format!("update_mask.paths[{at}]"), path, FIELDS.join(", ")));
    }
    let takes = move |field: &str| paths.is_empty() || paths.iter().any(|path| path == field);
    Ok(move |mut bookmark: Bookmark| {
        if takes("position_ms") {
            bookmark.position_ms = from.position_ms;
        }
        if takes("title") {
            bookmark.title.clone_from(&from.title);
        }
        if takes("note") {
            bookmark.note.clone_from(&from.note);
        }
        bookmark
    })
}

/// A segment as it comes.
pub(crate) fn read_segment(segment: proto::Segment) -> Segment {
    let proto::Segment { number, url, start_ms, duration_ms, size_bytes } = segment;
    Segment { number, url, start_ms, duration_ms, size_bytes }
}

/// A segment.
pub(crate) fn segment(segment: Segment) -> proto::Segment {
    let Segment { number, url, start_ms, duration_ms, size_bytes } = segment;
    proto::Segment { number, url, start_ms, duration_ms, size_bytes }
}

/// What of a bookmark can be changed.
const FIELDS: [&str; 3] = ["position_ms", "title", "note"];
