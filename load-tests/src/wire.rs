//! Events as they go over the wire.

use playhead_proto::ingest::v1 as proto;
use playhead_store::Event;

/// An event that happened `event.at_ms` after a session's start, with the time that the player's clock shows.
#[must_use]
pub fn event(event: &Event, started_at_ms: i64) -> proto::Event {
    proto::Event {
        kind: event.kind.number().into(),
        seq: event.seq,
        at_ms: started_at_ms + event.at_ms,
        position_ms: event.position_ms,
        from_ms: event.from_ms,
        state: event.state.map_or(0, |state| state.number().into()),
        rate: event.rate.map(|rate| rate.factor()),
        bitrate_kbps: event.bitrate_kbps,
        startup_ms: event.startup_ms,
        stall_ms: event.stall_ms,
        error_code: event.error_code.as_deref().unwrap_or_default().to_owned(),
        duration_ms: event.duration_ms,
    }
}

/// What is played, by which session: a film.
#[must_use]
pub fn session(session_id: &str, item_id: &str, duration_ms: i64) -> proto::Session {
    proto::Session {
        session_id: session_id.to_owned(),
        item_id: item_id.to_owned(),
        item_kind: proto::ItemKind::Movie.into(),
        duration_ms: Some(duration_ms),
        credits_ms: None,
    }
}

/// Well below what a server takes in one frame.
pub const BATCH_EVENTS_MAX: usize = 500;
