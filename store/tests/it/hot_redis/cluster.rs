//! A cluster of three: a call keeps to one slot, and goes on when the slot moves or a node does not answer.

use super::{
    of_cluster, place, placed,
    servers::{Server, cluster, connected, replica_of, until},
};
use playhead_store::{
    UserId,
    contract::Dice,
    hot::{Hot, redis::RedisHotSettings},
};
use std::{
    cell::Cell,
    time::{Duration, Instant},
};
use tokio::sync::Notify;

#[tokio::test(flavor = "multi_thread")]
async fn all_keys_of_a_user_are_in_one_slot() {
    let Some(servers) = cluster().await else { return };
    let hot = connected(&of_cluster(&servers)).await;
    let mut dice = Dice::new();
    let item = dice.item();
    for odd in ["}", "{", "a{b}c", "오렌지"] {
        let user = UserId::new(&format!("{odd}{}", dice.user())).unwrap();
        hot.apply(&[placed(&user, &item, 1, 10)], 0).await.unwrap();
        hot.erase(&user, 5).await.unwrap();
    }
    let mut slots = std::collections::HashMap::<i64, usize>::new();
    for server in &servers {
        for name in server.ask::<Vec<String>>(&["KEYS", "*"]).await.unwrap() {
            let slot: i64 = server.ask(&["CLUSTER", "KEYSLOT", &name]).await.unwrap();
            *slots.entry(slot).or_default() += 1;
        }
    }
    assert_eq!(slots.values().copied().collect::<Vec<_>>(), [3; 4], "three keys of each user: {slots:?}");
}

/// The user's slot moves to another node with all it holds, while commits go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_moves_is_followed() {
    let Some(servers) = cluster().await else { return };
    let settings = of_cluster(&servers);
    let hot = connected(&settings).await;
    let mut dice = Dice::new();
    let (user, item) = (dice.user(), dice.item());
    hot.apply(&[placed(&user, &item, 1, 1)], 0).await.unwrap();
    let slot: i64 = servers[0].ask(&["CLUSTER", "KEYSLOT", &format!("{{{user}}}")]).await.unwrap();
    let from = usize::try_from(slot / 5_462).unwrap();
    let (from, to) = (&servers[from], &servers[(from + 1) % 3]);
    let (under_way, has_moved) = (Notify::new(), Cell::new(false));
    let commits = async {
        let (mut at_ms, mut behind) = (1, 0);
        while behind < 20 {
            at_ms += 1;
            behind += i32::from(has_moved.get());
            hot.apply(&[placed(&user, &item, at_ms, at_ms)], 0).await.unwrap();
            if at_ms == 20 {
                under_way.notify_one();
            }
        }
        at_ms
    };
    let moving = async {
        under_way.notified().await;
        move_slot(from, to, &slot.to_string()).await;
        has_moved.set(true);
    };
    let (last, ()) = tokio::join!(commits, moving);
    assert_eq!(place(&hot, &user, &item).await, Some(last));
    let moved: Vec<String> = to.ask(&["KEYS", &format!("*{{{user}}}*")]).await.unwrap();
    assert_eq!(moved.len(), 2, "{moved:?}");
}

async fn move_slot(from: &Server, to: &Server, slot: &str) {
    let from_id: String = from.ask(&["CLUSTER", "MYID"]).await.unwrap();
    let to_id: String = to.ask(&["CLUSTER", "MYID"]).await.unwrap();
    to.tell(&["CLUSTER", "SETSLOT", slot, "IMPORTING", &from_id]).await;
    from.tell(&["CLUSTER", "SETSLOT", slot, "MIGRATING", &to_id]).await;
    let names: Vec<String> = from.ask(&["CLUSTER", "GETKEYSINSLOT", slot, "100"]).await.unwrap();
    let port = to.port.to_string();
    let mut words = vec!["MIGRATE", "127.0.0.1", &port, "", "0", "5000", "KEYS"];
    words.extend(names.iter().map(String::as_str));
    from.tell(&words).await;
    for server in [to, from] {
        server.tell(&["CLUSTER", "SETSLOT", slot, "NODE", &to_id]).await;
    }
}

/// The users of the other nodes go on; those of the frozen one fail in time, and go on when it does.
#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_node_holds_up_its_own_users_only() {
    let Some(servers) = cluster().await else { return };
    let hot = connected(&RedisHotSettings { call_ms_max: 200, ..of_cluster(&servers) }).await;
    let mut dice = Dice::new();
    let item = dice.item();
    let mut users: [Vec<UserId>; 3] = Default::default();
    for _ in 0..60 {
        let user = dice.user();
        let slot: i64 = servers[0].ask(&["CLUSTER", "KEYSLOT", &format!("{{{user}}}")]).await.unwrap();
        users[usize::try_from(slot / 5_462).unwrap()].push(user);
    }
    let [ours, theirs] = [0, 1].map(|node| placed(&users[node][0], &item, 1, 1));
    hot.apply(&[ours.clone(), theirs.clone()], 0).await.unwrap();
    servers[0].freeze(true);
    let started = Instant::now();
    let error = hot.apply(std::slice::from_ref(&ours), 0).await.unwrap_err();
    assert!(error.is_retryable() && started.elapsed() < Duration::from_millis(600), "{error:?}");
    hot.apply(std::slice::from_ref(&theirs), 0).await.unwrap();
    servers[0].freeze(false);
    until("the store goes on", async || hot.apply(std::slice::from_ref(&ours), 0).await.is_ok()).await;
}

/// A master dies and its replica takes its place: its users' calls fail typed until then, and find there what was copied.
#[tokio::test(flavor = "multi_thread")]
async fn a_master_that_dies_is_replaced_by_its_replica() {
    let Some(mut servers) = cluster().await else { return };
    let replica = replica_of(&servers[0]).await;
    let hot = connected(&RedisHotSettings { call_ms_max: 500, ..of_cluster(&servers) }).await;
    let mut dice = Dice::new();
    let (user, item) = (user_of_the_first(&servers, &mut dice).await, dice.item());
    hot.apply(&[placed(&user, &item, 1, 1)], 0).await.unwrap();
    until("the replica has it", async || replica.ask::<i64>(&["DBSIZE"]).await.unwrap() == 2).await;
    servers[0].kill();
    let error = hot.apply(&[placed(&user, &item, 2, 2)], 0).await.unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    until("the store found the new master", async || {
        hot.apply(&[placed(&user, &item, 2, 2)], 0)
            .await
            .inspect_err(|error| assert!(error.is_retryable(), "{error:?}"))
            .is_ok()
    })
    .await;
    assert_eq!(place(&hot, &user, &item).await, Some(2));
    let info: String = replica.ask(&["INFO", "replication"]).await.unwrap();
    assert!(info.contains("role:master"), "{info}");
    // What was dead comes back as the replica of its successor; nobody is sent there for a write.
    servers[0].start_again().await;
    until("it follows its successor", async || {
        let info: String = servers[0].ask(&["INFO", "replication"]).await.unwrap();
        info.contains("role:slave")
    })
    .await;
    hot.apply(&[placed(&user, &item, 3, 3)], 0).await.unwrap();
    assert_eq!(place(&hot, &user, &item).await, Some(3));
}

/// The two change places in step, as an operator has them do before an upgrade: no commit is refused for longer than that.
#[tokio::test(flavor = "multi_thread")]
async fn a_master_that_hands_over_is_followed() {
    let Some(servers) = cluster().await else { return };
    let replica = replica_of(&servers[0]).await;
    let hot = connected(&of_cluster(&servers)).await;
    let mut dice = Dice::new();
    let (user, item) = (user_of_the_first(&servers, &mut dice).await, dice.item());
    hot.apply(&[placed(&user, &item, 1, 1)], 0).await.unwrap();
    replica.tell(&["CLUSTER", "FAILOVER"]).await;
    until("the replica is the master", async || {
        let info: String = replica.ask(&["INFO", "replication"]).await.unwrap();
        info.contains("role:master")
    })
    .await;
    until("the store found it", async || hot.apply(&[placed(&user, &item, 2, 2)], 0).await.is_ok()).await;
    assert_eq!(place(&hot, &user, &item).await, Some(2));
    assert_eq!(replica.ask::<i64>(&["DBSIZE"]).await.unwrap(), 2);
}

/// A user whose slot the first node has.
async fn user_of_the_first(servers: &[Server], dice: &mut Dice) -> UserId {
    loop {
        let user = dice.user();
        let slot: i64 = servers[0].ask(&["CLUSTER", "KEYSLOT", &format!("{{{user}}}")]).await.unwrap();
        if slot < 5_462 {
            return user;
        }
    }
}

/// The scripts are flushed on all nodes at once.
#[tokio::test(flavor = "multi_thread")]
async fn every_node_gets_the_scripts_again() {
    let Some(servers) = cluster().await else { return };
    let hot = connected(&of_cluster(&servers)).await;
    let mut dice = Dice::new();
    let item = dice.item();
    for at_ms in 1..20 {
        let batch: Vec<_> = (0..100).map(|_| placed(&dice.user(), &item, at_ms, at_ms)).collect();
        hot.apply(&batch, 0).await.unwrap();
        for server in &servers {
            server.tell(&["SCRIPT", "FLUSH"]).await;
        }
    }
}
