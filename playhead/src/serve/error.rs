//! Why a server does not serve, in one line each.

use std::{io, net::SocketAddr, path::PathBuf};

use playhead_ingest::{
    engine::{Failure, StartError},
    journal::FsDiskError,
    tls::TlsError,
};
use playhead_store::StoreError;

use crate::{auth::AuthError, durable::ClusterError};

/// Why a server cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    /// A listener's address cannot be had.
    #[error("{key} is {address}: {error}; allowed is an address of this machine with a port that is free")]
    Listener {
        /// Which listener.
        key: &'static str,
        /// Its address.
        address: SocketAddr,
        /// Why not.
        error: io::Error,
    },
    /// The keys of tokens cannot be had.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// The certificate cannot be had.
    #[error("tls: {error}{}", beneath(.error))]
    Tls {
        /// Why not.
        error: TlsError,
    },
    /// The journal's folder cannot be had.
    #[error("data.dir: {error}{}", beneath(.error))]
    Disk {
        /// Why not.
        error: FsDiskError,
    },
    /// The store cannot be opened.
    #[error("data.dir is {:?}: the store cannot be opened: {error}{}", path.display(), beneath(.error))]
    Store {
        /// The data folder.
        path: PathBuf,
        /// Why not.
        error: StoreError,
    },
    /// The cluster's login or encryption cannot be had.
    #[error(transparent)]
    ClusterSettings(#[from] ClusterError),
    /// The cluster was reached, and cannot be used.
    #[error("durable: {error}{}", beneath(.error))]
    Cluster {
        /// Why not.
        error: StoreError,
    },
    /// The hot store's settings cannot be used.
    #[error("hot.urls: the servers cannot be used: {error}{}", beneath(.error))]
    Hot {
        /// Why not.
        error: StoreError,
    },
    /// The engine did not start.
    #[error("the engine cannot start: {error}{}", beneath(.error))]
    Engine {
        /// Why not.
        error: StartError,
    },
    /// The engine cannot go on.
    #[error(
        "stopped: {0}; nothing was acknowledged since. Look at the disk under data.dir, then start again"
    )]
    Failed(Failure),
    /// An edge ended by itself.
    #[error("stopped: the {0} listener ended: {1}")]
    Edge(&'static str, io::Error),
}

/// What lies beneath an error, for its one line.
pub(crate) fn beneath(error: &dyn std::error::Error) -> String {
    let mut line = String::new();
    let mut next = error.source();
    while let Some(cause) = next {
        line.push_str(": ");
        line.push_str(&cause.to_string());
        next = cause.source();
    }
    line
}
