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
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

use super::file::up_to;

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
            (Some(path), _) => roots_of(path)?,
            (None, Some("https")) => roots_of_the_system()?,
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

fn roots_of(path: &Path) -> Result<RootCertStore, UrlError> {
    let wrong = |error| UrlError::Roots { path: path.to_owned(), error };
    let pem = up_to(path, ROOTS_BYTES_MAX).map_err(wrong)?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| wrong(io::Error::other(error.to_string())))?;
        roots.add(certificate).map_err(|error| wrong(io::Error::other(error)))?;
    }
    match roots.is_empty() {
        true => Err(wrong(io::Error::other("it has no certificate"))),
        false => Ok(roots),
    }
}

fn roots_of_the_system() -> Result<RootCertStore, UrlError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Systems carry some that nobody can read any more; the others count.
    let _ = roots.add_parsable_certificates(found.certs);
    match roots.is_empty() {
        true => {
            let errors: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
            Err(UrlError::NoRoots(errors.join(", ")))
        }
        false => Ok(roots),
    }
}

/// Longer than this no connection waits for the next reading.
const IDLE_MAX: Duration = Duration::from_secs(30);
/// The longest file of roots, bytes.
const ROOTS_BYTES_MAX: usize = 4 << 20;
