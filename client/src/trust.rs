//! Whom to trust over TLS. One provider: aws-lc-rs.

use std::{net::IpAddr, sync::Arc};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};

/// How a server proves itself over TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// By a certificate that one of these signed, or is one of these; PEM.
    Roots(String),
    /// By the certificate with this SHA-256 fingerprint, whatever its names and dates: for development certificates.
    Fingerprint([u8; 32]),
    /// By nothing, as long as it listens on a loopback address. For trying out.
    AnyoneOnLoopback,
}

/// A trust that cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// The roots are no certificates.
    #[error("roots: {0}; allowed are certificates in PEM")]
    Roots(String),
    /// The text is no fingerprint.
    #[error("fingerprint is {0:?}; allowed are 64 hexadecimal digits, with colons or without")]
    Fingerprint(String),
    /// The TLS library refuses it.
    #[error("TLS: {0}")]
    Tls(String),
}

impl Trust {
    /// Reads a fingerprint as tools print it.
    ///
    /// # Errors
    /// [`TrustError::Fingerprint`].
    pub fn fingerprint(text: &str) -> Result<Self, TrustError> {
        let wrong = || TrustError::Fingerprint(text.to_owned());
        let digits: Vec<u8> = text.bytes().filter(|&byte| byte != b':').collect();
        let mut fingerprint = [0; 32];
        if digits.len() != 2 * fingerprint.len() {
            return Err(wrong());
        }
        for (byte, pair) in fingerprint.iter_mut().zip(digits.chunks(2)) {
            let pair = std::str::from_utf8(pair)
                .ok()
                .filter(|pair| pair.bytes().all(|digit| digit.is_ascii_hexdigit()));
            *byte = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()).ok_or_else(wrong)?;
        }
        Ok(Self::Fingerprint(fingerprint))
    }

    /// What rustls needs to know, for these protocols.
    pub(crate) fn config(&self, alpn: &[u8]) -> Result<ClientConfig, TrustError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| TrustError::Tls(error.to_string()))?;
        let config = match self {
            Self::Roots(pem) => config.with_root_certificates(roots(pem)?),
            Self::Fingerprint(pinned) => dangerous(config, provider, Some(*pinned)),
            Self::AnyoneOnLoopback => dangerous(config, provider, None),
        };
        let mut config = config.with_no_client_auth();
        config.alpn_protocols = vec![alpn.to_vec()];
        Ok(config)
    }

    /// True if a server at this address may be spoken to at all.
    pub(crate) fn allows(&self, address: IpAddr) -> bool {
        *self != Self::AnyoneOnLoopback || address.is_loopback()
    }
}

type Unverified = rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>;
type Verified = rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>;

fn dangerous(config: Unverified, provider: Arc<CryptoProvider>, pinned: Option<[u8; 32]>) -> Verified {
    config.dangerous().with_custom_certificate_verifier(Arc::new(Pin { provider, pinned }))
}

fn roots(pem: &str) -> Result<RootCertStore, TrustError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|error| TrustError::Roots(error.to_string()))?;
        roots.add(certificate).map_err(|error| TrustError::Roots(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(TrustError::Roots("no certificate in them".into()));
    }
    Ok(roots)
}

/// Looks at the certificate's fingerprint and nothing else; that the server has its key is verified all the same.
#[derive(Debug)]
struct Pin {
    provider: Arc<CryptoProvider>,
    pinned: Option<[u8; 32]>,
}

impl ServerCertVerifier for Pin {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self.pinned {
            Some(pinned) if sha256(end_entity).as_deref() != Some(&pinned[..]) => {
                Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
            }
            _ => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// By the hash of the suite that TLS 1.3 demands of everybody, so that no other crate is needed for it.
fn sha256(bytes: &[u8]) -> Option<Vec<u8>> {
    let suite = aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256.tls13()?;
    Some(suite.common.hash_provider.hash(bytes).as_ref().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_tools_print_it() {
        let plain = "ab".repeat(32);
        let colons = vec!["AB"; 32].join(":");
        assert_eq!(Trust::fingerprint(&plain), Ok(Trust::Fingerprint([0xab; 32])));
        assert_eq!(Trust::fingerprint(&colons), Trust::fingerprint(&plain));
        for wrong in ["", "ab", &"ag".repeat(32), &"+b".repeat(32), &"é".repeat(32)] {
            assert_eq!(Trust::fingerprint(wrong), Err(TrustError::Fingerprint(wrong.into())));
        }
    }

    #[test]
    fn roots_have_to_be_certificates() {
        let wrong = |pem: &str| Trust::Roots(pem.into()).config(b"h2").unwrap_err();
        assert!(wrong("").to_string().contains("allowed are certificates in PEM"));
        let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(matches!(wrong(garbage), TrustError::Roots(_)));
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        assert!(Trust::Roots(own.cert.pem()).config(b"h2").is_ok());
    }

    #[test]
    fn sha256_is_sha256() {
        let hex: String = sha256(b"abc").unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn anyone_is_trusted_on_loopback_alone() {
        let (here, there) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([192, 0, 2, 1]));
        assert!(Trust::AnyoneOnLoopback.allows(here) && !Trust::AnyoneOnLoopback.allows(there));
        assert!(Trust::Fingerprint([0; 32]).allows(there));
    }
}
