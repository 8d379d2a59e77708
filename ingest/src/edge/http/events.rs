//! `POST /v1/events` and `POST /v1/publish`: events of one session or of many, answered when they are durable.
//!
//! The body is JSON or protobuf by its content type, and the answer is of the same kind; errors are always JSON. Of
//! `/v1/events`, 200 means that at least one event is durable and that the outcome lists what was refused; when every
//! event was refused the answer is 400 (or 403) with the first refusal as its error, beside the outcome.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::State,
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CONTENT_ENCODING, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use hyper::body::Body as _;
use prost::Message;

use super::{
    Front,
    body::Taken,
    caller,
    error::Failure,
    json::{self, OutcomeJson, PublishedJson, reply},
};
use crate::edge::{
    publish::{SessionBatch, UnreadableBatch, publish},
    wire,
};

/// Takes one `SessionEvents`.
pub(super) async fn post_events(
    State(front): State<Arc<Front>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let format = Format::of(&headers)?;
    let identity = caller::identity(&front, &headers).await?;
    let taken = body_of(&front, body).await?;
    let received_at_ms = (front.doors.now)();
    let batch = format.session_events(&taken.bytes)?;
    let outcomes = publish(&front.doors, &identity, vec![batch], received_at_ms).await?;
    let Some(outcome) = outcomes.into_iter().next() else { return Err(Failure::malformed("no batch")) };
    match outcome.rejected.first() {
        Some(first) if outcome.stored + outcome.duplicate == 0 => {
            let rejection = first.rejection.clone();
            Err(Failure::all_rejected(&rejection, outcome))
        }
        _ => Ok(match format {
            Format::Json => reply(StatusCode::OK, &OutcomeJson::new(&outcome)),
            Format::Protobuf => protobuf(&wire::session_outcome(outcome)),
        }),
    }
}

/// Takes a `PublishRequest`.
pub(super) async fn post_publish(
    State(front): State<Arc<Front>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let format = Format::of(&headers)?;
    let identity = caller::identity(&front, &headers).await?;
    let taken = body_of(&front, body).await?;
    let received_at_ms = (front.doors.now)();
    let batches = format.publish_request(&taken.bytes)?.map_err(|unreadable| {
        front.doors.intake.reject(unreadable.rejection.reason, unreadable.events);
        Failure::rejected(&unreadable.rejection)
    })?;
    let outcomes = publish(&front.doors, &identity, batches, received_at_ms).await?;
    Ok(match format {
        Format::Json => reply(StatusCode::OK, &PublishedJson::new(&outcomes)),
        Format::Protobuf => protobuf(&wire::publish_response(outcomes)),
    })
}

/// A whole body within the message limit.
pub(super) async fn body_of(front: &Front, body: Body) -> Result<Taken, Failure> {
    let limits = front.doors.intake.limits();
    // What says that it is too long is not waited for.
    if body.size_hint().lower() > limits.message_bytes_max as u64 {
        return Err(Failure::too_large(limits.message_bytes_max));
    }
    let taken = front.bodies.take(body, limits.message_bytes_max).await;
    match (&taken.room, taken.is_whole) {
        (None, _) => Err(Failure::busy(limits.retry_after_ms)),
        (Some(_), false) => Err(Failure::too_large(limits.message_bytes_max)),
        (Some(_), true) if taken.bytes.is_empty() => Err(Failure::malformed("the body is empty")),
        (Some(_), true) => Ok(taken),
    }
}

/// How messages are written in a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Protobuf,
}

type Batch = Result<SessionBatch, UnreadableBatch>;

impl Format {
    fn of(headers: &HeaderMap) -> Result<Self, Failure> {
        let packed = headers
            .get(CONTENT_ENCODING)
            .filter(|packed| !packed.as_bytes().eq_ignore_ascii_case(b"identity"));
        if let Some(packed) = packed {
            return Err(Failure::content_encoding(&String::from_utf8_lossy(packed.as_bytes())));
        }
        let said = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = said.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match &*essence {
            "application/json" => Ok(Self::Json),
            PROTOBUF | "application/protobuf" | "application/vnd.google.protobuf" => Ok(Self::Protobuf),
            _ => Err(Failure::content_type(said)),
        }
    }

    fn session_events(self, body: &Bytes) -> Result<Batch, Failure> {
        match self {
            Self::Json => json::session_events(body).map_err(Failure::malformed),
            Self::Protobuf => Ok(wire::session_events(body)),
        }
    }

    fn publish_request(self, body: &Bytes) -> Result<Result<Vec<Batch>, UnreadableBatch>, Failure> {
        match self {
            Self::Json => json::publish_request(body).map_err(Failure::malformed),
            Self::Protobuf => Ok(wire::publish_request(body)),
        }
    }
}

fn protobuf(message: &impl Message) -> Response {
    let mut response = (StatusCode::OK, Body::from(message.encode_to_vec())).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PROTOBUF));
    response
}

const PROTOBUF: &str = "application/x-protobuf";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_type_is_json_or_protobuf() {
        let of = |said: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, said.parse().unwrap());
            Format::of(&headers).ok()
        };
        assert_eq!(of("application/json; charset=utf-8"), Some(Format::Json));
        assert_eq!(of("Application/X-Protobuf"), Some(Format::Protobuf));
        assert_eq!(of("application/protobuf"), Some(Format::Protobuf));
        assert_eq!(of("text/plain"), None);
        assert_eq!(Format::of(&HeaderMap::new()).ok(), None);
    }

    #[test]
    fn a_compressed_body_is_refused() {
        for (encoding, is_taken) in [("gzip", false), ("br", false), ("identity", true), ("Identity", true)] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            headers.insert(CONTENT_ENCODING, encoding.parse().unwrap());
            assert_eq!(Format::of(&headers).is_ok(), is_taken, "{encoding}");
        }
    }
}
