//! What an erasure promises.

use crate::{
    contract::case::{Case, ROUNDS, TIMES_MS},
    durable::{Durable, PositionWrite, WriteBatch},
    position::{PositionRow, Watched},
};
use std::sync::Arc;

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
