//! What became of events, as JSON.

use playhead_store::hot::Verdict;
use serde::Serialize;

use super::{event::Number, lease::TerminateJson};
use crate::{
    edge::publish::{Busy, SessionOutcome},
    ticket::Refused,
};

/// A `SessionOutcome`.
#[derive(Serialize)]
pub(in crate::edge::http) struct OutcomeJson<'a> {
    session_id: &'a str,
    stored: u64,
    duplicate: u64,
    rejected: Vec<RejectionJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    busy: Option<BusyJson>,
    acked_through_seq: Number,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<&'static str>,
    next_beat_ms: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    terminate: Option<TerminateJson<'a>>,
}

/// A `PublishResponse`.
#[derive(Serialize)]
pub(in crate::edge::http) struct PublishedJson<'a> {
    sessions: Vec<OutcomeJson<'a>>,
}

#[derive(Serialize)]
struct RejectionJson<'a> {
    seq: Number,
    index: u32,
    reason: &'static str,
    field: &'a str,
    value: &'a str,
    allowed: &'a str,
}

#[derive(Serialize)]
struct BusyJson {
    retry_after_ms: u32,
    from_seq: Number,
}

impl<'a> OutcomeJson<'a> {
    pub(in crate::edge::http) fn new(outcome: &'a SessionOutcome) -> Self {
        let busy = |busy: Busy| BusyJson {
            retry_after_ms: busy.retry_after_ms,
            from_seq: Number::new(busy.from_seq),
        };
        Self {
            session_id: &outcome.session_id,
            stored: outcome.stored,
            duplicate: outcome.duplicate,
            rejected: outcome.rejected.iter().map(RejectionJson::new).collect(),
            busy: outcome.busy.map(busy),
            acked_through_seq: Number::new(outcome.acked_through_seq),
            verdict: outcome.verdict.as_ref().map(|verdict| match verdict {
                Verdict::Play | Verdict::Tolerated(_) => "PLAY",
                Verdict::Stop(_) => "STOP",
            }),
            next_beat_ms: outcome.next_beat_ms,
            terminate: outcome.verdict.as_ref().and_then(Verdict::stop).map(|stop| TerminateJson::new(stop)),
        }
    }
}

impl<'a> PublishedJson<'a> {
    pub(in crate::edge::http) fn new(outcomes: &'a [SessionOutcome]) -> Self {
        Self { sessions: outcomes.iter().map(OutcomeJson::new).collect() }
    }
}

impl<'a> RejectionJson<'a> {
    fn new(refused: &'a Refused) -> Self {
        let rejection = &refused.rejection;
        Self {
            seq: Number::new(refused.seq),
            index: refused.index,
            reason: rejection.reason.name(),
            field: &rejection.field,
            value: &rejection.value,
            allowed: &rejection.allowed,
        }
    }
}
