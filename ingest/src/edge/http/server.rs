//! HTTP/1.1 and HTTP/2 on one port, each bounded in what one connection may ask for and hold.

use std::{convert::Infallible, io, pin::pin, time::Duration};

use axum::{Router, body::Body};
use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::sync::watch;
use tower::ServiceExt;

use super::Options;
use crate::edge::listener::{Connection, Listener};

/// Serves connections until `shutdown`, then lets what is being answered finish, for at most
/// [`Options::drain_ms_max`].
pub(super) async fn serve(
    router: Router,
    mut listener: Listener,
    options: &Options,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let (stop, stopping) = watch::channel(());
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            connected = listener.accept() => {
                tokio::spawn(connection(connected?, router.clone(), stopping.clone()));
            }
        }
    }
    drop((listener, stopping));
    stop.send_replace(());
    // Every connection holds a receiver.
    let drained = tokio::time::timeout(Duration::from_millis(options.drain_ms_max), stop.closed()).await;
    if drained.is_err() {
        tracing::warn!(drain_ms_max = options.drain_ms_max, "connections cut that did not finish in time");
    }
    Ok(())
}

async fn connection(connected: Connection, router: Router, mut stopping: watch::Receiver<()>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let router = router.clone();
        async move { Ok::<_, Infallible>(answer(router, request).await) }
    });
    let builder = builder();
    let mut connection = pin!(builder.serve_connection(TokioIo::new(connected), service));
    let served = tokio::select! {
        served = connection.as_mut() => served,
        _ = stopping.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "connection failed");
    }
}

async fn answer(router: Router, request: Request<Incoming>) -> axum::response::Response {
    match router.oneshot(request.map(Body::new)).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// Every bound is said here: a library's default may change with its next release.
fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WAIT)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEADER_BYTES_MAX as usize)
        // A page that closes may not wait for the answer to its beacon, which counts all the same.
        .half_close(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEADER_BYTES_MAX)
        .max_frame_size(FRAME_BYTES_MAX)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(SEND_BYTES_MAX)
        .max_pending_accept_reset_streams(PENDING_RESETS_MAX)
        .max_local_error_reset_streams(LOCAL_RESETS_MAX)
        .keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE_WAIT);
    builder
}

/// How long an HTTP/1.1 connection may take to send a later request's headers, idle time between requests included:
/// longer than the beat interval, so that players keep their connection. The first request has less (`listener`).
const HEADERS_WAIT: Duration = Duration::from_secs(75);
/// How many headers a request over HTTP/1.1 may have.
const HEADERS_MAX: usize = 64;
/// How long all headers of a request may be together, bytes: a token of 8 KiB and what browsers send.
const HEADER_BYTES_MAX: u32 = 32 << 10;
/// How many requests one HTTP/2 connection may have under way.
const STREAMS_MAX: u32 = 128;
/// The largest HTTP/2 frame, bytes: the smallest bound that the protocol allows.
const FRAME_BYTES_MAX: u32 = 16_384;
/// How much of a request's body may be on its way unread, bytes.
const STREAM_WINDOW_BYTES: u32 = 256 << 10;
/// How much of all bodies of a connection may be on its way unread, bytes.
const CONNECTION_WINDOW_BYTES: u32 = 1 << 20;
/// How much of an answer may wait for its reader, bytes.
const SEND_BYTES_MAX: usize = 64 << 10;
/// Streams that were opened and given up before anybody looked at them (CVE-2023-44487).
const PENDING_RESETS_MAX: usize = 20;
/// Streams that the peer made us reset by breaking the protocol on them (CVE-2025-8671).
const LOCAL_RESETS_MAX: usize = 128;
/// When a silent HTTP/2 peer is asked whether it is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// How long it may take to answer that.
const KEEP_ALIVE_WAIT: Duration = Duration::from_secs(20);
