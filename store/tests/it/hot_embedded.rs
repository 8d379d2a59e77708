//! The embedded hot store keeps the contract, and its bounds.

use playhead_store::{
    AccountId, Clock, DeviceId, SessionKey,
    contract::Dice,
    hot::{
        Hot, HotUpdate,
        embedded::{EmbeddedHot, EmbeddedHotSettings},
    },
    position::PositionRow,
};
use std::sync::Arc;

async fn open() -> ((), Arc<dyn Hot>) {
    ((), Arc::new(EmbeddedHot::default()))
}

mod contract {
    playhead_store::hot_contract!(super::open);
}

fn update(key: &SessionKey, dice: &mut Dice, now_ms: i64) -> HotUpdate {
    HotUpdate {
        key: key.clone(),
        account: AccountId::new("account").unwrap(),
        device: DeviceId::new("device").unwrap(),
        clock: Clock { fixed_at_ms: now_ms, offset_ms: 0 },
        last_at_ms: now_ms,
        position: Some((dice.item(), PositionRow::set(1, now_ms))),
        beat: None,
    }
}

#[tokio::test]
async fn it_remembers_no_more_than_its_bounds() {
    let settings = EmbeddedHotSettings { sessions_max: 640, positions_max: 640, ..Default::default() };
    let hot = EmbeddedHot::new(settings);
    let mut dice = Dice::new();
    let mut keys = Vec::new();
    for now_ms in 0..5_000 {
        let user = dice.user();
        keys.push(dice.session(&user));
        hot.apply(&[update(keys.last().unwrap(), &mut dice, now_ms)], now_ms).await.unwrap();
    }
    let mut positions = 0;
    for key in &keys {
        positions += hot.positions(&key.user).await.unwrap().len();
    }
    assert_eq!(positions, 640);
    assert_eq!(hot.positions(&keys.last().unwrap().user).await.unwrap().len(), 1, "the newest is there");
}

#[tokio::test]
async fn it_forgets_after_its_time() {
    let settings = EmbeddedHotSettings { session_ttl_ms: 100, position_ttl_ms: 200, ..Default::default() };
    let hot = EmbeddedHot::new(settings);
    let mut dice = Dice::new();
    let user = dice.user();
    let (old, new) = (dice.session(&user), dice.session(&user));
    hot.apply(&[update(&old, &mut dice, 1_000)], 1_000).await.unwrap();
    hot.apply(&[update(&new, &mut dice, 1_150)], 1_150).await.unwrap();
    assert_eq!(hot.positions(&user).await.unwrap().len(), 2);
    let again = Clock { fixed_at_ms: 1_151, offset_ms: 7 };
    assert_eq!(hot.fix_clock(&old, again).await.unwrap(), again, "the old session is forgotten");
    assert_eq!(hot.fix_clock(&new, again).await.unwrap().offset_ms, 0, "the new one is not");
    hot.apply(&[update(&new, &mut dice, 1_201)], 1_201).await.unwrap();
    assert_eq!(hot.positions(&user).await.unwrap().len(), 2, "the first position is forgotten");
}
