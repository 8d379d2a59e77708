//! Leases of an account whose streams are spread over two nodes.

use super::{
    key,
    servers::{Server, connected, settings},
    update,
};
use playhead_store::{
    AccountId, ItemKind, StoreErrorKind, UserId,
    contract::Dice,
    hot::{Hot, HotUpdate, Verdict, redis::RedisHot},
    lease::{AtLimit, Beat, Doing, Standing, StopReason, StopTarget, StreamRules, Terms},
};
use std::{sync::Arc, time::Duration};
use tokio::task::JoinSet;

const NOW_MS: i64 = 1_900_000_000_000;

/// A session of its own device that begins or goes on, of an account that may run two.
fn stream(
    account: &AccountId,
    user: &UserId,
    number: usize,
    is_running: bool,
    at_limit: AtLimit,
) -> HotUpdate {
    let rules = Some(StreamRules::streams(2, at_limit));
    let beat = Beat {
        item: playhead_store::ItemId::new("film").unwrap(),
        kind: ItemKind::Movie,
        terms: Arc::new(Terms { rules, ..Terms::default() }),
        doing: Doing::Playing,
        position_ms: None,
        is_open: true,
        standing: if is_running { Standing::Running } else { Standing::New },
    };
    HotUpdate {
        account: account.clone(),
        device: playhead_store::DeviceId::new(&format!("device-{number}")).unwrap(),
        beat: Some(beat),
        ..update(&key(user, &format!("session-{number}")), NOW_MS)
    }
}

/// However many ask at once, on whatever node, never more play than may.
#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_race_for_slots_never_give_a_third() {
    let Some(server) = Server::start(&[]).await else { return };
    let settings = settings(vec![server.url()]);
    let nodes = [connected(&settings).await, connected(&settings).await];
    for _ in 0..30 {
        let mut dice = Dice::new();
        let user = dice.user();
        let account = AccountId::new(user.as_str()).unwrap();
        let mut tasks = JoinSet::new();
        for number in 0..64 {
            let node = Arc::clone(&nodes[number % 2]);
            let update = stream(&account, &user, number, false, AtLimit::DenyNewest);
            tasks.spawn(async move { node.admit(&update, NOW_MS).await.unwrap() });
        }
        let verdicts = tasks.join_all().await;
        let playing = verdicts.iter().filter(|verdict| **verdict == Verdict::Play).count();
        assert_eq!(playing, 2);
        for node in &nodes {
            assert_eq!(node.live_sessions(&account, NOW_MS).await.unwrap().len(), 2);
        }
    }
}

/// What one node evicts or stops, the listeners of the other hear at once; and so do its own, once.
#[tokio::test(flavor = "multi_thread")]
async fn a_kick_reaches_the_other_node() {
    let Some(server) = Server::start(&[]).await else { return };
    let settings = settings(vec![server.url()]);
    let (here, there) = (connected(&settings).await, connected(&settings).await);
    let user = Dice::new().user();
    let account = AccountId::new(user.as_str()).unwrap();
    let (mut own, mut other) = (here.kicks(), there.kicks());
    server_has_subscribers(&server, &settings.prefix).await;
    let streams: Vec<_> = (0..4).map(|n| stream(&account, &user, n, false, AtLimit::EvictOldest)).collect();
    for update in &streams[..3] {
        assert_eq!(here.admit(update, NOW_MS).await.unwrap(), Verdict::Play);
    }
    let stopped =
        here.stop(&account, &StopTarget::Session(streams[2].key.clone()), None, NOW_MS).await.unwrap();
    assert_eq!(stopped.unwrap().key, streams[2].key);
    for receiver in [&mut own, &mut other] {
        for (update, reason) in [(&streams[0], StopReason::Evicted), (&streams[2], StopReason::Stopped)] {
            let kick = tokio::time::timeout(Duration::from_secs(2), receiver.recv()).await.unwrap().unwrap();
            assert_eq!((&kick.account, &kick.key, kick.stop.reason), (&account, &update.key, reason));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(receiver.is_empty(), "each kick once");
    }
    assert!(
        there.apply(&[stream(&account, &user, 0, true, AtLimit::EvictOldest)], NOW_MS).await.unwrap()[0]
            .stop()
            .is_some()
    );
}

/// A store that forgot everything knows it again with the next beats, on either node, and nobody is kicked.
#[tokio::test(flavor = "multi_thread")]
async fn forgotten_leases_are_asserted_again_from_either_node() {
    let Some(mut server) = Server::start(&[]).await else { return };
    let settings = settings(vec![server.url()]);
    let nodes: [Arc<RedisHot>; 2] = [connected(&settings).await, connected(&settings).await];
    let user = Dice::new().user();
    let account = AccountId::new(user.as_str()).unwrap();
    let at = AtLimit::DenyNewest;
    for (number, node) in nodes.iter().enumerate() {
        assert_eq!(
            node.admit(&stream(&account, &user, number, false, at), NOW_MS).await.unwrap(),
            Verdict::Play
        );
    }
    server.kill();
    server.start_again().await;
    for (number, node) in nodes.iter().enumerate() {
        let beat = stream(&account, &user, number, true, at);
        super::servers::until("the beat is heard", async || {
            match node.apply(std::slice::from_ref(&beat), NOW_MS).await {
                Ok(verdicts) => {
                    assert_eq!(verdicts, [Verdict::Play]);
                    true
                }
                Err(error) => {
                    assert!(
                        matches!(error.kind, StoreErrorKind::Unavailable | StoreErrorKind::Unknown),
                        "{error}"
                    );
                    false
                }
            }
        })
        .await;
    }
    assert_eq!(nodes[0].live_sessions(&account, NOW_MS).await.unwrap().len(), 2);
    assert!(nodes[0].admit(&stream(&account, &user, 2, false, at), NOW_MS).await.unwrap().stop().is_some());
}

async fn server_has_subscribers(server: &Server, prefix: &str) {
    let channel = format!("{prefix}:1:kicks");
    super::servers::until("both nodes listen", async || {
        let (_, count): (String, i64) = server.ask(&["PUBSUB", "NUMSUB", &channel]).await.unwrap();
        count == 2
    })
    .await;
}
