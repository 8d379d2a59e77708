//! The edges, from listeners that are bound to tasks that serve.

use std::io;

use playhead_ingest::edge::{
    Doors,
    grpc::{self, Switch},
    http,
    listener::Listener,
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

use super::{DRAIN_MS_MAX, ServeError, catalog, quic::QuicEdge, stopped, tell_if_ended};
use crate::config::Config;

/// What the edges listen on.
pub(super) struct Edges {
    pub(super) grpc: Listener,
    /// What gRPC serves besides the engine.
    pub(super) switch: Switch,
    pub(super) http: Listener,
    pub(super) quic: Option<QuicEdge>,
}

impl Edges {
    /// Serves on all of them until `stop`.
    pub(super) fn serve(
        self,
        doors: &Doors,
        config: &Config,
        stop: &watch::Receiver<bool>,
        ended: &mpsc::Sender<ServeError>,
    ) -> Vec<JoinHandle<()>> {
        let Self { grpc, switch, http, quic } = self;
        let stopped = || stopped(stop.clone());
        let rest = catalog::rest(config, &switch, &doors.verifier);
        let grpc = serve_grpc(doors.clone(), switch, grpc, grpc_options(config), stopped());
        let http = http::serve_beside(Some(doors.clone()), rest, http, http_options(config), stopped());
        let mut tasks = vec![
            tokio::spawn(tell_if_ended("gRPC", grpc, ended.clone())),
            tokio::spawn(tell_if_ended("HTTP", http, ended.clone())),
        ];
        if let Some(quic) = quic {
            let quic = quic.serve(doors.clone(), stopped());
            tasks.push(tokio::spawn(tell_if_ended("QUIC", quic, ended.clone())));
        }
        tasks
    }
}

/// gRPC as the configuration wants it.
pub(super) fn grpc_options(config: &Config) -> grpc::Options {
    grpc::Options {
        reflection: config.grpc_reflection,
        drain_ms_max: DRAIN_MS_MAX,
        streams_max: config.edge.grpc_streams_max,
        call_ms_max: config.edge.call_ms_max,
        ..grpc::Options::default()
    }
}

/// HTTP as the configuration wants it.
pub(super) fn http_options(config: &Config) -> http::Options {
    http::Options {
        drain_ms_max: DRAIN_MS_MAX,
        body_ms_max: config.edge.body_ms_max,
        ..http::Options::default()
    }
}

async fn serve_grpc(
    doors: Doors,
    switch: Switch,
    listener: Listener,
    options: grpc::Options,
    stop: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    grpc::serve_beside(Some(doors), switch, listener, options, stop).await.map_err(io::Error::other)
}
