//! What happens to the servers, and that it heals.

use super::{
    key, place, placed,
    servers::{PATIENCE, Server, connected, settings, until},
    update,
};
use playhead_store::{
    Clock, StoreError, StoreErrorKind,
    contract::Dice,
    hot::{Hot, HotUpdate, redis::RedisHotSettings},
    position::PositionRow,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

#[tokio::test(flavor = "multi_thread")]
async fn scripts_that_are_flushed_in_the_middle_of_traffic_are_sent_again() {
    let Some(server) = Server::start(&[]).await else { return };
    let hot = connected(&settings(vec![server.url()])).await;
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        let hot = Arc::clone(&hot);
        tasks.spawn(async move {
            let mut dice = Dice::new();
            let (user, item) = (dice.user(), dice.item());
            for at_ms in 1..300 {
                let batch: Vec<_> = (0..20).map(|_| placed(&dice.user(), &item, at_ms, at_ms)).collect();
                hot.apply(&batch, 0).await.unwrap();
                hot.apply(&[placed(&user, &item, at_ms, at_ms)], 0).await.unwrap();
                assert_eq!(place(&hot, &user, &item).await, Some(at_ms));
            }
        });
    }
    let mut flushes = 0;
    while !tasks.is_empty() {
        server.tell(&["SCRIPT", "FLUSH"]).await;
        flushes += 1;
        tokio::select! {
            task = tasks.join_next() => task.unwrap().unwrap(),
            () = tokio::time::sleep(Duration::from_millis(3)) => {}
        }
    }
    assert!(flushes > 10, "{flushes} flushes");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_flushall_takes_the_next_commits_rebuild() {
    let Some(server) = Server::start(&[]).await else { return };
    let hot = connected(&settings(vec![server.url()])).await;
    let mut dice = Dice::new();
    let (user, item) = (dice.user(), dice.item());
    let session = placed(&user, &item, 7, 10);
    hot.apply(std::slice::from_ref(&session), 0).await.unwrap();
    server.tell(&["FLUSHALL"]).await;
    assert_eq!(place(&hot, &user, &item).await, None);
    hot.apply(std::slice::from_ref(&session), 0).await.unwrap();
    assert_eq!(place(&hot, &user, &item).await, Some(7));
    let other = Clock { fixed_at_ms: 99, offset_ms: 99 };
    assert_eq!(hot.fix_clock(&session.key, other).await.unwrap(), session.clock);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_comes_back_empty_is_filled_again() {
    let Some(mut server) = Server::start(&[]).await else { return };
    let hot = connected(&settings(vec![server.url()])).await;
    let mut dice = Dice::new();
    let (user, item) = (dice.user(), dice.item());
    let batch = [placed(&user, &item, 7, 10)];
    hot.apply(&batch, 0).await.unwrap();
    server.kill();
    until("calls fail at once", async || {
        let started = Instant::now();
        let error = hot.apply(&batch, 0).await.unwrap_err();
        assert!(error.is_retryable(), "{error}");
        assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
        error.kind == StoreErrorKind::Unavailable
    })
    .await;
    server.start_again().await;
    until("the store goes on", async || hot.apply(&batch, 0).await.is_ok()).await;
    assert_eq!(place(&hot, &user, &item).await, Some(7));
}

/// Calls fail in time and typed, hold no more memory than their bound, and go on when the server does.
#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_server_costs_errors_and_no_memory() {
    let Some(server) = Server::start(&[]).await else { return };
    let bounds = RedisHotSettings { call_ms_max: 200, calls_max: 2_000, ..settings(vec![server.url()]) };
    let hot = connected(&bounds).await;
    let mut dice = Dice::new();
    let item = dice.item();
    let batch: Arc<[HotUpdate]> = (0..500).map(|_| placed(&dice.user(), &item, 1, 1)).collect();
    hot.apply(&batch, 0).await.unwrap();
    let before = resident_bytes();
    server.freeze(true);
    let (started, mut tasks) = (Instant::now(), JoinSet::new());
    let (mut unknown, mut unavailable) = (0, 0);
    while started.elapsed() < Duration::from_secs(3) {
        for _ in 0..20 {
            let (hot, batch) = (Arc::clone(&hot), Arc::clone(&batch));
            tasks.spawn(async move {
                let started = Instant::now();
                (hot.apply(&batch, 0).await.map(drop), started.elapsed())
            });
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        while let Some(done) = tasks.try_join_next() {
            let (answer, took) = done.unwrap();
            assert!(took < Duration::from_millis(900), "{took:?}");
            match answer.unwrap_err().kind {
                StoreErrorKind::Unknown => unknown += 1,
                StoreErrorKind::Unavailable => unavailable += 1,
                kind => panic!("{kind:?}"),
            }
        }
    }
    let grown = resident_bytes().saturating_sub(before);
    server.freeze(false);
    assert!(unknown > 0 && unavailable > 100, "{unknown} unknown, {unavailable} unavailable");
    assert!(grown < 32 << 20, "{grown} bytes more while the server was frozen");
    until("the store goes on", async || hot.apply(&batch, 0).await.is_ok()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_without_a_server_says_so_at_once_and_finds_it_later() {
    let Some(mut server) = Server::start(&[]).await else { return };
    server.kill();
    let hot = playhead_store::hot::redis::RedisHot::open(&settings(vec![server.url()])).unwrap();
    let user = Dice::new().user();
    let started = Instant::now();
    assert_eq!(hot.positions(&user).await.unwrap_err().kind, StoreErrorKind::Unavailable);
    assert!(started.elapsed() < Duration::from_millis(500));
    server.start_again().await;
    tokio::time::timeout(PATIENCE, hot.connected()).await.unwrap();
    assert_eq!(hot.positions(&user).await.unwrap(), []);
}

/// A value of somebody else's is told as damaged; the rest of the batch is applied all the same.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_damaged_and_holds_up_nobody_else() {
    let Some(server) = Server::start(&[]).await else { return };
    let settings = settings(vec![server.url()]);
    let hot = connected(&settings).await;
    let mut dice = Dice::new();
    let (user, other, third, item) = (dice.user(), dice.user(), dice.user(), dice.item());
    let name = |user: &_, what| format!("{}:1:{{{user}}}:{what}", settings.prefix);
    server.tell(&["SET", &name(&user, "positions"), "a text"]).await;
    server.tell(&["HSET", &name(&third, "positions"), item.as_str(), "no row"]).await;
    server.tell(&["HSET", &name(&third, "clocks"), "broken", "no clock"]).await;
    let is_damaged = |error: StoreError| assert_eq!(error.kind, StoreErrorKind::Damaged, "{error:?}");
    for user in [&user, &third] {
        let batch = [placed(user, &item, 1, 1), placed(&other, &item, 2, 2)];
        is_damaged(hot.apply(&batch, 0).await.unwrap_err());
        is_damaged(hot.position(user, &item).await.unwrap_err());
        is_damaged(hot.positions(user).await.unwrap_err());
    }
    assert_eq!(place(&hot, &other, &item).await, Some(2));
    let broken = key(&third, "broken");
    is_damaged(hot.fix_clock(&broken, Clock { fixed_at_ms: 1, offset_ms: 1 }).await.unwrap_err());
    is_damaged(hot.apply(&[update(&broken, 1)], 0).await.unwrap_err());
    // An erasure takes it away.
    hot.erase(&third, 0).await.unwrap();
    hot.apply(&[placed(&third, &item, 3, 3)], 0).await.unwrap();
    assert_eq!(hot.positions(&third).await.unwrap(), [(item, PositionRow::set(3, 3))]);
}

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4_096
}
