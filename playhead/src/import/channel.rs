//! The way to a server, encrypted or not.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use axum::http::Uri;
use hyper_rustls::HttpsConnectorBuilder;
use playhead_ingest::tls;
use rustls::ClientConfig;
use tonic::transport::{Channel, Endpoint};
use tower::util::MapRequest;

use crate::roots;

/// Why there is no way to a server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChannelError {
    /// The address is none.
    #[error(
        "--to is {0:?}; allowed is an address such as http://127.0.0.1:7450 or https://playhead.example:7450"
    )]
    Url(String),
    /// The file of roots cannot be read.
    #[error("--ca-file is {path:?}: {error}; allowed is a PEM file of certificates")]
    Roots {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The system has no roots to trust servers by.
    #[error("this system has no root certificates ({0}); name some by --ca-file")]
    NoRoots(String),
    /// Encryption cannot be set up.
    #[error("transport security cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
}

/// To the server at this address, which is connected to when it is first asked.
pub(super) fn to(url: &str, ca_file: Option<&Path>) -> Result<Channel, ChannelError> {
    let wrong = || ChannelError::Url(url.to_owned());
    let uri: Uri = url.parse().map_err(|_| wrong())?;
    let authority = uri.authority().ok_or_else(wrong)?;
    // Encryption is the connector's, so what tonic itself would do for `https` must not come on top.
    let endpoint = Endpoint::from_shared(format!("http://{authority}")).map_err(|_| wrong())?;
    let endpoint = endpoint.connect_timeout(CONNECT_PATIENCE).timeout(CALL_PATIENCE).tcp_nodelay(true);
    match uri.scheme_str() {
        Some("http") => Ok(endpoint.connect_lazy()),
        Some("https") => {
            let config = ClientConfig::builder_with_provider(tls::provider())
                .with_safe_default_protocol_versions()?
                .with_root_certificates(trusted(ca_file)?)
                .with_no_client_auth();
            let connector =
                HttpsConnectorBuilder::new().with_tls_config(config).https_only().enable_http2().build();
            let place = uri.clone();
            let connector = MapRequest::new(connector, move |_: Uri| place.clone());
            Ok(endpoint.origin(uri).connect_with_connector_lazy(connector))
        }
        _ => Err(wrong()),
    }
}

fn trusted(ca_file: Option<&Path>) -> Result<rustls::RootCertStore, ChannelError> {
    match ca_file {
        Some(path) => {
            roots::of_file(path).map_err(|error| ChannelError::Roots { path: path.to_owned(), error })
        }
        None => roots::of_the_system().map_err(ChannelError::NoRoots),
    }
}

const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
const CALL_PATIENCE: Duration = Duration::from_secs(30);
