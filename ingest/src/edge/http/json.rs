//! The wire's messages as JSON: the names of the .proto files in snake_case (camelCase is read too), enums by name
//! (`"BEAT"` or `"EVENT_KIND_BEAT"`) or number, 64-bit numbers as JSON numbers (strings are read too).
//!
//! Reading goes over the text once and makes our types directly. What is wrong with an event is that event's own
//! matter: it is refused alone, with its field and, where it can be read, its number; its neighbours are taken. Unknown
//! fields of a request, a batch or its session are refused by name, since a typo there would lose data silently; those
//! of events are skipped, so that newer clients can talk to this server. `null` means absent.

mod batch;
mod event;
mod lease;
mod mend;
mod outcome;
mod request;
mod value;

use std::cell::Cell;

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde::{Serialize, de::DeserializeSeed};

use crate::edge::publish::{PUBLISH_EVENTS_MAX, SessionBatch, UnreadableBatch};
use batch::BatchSeed;
use request::RequestSeed;

pub(super) use event::EventJson;
pub(super) use lease::LiveJson;
pub(super) use outcome::{OutcomeJson, PublishedJson};

type Batch = Result<SessionBatch, UnreadableBatch>;

/// Text that is no JSON, and cannot be mended to be.
#[derive(Debug, thiserror::Error)]
#[error("the body is no JSON: {0}")]
pub(super) struct NotJson(#[from] serde_json::Error);

/// Reads a `SessionEvents`.
///
/// # Errors
/// [`NotJson`]. JSON that is no `SessionEvents` is a batch that cannot be read.
pub(super) fn session_events(body: &[u8]) -> Result<Batch, NotJson> {
    read_or_mend(body, |body| read(body, BatchSeed { events_left: &Cell::new(PUBLISH_EVENTS_MAX) }))
}

/// Reads a `PublishRequest`: one batch per session, in their order.
///
/// # Errors
/// [`NotJson`]. The inner error is a request that is refused as a whole.
pub(super) fn publish_request(body: &[u8]) -> Result<Result<Vec<Batch>, UnreadableBatch>, NotJson> {
    read_or_mend(body, |body| read(body, RequestSeed { events_left: &Cell::new(PUBLISH_EVENTS_MAX) }))
}

/// An answer.
pub(super) fn reply(status: StatusCode, message: &impl Serialize) -> Response {
    match serde_json::to_vec(message) {
        Ok(json) => {
            let mut response = (status, Body::from(json)).into_response();
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }
        // Our own messages have text keys and finite numbers, so they can always be written.
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Reads a body as it is, which it almost always can be, or else mended.
fn read_or_mend<T>(body: &[u8], read: impl Fn(&[u8]) -> serde_json::Result<T>) -> Result<T, NotJson> {
    read(body).or_else(|error| read(mend::mend(body).as_bytes()).map_err(|_| NotJson(error)))
}

fn read<'de, S: DeserializeSeed<'de>>(body: &'de [u8], seed: S) -> serde_json::Result<S::Value> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let message = seed.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(message)
}
