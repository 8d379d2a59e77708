//! `playhead serve` with encryption.

use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use crate::process::{Serve, run, stderr};

fn trusting(certificate: &Path) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap();
    TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_development_certificate_encrypts_what_is_asked() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Serve::start_set(data.path(), "tls.development=true");
    let connector = trusting(&data.path().join("tls/certificate.pem"));
    let stream = TcpStream::connect(server.http).await.unwrap();
    let mut stream = connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap();
    let ask = "GET /v1/users/ann/continue-watching HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(ask.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");

    let mut plain = TcpStream::connect(server.http).await.unwrap();
    plain.write_all(ask.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/"), "nothing is said without encryption");
    server.wait_for("SHA-256 of the certificate");
    assert_eq!(server.terminate().0, Some(0));
}

#[test]
fn a_certificate_that_cannot_be_read_ends_the_start() {
    let data = tempfile::tempdir().unwrap();
    let set = ["--set", "tls.certificate=none.pem", "--set", "tls.key=none.pem"];
    let arguments = [
        &["serve", "--data-dir", "data", "--grpc=127.0.0.1:0", "--http=127.0.0.1:0", "--quic=off"][..],
        &set,
    ]
    .concat();
    let refused = run(&arguments, data.path());
    assert_ne!(refused.status.code(), Some(0));
    assert!(stderr(&refused).contains("tls: none.pem: No such file"), "{}", stderr(&refused));
}
