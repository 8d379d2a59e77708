//! A certificate and its key, read from PEM files and found to belong together.

use std::{fs, io, path::Path};

use aws_lc_rs::digest;
use rustls::{
    crypto::aws_lc_rs as provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject},
    sign::CertifiedKey,
};

/// Why files hold no pair. The key's content is never told.
#[derive(Debug, thiserror::Error)]
pub enum PairError {
    /// A file cannot be read.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: Box<Path>,
        /// Why not.
        error: io::Error,
    },
    /// A file is larger than any pair.
    #[error("{} has {bytes} bytes; allowed are {FILE_BYTES_MAX}", path.display())]
    TooLarge {
        /// Which.
        path: Box<Path>,
        /// How large.
        bytes: u64,
    },
    /// A file holds nothing of what it should.
    #[error("{}: {problem}; allowed is PEM with {wanted}", path.display())]
    Content {
        /// Which.
        path: Box<Path>,
        /// What is wrong with it.
        problem: String,
        /// What it should hold.
        wanted: &'static str,
    },
    /// The key is not the certificate's.
    #[error("the key in {} does not belong to the first certificate in {}", key.display(), certificate.display())]
    Strangers {
        /// The certificate's file.
        certificate: Box<Path>,
        /// The key's file.
        key: Box<Path>,
    },
}

/// Reads a pair.
pub(super) fn read(certificate: &Path, key: &Path) -> Result<CertifiedKey, PairError> {
    let chain = certificates(certificate, &file(certificate)?)?;
    let private = private_key(key, &file(key)?)?;
    let signing =
        provider::sign::any_supported_type(&private).map_err(|error| content(key, error.to_string(), KEY))?;
    let pair = CertifiedKey::new(chain, signing);
    match pair.keys_match() {
        // Some keys cannot tell; then the first handshake does.
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => Ok(pair),
        Err(rustls::Error::InconsistentKeys(_)) => {
            Err(PairError::Strangers { certificate: certificate.into(), key: key.into() })
        }
        Err(error) => Err(content(certificate, error.to_string(), CERTIFICATE)),
    }
}

/// What names a certificate.
pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = digest::digest(&digest::SHA256, bytes);
    let mut hash = [0; 32];
    hash.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
    hash
}

fn file(path: &Path) -> Result<Vec<u8>, PairError> {
    let wrong = |error| PairError::File { path: path.into(), error };
    let bytes = fs::metadata(path).map_err(wrong)?.len();
    match bytes > FILE_BYTES_MAX {
        true => Err(PairError::TooLarge { path: path.into(), bytes }),
        false => fs::read(path).map_err(wrong),
    }
}

fn certificates(path: &Path, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, PairError> {
    let chain: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(text).collect();
    match chain {
        Ok(chain) if chain.is_empty() => Err(content(path, "no certificate in it".to_owned(), CERTIFICATE)),
        Ok(chain) => Ok(chain),
        Err(error) => Err(content(path, error.to_string(), CERTIFICATE)),
    }
}

fn private_key(path: &Path, text: &[u8]) -> Result<PrivateKeyDer<'static>, PairError> {
    PrivateKeyDer::from_pem_slice(text).map_err(|error| content(path, error.to_string(), KEY))
}

fn content(path: &Path, problem: String, wanted: &'static str) -> PairError {
    PairError::Content { path: path.into(), problem, wanted }
}

/// No chain and no key comes near it.
const FILE_BYTES_MAX: u64 = 1 << 20;
const CERTIFICATE: &str = "one certificate or more, the server's first";
const KEY: &str =
    "one private key (PKCS#8, PKCS#1 or SEC1; ECDSA P-256 to P-521, Ed25519, or RSA of 2048 bits or more)";
