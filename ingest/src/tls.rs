//! Transport security: one certificate and its key for every edge, replaced while the server runs.
//!
//! The pair stands behind a lock that each handshake reads once, so a reload reaches the next handshake and no open
//! connection. There is one provider, aws-lc-rs. 0-RTT is off: a repeated first flight could repeat what it asks for.

use std::{
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
};

use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};

mod development;
mod pair;

pub use self::{development::DevelopmentError, pair::PairError};

/// A certificate and its key. Cheap to clone; clones share the pair and its reloads.
#[derive(Debug, Clone)]
pub struct Tls(Arc<Shared>);

/// Where the pair comes from.
#[derive(Debug, Clone)]
pub enum Source {
    /// PEM files that the operator keeps.
    Files {
        /// The certificate and what leads from it to a root, in this order.
        certificate: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
    /// A pair of our own, kept in a folder and made anew before it expires. Nobody trusts it who was not told to.
    Development {
        /// Where it is kept.
        folder: PathBuf,
        /// Names and addresses that it speaks for besides those of loopback.
        names: Vec<String>,
    },
}

/// Why there is no pair.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The files hold no pair.
    #[error(transparent)]
    Pair(#[from] PairError),
    /// A development pair cannot be made.
    #[error(transparent)]
    Development(#[from] DevelopmentError),
    /// The provider and the protocol versions do not fit together.
    #[error("transport security cannot be set up")]
    Setup(#[from] rustls::Error),
}

/// What a reload found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reloaded {
    /// Another pair: new handshakes use it.
    Changed,
    /// The pair that is in use.
    Unchanged,
}

#[derive(Debug)]
struct Shared {
    source: Source,
    current: RwLock<Arc<CertifiedKey>>,
}

impl Tls {
    /// Reads the pair, or makes it where it is a development pair that is missing or old.
    ///
    /// # Errors
    /// [`TlsError`], naming the file at fault.
    pub fn open(source: Source, now_ms: i64) -> Result<Self, TlsError> {
        let pair = read(&source, now_ms)?;
        Ok(Self(Arc::new(Shared { source, current: RwLock::new(Arc::new(pair)) })))
    }

    /// Reads the pair again. On an error the pair in use stays.
    ///
    /// # Errors
    /// [`TlsError`], naming the file at fault.
    pub fn reload(&self, now_ms: i64) -> Result<Reloaded, TlsError> {
        let pair = read(&self.0.source, now_ms)?;
        if pair.cert == self.0.current().cert {
            return Ok(Reloaded::Unchanged);
        }
        *self.0.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(pair);
        Ok(Reloaded::Changed)
    }

    /// A server's side over TCP: TLS 1.3 and 1.2, for these protocols (RFC 7301), the most wanted first.
    ///
    /// # Errors
    /// None with the provider that this crate is built with.
    pub fn tcp(&self, protocols: &[&[u8]]) -> Result<ServerConfig, TlsError> {
        let mut config = self.config(&[&TLS13, &TLS12], protocols)?;
        // Players come back: a ticket saves the server a signature.
        config.ticketer = aws_lc_rs::Ticketer::new()?;
        Ok(config)
    }

    /// A server's side over QUIC: TLS 1.3 only.
    ///
    /// # Errors
    /// None with the provider that this crate is built with.
    pub fn quic(&self, protocols: &[&[u8]]) -> Result<ServerConfig, TlsError> {
        self.config(&[&TLS13], protocols)
    }

    /// The SHA-256 of the certificate: what a browser (`serverCertificateHashes`) or a client pins.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        let current = self.0.current();
        let leaf = current.cert.first().map(AsRef::as_ref).unwrap_or_default();
        pair::sha256(leaf)
    }

    fn config(
        &self,
        versions: &[&'static rustls::SupportedProtocolVersion],
        protocols: &[&[u8]],
    ) -> Result<ServerConfig, TlsError> {
        let resolver: Arc<dyn ResolvesServerCert> = self.0.clone();
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        config.max_early_data_size = 0;
        Ok(config)
    }
}

/// The one provider of cryptography.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

impl Shared {
    fn current(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ResolvesServerCert for Shared {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

fn read(source: &Source, now_ms: i64) -> Result<CertifiedKey, TlsError> {
    match source {
        Source::Files { certificate, key } => Ok(pair::read(certificate, key)?),
        Source::Development { folder, names } => development::pair(folder, names, now_ms),
    }
}

#[cfg(test)]
mod tests;
