//! Whose certificates a client of ours trusts.

use std::{io, path::Path};

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

use crate::auth::up_to;

/// The certificates of a PEM file.
pub(crate) fn of_file(path: &Path) -> io::Result<RootCertStore> {
    let pem = up_to(path, ROOTS_BYTES_MAX)?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| io::Error::other(error.to_string()))?;
        roots.add(certificate).map_err(io::Error::other)?;
    }
    match roots.is_empty() {
        true => Err(io::Error::other("it has no certificate")),
        false => Ok(roots),
    }
}

/// Those that the system trusts, or why there are none.
pub(crate) fn of_the_system() -> Result<RootCertStore, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Systems carry some that nobody can read any more; the others count.
    let _ = roots.add_parsable_certificates(found.certs);
    match roots.is_empty() {
        true => Err(found.errors.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
        false => Ok(roots),
    }
}

/// The longest file of roots, bytes.
const ROOTS_BYTES_MAX: usize = 4 << 20;
