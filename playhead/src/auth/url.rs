//! Keys behind a URL.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use async_trait::async_trait;
use axum::http::{StatusCode, Uri, header::ACCEPT};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, body::Bytes};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use playhead_ingest::{
    identity::{
        keyring::{KeySource, KeysUnavailable},
        keys::JWKS_BYTES_MAX,
    },
    tls,
};
use rustls::{ClientConfig, RootCertStore};

use crate::roots;

/// A JWK Set behind a URL. Redirections are not followed: the operator names the place.
pub(super) struct KeysUrl {
    url: Uri,
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
}

/// Why a URL cannot be asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UrlError {
    /// The file of roots cannot be read.
    #[error("auth.keys_ca_file is {path:?}: {error}; allowed is a PEM file of certificates")]
    Roots {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The system has no roots to trust servers by.
    #[error("this system has no root certificates ({0}); name some in auth.keys_ca_file")]
    NoRoots(String),
    /// Encryption cannot be set up.
    #[error("transport security cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
}

impl KeysUrl {
    pub(super) fn new(url: Uri, ca_file: Option<&Path>) -> Result<Self, UrlError> {
        let roots = match (ca_file, url.scheme_str()) {
            (Some(path), _) => {
                roots::of_file(path).map_err(|error| UrlError::Roots { path: path.to_owned(), error })?
            }
            (None, Some("https")) => roots::of_the_system().map_err(UrlError::NoRoots)?,
            // Nothing will be asked over TLS.
            (None, _) => RootCertStore::empty(),
        };
        let config = ClientConfig::builder_with_provider(tls::provider())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().build();
        let client = Client::builder(TokioExecutor::new()).pool_idle_timeout(IDLE_MAX).build(connector);
        Ok(Self { url, client })
    }
}

#[async_trait]
impl KeySource for KeysUrl {
    async fn read(&self) -> Result<Vec<u8>, KeysUnavailable> {
        let request =
            Request::get(self.url.clone()).header(ACCEPT, "application/jwk-set+json, application/json");
        let request = request.body(Empty::new()).map_err(KeysUnavailable::new)?;
        let answer =
            self.client.request(request).await.map_err(|error| KeysUnavailable::new(whole(&error)))?;
        if answer.status() != StatusCode::OK {
            return Err(KeysUnavailable::new(format!("answers {}", answer.status())));
        }
        let body = Limited::new(answer.into_body(), JWKS_BYTES_MAX).collect().await;
        Ok(body.map_err(KeysUnavailable::new)?.to_bytes().to_vec())
    }

    fn name(&self) -> String {
        self.url.to_string()
    }
}

/// An error with what lies beneath it: the client's own says little.
fn whole(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Longer than this no connection waits for the next reading.
const IDLE_MAX: Duration = Duration::from_secs(30);
