//! Screens as they are told.

use playhead_proto::screen::v1 as proto;
use playhead_store::{ItemId, UserId, progress::CompleteBy};

use super::item::Showing;
use crate::screens::{
    progress::Progress,
    up_next::{Entry, Lead},
};

/// Something to go on with.
pub(crate) fn entry(entry: &Entry, showing: &Showing) -> proto::UpNext {
    let (reason, position_ms, told_ms, after) = match &entry.lead {
        Lead::Resume { position_ms, duration_ms } => {
            (proto::UpNextReason::Resume, *position_ms, *duration_ms, String::new())
        }
        Lead::After(item) => (proto::UpNextReason::Next, 0, None, item.to_string()),
    };
    let known_ms = entry.known.as_ref().and_then(|known| known.value.duration_ms);
    proto::UpNext {
        item_id: entry.item.to_string(),
        item: entry.known.as_ref().map(|known| showing.item(known)),
        reason: reason.into(),
        position_ms,
        duration_ms: known_ms.or(told_ms),
        touched_at_ms: entry.touched_at_ms,
        after_item_id: after,
        container_id: entry.container.as_ref().map(ToString::to_string).unwrap_or_default(),
    }
}

/// How far a user is through all of a container.
pub(crate) fn total(user: &UserId, item: &ItemId, progress: &Progress) -> proto::Progress {
    let complete_by = match progress.complete_by {
        CompleteBy::Position => proto::CompleteBy::Position,
        CompleteBy::Watched => proto::CompleteBy::Watched,
    };
    let total = &progress.total;
    proto::Progress {
        user_id: user.to_string(),
        item_id: item.to_string(),
        complete_by: complete_by.into(),
        leaves: total.leaves,
        leaves_done: total.done,
        percent: total.percent(),
        complete: total.completed_at_ms.is_some(),
        completed_at_ms: total.completed_at_ms,
        first_at_ms: total.first_at_ms,
        last_at_ms: total.last_at_ms,
    }
}

/// How far a user is through one item.
pub(crate) fn leaf(leaf: &playhead_store::progress::LeafProgress) -> proto::LeafProgress {
    proto::LeafProgress {
        item_id: leaf.item.to_string(),
        position_ms: leaf.position_ms,
        duration_ms: leaf.duration_ms,
        watched_ms: leaf.watched_ms,
        fraction: leaf.fraction,
        done: leaf.done_at_ms.is_some(),
        done_at_ms: leaf.done_at_ms,
        first_at_ms: leaf.first_at_ms,
        last_at_ms: leaf.last_at_ms,
    }
}
