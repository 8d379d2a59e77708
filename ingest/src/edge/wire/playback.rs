//! What playback reads answer: positions and sessions.

use playhead_proto::playback::v1 as proto;
use playhead_store::{ItemId, UserId, fold::EndReason, position::PositionRow};

use crate::playback::SessionView;

/// A `Position`, or `None` when the row says none: the item was forgotten, or only marked.
#[must_use]
pub fn position(user: &UserId, item: &ItemId, row: &PositionRow) -> Option<proto::Position> {
    let (register, position_ms) = row.current()?;
    let watched_at_ms = row.watched.since_ms();
    Some(proto::Position {
        user_id: user.to_string(),
        item_id: item.to_string(),
        position_ms,
        duration_ms: register.duration_ms,
        at_ms: register.at_ms,
        session_id: register.session.as_ref().map(ToString::to_string).unwrap_or_default(),
        watched: watched_at_ms.is_some(),
        watched_at_ms,
        finished: row.is_finished(),
    })
}

/// A `Session`.
#[must_use]
pub fn session(view: &SessionView) -> proto::Session {
    let SessionView { row, summary } = view;
    let playable = &row.description.playable;
    let end_reason = match summary.end_reason {
        None => proto::EndReason::Unspecified,
        Some(EndReason::Stopped) => proto::EndReason::Stopped,
        Some(EndReason::Ended) => proto::EndReason::Ended,
    };
    let bitrate = |&(bitrate_kbps, played_ms): &(u32, i64)| proto::BitrateShare { bitrate_kbps, played_ms };
    proto::Session {
        session_id: row.key.session.to_string(),
        user_id: row.key.user.to_string(),
        account_id: row.description.account.to_string(),
        device_id: row.description.device.to_string(),
        item_id: playable.item.to_string(),
        item_kind: i32::from(playable.kind.number()),
        duration_ms: summary.duration_ms.or(playable.duration_ms),
        started_at_ms: summary.started_at_ms,
        last_event_at_ms: summary.last_event_at_ms,
        end_reason: end_reason.into(),
        event_count: u32::try_from(summary.event_count).unwrap_or(u32::MAX),
        watched_ms: summary.watched_ms,
        unique_watched_ms: summary.unique_watched_ms,
        startup_ms: summary.startup_ms,
        stall_count: summary.stall_count,
        stall_ms: summary.stall_ms,
        seek_count: summary.seek_count,
        error_count: summary.error_count,
        bitrates: summary.bitrates.iter().map(bitrate).collect(),
        intervals: summary
            .intervals
            .iter()
            .map(|part| proto::Interval { from_ms: part.from_ms, to_ms: part.to_ms })
            .collect(),
        clock_offset_ms: row.clock.offset_ms,
    }
}
