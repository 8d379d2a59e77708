//! A pair of our own, for development: self-signed, kept in a folder so that whoever pins it goes on doing so after a
//! restart, and made anew before it expires.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::sign::CertifiedKey;
use time::OffsetDateTime;

use super::{TlsError, pair};

/// Why there is no development pair.
#[derive(Debug, thiserror::Error)]
pub enum DevelopmentError {
    /// A name cannot be in a certificate, or the machine lacks random numbers.
    #[error("a development certificate for {names:?} cannot be made: {error}")]
    Making {
        /// For whom.
        names: Vec<String>,
        /// Why not.
        error: rcgen::Error,
    },
    /// The folder cannot be written.
    #[error("{}: {error}", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
}

/// The pair in this folder, made anew where there is none that is whole and young enough.
///
/// A crash may leave half of one; then clients have to be told of another, and the server starts all the same.
pub(super) fn pair(folder: &Path, names: &[String], now_ms: i64) -> Result<CertifiedKey, TlsError> {
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    if is_young(&certificate, now_ms) {
        match pair::read(&certificate, &key) {
            Ok(pair) => return Ok(pair),
            Err(error) => tracing::warn!(%error, "the development certificate is not whole, making another"),
        }
    }
    keep(folder, (&certificate, &key), names, now_ms)?;
    Ok(pair::read(&certificate, &key)?)
}

/// Makes a pair and keeps it in these files, the key first: a certificate without its key would be half of a pair.
fn keep(
    folder: &Path,
    (certificate, key): (&Path, &Path),
    names: &[String],
    now_ms: i64,
) -> Result<(), DevelopmentError> {
    let (certificate_pem, key_pem) =
        make(names, now_ms).map_err(|error| DevelopmentError::Making { names: names.to_vec(), error })?;
    let in_folder = |error| DevelopmentError::Folder { path: folder.to_path_buf(), error };
    fs::create_dir_all(folder).map_err(in_folder)?;
    private::write(key, &key_pem).map_err(in_folder)?;
    private::write(certificate, &certificate_pem).map_err(in_folder)
}

fn is_young(certificate: &Path, now_ms: i64) -> bool {
    let made = fs::metadata(certificate).and_then(|metadata| metadata.modified());
    let Ok(Ok(made)) = made.map(|made: SystemTime| made.duration_since(UNIX_EPOCH)) else { return false };
    let now = Duration::from_millis(now_ms.unsigned_abs());
    now.checked_sub(made).is_none_or(|age| age < RENEWED_AFTER)
}

fn make(names: &[String], now_ms: i64) -> Result<(String, String), rcgen::Error> {
    let all = LOOPBACK.iter().map(|&name| name.to_owned()).chain(names.iter().cloned());
    let mut params = CertificateParams::new(all.collect::<Vec<_>>())?;
    params.distinguished_name.push(DnType::CommonName, "playhead development");
    let now = OffsetDateTime::from_unix_timestamp(now_ms / 1_000).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    // An hour back, for clients whose clocks are late.
    (params.not_before, params.not_after) = (now - Duration::from_secs(3_600), now + VALID);
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    Ok((params.self_signed(&key)?.pem(), key.serialize_pem()))
}

/// Files that only their owner may read. They are not synced: what a crash takes of them is made anew.
mod private {
    use std::{fs, io, io::Write, path::Path};

    #[cfg(unix)]
    pub(super) fn write(path: &Path, text: &str) -> io::Result<()> {
        use std::os::unix::fs::OpenOptionsExt;
        let _ = fs::remove_file(path);
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())
    }

    #[cfg(not(unix))]
    pub(super) fn write(path: &Path, text: &str) -> io::Result<()> {
        let mut file = fs::File::create(path)?;
        file.write_all(text.as_bytes())
    }
}

const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
/// Browsers pin certificates of 14 days at most (WebTransport, `serverCertificateHashes`).
const VALID: Duration = Duration::from_secs(13 * 24 * 3_600);
/// A week before it expires.
const RENEWED_AFTER: Duration = Duration::from_secs(6 * 24 * 3_600);
