//! Connections: HTTP/1.1 and HTTP/2 on one port, bounded in number and in patience.

use std::{convert::Infallible, io, pin::pin, sync::Arc, time::Duration};

use axum::{Router, body::Body};
use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
};
use tower::ServiceExt;

use super::Options;

/// Serves connections until `shutdown`, then lets what is being answered finish, for at most
/// [`Options::drain_ms_max`].
pub(super) async fn serve(
    router: Router,
    listener: TcpListener,
    options: &Options,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let room = Arc::new(Semaphore::new(options.connections_max.clamp(1, Semaphore::MAX_PERMITS)));
    let (stop, stopping) = watch::channel(());
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = accept(&listener, &room) => accepted,
        };
        match accepted {
            Ok((stream, permit)) => {
                tokio::spawn(connection(stream, permit, router.clone(), stopping.clone()));
            }
            Err(error) => rest_after(error).await?,
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

/// The next connection, once there is room for it.
async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let permit = Arc::clone(room).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, permit))
}

/// Passes over what went wrong with one connection, and waits a little where the machine ran out of something.
async fn rest_after(error: io::Error) -> io::Result<()> {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, InvalidInput, NotConnected};
    match error.kind() {
        ConnectionAborted | ConnectionRefused | ConnectionReset => Ok(()),
        InvalidInput | NotConnected => Err(error),
        _ => {
            tracing::warn!(%error, "accept failed, will retry");
            tokio::time::sleep(ACCEPT_RETRY).await;
            Ok(())
        }
    }
}

async fn connection(
    stream: TcpStream,
    _permit: OwnedSemaphorePermit,
    router: Router,
    mut stopping: watch::Receiver<()>,
) {
    // Answers are small and whole: waiting to fill a segment would only delay them.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| {
        let router = router.clone();
        async move { Ok::<_, Infallible>(answer(router, request).await) }
    });
    let builder = builder();
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
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

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WAIT)
        // A page that closes may not wait for the answer to its beacon, which counts all the same.
        .half_close(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE_WAIT);
    builder
}

/// How long an HTTP/1.1 connection may take to send a request's headers, idle time between requests included: longer
/// than the beat interval, so that players keep their connection.
const HEADERS_WAIT: Duration = Duration::from_secs(75);
/// How many requests one HTTP/2 connection may have under way.
const STREAMS_MAX: u32 = 128;
/// When a silent HTTP/2 peer is asked whether it is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// How long it may take to answer that.
const KEEP_ALIVE_WAIT: Duration = Duration::from_secs(20);
/// How long to wait when no connection can be accepted: file descriptors may have become free by then.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
