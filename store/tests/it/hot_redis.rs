//! The Redis hot store keeps the contract, against real servers: alone, in a cluster, and as the embedded one does.

mod channels;
mod cluster;
mod failover;
mod faults;
mod keys;
mod leases;
mod servers;

use playhead_store::{
    AccountId, Clock, DeviceId, ItemId, SessionKey, UserId,
    arbitrary::{self, position_row},
    contract::Dice,
    hot::{
        Hot, HotUpdate,
        embedded::EmbeddedHot,
        redis::{RedisHot, RedisHotSettings},
    },
    position::PositionRow,
};
use servers::{Server, cluster, connected, settings};
use std::{any::Any, collections::BTreeMap, sync::Arc};

/// What is kept until a case is over.
type Guard = Box<dyn Any + Send>;

/// The store of a shared server where there is one, else of a server of its own. Without any, the embedded one passes in
/// its place, and the test says so.
async fn open() -> (Guard, Arc<dyn Hot>) {
    if let Ok(url) = std::env::var("PLAYHEAD_TEST_REDIS") {
        return (Box::new(()), connected(&settings(vec![url])).await);
    }
    match Server::start(&[]).await {
        Some(server) => {
            let hot = connected(&settings(vec![server.url()])).await;
            (Box::new(server), hot)
        }
        None => (Box::new(()), Arc::new(EmbeddedHot::default())),
    }
}

async fn open_cluster() -> (Guard, Arc<dyn Hot>) {
    if let Ok(urls) = std::env::var("PLAYHEAD_TEST_REDIS_CLUSTER") {
        let urls = urls.split(',').map(|url| url.trim().to_owned()).collect();
        let settings = RedisHotSettings { is_cluster: true, ..settings(urls) };
        return (Box::new(()), connected(&settings).await);
    }
    match cluster().await {
        Some(servers) => {
            let hot = connected(&of_cluster(&servers)).await;
            (Box::new(servers), hot)
        }
        None => (Box::new(()), Arc::new(EmbeddedHot::default())),
    }
}

fn of_cluster(servers: &[Server]) -> RedisHotSettings {
    let urls = servers.iter().map(Server::url).collect();
    RedisHotSettings { is_cluster: true, ..settings(urls) }
}

mod contract {
    playhead_store::hot_contract!(super::open);
}

mod contract_in_a_cluster {
    playhead_store::hot_contract!(super::open_cluster);
}

/// Random updates and erasures of few users and items, with values that often tie, extremes included: given in two
/// orders to two stores, and in a third to the embedded one.
#[tokio::test(flavor = "multi_thread")]
async fn it_is_as_the_embedded_one_is() {
    let (_guard, redis) = open().await;
    for seed in 0..150 {
        let mut dice = arbitrary::Dice::new(seed);
        let mut names = Dice::new();
        let (users, items) = ([names.user(), names.user()], [names.item(), names.item()]);
        let mut updates: Vec<_> = (0..40).map(|_| any_update(&mut dice, &users, &items)).collect();
        let embedded = EmbeddedHot::default();
        embedded.apply(&updates, 0).await.unwrap();
        dice.shuffle(&mut updates);
        for batch in updates.chunks(7) {
            redis.apply(batch, 0).await.unwrap();
        }
        compare(&*redis, &embedded, &users, &format!("seed {seed}")).await;
        // Erasures and updates of the same user, in one order: what was erased stays away.
        for (batch, user) in updates.chunks(5).zip(users.iter().cycle()) {
            let through_ms = dice.pick(&[i64::MIN, -1, 0, 1, 9_999, 1_700_000_000_000]);
            for hot in [&*redis, &embedded] {
                hot.erase(user, through_ms).await.unwrap();
            }
            for update in batch {
                for hot in [&*redis, &embedded] {
                    hot.apply(std::slice::from_ref(update), 0).await.unwrap();
                }
            }
            compare(&*redis, &embedded, &users, &format!("seed {seed}, erased through {through_ms}")).await;
        }
    }
}

async fn compare(a: &dyn Hot, b: &dyn Hot, users: &[UserId], when: &str) {
    for user in users {
        let (a, b) = (a.positions(user).await.unwrap(), b.positions(user).await.unwrap());
        let sorted = |rows: Vec<(ItemId, PositionRow)>| rows.into_iter().collect::<BTreeMap<_, _>>();
        assert_eq!(sorted(a), sorted(b), "{when}");
    }
}

fn any_update(dice: &mut arbitrary::Dice, users: &[UserId], items: &[ItemId]) -> HotUpdate {
    let index = |dice: &mut arbitrary::Dice| usize::try_from(dice.between(0, 1)).unwrap();
    let (user, item) = (users[index(dice)].clone(), items[index(dice)].clone());
    let session = ["one", "two"][index(dice)];
    let position = dice.chance(90).then(|| (item, position_row(dice)));
    let last_at_ms = dice.between(-1, 1);
    HotUpdate { position, last_at_ms, ..update(&key(&user, session), 0) }
}

/// However many nodes fix a session's clock at once, all get the same.
#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_race_for_a_clock_get_one() {
    let Some(server) = Server::start(&[]).await else { return };
    let settings = settings(vec![server.url()]);
    let nodes = [connected(&settings).await, connected(&settings).await];
    let mut dice = Dice::new();
    for _ in 0..300 {
        let user = dice.user();
        let session = dice.session(&user);
        let fix = |node: usize| {
            let proposed = Clock { fixed_at_ms: 5, offset_ms: i64::try_from(node).unwrap() };
            nodes[node].fix_clock(&session, proposed)
        };
        let (a, b) = tokio::join!(fix(0), fix(1));
        let (a, b) = (a.unwrap(), b.unwrap());
        assert_eq!(a, b);
        assert_eq!(fix(1).await.unwrap(), a);
    }
}

fn key(user: &UserId, session: &str) -> SessionKey {
    SessionKey { user: user.clone(), session: playhead_store::SessionId::new(session).unwrap() }
}

/// An update of a session that says nothing of a position.
fn update(key: &SessionKey, at_ms: i64) -> HotUpdate {
    HotUpdate {
        key: key.clone(),
        account: AccountId::new("account").unwrap(),
        device: DeviceId::new("device").unwrap(),
        clock: Clock { fixed_at_ms: at_ms, offset_ms: 0 },
        last_at_ms: at_ms,
        position: None,
        beat: None,
    }
}

/// An update that puts a user at a position.
fn placed(user: &UserId, item: &ItemId, position_ms: i64, at_ms: i64) -> HotUpdate {
    let position = Some((item.clone(), PositionRow::set(position_ms, at_ms)));
    HotUpdate { position, ..update(&key(user, "session"), at_ms) }
}

/// Where a user is in an item, ms.
async fn place(hot: &RedisHot, user: &UserId, item: &ItemId) -> Option<i64> {
    let row = hot.position(user, item).await.unwrap()?;
    row.current().map(|(_, position_ms)| position_ms)
}
