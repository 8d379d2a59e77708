//! What the server answers: welcomes, acks, outcomes, and events that are read back.

use playhead_proto::ingest::v1 as proto;
pub use playhead_proto::ingest::v1::ServerFrame;
use playhead_store::{Event, hot::Verdict, lease::Stop};
use prost::Message as _;

use super::{PROTOCOL_VERSION, lease};
use crate::{
    edge::{publish::SessionOutcome, talk::Failure},
    settings::Limits,
    ticket::{Refused, Settlement},
};

/// A `ServerFrame` that answers a Hello.
#[must_use]
pub fn welcome(server_time_ms: i64, limits: &Limits, verdict: &Verdict) -> ServerFrame {
    frame(proto::server_frame::Frame::Welcome(proto::Welcome {
        protocol_version: PROTOCOL_VERSION,
        server_time_ms,
        next_beat_ms: limits.next_beat_ms,
        verdict: self::verdict(Some(verdict)).into(),
    }))
}

/// A `ServerFrame` that tells a player to stop.
#[must_use]
pub(crate) fn terminate(stop: &Stop) -> ServerFrame {
    let command = Some(proto::command::Command::Terminate(lease::terminate(stop)));
    frame(proto::server_frame::Frame::Command(proto::Command { command }))
}

/// A `ServerFrame` that says how far a stream's events have ended.
#[must_use]
pub fn ack(settled: Settlement, limits: &Limits) -> ServerFrame {
    let busy = |from_seq| proto::Busy { retry_after_ms: limits.retry_after_ms, from_seq };
    frame(proto::server_frame::Frame::Ack(proto::Ack {
        acked_through_seq: settled.settled_through_seq,
        rejected: rejections(settled.refused),
        busy: settled.repeat_from_seq.map(busy),
        next_beat_ms: limits.next_beat_ms,
        verdict: verdict(settled.verdict.as_ref()).into(),
    }))
}

/// A `ServerFrame` that says why a stream ends.
#[must_use]
pub(crate) fn failure(failure: &Failure) -> ServerFrame {
    let at_fault = failure.rejection();
    let (field, value, allowed) = at_fault.map(|no| (no.field, no.value, no.allowed)).unwrap_or_default();
    frame(proto::server_frame::Frame::Failure(proto::Failure {
        code: failure.code(),
        reason: failure.reason().to_owned(),
        message: failure.message(),
        retry_after_ms: failure.retry_after_ms(),
        field: field.into_owned(),
        value,
        allowed: allowed.into_owned(),
    }))
}

/// Appends a frame with its length before it, as a stream without frames of its own carries it.
pub(crate) fn delimited(frame: &ServerFrame, bytes: &mut Vec<u8>) {
    // A vector has room for every message.
    let _ = frame.encode_length_delimited(bytes);
}

/// A `PublishResponse`.
#[must_use]
pub fn publish_response(outcomes: Vec<SessionOutcome>) -> proto::PublishResponse {
    proto::PublishResponse { sessions: outcomes.into_iter().map(session_outcome).collect() }
}

/// A `SessionOutcome`.
#[must_use]
pub fn session_outcome(outcome: SessionOutcome) -> proto::SessionOutcome {
    let count = |events: u64| u32::try_from(events).unwrap_or(u32::MAX);
    proto::SessionOutcome {
        session_id: outcome.session_id,
        stored: count(outcome.stored),
        duplicate: count(outcome.duplicate),
        rejected: rejections(outcome.rejected),
        busy: outcome
            .busy
            .map(|busy| proto::Busy { retry_after_ms: busy.retry_after_ms, from_seq: busy.from_seq }),
        acked_through_seq: outcome.acked_through_seq,
        verdict: verdict(outcome.verdict.as_ref()).into(),
        next_beat_ms: outcome.next_beat_ms,
        terminate: outcome.verdict.as_ref().and_then(Verdict::stop).map(|stop| lease::terminate(stop)),
    }
}

/// An `Event`, as it is read back.
#[must_use]
pub fn event(event: &Event) -> proto::Event {
    proto::Event {
        kind: i32::from(event.kind.number()),
        seq: event.seq,
        at_ms: event.at_ms,
        position_ms: event.position_ms,
        from_ms: event.from_ms,
        state: event.state.map_or(0, |state| i32::from(state.number())),
        rate: event.rate.map(|rate| rate.factor()),
        bitrate_kbps: event.bitrate_kbps,
        startup_ms: event.startup_ms,
        stall_ms: event.stall_ms,
        error_code: event.error_code.as_deref().unwrap_or_default().to_owned(),
        duration_ms: event.duration_ms,
    }
}

/// A `Verdict`.
#[must_use]
pub fn verdict(verdict: Option<&Verdict>) -> proto::Verdict {
    match verdict {
        None => proto::Verdict::Unspecified,
        Some(Verdict::Play | Verdict::Tolerated(_)) => proto::Verdict::Play,
        Some(Verdict::Stop(_)) => proto::Verdict::Stop,
    }
}

fn rejections(refused: Vec<Refused>) -> Vec<proto::Rejection> {
    refused.into_iter().map(rejection).collect()
}

fn rejection(refused: Refused) -> proto::Rejection {
    let Refused { seq, index, rejection } = refused;
    proto::Rejection {
        seq,
        index,
        reason: i32::from(rejection.reason.number()),
        field: rejection.field.into_owned(),
        value: rejection.value,
        allowed: rejection.allowed.into_owned(),
    }
}

fn frame(frame: proto::server_frame::Frame) -> ServerFrame {
    ServerFrame { frame: Some(frame) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::{RejectReason, Rejection};
    use playhead_store::{EventKind, lease::StopReason};
    use std::sync::Arc;

    #[test]
    fn every_number_on_the_wire_is_the_one_that_the_proto_gives_that_name() {
        for reason in RejectReason::ALL {
            let name = format!("REJECT_REASON_{}", reason.name());
            let theirs = proto::RejectReason::from_str_name(&name).unwrap();
            assert_eq!(i32::from(reason.number()), i32::from(theirs), "{name}");
        }
        for kind in EventKind::ALL {
            let name = format!("EVENT_KIND_{}", kind.name());
            let theirs = proto::EventKind::from_str_name(&name).unwrap();
            assert_eq!(i32::from(kind.number()), i32::from(theirs), "{name}");
        }
        for reason in StopReason::ALL {
            let name = format!("STOP_REASON_{}", reason.name());
            let theirs = proto::StopReason::from_str_name(&name).unwrap();
            assert_eq!(i32::from(reason.number()), i32::from(theirs), "{name}");
        }
        for state in playhead_store::PlayerState::ALL {
            let name = format!("PLAYER_STATE_{}", state.name());
            let theirs = proto::PlayerState::from_str_name(&name).unwrap();
            assert_eq!(i32::from(state.number()), i32::from(theirs), "{name}");
        }
        for kind in playhead_store::ItemKind::ALL {
            let name = format!("ITEM_KIND_{}", kind.name());
            let theirs = proto::ItemKind::from_str_name(&name).unwrap();
            assert_eq!(i32::from(kind.number()), i32::from(theirs), "{name}");
        }
    }

    #[test]
    fn an_ack_says_how_far_what_was_refused_and_from_where_to_repeat() {
        let rejection = Rejection::new(RejectReason::SeqOutOfRange, "events[2].seq", 0, "1 and up");
        let stop = Stop { reason: StopReason::Evicted, by_device: None, in_the_way: Vec::new() };
        let settled = Settlement {
            settled_through_seq: 7,
            refused: vec![Refused { seq: 0, index: 2, rejection }],
            repeat_from_seq: Some(8),
            verdict: Some(Verdict::Stop(Arc::new(stop))),
            ..Settlement::default()
        };
        let limits = Limits { retry_after_ms: 99, next_beat_ms: 5_000, ..Limits::default() };
        let expect = proto::Ack {
            acked_through_seq: 7,
            rejected: vec![proto::Rejection {
                seq: 0,
                index: 2,
                reason: proto::RejectReason::SeqOutOfRange.into(),
                field: "events[2].seq".into(),
                value: "0".into(),
                allowed: "1 and up".into(),
            }],
            busy: Some(proto::Busy { retry_after_ms: 99, from_seq: 8 }),
            next_beat_ms: 5_000,
            verdict: proto::Verdict::Stop.into(),
        };
        assert_eq!(ack(settled, &limits), frame(proto::server_frame::Frame::Ack(expect)));
    }
}
