//! The key of the session tokens that this server signs.

use std::path::Path;

use playhead_ingest::identity::{OwnTokens, TokenRules, keys::Algorithm, signer::Signer};
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject};

use super::{AuthError, up_to};

/// Session tokens by the key in a file, or by a new one of this process.
pub(super) fn own(file: Option<&Path>, rules: TokenRules) -> Result<OwnTokens, AuthError> {
    let signer = match file {
        None => Signer::generate(Algorithm::EdDsa)?.0,
        Some(path) => {
            read(path).map_err(|problem| AuthError::SessionKey { path: path.to_owned(), problem })?
        }
    };
    Ok(OwnTokens::new(signer, rules)?)
}

fn read(path: &Path) -> Result<Signer, String> {
    let pem = up_to(path, PEM_BYTES_MAX).map_err(|error| error.to_string())?;
    let der = PrivatePkcs8KeyDer::from_pem_slice(&pem);
    let der = der.map_err(|error| format!("is no private key: {error}"))?;
    Signer::from_pkcs8(der.secret_pkcs8_der()).map_err(|error| error.to_string())
}

/// The longest RSA key takes some 6 KiB.
const PEM_BYTES_MAX: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> TokenRules {
        TokenRules { issuer: "i".into(), audience: "a".into(), leeway_s: 0 }
    }

    #[test]
    fn nodes_that_share_a_file_share_the_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("session.pem");
        let (signer, pkcs8) = Signer::generate(Algorithm::EdDsa).unwrap();
        std::fs::write(&path, pem::encode(&pem::Pem::new("PRIVATE KEY", pkcs8))).unwrap();
        for _ in 0..2 {
            assert_eq!(own(Some(&path), rules()).unwrap().kid(), signer.kid());
        }
        assert_ne!(own(None, rules()).unwrap().kid(), own(None, rules()).unwrap().kid());
    }

    #[test]
    fn a_file_without_a_key_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("session.pem");
        std::fs::write(&path, "no key").unwrap();
        for path in [path, folder.path().join("nothing")] {
            let refused = own(Some(&path), rules()).err().unwrap().to_string();
            assert!(
                refused.starts_with("auth.session_key_file is ") && refused.contains("allowed is"),
                "{refused}"
            );
        }
    }
}
