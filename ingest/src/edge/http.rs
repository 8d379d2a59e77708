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
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod json;
mod live;
mod playback;
mod query;
mod server;

use std::{io, sync::Arc, time::Duration};

use super::{Doors, listener::Listener};
use axum::{
    Router,
    middleware::from_fn,
    routing::{MethodFilter, on},
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
    routes(Router::new())
        .fallback(|| async { Failure::no_path() })
        .method_not_allowed_fallback(|| async { Failure::method() })
        .layer(from_fn(cors::answer))
        .with_state(front)
}

/// Makes routes, and [`ROUTES`], which lists them: what is not listed is not served.
macro_rules! routes {
    ($($method:ident $path:literal => $handler:path;)*) => {
        /// Every route: its method and its path.
        pub const ROUTES: &[(&str, &str)] = &[$((stringify!($method), $path),)*];

        fn routes(router: Router<Arc<Front>>) -> Router<Arc<Front>> {
            router$(.route($path, on(MethodFilter::$method, $handler)))*
        }
    };
}

routes! {
    POST "/v1/events" => events::post_events;
    POST "/v1/publish" => events::post_publish;
    POST "/v1/cmcd/{token}" => cmcd::post;
    GET "/v1/cmcd/{token}" => cmcd::get;
    POST "/v1/beacon/{token}" => beacon::post;
    DELETE "/v1/users/{user}" => playback::delete_user;
    GET "/v1/users/{user}/positions" => playback::get_positions;
    GET "/v1/users/{user}/positions/{item}" => playback::get_position;
    PUT "/v1/users/{user}/positions/{item}" => playback::put_position;
    DELETE "/v1/users/{user}/positions/{item}" => playback::delete_position;
    POST "/v1/users/{user}/items/{item}/watched" => playback::post_watched;
    GET "/v1/users/{user}/continue-watching" => playback::continue_watching;
    GET "/v1/users/{user}/sessions" => playback::get_sessions;
    GET "/v1/users/{user}/sessions/{session}" => playback::get_session;
    GET "/v1/accounts/{account}/live-sessions" => live::get_live_sessions;
    DELETE "/v1/accounts/{account}/live-sessions/{code}" => live::delete_live_session;
}

/// What every handler is given.
struct Front {
    doors: Doors,
    positions: PositionKeys,
    bodies: Bodies,
}
