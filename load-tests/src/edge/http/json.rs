//! `POST /v1/events` in JSON: what is sent, and what is answered.

use std::time::Duration;

use http::StatusCode;
use playhead_proto::ingest::v1::{Event, EventKind, PlayerState};
use serde::{Deserialize, Serialize};

use crate::edge::queue::{Answer, Outcome, Part};

#[derive(Serialize)]
struct BatchJson<'a> {
    session: SessionJson<'a>,
    sent_at_ms: i64,
    events: Vec<EventJson<'a>>,
}

#[derive(Serialize)]
struct SessionJson<'a> {
    session_id: &'a str,
    item_id: &'a str,
    item_kind: &'static str,
    duration_ms: i64,
}

#[derive(Serialize)]
struct EventJson<'a> {
    kind: &'static str,
    seq: u64,
    at_ms: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    position_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bitrate_kbps: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    startup_ms: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stall_ms: Option<u32>,
    #[serde(skip_serializing_if = "str::is_empty")]
    error_code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<i64>,
}

/// A part as JSON.
pub(super) fn body(part: &Part, now_ms: i64) -> Option<Vec<u8>> {
    let session = &part.session;
    let batch = BatchJson {
        session: SessionJson {
            session_id: &session.id,
            item_id: &session.item,
            item_kind: "MOVIE",
            duration_ms: session.duration_ms,
        },
        sent_at_ms: now_ms,
        events: part.events.iter().map(event).collect(),
    };
    serde_json::to_vec(&batch).ok()
}

fn event(event: &Event) -> EventJson<'_> {
    let state = match event.state() {
        PlayerState::Unspecified => None,
        state => Some(state.as_str_name().trim_start_matches("PLAYER_STATE_")),
    };
    let kind: EventKind = event.kind();
    EventJson {
        kind: kind.as_str_name().trim_start_matches("EVENT_KIND_"),
        seq: event.seq,
        at_ms: event.at_ms,
        position_ms: event.position_ms,
        from_ms: event.from_ms,
        state,
        rate: event.rate,
        bitrate_kbps: event.bitrate_kbps,
        startup_ms: event.startup_ms,
        stall_ms: event.stall_ms,
        error_code: &event.error_code,
        duration_ms: event.duration_ms,
    }
}

#[derive(Deserialize)]
struct OutcomeJson {
    duplicate: u64,
    rejected: Vec<RejectionJson>,
    busy: Option<BusyJson>,
}

#[derive(Deserialize)]
struct RejectionJson {
    seq: u64,
    reason: String,
}

#[derive(Deserialize)]
struct BusyJson {
    retry_after_ms: u64,
}

#[derive(Deserialize)]
struct FailureJson {
    error: ErrorJson,
}

#[derive(Deserialize)]
struct ErrorJson {
    reason: String,
    retry_after_ms: Option<u64>,
}

/// What a good answer says.
pub(super) fn outcome(body: &[u8]) -> Answer {
    match serde_json::from_slice::<OutcomeJson>(body) {
        Ok(said) => Answer::Outcomes(vec![Outcome {
            duplicate: said.duplicate,
            rejected: said.rejected.into_iter().map(|it| (it.seq, it.reason)).collect(),
            busy: said.busy.map(|busy| Duration::from_millis(busy.retry_after_ms)),
        }]),
        Err(_) => Answer::Failed("UNREADABLE_ANSWER".to_owned()),
    }
}

/// What a bad answer says: without room it may be tried again, as after a server's failure; otherwise it is refused.
pub(super) fn failure(status: StatusCode, body: &[u8]) -> Answer {
    let said = serde_json::from_slice::<FailureJson>(body).ok().map(|failure| failure.error);
    let reason =
        said.as_ref().map_or_else(|| format!("HTTP_{}", status.as_u16()), |error| error.reason.clone());
    match (&*reason, status.is_client_error()) {
        ("BUSY", _) => {
            let after = said.and_then(|error| error.retry_after_ms).unwrap_or(250);
            Answer::Busy(Duration::from_millis(after))
        }
        (_, true) if status != StatusCode::TOO_MANY_REQUESTS => Answer::Rejected(reason),
        _ => Answer::Failed(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_sorted_by_what_comes_next() {
        let busy = br#"{"error":{"code":"UNAVAILABLE","reason":"BUSY","message":"m","retry_after_ms":70}}"#;
        let busy = failure(StatusCode::SERVICE_UNAVAILABLE, busy);
        assert!(matches!(busy, Answer::Busy(after) if after == Duration::from_millis(70)));
        let bad = failure(StatusCode::BAD_REQUEST, br#"{"error":{"reason":"BAD_TEXT"}}"#);
        assert!(matches!(bad, Answer::Rejected(why) if why == "BAD_TEXT"));
        let down = failure(StatusCode::BAD_GATEWAY, b"<html>");
        assert!(matches!(down, Answer::Failed(why) if why == "HTTP_502"));
        let body = br#"{"session_id":"s","stored":1,"duplicate":2,"rejected":[],"acked_through_seq":3,"next_beat_ms":1}"#;
        assert!(
            matches!(outcome(body), Answer::Outcomes(said) if said[0].duplicate == 2 && said[0].busy.is_none())
        );
    }
}
