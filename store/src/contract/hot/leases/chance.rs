//! Races, and whatever else may happen to an account.

use super::{
    MINUTE_MS, NOW_MS,
    home::{Home, Player},
};
use crate::{
    contract::Dice,
    hot::{Hot, HotUpdate, Verdict},
    lease::{AccountLeases, AtLimit, Doing, LeaseTimes, Standing, StopTarget, StreamRules},
};
use std::sync::Arc;
use tokio::task::JoinSet;

/// However many ask at once, no more are admitted than may.
pub async fn racing_sessions_never_exceed_the_limit(store: Arc<dyn Hot>) {
    let mut dice = Dice::new();
    for _ in 0..ROUNDS {
        let mut home = Home::with(Arc::clone(&store), &mut dice);
        let rules = StreamRules::streams(2, AtLimit::DenyNewest);
        let mut tasks = JoinSet::new();
        for number in 0..64 {
            let (store, player) = (Arc::clone(&store), home.player(&format!("device-{number}"), &rules));
            tasks.spawn(async move {
                let update = player.begins(number);
                store.admit(&update, NOW_MS + number).await.expect("a session is heard")
            });
        }
        let verdicts = tasks.join_all().await;
        assert_eq!(verdicts.iter().filter(|verdict| verdict.stop().is_none()).count(), 2);
        assert_eq!(home.live(64).await.len(), 2);
    }
}

/// Whatever happens to an account, in single calls and in batches, a store decides as the rule does.
pub async fn it_decides_as_the_rule_does(store: Arc<dyn Hot>) {
    let mut dice = Dice::new();
    let times = LeaseTimes::default();
    for _ in 0..ROUNDS {
        let mut home = Home::with(Arc::clone(&store), &mut dice);
        let rules = some_rules(&mut dice);
        let players: Vec<Player> =
            (0..5).map(|_| home.player(dice.pick(&["tv", "phone", "tablet"]), &rules)).collect();
        let (mut model, mut at_ms) = (AccountLeases::default(), 0);
        for _ in 0..30 {
            at_ms += dice.pick(&[0, 1, 9_000, 29_000, 31_000, 11 * MINUTE_MS]);
            let now_ms = NOW_MS + at_ms;
            let batch: Vec<HotUpdate> =
                (0..=dice.below(3)).map(|_| some_update(&mut dice, &players, at_ms)).collect();
            let expect: Vec<Verdict> = batch
                .iter()
                .filter_map(HotUpdate::claim)
                .map(|claim| model.assert(&claim, &times, now_ms).verdict)
                .collect();
            assert_eq!(store.apply(&batch, now_ms).await.expect("a batch is applied"), expect);
            if dice.one_in(10) {
                let target = StopTarget::Session(dice.pick(&players).key());
                let expect = model.stop(&target, None, &times, now_ms).map(|(lease, _)| lease);
                let stopped = store.stop(&home.account, &target, None, now_ms).await;
                assert_eq!(stopped.expect("a session is stopped"), expect);
            }
            assert_eq!(home.live(at_ms).await, model.live(&times, now_ms));
        }
    }
}

fn some_rules(dice: &mut Dice) -> StreamRules {
    StreamRules {
        devices_max: dice.one_in(3).then_some(2),
        is_dry_run: dice.one_in(8),
        ..StreamRules::streams(dice.pick(&[1, 2, 3]), dice.pick(&AtLimit::ALL))
    }
}

fn some_update(dice: &mut Dice, players: &[Player], at_ms: i64) -> HotUpdate {
    let player = dice.pick(players);
    let doing = dice.pick(&[Doing::Playing, Doing::Playing, Doing::Playing, Doing::Paused, Doing::Ended]);
    let mut update = player.says(doing, at_ms - dice.pick(&[0, 0, 5_000, 40_000]));
    if let Some(beat) = &mut update.beat {
        beat.standing = dice.pick(&[Standing::New, Standing::Known, Standing::Returned, Standing::Running]);
        beat.is_open = dice.one_in(2);
        beat.position_ms = dice.pick(&[None, Some(7), Some(at_ms)]);
    }
    update
}

/// Rounds of what is random.
const ROUNDS: usize = 40;
