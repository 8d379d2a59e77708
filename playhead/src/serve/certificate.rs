//! The certificate that the edges show, and looking after it.

use std::time::Duration;

use playhead_ingest::{
    edge::Now,
    tls::{Reloaded, Tls},
};
use tokio::time::{MissedTickBehavior, interval};

use super::error::{ServeError, beneath};
use crate::config::{Config, TlsSource};

/// The certificate, if the configuration has one.
pub(super) fn open(config: &Config, now: &Now) -> Result<Option<Tls>, ServeError> {
    let Some(source) = &config.tls.source else { return Ok(None) };
    let opened = Tls::open(source.resolve(&config.data_dir), now());
    opened.map(Some).map_err(|error| ServeError::Tls { error })
}

/// A development certificate where the configuration has none.
pub(super) fn development(config: &Config, now: &Now) -> Result<Tls, ServeError> {
    let source = TlsSource::Development { names: Vec::new() }.resolve(&config.data_dir);
    Tls::open(source, now()).map_err(|error| ServeError::Tls { error })
}

/// Looks for another certificate again and again. What cannot be read leaves the one in use, and is said each time: an
/// operator has until it expires.
pub(super) async fn keep_fresh(tls: Tls, every_s: u64, now: Now) {
    let mut ticks = interval(Duration::from_secs(every_s));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let (again, now_ms) = (tls.clone(), now());
        match tokio::task::spawn_blocking(move || again.reload(now_ms)).await {
            Ok(Ok(Reloaded::Unchanged)) | Err(_) => {}
            Ok(Ok(Reloaded::Changed)) => {
                tracing::info!(sha256 = fingerprint(&tls), "another certificate is in use");
            }
            Ok(Err(error)) => {
                let cause = beneath(&error);
                tracing::error!(%error, cause, "the certificate cannot be read again, the old one stays");
            }
        }
    }
}

/// The SHA-256 of the certificates in use.
#[derive(Debug, Clone)]
pub(super) struct Fingerprints {
    /// Over TCP.
    pub(super) tcp: Option<String>,
    /// Over QUIC.
    pub(super) quic: Option<String>,
}

impl Fingerprints {
    pub(super) fn of(tcp: Option<&Tls>, quic: Option<&Tls>) -> Self {
        Self { tcp: tcp.map(fingerprint), quic: quic.map(fingerprint) }
    }
}

/// A certificate's SHA-256 as people and tools write it.
fn fingerprint(tls: &Tls) -> String {
    tls.fingerprint().map(|byte| format!("{byte:02x}")).concat()
}
