//! The promises of [`Hot`], each as a case that a store passes or panics.

mod leases;

mod notices;

pub use leases::*;
pub use notices::*;

use super::Dice;
use crate::{
    AccountId, Clock, DeviceId, ItemId, ItemKind, SessionId, SessionKey, UserId,
    hot::{Hot, HotUpdate, Verdict},
    lease::{Beat, Doing, Standing, Terms},
    position::PositionRow,
};
use std::sync::Arc;
use tokio::task::JoinSet;

/// What is read of a user who never watched is empty, and no error.
pub async fn what_was_never_applied_is_not_there(store: Arc<dyn Hot>) {
    let mut dice = Dice::new();
    let user = dice.user();
    assert_eq!(position(&*store, &user, &dice.item()).await, None);
    assert_eq!(store.positions(&user).await.expect("positions are read"), []);
    assert_eq!(store.apply(&[], NOW_MS).await.expect("nothing is applied"), []);
}

/// The first proposal wins, even against an earlier fixing.
pub async fn the_first_clock_is_fixed_once(store: Arc<dyn Hot>) {
    let mut dice = Dice::new();
    let key = new_session(&mut dice);
    let [first, later, earlier] = [0, 5, -5].map(|ms| Clock { fixed_at_ms: NOW_MS + ms, offset_ms: ms });
    for proposed in [first, later, earlier, first] {
        assert_eq!(fix(&*store, &key, proposed).await, first);
    }
    let other = dice.session(&key.user);
    assert_eq!(fix(&*store, &other, later).await, later);
}

/// However many propose at once, all get the same.
pub async fn concurrent_proposals_get_one_clock(store: Arc<dyn Hot>) {
    let key = new_session(&mut Dice::new());
    let mut tasks = JoinSet::new();
    for offset_ms in 0..32 {
        let (store, key) = (store.clone(), key.clone());
        tasks.spawn(async move { fix(&*store, &key, Clock { fixed_at_ms: NOW_MS, offset_ms }).await });
    }
    let clocks = tasks.join_all().await;
    assert!(clocks.windows(2).all(|pair| pair.first() == pair.last()), "{clocks:?}");
}

/// A session that was applied keeps the clock it came with.
pub async fn an_applied_clock_is_kept(store: Arc<dyn Hot>) {
    let mut dice = Dice::new();
    let update = update(&new_session(&mut dice), NOW_MS, None);
    apply(&*store, std::slice::from_ref(&update)).await;
    let proposed = Clock { fixed_at_ms: NOW_MS + 1, offset_ms: 9 };
    assert_eq!(fix(&*store, &update.key, proposed).await, update.clock);
}

/// Whoever asks for a slot before a session's first frame leaves the clock to that frame.
pub async fn who_asks_for_a_slot_fixes_no_clock(store: Arc<dyn Hot>) {
    let mut dice = Dice::new();
    let key = new_session(&mut dice);
    let beat = Beat {
        item: dice.item(),
        kind: ItemKind::Movie,
        terms: Terms::unlimited(),
        doing: Doing::Playing,
        position_ms: None,
        is_open: true,
        standing: Standing::New,
    };
    let account = AccountId::new(dice.user().as_str()).expect("a short name");
    let asking = HotUpdate { account, beat: Some(beat), ..update(&key, NOW_MS, None) };
    assert_eq!(store.admit(&asking, NOW_MS).await.expect("a session is heard"), Verdict::Play);
    let live = store.live_sessions(&asking.account, NOW_MS).await.expect("sessions are listed");
    assert!(live.iter().any(|lease| lease.key == key), "{live:?}");
    let proposed = Clock { fixed_at_ms: NOW_MS + 1_000, offset_ms: 90_000 };
    assert_eq!(fix(&*store, &key, proposed).await, proposed);
}

/// Each update gets its verdict.
pub async fn there_is_a_verdict_for_each_update(store: Arc<dyn Hot>) {
    let mut dice = Dice::new();
    let updates: Vec<_> = (0..300).map(|_| update(&new_session(&mut dice), NOW_MS, None)).collect();
    assert_eq!(store.apply(&updates, NOW_MS).await.expect("a batch is applied").len(), 300);
}

/// Positions merge by the rule, in any order and however often they come.
pub async fn positions_join_in_any_order(store: Arc<dyn Hot>) {
    let mut dice = Dice::new();
    for _ in 0..50 {
        let (key, item) = (new_session(&mut dice), dice.item());
        let mut expected = PositionRow::default();
        let mut updates = Vec::new();
        for _ in 0..8 {
            let row = some_row(&mut dice);
            expected.merge(&row);
            updates.push(update(&key, NOW_MS, Some((item.clone(), row))));
        }
        updates.extend_from_within(..4);
        dice.shuffle(&mut updates);
        for batch in updates.chunks(3) {
            apply(&*store, batch).await;
        }
        assert_eq!(position(&*store, &key.user, &item).await, Some(expected));
    }
}

/// All positions of a user are listed, and no one else's.
pub async fn positions_are_listed_by_user(store: Arc<dyn Hot>) {
    let mut dice = Dice::new();
    let (key, other) = (new_session(&mut dice), new_session(&mut dice));
    let mut expected: Vec<_> = (0..20).map(|_| (dice.item(), some_row(&mut dice))).collect();
    for (item, row) in &expected {
        apply(&*store, &[update(&key, NOW_MS, Some((item.clone(), row.clone())))]).await;
        apply(&*store, &[update(&other, NOW_MS, Some((dice.item(), row.clone())))]).await;
    }
    let mut listed = store.positions(&key.user).await.expect("positions are read");
    listed.sort_by(|(a, _), (b, _)| a.cmp(b));
    expected.sort_by(|(a, _), (b, _)| a.cmp(b));
    assert_eq!(listed, expected);
}

/// Users, sessions and items whose names begin each other are different ones.
pub async fn names_that_begin_each_other_do_not_mix(store: Arc<dyn Hot>) {
    let mut dice = Dice::new();
    let base = dice.user();
    let mut expected = Vec::new();
    for (user, name) in [("", "aa"), ("a", "a"), ("aa", "a"), ("a", "aa"), ("a:", "b"), ("a", ":b")] {
        let key = SessionKey {
            user: UserId::new(&format!("{base}{user}")).expect("a short name"),
            session: SessionId::new(name).expect("a short name"),
        };
        let item = ItemId::new(name).expect("a short name");
        let row = some_row(&mut dice);
        let clock = Clock { fixed_at_ms: NOW_MS, offset_ms: dice.ms_below(1_000_000) };
        assert_eq!(fix(&*store, &key, clock).await, clock);
        apply(&*store, &[HotUpdate { clock, ..update(&key, NOW_MS, Some((item.clone(), row.clone()))) }])
            .await;
        expected.push((key, clock, item, row));
    }
    for (key, clock, item, row) in expected {
        assert_eq!(position(&*store, &key.user, &item).await, Some(row));
        assert_eq!(fix(&*store, &key, Clock { fixed_at_ms: NOW_MS, offset_ms: -1 }).await, clock);
    }
}

/// An erasure forgets what is not later, and a commit that was under way does not bring it back.
pub async fn an_erased_user_is_forgotten(store: Arc<dyn Hot>) {
    let mut dice = Dice::new();
    let (key, other) = (new_session(&mut dice), new_session(&mut dice));
    let [erased, spared] = [dice.item(), dice.item()];
    let (before, after) = (PositionRow::set(1, NOW_MS), PositionRow::set(2, NOW_MS + 1));
    let gone = dice.session(&key.user);
    let late = update(&gone, NOW_MS, Some((erased.clone(), before.clone())));
    apply(&*store, std::slice::from_ref(&late)).await;
    apply(&*store, &[update(&key, NOW_MS + 1, Some((spared.clone(), after.clone())))]).await;
    apply(&*store, &[update(&other, NOW_MS, Some((erased.clone(), before.clone())))]).await;
    store.erase(&key.user, NOW_MS).await.expect("a user is erased");
    store.erase(&key.user, NOW_MS - 1).await.expect("a user is erased");
    let late_clock = late.clock;
    apply(&*store, &[late]).await;
    assert_eq!(position(&*store, &key.user, &erased).await, None);
    assert_eq!(position(&*store, &key.user, &spared).await, Some(after));
    assert_eq!(store.positions(&key.user).await.expect("positions are read").len(), 1);
    assert_eq!(position(&*store, &other.user, &erased).await, Some(before));
    let again = Clock { fixed_at_ms: NOW_MS + 2, offset_ms: 9 };
    assert_eq!(fix(&*store, &gone, again).await, again);
    assert_eq!(fix(&*store, &key, again).await, late_clock);
}

fn new_session(dice: &mut Dice) -> SessionKey {
    let user = dice.user();
    dice.session(&user)
}

fn update(key: &SessionKey, last_at_ms: i64, position: Option<(ItemId, PositionRow)>) -> HotUpdate {
    HotUpdate {
        key: key.clone(),
        account: AccountId::new("account").expect("a short name"),
        device: DeviceId::new("device").expect("a short name"),
        clock: Clock { fixed_at_ms: NOW_MS, offset_ms: 0 },
        last_at_ms,
        position,
        beat: None,
    }
}

/// Any row that says something.
fn some_row(dice: &mut Dice) -> PositionRow {
    let (at_ms, position_ms) = (NOW_MS - dice.ms_below(100), dice.ms_below(100_000));
    match dice.below(4) {
        0 => PositionRow::forget(at_ms),
        1 => PositionRow::mark_watched(dice.one_in(2), at_ms),
        _ => PositionRow::set(position_ms, at_ms),
    }
}

async fn fix(store: &dyn Hot, key: &SessionKey, proposed: Clock) -> Clock {
    store.fix_clock(key, proposed).await.expect("a clock is fixed")
}

async fn apply(store: &dyn Hot, batch: &[HotUpdate]) {
    store.apply(batch, NOW_MS).await.expect("a batch is applied");
}

async fn position(store: &dyn Hot, user: &UserId, item: &ItemId) -> Option<PositionRow> {
    store.position(user, item).await.expect("a position is read")
}

/// The time of the cases, Unix ms.
const NOW_MS: i64 = 1_900_000_000_000;
