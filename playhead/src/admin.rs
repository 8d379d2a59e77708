//! The admin port: is the process alive, is it ready, what does it count, what passes through it. It answers from before
//! recovery until after the drain.

use std::{
    convert::Infallible,
    io,
    sync::{Arc, OnceLock},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Query, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use futures_util::StreamExt;
use playhead_catalog::grpc::Services;
use playhead_ingest::{
    edge::{listener::Counts, quic},
    engine::Engine,
    identity::meters::Meters,
};
use serde_json::json;
use tokio::{net::TcpListener, sync::watch};

mod metrics;
mod process;
mod tapped;

use tapped::Filter;

/// How far the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// What the journal holds is being read.
    Recovering,
    /// Events are taken.
    Ready,
    /// Nothing new is taken; what was taken is brought home.
    Draining,
    /// The engine failed.
    Failed,
}

/// What there is to tell of once the server serves.
pub(crate) struct Served {
    /// The engine.
    pub(crate) engine: Arc<Engine>,
    /// The listeners, by their edge's name.
    pub(crate) listeners: Vec<(&'static str, Counts)>,
    /// The QUIC edge, if there is one.
    pub(crate) quic: Option<quic::Meters>,
    /// How tokens fare, where tokens are checked.
    pub(crate) tokens: Option<Meters>,
}

/// What the admin port tells of. Clones tell of the same.
#[derive(Clone)]
pub(crate) struct Admin {
    phase: watch::Sender<Phase>,
    served: Arc<OnceLock<Served>>,
    catalog: Arc<OnceLock<Services>>,
    shard_events_max: usize,
}

impl Admin {
    /// Tells of a server that is recovering. `shard_events_max` is how many events may wait in all shards together.
    pub(crate) fn new(shard_events_max: usize) -> Self {
        let (phase, served) = (watch::Sender::new(Phase::Recovering), Arc::default());
        Self { phase, served, catalog: Arc::default(), shard_events_max }
    }

    /// Notes how far the server is.
    pub(crate) fn enter(&self, phase: Phase) {
        self.phase.send_replace(phase);
    }

    /// Gives it the engine and the listeners, once there are any.
    pub(crate) fn attach(&self, served: Served) {
        // An engine is started once; a second one would be a bug that readiness cannot mend.
        let _ = self.served.set(served);
    }

    /// Gives it the catalog, where the server has one.
    pub(crate) fn attach_catalog(&self, catalog: Services) {
        // There is one.
        let _ = self.catalog.set(catalog);
    }

    /// Answers on this listener until `stop` comes. Taps end with the drain.
    pub(crate) async fn serve(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        axum::serve(listener, self.router()).with_graceful_shutdown(stop).await
    }

    fn router(self) -> Router {
        Router::new()
            .route("/healthz", get(healthz))
            .route("/readyz", get(readyz))
            .route("/metrics", get(metrics))
            .route("/tap", get(tap))
            .with_state(self)
    }
}

async fn healthz() -> Response {
    answer(StatusCode::OK, &json!({ "status": "alive" }))
}

async fn readyz(State(admin): State<Admin>) -> Response {
    let (status, phase) = match *admin.phase.borrow() {
        Phase::Ready => (StatusCode::OK, "ready"),
        Phase::Recovering => (StatusCode::SERVICE_UNAVAILABLE, "recovering"),
        Phase::Draining => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
        Phase::Failed => (StatusCode::SERVICE_UNAVAILABLE, "failed"),
    };
    answer(status, &json!({ "ready": status == StatusCode::OK, "phase": phase }))
}

async fn metrics(State(admin): State<Admin>) -> Response {
    match metrics::page(admin.served.get(), admin.catalog.get(), admin.shard_events_max) {
        Ok(text) => ([(header::CONTENT_TYPE, METRICS_TYPE)], text).into_response(),
        Err(error) => {
            answer(StatusCode::INTERNAL_SERVER_ERROR, &json!({ "error": format!("no metrics: {error}") }))
        }
    }
}

/// Streams events as lines of JSON until the reader leaves or the server drains.
async fn tap(State(admin): State<Admin>, Query(filter): Query<Filter>) -> Response {
    let Some(Served { engine, .. }) = admin.served.get() else {
        return answer(
            StatusCode::SERVICE_UNAVAILABLE,
            &json!({ "error": "recovering: nothing to see yet" }),
        );
    };
    let mut phase = admin.phase.subscribe();
    let drains = async move {
        let is_over = |phase: &Phase| matches!(phase, Phase::Draining | Phase::Failed);
        // The sender is gone only when the server is.
        let _ = phase.wait_for(is_over).await;
    };
    let lines = tapped::lines(engine.tap().watch(), filter);
    let body = lines.take_until(Box::pin(drains)).map(|line| Ok::<Bytes, Infallible>(line.into()));
    ([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(body)).into_response()
}

fn answer(status: StatusCode, body: &serde_json::Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], format!("{body}\n")).into_response()
}

const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
