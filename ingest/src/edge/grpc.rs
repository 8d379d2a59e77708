//! The gRPC edge: Connect and Publish for events, the playback reads, health, and reflection when switched on; all of
//! it over gRPC-Web too, for browsers.
//!
//! A call's path: `codec` reads its bytes, `caller` says whose it is, `connect` and `ingest` offer events,
//! `playback` reads; every error takes its form in `status`.

use std::time::Duration;

use http::Response;
use tokio::sync::watch;
use tonic::{Code, Status, body::Body, transport::Server};
use tonic_health::{
    ServingStatus,
    pb::health_server::HealthServer,
    server::{HealthReporter, HealthService},
};
use tower::util::MapResponseLayer;

use self::{
    ingest::Ingest,
    playback::Reads,
    service::{ingest_service_server::IngestServiceServer, playback_service_server::PlaybackServiceServer},
    web::WebLayer,
};
use super::{Doors, listener::Listener};

mod caller;
pub mod codec;
mod connect;
mod incoming;
mod ingest;
mod inside;
mod live;
mod playback;
mod status;
mod switch;
mod web;

#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::allow_attributes_without_reason,
    reason = "generated code"
)]
mod service {
    include!(concat!(env!("OUT_DIR"), "/playhead.ingest.v1.IngestService.rs"));
    include!(concat!(env!("OUT_DIR"), "/playhead.playback.v1.PlaybackService.rs"));
}

pub use self::{inside::Inside, switch::Switch};

/// What the operator chooses.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Whether the server describes its services to whoever asks.
    pub reflection: bool,
    /// The most streams and calls at once on one connection.
    pub streams_max: u32,
    /// How often an idle connection is asked whether it is alive, ms.
    pub keepalive_ms: u64,
    /// How long a call may take, the coming of its message included, ms. A stream goes on as long as it is alive.
    pub call_ms_max: u64,
    /// How long stopping waits for callers to take their last answers, ms.
    pub drain_ms_max: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            reflection: false,
            streams_max: 200,
            keepalive_ms: 30_000,
            call_ms_max: 30_000,
            drain_ms_max: 10_000,
        }
    }
}

/// Why the edge could not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The services cannot be described.
    #[error("reflection could not be built")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The network failed.
    #[error("the gRPC listener failed")]
    Transport(#[from] tonic::transport::Error),
}

/// Serves the engine alone: [`serve_beside`] without anything beside it.
///
/// # Errors
/// [`ServeError`] when serving cannot begin or the listener breaks.
pub async fn serve(
    doors: Doors,
    listener: impl Into<Listener>,
    options: Options,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    serve_beside(Some(doors), Switch::default(), listener, options, shutdown).await
}

/// Serves until `shutdown`, then stops: health says so, no more is accepted, calls finish, streams acknowledge what is
/// outstanding and end as UNAVAILABLE. Returns when all callers are gone, at most [`Options::drain_ms_max`] later.
/// Without an engine only what is beside it is served.
///
/// # Errors
/// [`ServeError`] when serving cannot begin or the listener breaks.
pub async fn serve_beside(
    doors: Option<Doors>,
    beside: Switch,
    listener: impl Into<Listener>,
    options: Options,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    let (stop, mut stopping) = watch::channel(false);
    let health = HealthReporter::new();
    let switch = with_engine(beside, doors, stopping.clone());
    // The empty name is the server's as a whole.
    let names: Vec<&str> = [""].into_iter().chain(switch.names()).collect();
    set_health(&health, ServingStatus::Serving, &names).await;
    let switch = with_own(switch, options, &health)?;
    let incoming = incoming::incoming(listener.into());
    let shutdown = async move {
        shutdown.await;
        retire(health, &names).await;
        stop.send_replace(true);
    };
    // What a browser needs comes first, then what all calls need.
    let served = server(options)
        .layer(WebLayer::new())
        .layer(MapResponseLayer::new(explain))
        .serve_with_incoming_shutdown(switch, incoming, shutdown);
    let drained = async {
        // The sender lives in the future beside this one.
        let _ = stopping.wait_for(|stopping| *stopping).await;
        tokio::time::sleep(Duration::from_millis(options.drain_ms_max)).await;
    };
    tokio::select! {
        served = served => Ok(served?),
        () = drained => {
            tracing::warn!(drain_ms_max = options.drain_ms_max, "gRPC callers did not leave in time");
            Ok(())
        }
    }
}

fn server(options: Options) -> Server {
    let keepalive = Duration::from_millis(options.keepalive_ms);
    Server::builder()
        .accept_http1(true)
        .max_concurrent_streams(options.streams_max)
        .http2_keepalive_interval(Some(keepalive))
        .http2_keepalive_timeout(Some(keepalive))
        .http2_max_header_list_size(HEADER_BYTES_MAX)
        .max_frame_size(FRAME_BYTES_MAX)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_max_pending_accept_reset_streams(Some(PENDING_RESETS_MAX))
        .http2_max_local_error_reset_streams(Some(LOCAL_RESETS_MAX))
        // A call's message has to come in this time; streams have begun by then.
        .timeout(Duration::from_millis(options.call_ms_max))
}

/// Adds the engine's services, if there is one.
fn with_engine(mut switch: Switch, doors: Option<Doors>, stopping: watch::Receiver<bool>) -> Switch {
    if let Some(doors) = doors {
        let message_bytes_max = doors.intake.limits().message_bytes_max;
        let ingest = Ingest { doors: doors.clone(), stopping };
        let ingest = IngestServiceServer::new(ingest).max_decoding_message_size(message_bytes_max);
        let reads = PlaybackServiceServer::new(Reads { doors }).max_decoding_message_size(message_bytes_max);
        switch.add(ingest).add(reads);
    }
    switch
}

/// Adds what a listener tells of itself.
fn with_own(mut switch: Switch, options: Options, health: &HealthReporter) -> Result<Switch, ServeError> {
    switch.add(HealthServer::new(HealthService::from_health_reporter(health.clone())));
    if options.reflection {
        let describe = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(playhead_proto::DESCRIPTORS)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        // Older tools ask in the first form only.
        switch.add(describe().build_v1()?).add(describe().build_v1alpha()?);
    }
    Ok(switch)
}

/// What the library answers by itself, in our form. Our own answers pass as they are.
fn explain(response: Response<Body>) -> Response<Body> {
    match Status::from_header_map(response.headers()) {
        Some(status) if status.code() != Code::Ok && status.details().is_empty() => {
            status::explained(status).into_http()
        }
        _ => response,
    }
}

async fn set_health(health: &HealthReporter, status: ServingStatus, names: &[&str]) {
    for name in names {
        health.set_service_status(name, status).await;
    }
}

/// Says that nothing is served any more, and lets go of those who watch, so that they do not hold up the end.
async fn retire(mut health: HealthReporter, names: &[&str]) {
    set_health(&health, ServingStatus::NotServing, names).await;
    for name in names {
        health.clear_service_status(name).await;
    }
}

/// How long all headers of a call may be together, bytes: a token of 8 KiB and what libraries send.
const HEADER_BYTES_MAX: u32 = 32 << 10;
/// The largest HTTP/2 frame, bytes: the smallest bound that the protocol allows.
const FRAME_BYTES_MAX: u32 = 16_384;
/// How much of a stream's messages may be on its way unread, bytes.
const STREAM_WINDOW_BYTES: u32 = 256 << 10;
/// How much of all streams of a connection may be on its way unread, bytes.
const CONNECTION_WINDOW_BYTES: u32 = 1 << 20;
/// Streams that were opened and given up before anybody looked at them (CVE-2023-44487).
const PENDING_RESETS_MAX: usize = 20;
/// Streams that the peer made us reset by breaking the protocol on them (CVE-2025-8671).
const LOCAL_RESETS_MAX: usize = 128;
