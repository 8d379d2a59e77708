//! The limit of the HTTP edge: hyper, and the same body read or left unread, answered by a server that does nothing
//! else.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response, StatusCode,
    body::Incoming,
    header::{CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

/// What is done with a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// It is parsed as a `SessionEvents`, and answered with a `SessionOutcome`.
    Json,
    /// It is received, and answered with 204.
    Any,
}

/// Serves for ever.
///
/// # Panics
/// When no more connections can be accepted.
pub async fn serve(listener: TcpListener, body: Body) {
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        stream.set_nodelay(true).expect("a socket that is open");
        let service = service_fn(move |request| answer(request, body));
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new());
        // Whoever breaks a connection has its answers or wants none.
        tokio::spawn(builder.serve_connection(TokioIo::new(stream), service));
    }
}

async fn answer(request: Request<Incoming>, body: Body) -> Result<Response<Full<Bytes>>, Infallible> {
    let Ok(received) = request.into_body().collect().await else { return Ok(empty(StatusCode::BAD_REQUEST)) };
    let received = received.to_bytes();
    Ok(match body {
        Body::Any => empty(StatusCode::NO_CONTENT),
        Body::Json => match serde_json::from_slice(&received) {
            Ok(events) => json(&Outcome::of(events)),
            Err(_) => empty(StatusCode::BAD_REQUEST),
        },
    })
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

fn json(outcome: &Outcome) -> Response<Full<Bytes>> {
    let body = serde_json::to_vec(outcome).unwrap_or_default();
    let mut response = Response::new(Full::from(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// `POST /v1/events`, as a program would declare it that need not be lenient.
#[derive(Debug, Deserialize)]
struct SessionEvents {
    session: Session,
    #[serde(default)]
    events: Vec<Event>,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "what is read is the work that is measured")]
struct Session {
    session_id: String,
    item_id: String,
    item_kind: Option<ItemKind>,
    duration_ms: Option<i64>,
    credits_ms: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "what is read is the work that is measured")]
struct Event {
    kind: Kind,
    seq: u64,
    at_ms: Option<i64>,
    position_ms: Option<i64>,
    from_ms: Option<i64>,
    state: Option<State>,
    rate: Option<f64>,
    bitrate_kbps: Option<u32>,
    startup_ms: Option<u32>,
    stall_ms: Option<u32>,
    error_code: Option<String>,
    duration_ms: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum ItemKind {
    Movie,
    Episode,
    Lesson,
    Recording,
    Live,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Kind {
    Start,
    Beat,
    Seek,
    Pause,
    Resume,
    StallStart,
    StallEnd,
    Quality,
    Rate,
    Error,
    Stop,
    Ended,
    Meta,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum State {
    Playing,
    Paused,
    Stalled,
}

/// The answer, with the fields that Playhead's has.
#[derive(Debug, Serialize)]
struct Outcome {
    session_id: String,
    stored: usize,
    duplicate: u64,
    rejected: [(); 0],
    acked_through_seq: u64,
    verdict: &'static str,
    next_beat_ms: u32,
}

impl Outcome {
    fn of(received: SessionEvents) -> Self {
        Self {
            session_id: received.session.session_id,
            stored: received.events.len(),
            duplicate: 0,
            rejected: [],
            acked_through_seq: received.events.last().map_or(0, |event| event.seq),
            verdict: "PLAY",
            next_beat_ms: 10_000,
        }
    }
}
