//! What an erasure promises, of a user and of an item.

use crate::{
    ItemId,
    contract::{
        Dice,
        case::{Case, ROUNDS, TIMES_MS},
    },
    durable::{Durable, PositionWrite, WriteBatch},
    erasure::ItemErasure,
    position::{PositionRow, Watched},
};
use std::{slice, sync::Arc};

/// Nothing of an erased user comes back, by late writes neither.
pub async fn an_erased_user_stays_erased(store: Arc<dyn Durable>) {
    let mut case = Case::new(store);
    let script = case.script(30);
    let user = script.key.user.clone();
    let mut batch = script.write(0..20);
    batch.positions.push(case.position(&user));
    case.write(batch.clone()).await;
    case.erase(&user, i64::MAX).await;
    case.check("after the erasure").await;
    case.write(batch).await;
    case.write(script.write(10..30)).await;
    case.check("after late writes").await;
    let known = case.store.open_session(&script.key).await.expect("a session is opened");
    assert_eq!((known.clock, known.seqs.len(), known.erased_through_ms), (None, 0, Some(i64::MAX)));
    assert_eq!(case.store.session(&script.key).await.expect("a session is read"), None);
}

/// What is later than an erasure stays, in sessions on both sides of it and in positions.
pub async fn an_erasure_spares_what_is_later(store: Arc<dyn Durable>) {
    let mut case = Case::new(store);
    for _ in 0..ROUNDS {
        let script = case.script(40);
        let user = script.key.user.clone();
        for from in [0, 10, 20] {
            let mut batch = script.write(from..from + 10);
            batch.positions.push(case.position(&user));
            case.write(batch).await;
        }
        let through_ms = case.dice.ms_below(TIMES_MS);
        case.erase(&user, through_ms).await;
        case.check("after the erasure").await;
        case.write(script.write(5..40)).await;
        case.check("after late writes").await;
    }
}

/// Of completions on both sides of an erasure the first later one counts, also when they come together and late.
pub async fn completions_across_an_erasure_begin_anew(store: Arc<dyn Durable>) {
    let completions = [(50, 900), (100, 700), (675, 920), (10, 20), (650, 650), (300, 601)];
    for erased_before in 0..completions.len() {
        let mut case = Case::new(store.clone());
        let (user, item) = (case.dice.user(), case.dice.item());
        for (step, (first_ms, last_ms)) in completions.into_iter().enumerate() {
            if step == erased_before {
                case.erase(&user, 600).await;
                case.check("after the erasure").await;
            }
            let watched = Watched { first_ms: Some(first_ms), last_ms: Some(last_ms), mark: None };
            let row = PositionRow { watched, ..PositionRow::default() };
            let position = PositionWrite { user: user.clone(), item: item.clone(), row };
            case.write(WriteBatch { sessions: Vec::new(), positions: vec![position] }).await;
            case.check("after another completion").await;
        }
        case.erase(&user, 600).await;
        case.check("after it was repeated").await;
    }
}

/// An erasure is repeated at will, and an earlier one takes nothing of a later one back.
pub async fn the_latest_erasure_counts(store: Arc<dyn Durable>) {
    let mut case = Case::new(store);
    let script = case.script(20);
    for through_ms in [300, 600, 600, 400] {
        case.erase(&script.key.user, through_ms).await;
        let mut batch = script.write(0..20);
        batch.positions.push(case.position(&script.key.user));
        case.write(batch).await;
        case.check("after another erasure").await;
    }
}

/// An erasure is of one user.
pub async fn an_erasure_spares_other_users(store: Arc<dyn Durable>) {
    let mut case = Case::new(store);
    let (erased, other) = (case.script(10), case.script(10));
    for script in [&erased, &other] {
        let mut batch = script.write(0..10);
        batch.positions.push(case.position(&script.key.user));
        case.write(batch).await;
    }
    case.erase(&erased.key.user, i64::MAX).await;
    case.check("after the erasure").await;
}

/// What was said of an item is remembered; that of others is theirs.
pub async fn an_erased_item_is_remembered(store: Arc<dyn Durable>) {
    let mut dice = Dice::new();
    let (film, series, other) = (dice.item(), dice.item(), dice.item());
    let (open, ended) = (erasure(700, i64::MAX), erasure(900, 900));
    store.erase_items(&[]).await.expect("nothing is remembered");
    assert_eq!(remembered(&store, &[]).await, []);
    store.erase_items(&[(film.clone(), open), (series.clone(), ended)]).await.expect("it is remembered");
    let mut expected = vec![(film.clone(), open), (series.clone(), ended)];
    expected.sort();
    assert_eq!(remembered(&store, &[other.clone(), film.clone(), series.clone()]).await, expected);
    assert_eq!(remembered(&store, slice::from_ref(&film)).await, [(film, open)]);
    assert_eq!(remembered(&store, &[other]).await, []);
}

/// Of all that is said of an item the greatest counts, in whatever order it comes and however often.
pub async fn the_greatest_erasure_of_an_item_counts(store: Arc<dyn Durable>) {
    let mut dice = Dice::new();
    let said = [(100, i64::MAX), (200, 200), (200, i64::MAX), (300, 300), (300, 300), (50, 50)];
    for _ in 0..ROUNDS {
        let (item, mut said) = (dice.item(), said.map(|(at_ms, through_ms)| erasure(at_ms, through_ms)));
        dice.shuffle(&mut said);
        let mut greatest = None;
        for erasure in said {
            store.erase_items(&[(item.clone(), erasure)]).await.expect("it is remembered");
            greatest = greatest.max(Some(erasure));
            let found = remembered(&store, slice::from_ref(&item)).await;
            assert_eq!(found.first().map(|(_, erasure)| *erasure), greatest, "after {erasure:?}");
        }
    }
}

/// Many items are one call, be there something of all of them or of few.
pub async fn erasures_of_many_items(store: Arc<dyn Durable>) {
    let mut dice = Dice::new();
    let items: Vec<_> = (0..250).map(|_| dice.item()).collect();
    let mut said: Vec<_> =
        items.iter().step_by(3).zip(1..).map(|(item, at_ms)| (item.clone(), erasure(at_ms, at_ms))).collect();
    store.erase_items(&said).await.expect("they are remembered");
    said.sort();
    assert_eq!(remembered(&store, &items).await, said);
}

/// It is no row of a user's that changes: whoever reads leaves out what is erased.
pub async fn an_erased_item_changes_no_row(store: Arc<dyn Durable>) {
    let mut case = Case::new(store);
    let script = case.script(20);
    let position = case.position(&script.key.user);
    let mut batch = script.write(0..20);
    let played = batch.sessions.iter().map(|session| session.description.playable.item.clone());
    let items: Vec<_> = played.chain([position.item.clone()]).collect();
    batch.positions.push(position);
    case.write(batch).await;
    for item in items {
        // The names of these are shared with other cases: what is said of them is over at once.
        case.store.erase_items(&[(item, erasure(1, 1))]).await.expect("it is remembered");
    }
    case.check("after its items were erased").await;
}

fn erasure(at_ms: i64, through_ms: i64) -> ItemErasure {
    ItemErasure { at_ms, through_ms }
}

async fn remembered(store: &Arc<dyn Durable>, items: &[ItemId]) -> Vec<(ItemId, ItemErasure)> {
    let found = store.item_erasures(items).await.expect("erasures are read");
    let mut found: Vec<_> = found.into_iter().collect();
    found.sort();
    found
}
