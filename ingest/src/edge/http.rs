//! The HTTP edge, over HTTP/1.1 and HTTP/2: events as JSON or protobuf, the CMCD front, the page-close beacon, and
//! playback reads.
//!
//! What is answered to `/v1/events` and `/v1/publish` is answered after durability. A beacon and a CMCD report cannot
//! carry that answer: they are always answered 204, and what became of them is counted.

mod beacon;
mod body;
mod caller;
mod cmcd;
mod cors;
mod error;
mod events;
mod json;
mod playback;
mod query;
mod server;

use std::{io, sync::Arc, time::Duration};

use super::{Doors, listener::Listener};
use axum::{
    Router,
    middleware::from_fn,
    routing::{delete, get, post},
};
use body::Bodies;
use error::Failure;

pub use cmcd::PositionKeys;

/// The HTTP edge's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Which custom CMCD keys carry the playhead.
    pub position_keys: PositionKeys,
    /// The most bytes that the bodies of all requests hold together; beyond it requests are busy.
    pub body_bytes_max: usize,
    /// How long a body may take to come, ms.
    pub body_ms_max: u64,
    /// How long connections may take to finish when the server stops, ms.
    pub drain_ms_max: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            position_keys: PositionKeys::default(),
            body_bytes_max: 64 << 20,
            body_ms_max: 30_000,
            drain_ms_max: 10_000,
        }
    }
}

/// Serves until `shutdown` completes, then lets what is being answered finish, within [`Options::drain_ms_max`].
///
/// # Errors
/// The listener's, when it can accept no more.
pub async fn serve(
    doors: Doors,
    listener: impl Into<Listener>,
    options: Options,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    server::serve(router(doors, &options), listener.into(), &options, shutdown).await
}

/// All routes, for whoever brings the connections.
pub fn router(doors: Doors, options: &Options) -> Router {
    let front = Arc::new(Front {
        doors,
        positions: options.position_keys.clone(),
        bodies: Bodies::new(options.body_bytes_max, Duration::from_millis(options.body_ms_max)),
    });
    Router::new()
        .route("/v1/events", post(events::post_events))
        .route("/v1/publish", post(events::post_publish))
        .route("/v1/cmcd/{token}", post(cmcd::post).get(cmcd::get))
        .route("/v1/beacon/{token}", post(beacon::post))
        .route("/v1/users/{user}", delete(playback::delete_user))
        .route("/v1/users/{user}/positions", get(playback::get_positions))
        .route(
            "/v1/users/{user}/positions/{item}",
            get(playback::get_position).put(playback::put_position).delete(playback::delete_position),
        )
        .route("/v1/users/{user}/items/{item}/watched", post(playback::post_watched))
        .route("/v1/users/{user}/continue-watching", get(playback::continue_watching))
        .route("/v1/users/{user}/sessions", get(playback::get_sessions))
        .route("/v1/users/{user}/sessions/{session}", get(playback::get_session))
        .fallback(|| async { Failure::not_found("there is no such path") })
        .method_not_allowed_fallback(|| async { Failure::method() })
        .layer(from_fn(cors::answer))
        .with_state(front)
}

/// What every handler is given.
struct Front {
    doors: Doors,
    positions: PositionKeys,
    bodies: Bodies,
}
