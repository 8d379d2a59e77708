//! A master with a replica: who is the master is found out, and again when it changes. Strangers are turned away.

use super::{
    place, placed,
    servers::{PATIENCE, Server, connected, settings, until},
};
use playhead_store::{
    StoreErrorKind,
    contract::Dice,
    hot::{
        Hot,
        redis::{RedisHot, RedisHotSettings, Secret},
    },
};
use std::time::Duration;

/// A replica that stopped hearing of its master a while ago is promoted: what it lacks is said again.
#[tokio::test(flavor = "multi_thread")]
async fn a_stale_replica_that_is_promoted_is_filled_again() {
    let Some(mut master) = Server::start(&[]).await else { return };
    let replica_of = ["--replicaof", "127.0.0.1", &master.port.to_string()];
    let replica = Server::start(&replica_of).await.unwrap();
    until("the replica follows", async || {
        let info: String = replica.ask(&["INFO", "replication"]).await.unwrap();
        info.contains("master_link_status:up")
    })
    .await;
    // The replica first: the store has to look further.
    let hot = connected(&settings(vec![replica.url(), master.url()])).await;
    let mut dice = Dice::new();
    let (user, item) = (dice.user(), dice.item());
    hot.apply(&[placed(&user, &item, 1, 10)], 0).await.unwrap();
    until("the replica has it", async || replica.ask::<i64>(&["DBSIZE"]).await.unwrap() == 2).await;
    replica.tell(&["REPLICAOF", "NO", "ONE"]).await;
    hot.apply(&[placed(&user, &item, 2, 20)], 0).await.unwrap();
    master.kill();
    let stale = [placed(&user, &item, 1, 10)];
    until("the store found the new master", async || hot.apply(&stale, 0).await.is_ok()).await;
    assert_eq!(place(&hot, &user, &item).await, Some(1), "the promoted one was stale");
    hot.apply(&[placed(&user, &item, 2, 20)], 0).await.unwrap();
    assert_eq!(place(&hot, &user, &item).await, Some(2));
}

/// The two change places, and no connection breaks: the first write is refused, and then the other one is found.
#[tokio::test(flavor = "multi_thread")]
async fn a_master_that_becomes_a_replica_is_left() {
    let Some(old) = Server::start(&[]).await else { return };
    let new = Server::start(&["--replicaof", "127.0.0.1", &old.port.to_string()]).await.unwrap();
    let hot = connected(&settings(vec![old.url(), new.url()])).await;
    let mut dice = Dice::new();
    let (user, item) = (dice.user(), dice.item());
    let batch = [placed(&user, &item, 1, 10)];
    hot.apply(&batch, 0).await.unwrap();
    new.tell(&["REPLICAOF", "NO", "ONE"]).await;
    old.tell(&["REPLICAOF", "127.0.0.1", &new.port.to_string()]).await;
    let refused = hot.apply(&batch, 0).await.unwrap_err();
    assert_eq!(refused.kind, StoreErrorKind::Unavailable, "{refused:?}");
    until("the store found the new master", async || hot.apply(&batch, 0).await.is_ok()).await;
    assert!(new.ask::<i64>(&["DBSIZE"]).await.unwrap() > 0);
}

/// A user with no more rights than the documentation names.
#[tokio::test(flavor = "multi_thread")]
async fn an_acl_user_needs_few_rights_and_the_right_password() {
    let Some(server) = Server::start(&[]).await else { return };
    let mut words = vec!["ACL", "SETUSER", "playhead", "on", ">secret"];
    words.extend(RIGHTS.split(' '));
    server.tell(&words).await;
    server.tell(&["ACL", "SETUSER", "default", "off"]).await;
    let with = |password: &str| RedisHotSettings {
        user: Some("playhead".to_owned()),
        password: Some(Secret::new(password.to_owned())),
        ..settings(vec![server.url()])
    };
    let hot = connected(&with("secret")).await;
    let mut dice = Dice::new();
    let (user, item) = (dice.user(), dice.item());
    hot.apply(&[placed(&user, &item, 1, 10)], 0).await.unwrap();
    assert_eq!(place(&hot, &user, &item).await, Some(1));
    hot.erase(&user, 10).await.unwrap();
    assert_eq!(hot.positions(&user).await.unwrap(), []);
    let mut heard = hot.subscribe();
    // What is published before the subscription stands is heard by nobody.
    let heard = async {
        loop {
            hot.publish(playhead_store::hot::redis::Topic::Stale, b"x").await.unwrap();
            if let Ok(message) = tokio::time::timeout(Duration::from_millis(50), heard.recv()).await {
                break message.unwrap();
            }
        }
    };
    tokio::time::timeout(PATIENCE, heard).await.expect("a message that is heard");
    let stranger = RedisHot::open(&with("wrong")).unwrap();
    let waited = tokio::time::timeout(Duration::from_millis(500), stranger.connected()).await;
    assert!(waited.is_err(), "a wrong password is not let in");
}

/// As docs/redis.md says.
const RIGHTS: &str = "~test-* &test-* +evalsha +eval +time +get +set +hget +hset +hdel +hlen +hgetall +expire +role \
                      +ping +publish +subscribe";

/// TLS, with a certificate of a root that only the settings name.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_trusted_by_the_root_that_the_settings_name() {
    let folder = tempfile::tempdir().unwrap();
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (pem, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&pem, certified.cert.pem()).unwrap();
    std::fs::write(&key, certified.signing_key.serialize_pem()).unwrap();
    let (pem, key) = (pem.to_str().unwrap(), key.to_str().unwrap());
    let tls = super::servers::free_port();
    let tls_port = tls.to_string();
    let arguments =
        ["--tls-port", &tls_port, "--tls-cert-file", pem, "--tls-key-file", key, "--tls-auth-clients", "no"];
    let Some(server) = Server::start(&arguments).await else { return };
    let ca_pem = Some(certified.cert.pem().into_bytes());
    let settings = RedisHotSettings { ca_pem, ..settings(vec![format!("rediss://localhost:{tls}")]) };
    let hot = connected(&settings).await;
    let mut dice = Dice::new();
    let (user, item) = (dice.user(), dice.item());
    hot.apply(&[placed(&user, &item, 1, 10)], 0).await.unwrap();
    assert_eq!(place(&hot, &user, &item).await, Some(1));
    assert_eq!(server.ask::<i64>(&["DBSIZE"]).await.unwrap(), 2);
    let strange = RedisHot::open(&RedisHotSettings { ca_pem: None, ..settings }).unwrap();
    let waited = tokio::time::timeout(Duration::from_millis(500), strange.connected()).await;
    assert!(waited.is_err(), "without the root it is a stranger's certificate");
}
