//! What clients send: frames, Publish requests, batches, events.

use playhead_store::{EventKind, ItemKind, PlayerState};

use super::scan::{Fields, NoField, Value, count};
use crate::{
    admission::{RawEvent, RejectReason, Rejection},
    edge::publish::{PUBLISH_EVENTS_MAX, SessionBatch, UnreadableBatch},
    intake::{Offered, Unreadable},
};

/// A frame of a stream.
#[derive(Debug, Clone, PartialEq)]
pub enum ClientFrame {
    /// Opens the stream's session.
    Hello(Box<Hello>),
    /// Events of the stream's session.
    Events(Vec<Offered>),
    /// Asks for an Ack now.
    Ping,
}

/// What opens a session on a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Hello {
    /// The protocol version that the client speaks.
    pub protocol_version: u32,
    /// What is played, and by which session: a batch that names no user and has no events.
    pub batch: SessionBatch,
    /// The lowest number that the client still holds unacknowledged; 0 means 1. Only a stream with datagrams needs it:
    /// the others acknowledge what they are sent.
    pub unacked_from_seq: u64,
    /// The caller's bearer token, where the transport has no headers; empty when there is none.
    pub token: String,
    /// True when the session's numbers have no gaps and its events may come as datagrams.
    pub datagrams: bool,
}

type Batch = Result<SessionBatch, UnreadableBatch>;

/// Reads a `ClientFrame`.
///
/// # Errors
/// A frame that makes no sense as a whole. Its events do not count as offered one by one.
pub fn client_frame(message: &[u8]) -> Result<ClientFrame, UnreadableBatch> {
    frame(message).map_err(|rejection| {
        let batches = Fields::of(message).filter_map(|field| match field {
            Ok((2, Value::Bytes(batch))) => Some(count(batch, 2) as u64),
            _ => None,
        });
        UnreadableBatch { session_id: String::new(), events: batches.sum(), rejection }
    })
}

/// Reads a `PublishRequest`: one batch per session, in their order.
///
/// # Errors
/// A request that makes no sense as a whole, or holds more than [`PUBLISH_EVENTS_MAX`] sessions or events.
pub fn publish_request(message: &[u8]) -> Result<Vec<Batch>, UnreadableBatch> {
    let mut events = 0;
    let check = |events: &mut u64| {
        let sessions = count(message, 1);
        at_most(sessions, "sessions", "sessions")?;
        for field in Fields::of(message) {
            if let (1, value) = field.map_err(|NoField| cut_off("", "a PublishRequest"))? {
                *events += count(value.bytes("sessions")?, 6) as u64;
            }
        }
        at_most(usize::try_from(*events).unwrap_or(usize::MAX), "sessions.events", "events in all")
    };
    if let Err(rejection) = check(&mut events) {
        return Err(UnreadableBatch { session_id: String::new(), events, rejection });
    }
    let sessions = Fields::of(message).filter_map(|field| match field {
        Ok((1, Value::Bytes(batch))) => Some(session_events(batch)),
        _ => None,
    });
    Ok(sessions.collect())
}

/// Reads a `SessionEvents`.
///
/// # Errors
/// A batch whose own fields, other than its events, cannot be read, or that holds more than [`PUBLISH_EVENTS_MAX`]
/// events.
pub fn session_events(message: &[u8]) -> Result<SessionBatch, UnreadableBatch> {
    let events = count(message, 6);
    let mut batch = nameless();
    let mut read = || {
        at_most(events, "events", "events")?;
        batch.events.reserve_exact(events);
        for field in Fields::of(message) {
            match field.map_err(|NoField| cut_off("", "a SessionEvents"))? {
                (1, value) => read_session(&mut batch, value)?,
                (2, value) => batch.user_id = value.text("user_id")?.to_owned(),
                (3, value) => batch.account_id = value.text("account_id")?.to_owned(),
                (4, value) => batch.device_id = value.text("device_id")?.to_owned(),
                (5, value) => batch.sent_at_ms = known(value.signed("sent_at_ms")?),
                (6, value) => batch.events.push(event(value)),
                _ => {}
            }
        }
        Ok(())
    };
    match read() {
        Ok(()) => Ok(batch),
        Err(rejection) => {
            Err(UnreadableBatch { session_id: batch.session_id, events: events as u64, rejection })
        }
    }
}

fn frame(message: &[u8]) -> Result<ClientFrame, Rejection> {
    let mut frame = None;
    for field in Fields::of(message) {
        let alternative = match field.map_err(|NoField| cut_off("frame", FRAMES))? {
            (1, value) => ClientFrame::Hello(Box::new(hello(value)?)),
            (2, value) => ClientFrame::Events(event_batch(value)?),
            (3, value) => value.bytes("ping").map(|_| ClientFrame::Ping)?,
            _ => continue,
        };
        if frame.replace(alternative).is_some() {
            return Err(Rejection::new(RejectReason::Malformed, "frame", "more than one", FRAMES));
        }
    }
    frame.ok_or_else(|| Rejection::new(RejectReason::Malformed, "frame", "none that is known", FRAMES))
}

fn hello(value: Value<'_>) -> Result<Hello, Rejection> {
    let mut hello = Hello {
        protocol_version: 0,
        batch: nameless(),
        unacked_from_seq: 0,
        token: String::new(),
        datagrams: false,
    };
    for field in Fields::of(value.bytes("hello")?) {
        match field.map_err(|NoField| cut_off("hello", "a Hello"))? {
            (1, value) => hello.protocol_version = value.short("hello.protocol_version")?,
            (2, value) => read_session(&mut hello.batch, value)
                .map_err(|no| Rejection { field: format!("hello.{}", no.field).into(), ..no })?,
            (3, value) => hello.batch.sent_at_ms = known(value.signed("hello.sent_at_ms")?),
            (4, value) => hello.unacked_from_seq = value.number("hello.unacked_from_seq")?,
            (5, value) => hello.token = value.text("hello.token")?.to_owned(),
            (6, value) => hello.datagrams = value.number("hello.datagrams")? != 0,
            _ => {}
        }
    }
    Ok(hello)
}

fn read_session(batch: &mut SessionBatch, value: Value<'_>) -> Result<(), Rejection> {
    for field in Fields::of(value.bytes("session")?) {
        match field.map_err(|NoField| cut_off("session", "a Session"))? {
            (1, value) => batch.session_id = value.text("session.session_id")?.to_owned(),
            (2, value) => batch.item_id = value.text("session.item_id")?.to_owned(),
            (3, value) => {
                let number = value.signed("session.item_kind")?;
                batch.item_kind = ItemKind::from_number(number).ok_or_else(|| number.to_string().into());
            }
            (4, value) => batch.duration_ms = Some(value.signed("session.duration_ms")?),
            (5, value) => batch.credits_ms = Some(value.signed("session.credits_ms")?),
            _ => {}
        }
    }
    Ok(())
}

/// The events of an `EventBatch`. Its sent time is checked and not needed: the Hello has fixed the session's clock.
fn event_batch(value: Value<'_>) -> Result<Vec<Offered>, Rejection> {
    let message = value.bytes("events")?;
    let expected = count(message, 2);
    at_most(expected, "events.events", "events")?;
    let mut events = Vec::with_capacity(expected);
    for field in Fields::of(message) {
        match field.map_err(|NoField| cut_off("events", "an EventBatch"))? {
            (1, value) => drop(value.signed("events.sent_at_ms")?),
            (2, value) => events.push(event(value)),
            _ => {}
        }
    }
    Ok(events)
}

/// Reads to the end whatever is wrong on the way, so that the number is found wherever it stands.
fn event(value: Value<'_>) -> Offered {
    let mut raw = RawEvent::new(EventKind::Meta, 0, None);
    let mut kind = 0;
    let mut refused = None;
    let message = value.bytes("").unwrap_or_else(|rejection| {
        refused = Some(rejection);
        &[]
    });
    for field in Fields::of(message) {
        let read = match field {
            Ok((1, value)) => value.signed("kind").map(|number| kind = number),
            Ok((number, value)) => read_event_field(&mut raw, number, value),
            Err(NoField) => Err(cut_off("", "an Event")),
        };
        // Only a refusal is moved: this runs for each field of each event.
        if let Err(rejection) = read {
            refused.get_or_insert(rejection);
        }
    }
    if let Some(rejection) = refused {
        return Err(Unreadable { seq: raw.seq, rejection });
    }
    raw.kind = EventKind::from_number(kind).ok_or_else(|| kind.to_string().into());
    Ok(raw)
}

#[inline]
fn read_event_field(raw: &mut RawEvent, number: u32, value: Value<'_>) -> Result<(), Rejection> {
    match number {
        2 => raw.seq = value.number("seq")?,
        3 => raw.at_ms = known(value.signed("at_ms")?),
        4 => raw.position_ms = Some(value.signed("position_ms")?),
        5 => raw.from_ms = Some(value.signed("from_ms")?),
        6 => raw.state = state(value.signed("state")?),
        7 => raw.rate = Some(value.double("rate")?),
        8 => raw.bitrate_kbps = Some(value.short("bitrate_kbps")?),
        9 => raw.startup_ms = Some(value.short("startup_ms")?),
        10 => raw.stall_ms = Some(value.short("stall_ms")?),
        11 => {
            let code = value.text("error_code")?;
            raw.error_code = (!code.is_empty()).then(|| code.into());
        }
        12 => raw.duration_ms = Some(value.signed("duration_ms")?),
        _ => {}
    }
    Ok(())
}

fn state(number: i64) -> Result<Option<PlayerState>, Box<str>> {
    match PlayerState::from_number(number) {
        None if number != 0 => Err(number.to_string().into()),
        state => Ok(state),
    }
}

/// A time that is on the wire even when it is not known: 0 means unknown.
fn known(time_ms: i64) -> Option<i64> {
    (time_ms != 0).then_some(time_ms)
}

fn nameless() -> SessionBatch {
    SessionBatch {
        session_id: String::new(),
        item_id: String::new(),
        item_kind: Ok(ItemKind::Unknown),
        duration_ms: None,
        credits_ms: None,
        user_id: String::new(),
        account_id: String::new(),
        device_id: String::new(),
        sent_at_ms: None,
        events: Vec::new(),
    }
}

/// An empty element takes two bytes on the wire and two hundred in memory, so they are counted before they are read.
fn at_most(count: usize, field: &'static str, what: &str) -> Result<(), Rejection> {
    match count <= PUBLISH_EVENTS_MAX {
        true => Ok(()),
        false => {
            let allowed = format!("at most {PUBLISH_EVENTS_MAX} {what}");
            Err(Rejection::new(RejectReason::BatchTooLarge, field, count, allowed))
        }
    }
}

fn cut_off(field: &'static str, allowed: &'static str) -> Rejection {
    Rejection::new(RejectReason::Malformed, field, "bytes that are no protobuf message", allowed)
}

/// The alternatives of a frame, for error messages.
const FRAMES: &str = "one of hello, events and ping";

#[cfg(test)]
mod tests;
