//! Positions and sessions as JSON.

use playhead_store::{Event, ItemId, UserId, fold::EndReason, position::PositionRow};
use serde::Serialize;

use crate::{edge::http::json::EventJson, playback::SessionView};

/// A `Position`.
#[derive(Serialize)]
pub(super) struct PositionJson<'a> {
    user_id: &'a str,
    item_id: &'a str,
    position_ms: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<i64>,
    at_ms: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<&'a str>,
    watched: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    watched_at_ms: Option<i64>,
    finished: bool,
}

impl<'a> PositionJson<'a> {
    /// `None` when the row says no position: the item was forgotten, or only marked.
    pub(super) fn new(user: &'a UserId, item: &'a ItemId, row: &'a PositionRow) -> Option<Self> {
        let (register, position_ms) = row.current()?;
        let watched_at_ms = row.watched.since_ms();
        Some(Self {
            user_id: user.as_str(),
            item_id: item.as_str(),
            position_ms,
            duration_ms: register.duration_ms,
            at_ms: register.at_ms,
            session_id: register.session.as_ref().map(|session| session.as_str()),
            watched: watched_at_ms.is_some(),
            watched_at_ms,
            finished: row.is_finished(),
        })
    }
}

/// A `Session`.
#[derive(Serialize)]
pub(super) struct SessionJson<'a> {
    session_id: &'a str,
    user_id: &'a str,
    account_id: &'a str,
    device_id: &'a str,
    item_id: &'a str,
    item_kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<i64>,
    started_at_ms: i64,
    last_event_at_ms: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_reason: Option<&'static str>,
    event_count: u64,
    watched_ms: i64,
    unique_watched_ms: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    startup_ms: Option<u32>,
    stall_count: u32,
    stall_ms: i64,
    seek_count: u32,
    error_count: u32,
    bitrates: Vec<BitrateJson>,
    intervals: Vec<IntervalJson>,
    clock_offset_ms: i64,
}

#[derive(Serialize)]
struct BitrateJson {
    bitrate_kbps: u32,
    played_ms: i64,
}

#[derive(Serialize)]
struct IntervalJson {
    from_ms: i64,
    to_ms: i64,
}

impl<'a> SessionJson<'a> {
    pub(super) fn new(view: &'a SessionView) -> Self {
        let SessionView { row, summary } = view;
        let playable = &row.description.playable;
        let bitrate = |&(bitrate_kbps, played_ms): &(u32, i64)| BitrateJson { bitrate_kbps, played_ms };
        let intervals = summary.intervals.iter();
        Self {
            session_id: row.key.session.as_str(),
            user_id: row.key.user.as_str(),
            account_id: row.description.account.as_str(),
            device_id: row.description.device.as_str(),
            item_id: playable.item.as_str(),
            item_kind: playable.kind.name(),
            duration_ms: summary.duration_ms.or(playable.duration_ms),
            started_at_ms: summary.started_at_ms,
            last_event_at_ms: summary.last_event_at_ms,
            end_reason: summary.end_reason.map(|reason| match reason {
                EndReason::Stopped => "STOPPED",
                EndReason::Ended => "ENDED",
            }),
            event_count: summary.event_count,
            watched_ms: summary.watched_ms,
            unique_watched_ms: summary.unique_watched_ms,
            startup_ms: summary.startup_ms,
            stall_count: summary.stall_count,
            stall_ms: summary.stall_ms,
            seek_count: summary.seek_count,
            error_count: summary.error_count,
            bitrates: summary.bitrates.iter().map(bitrate).collect(),
            intervals: intervals
                .map(|part| IntervalJson { from_ms: part.from_ms, to_ms: part.to_ms })
                .collect(),
            clock_offset_ms: row.clock.offset_ms,
        }
    }
}

/// A `GetSessionResponse`.
pub(super) fn session_with_events<'a>(view: &'a SessionView, events: &'a [Event]) -> impl Serialize + 'a {
    #[derive(Serialize)]
    struct SessionWithEvents<'a> {
        session: SessionJson<'a>,
        events: Vec<EventJson<'a>>,
    }
    SessionWithEvents { session: SessionJson::new(view), events: events.iter().map(EventJson::new).collect() }
}
