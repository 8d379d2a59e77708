//! What lies in a server: everything expires, and there is only so much of each user.

use super::{
    key, place, placed,
    servers::{Server, connected, settings},
    update,
};
use playhead_store::{
    Clock, ItemId, SessionId, SessionKey,
    contract::Dice,
    hot::{Hot, redis::RedisHotSettings},
};
use std::{collections::HashSet, time::Duration};

#[tokio::test(flavor = "multi_thread")]
async fn every_key_expires() {
    let Some(server) = Server::start(&[]).await else { return };
    let hot = connected(&settings(vec![server.url()])).await;
    let mut dice = Dice::new();
    let item = dice.item();
    for at_ms in 1..20 {
        let user = dice.user();
        hot.fix_clock(&key(&dice.user(), "s"), Clock { fixed_at_ms: 1, offset_ms: 0 }).await.unwrap();
        hot.apply(&[placed(&user, &item, 1, at_ms)], 0).await.unwrap();
        hot.erase(&user, at_ms / 2).await.unwrap();
        hot.erase(&dice.user(), at_ms).await.unwrap();
    }
    let keys: Vec<String> = server.ask(&["KEYS", "*"]).await.unwrap();
    assert!(keys.len() > 60, "{}", keys.len());
    for name in keys {
        let left_s: i64 = server.ask(&["TTL", &name]).await.unwrap();
        let ttl_s = if name.ends_with("clocks") { 2 * 3_600 } else { 24 * 3_600 };
        assert!((ttl_s - 60..=ttl_s).contains(&left_s), "{name}: {left_s} s");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_remembers_no_more_of_a_user_than_its_bounds() {
    let Some(server) = Server::start(&[]).await else { return };
    let bounds =
        RedisHotSettings { user_sessions_max: 16, user_positions_max: 40, ..settings(vec![server.url()]) };
    let hot = connected(&bounds).await;
    let mut dice = Dice::new();
    let user = dice.user();
    for at_ms in 0..500 {
        let (item, session) = (dice.item(), dice.session(&user));
        let update = placed(&user, &item, at_ms, 1 + at_ms);
        hot.apply(&[playhead_store::hot::HotUpdate { key: session.clone(), ..update }], 0).await.unwrap();
        assert_eq!(place(&hot, &user, &item).await, Some(at_ms), "the newest is there");
        let again = Clock { fixed_at_ms: 9, offset_ms: 9 };
        assert_ne!(hot.fix_clock(&session, again).await.unwrap(), again, "the newest is there");
        assert!(hot.positions(&user).await.unwrap().len() <= 40);
    }
    assert!(hot.positions(&user).await.unwrap().len() >= 35);
    let clocks = format!("{}:1:{{{user}}}:clocks", bounds.prefix);
    let kept: i64 = server.ask(&["HLEN", &clocks]).await.unwrap();
    assert!((14..=16).contains(&kept), "{kept}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_forgets_after_its_time() {
    let Some(server) = Server::start(&[]).await else { return };
    let bounds = RedisHotSettings { session_ttl_s: 1, position_ttl_s: 2, ..settings(vec![server.url()]) };
    let hot = connected(&bounds).await;
    let mut dice = Dice::new();
    let (user, item) = (dice.user(), dice.item());
    let [old, new] = ["old", "new"].map(|session| key(&user, session));
    let [first, again] = [1, 2].map(|offset_ms| Clock { fixed_at_ms: 1, offset_ms });
    hot.fix_clock(&old, first).await.unwrap();
    hot.apply(&[placed(&user, &item, 7, 5)], 0).await.unwrap();
    for _ in 0..8 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        hot.fix_clock(&new, first).await.unwrap();
    }
    assert_eq!(hot.fix_clock(&old, again).await.unwrap(), again, "though the user's key was renewed");
    assert_eq!(hot.fix_clock(&new, again).await.unwrap(), first, "it was touched");
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    assert_eq!(place(&hot, &user, &item).await, None);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(server.ask::<i64>(&["DBSIZE"]).await.unwrap(), 0, "nothing is left");
}

/// Ids of all lengths and characters that ids may have, braces among them.
#[tokio::test(flavor = "multi_thread")]
async fn any_id_is_a_key() {
    let Some(server) = Server::start(&[]).await else { return };
    let hot = connected(&settings(vec![server.url()])).await;
    let texts = ["{", "}", "{}", "}{", "a}b", "%7D", "{a}", "오렌지", " ", "\"", "*", &"x".repeat(128)];
    for (offset_ms, text) in (1..).zip(texts) {
        let user = playhead_store::UserId::new(text).unwrap();
        let session = SessionKey { user: user.clone(), session: SessionId::new(text).unwrap() };
        let item = ItemId::new(text).unwrap();
        let position = placed(&user, &item, offset_ms, 5).position;
        let clock = Clock { fixed_at_ms: 5, offset_ms };
        hot.apply(&[playhead_store::hot::HotUpdate { position, clock, ..update(&session, 5) }], 0)
            .await
            .unwrap();
    }
    for (offset_ms, text) in (1..).zip(texts) {
        let (user, item) = (playhead_store::UserId::new(text).unwrap(), ItemId::new(text).unwrap());
        assert_eq!(place(&hot, &user, &item).await, Some(offset_ms), "{text}");
        assert_eq!(hot.positions(&user).await.unwrap().len(), 1, "{text}");
        let session = SessionKey { user, session: SessionId::new(text).unwrap() };
        let fixed = hot.fix_clock(&session, Clock { fixed_at_ms: 5, offset_ms: 99 }).await.unwrap();
        assert_eq!(fixed.offset_ms, offset_ms, "{text}");
    }
    let keys: Vec<String> = server.ask(&["KEYS", "*"]).await.unwrap();
    assert_eq!(keys.iter().collect::<HashSet<_>>().len(), 2 * texts.len());
}
