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
mod rest;
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
pub use rest::{Beside, OPENAPI, Route};

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
    serve_beside(Some(doors), None, listener, options, shutdown).await
}

/// The same with services beside the engine as JSON; without an engine, these alone.
///
/// # Errors
/// Of a route that leads to no rpc, and the listener's, when it can accept no more.
pub async fn serve_beside(
    doors: Option<Doors>,
    beside: Option<Beside>,
    listener: impl Into<Listener>,
    options: Options,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let bodies = bodies(&options);
    let mut router = Router::new();
    if let Some(beside) = beside {
        let own = if doors.is_some() { ROUTES } else { &[] };
        router = rest::router(&beside, &bodies, own)?;
    }
    if let Some(doors) = doors {
        router = router.merge(engines(doors, &options, bodies));
    }
    server::serve(whole(router), listener.into(), &options, shutdown).await
}

/// All routes of the engine, for whoever brings the connections.
pub fn router(doors: Doors, options: &Options) -> Router {
    whole(engines(doors, options, bodies(options)))
}

fn bodies(options: &Options) -> Arc<Bodies> {
    Arc::new(Bodies::new(options.body_bytes_max, Duration::from_millis(options.body_ms_max)))
}

fn engines(doors: Doors, options: &Options, bodies: Arc<Bodies>) -> Router {
    let front = Front { doors, positions: options.position_keys.clone(), bodies };
    routes(Router::new()).with_state(Arc::new(front))
}

/// Routes with what all answers have.
fn whole(routes: Router) -> Router {
    routes
        .fallback(|| async { Failure::no_path() })
        .method_not_allowed_fallback(|| async { Failure::method() })
        .layer(from_fn(cors::answer))
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
    bodies: Arc<Bodies>,
}
