//! `[tls]` and `[edge]`: encryption, and what connections may take.

use std::{ops::RangeInclusive, path::PathBuf};

use playhead_ingest::{edge::listener, tls::Source};

use super::{ConfigError, read::Reader};

/// Which certificate the edges show.
#[derive(Debug, Clone)]
pub(crate) struct TlsSettings {
    /// The operator's pair, or a development pair that was asked for.
    pub(crate) source: Option<TlsSource>,
    /// How often files are looked at for another pair, s.
    pub(crate) reload_s: u64,
}

/// Where the pair comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TlsSource {
    /// The operator's PEM files.
    Files { certificate: PathBuf, key: PathBuf },
    /// A self-signed one of our own, for these names.
    Development { names: Vec<String> },
}

/// What connections may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EdgeSettings {
    /// Connections in all.
    pub(crate) connections_max: usize,
    /// Connections from one address.
    pub(crate) connections_per_address_max: usize,
    /// Their times.
    pub(crate) limits: listener::Limits,
    /// Streams and calls at once on one gRPC connection.
    pub(crate) grpc_streams_max: u32,
    /// How long one gRPC call may take, ms.
    pub(crate) call_ms_max: u64,
    /// Sessions at once on one QUIC connection.
    pub(crate) quic_streams_max: u32,
    /// How long the body of one request may take, ms.
    pub(crate) body_ms_max: u64,
}

impl TlsSource {
    /// The pair's source, a development pair kept below the data folder.
    pub(crate) fn resolve(&self, data_dir: &std::path::Path) -> Source {
        match self.clone() {
            Self::Files { certificate, key } => Source::Files { certificate, key },
            Self::Development { names } => Source::Development { folder: data_dir.join("tls"), names },
        }
    }
}

/// Reads `[tls]`.
pub(crate) fn tls(read: &mut Reader) -> Result<TlsSettings, ConfigError> {
    let certificate =
        read.text("tls.certificate", "PEM file of the certificate and its chain; empty: no encryption.", "");
    let key = read.text("tls.key", "PEM file of the certificate's private key.", "");
    let development = read.switch("tls.development", DEVELOPMENT_ABOUT, false)?;
    let names = read.text("tls.development_names", "Further names of that certificate, with commas.", "");
    let about = "How often the files are looked at for another certificate, s.";
    let reload_s = read.number("tls.reload_s", about, 60, RELOAD_S)?;
    let source = match (certificate.is_empty(), key.is_empty(), development) {
        (true, true, false) => None,
        (true, true, true) => Some(TlsSource::Development { names: words(&names) }),
        (false, false, false) => Some(TlsSource::Files { certificate: certificate.into(), key: key.into() }),
        (_, _, true) => {
            return Err(read.wrong("tls.development", true, "false beside tls.certificate and tls.key"));
        }
        (true, false, _) => {
            return Err(read.wrong("tls.certificate", "", "a PEM file, since there is tls.key"));
        }
        (false, true, _) => {
            return Err(read.wrong("tls.key", "", "a PEM file, since there is tls.certificate"));
        }
    };
    if let Some(name) = words(&names).iter().find(|name| !is_name(name)) {
        return Err(read.wrong(
            "tls.development_names",
            name,
            "DNS names or IP addresses, with commas between",
        ));
    }
    Ok(TlsSettings { source, reload_s })
}

/// Reads `[edge]`.
pub(crate) fn edge(read: &mut Reader) -> Result<EdgeSettings, ConfigError> {
    let limits = limits(read)?;
    let mut ms = |key, about| read.number(key, about, 30_000, PATIENCE_MS);
    let call_ms_max = ms("edge.call_ms_max", "How long a gRPC call and its message may take, ms.")?;
    let body_ms_max = ms("edge.body_ms_max", "How long the body of an HTTP request may take, ms.")?;
    let mut count = |key, about, default, range| -> Result<u32, ConfigError> {
        Ok(u32::try_from(read.number(key, about, default, range)?).unwrap_or(u32::MAX))
    };
    let per_address = ("edge.connections_per_address_max", "Connections from one address.");
    Ok(EdgeSettings {
        connections_max: count("edge.connections_max", "Connections in all.", 20_000, CONNECTIONS)? as usize,
        connections_per_address_max: count(per_address.0, per_address.1, 4_096, CONNECTIONS)? as usize,
        limits,
        grpc_streams_max: count("edge.grpc_streams_max", GRPC_STREAMS_ABOUT, 200, STREAMS)?,
        call_ms_max,
        body_ms_max,
        quic_streams_max: count("edge.quic_streams_max", QUIC_STREAMS_ABOUT, 100, STREAMS)?,
    })
}

/// The times that a connection has.
fn limits(read: &mut Reader) -> Result<listener::Limits, ConfigError> {
    let limits = listener::Limits::default();
    let mut ms = |key, about, default| read.number(key, about, default, PATIENCE_MS);
    let handshake =
        ms("edge.handshake_ms_max", "How long a TLS handshake may take, ms.", limits.handshake_ms_max)?;
    let headers = ms("edge.headers_ms_max", "How long headers may take to come, ms.", limits.headers_ms_max)?;
    let write = ms("edge.write_ms_max", "How long answers may stay unread, ms.", limits.write_ms_max)?;
    Ok(listener::Limits {
        handshake_ms_max: handshake,
        headers_ms_max: headers,
        write_ms_max: write,
        ..limits
    })
}

fn words(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn is_name(name: &str) -> bool {
    name.parse::<std::net::IpAddr>().is_ok()
        || name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'*'))
}

const RELOAD_S: RangeInclusive<u64> = 1..=86_400;
const PATIENCE_MS: RangeInclusive<u64> = 100..=600_000;
const CONNECTIONS: RangeInclusive<u64> = 1..=1_000_000;
/// The upper end keeps what one connection can make us hold small (rapid reset and its kin).
const STREAMS: RangeInclusive<u64> = 1..=200;
const GRPC_STREAMS_ABOUT: &str = "Streams and calls at once on a gRPC connection.";
const QUIC_STREAMS_ABOUT: &str = "Sessions at once on a QUIC connection.";
const DEVELOPMENT_ABOUT: &str =
    "Encrypt with a certificate of our own, made below data.dir, that clients have to be told to trust.";
