//! Whom a client trusts.

use playhead_client::{Client, LineError, Trust};

use crate::server::{Script, Server};

async fn connect(server: &Server, trust: Trust) -> Result<(), LineError> {
    server.client().trust(trust).build().unwrap().connect().await
}

/// The fingerprint of a PEM certificate, by another library than the client's.
fn fingerprint(pem: &str) -> [u8; 32] {
    use rustls::pki_types::{CertificateDer, pem::PemObject};
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let suite = rustls::crypto::aws_lc_rs::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256.tls13().unwrap();
    suite.common.hash_provider.hash(&certificate).as_ref().try_into().unwrap()
}

#[tokio::test]
async fn a_server_is_known_by_a_root_or_by_its_fingerprint_and_by_nothing_else() {
    let (server, other) = (Server::quic(Script::default()), Server::quic(Script::default()));
    let pem = |server: &Server| match &server.trust {
        Some(Trust::Roots(pem)) => pem.clone(),
        _ => panic!("no certificate"),
    };
    for good in
        [Trust::Roots(pem(&server)), Trust::Fingerprint(fingerprint(&pem(&server))), Trust::AnyoneOnLoopback]
    {
        assert_eq!(connect(&server, good).await, Ok(()));
    }
    for bad in [Trust::Roots(pem(&other)), Trust::Fingerprint(fingerprint(&pem(&other)))] {
        let refused = connect(&server, bad).await.unwrap_err();
        assert_eq!(refused.reason, "UNREACHABLE");
    }
}

#[tokio::test]
async fn without_a_word_on_trust_there_is_no_tls() {
    for url in ["quic://127.0.0.1:1", "https://127.0.0.1:1"] {
        let said = Client::builder(url).build().err().unwrap().to_string();
        assert!(said.contains("nothing says whom to trust"), "{said}");
    }
}
