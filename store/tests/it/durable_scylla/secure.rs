//! A server that wants a password and speaks TLS alone: who may write there, and how others are turned away.

use std::{env, path::Path, sync::Arc};

use playhead_store::{
    StoreErrorKind,
    contract::Dice,
    durable::{
        Durable,
        scylla::{Credentials, ScyllaDurable, ScyllaSettings, migrate},
    },
};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject},
};

use super::server::{self, is_skipped};

#[tokio::test]
async fn whoever_knows_its_password_and_certificate_writes_there() {
    let Some(settings) = settings() else { return };
    migrate(&settings, &server::one_copy(), false).await.unwrap();
    let store = ScyllaDurable::new(settings);
    let mut dice = Dice::new();
    let user = dice.user();
    let key = dice.session(&user);
    store.write(&server::beats(&mut dice, &key, 1..=10)).await.unwrap();
    assert_eq!(store.session(&key).await.unwrap().unwrap().1.len(), 10);
}

#[tokio::test]
async fn nobody_else_does() {
    let Some(right) = settings() else { return };
    let login = |username: &str, password: &str| {
        Some(Credentials { username: username.to_owned(), password: password.to_owned() })
    };
    let strangers = encryption(RootCertStore::empty());
    for (wrong, kind) in [
        (
            ScyllaSettings { credentials: login("cassandra", "guessed"), ..right.clone() },
            StoreErrorKind::Refused,
        ),
        (
            ScyllaSettings { credentials: login("nobody", "cassandra"), ..right.clone() },
            StoreErrorKind::Refused,
        ),
        (ScyllaSettings { credentials: None, ..right.clone() }, StoreErrorKind::Refused),
        (ScyllaSettings { tls: None, ..right.clone() }, StoreErrorKind::Unavailable),
        (ScyllaSettings { tls: Some(strangers), ..right }, StoreErrorKind::Unavailable),
    ] {
        let text = format!("{wrong:?}");
        let error = ScyllaDurable::new(wrong).connect().await.expect_err(&text);
        assert_eq!(error.kind, kind, "{error:?} of {text}");
    }
}

fn settings() -> Option<ScyllaSettings> {
    let point = env::var("PLAYHEAD_TEST_CQL_SECURE").ok();
    let (Some(point), Ok(path)) = (point, env::var("PLAYHEAD_TEST_CQL_CA")) else {
        is_skipped("CQL server with password and TLS", "PLAYHEAD_TEST_CQL_SECURE");
        return None;
    };
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(Path::new(&path)).unwrap()).unwrap();
    Some(ScyllaSettings {
        contact_points: vec![point],
        keyspace: "playhead_tests".to_owned(),
        credentials: Some(Credentials { username: "cassandra".to_owned(), password: "cassandra".to_owned() }),
        tls: Some(encryption(roots)),
        request_ms_max: 20_000,
        ..ScyllaSettings::default()
    })
}

fn encryption(roots: RootCertStore) -> Arc<ClientConfig> {
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap();
    Arc::new(config.with_root_certificates(roots).with_no_client_auth())
}
