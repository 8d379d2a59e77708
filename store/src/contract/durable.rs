//! The promises of [`Durable`], each as a case that a store passes or panics.

mod erasing;

pub use erasing::{
    an_erased_item_changes_no_row, an_erased_item_is_remembered, an_erased_user_stays_erased,
    an_erasure_spares_other_users, an_erasure_spares_what_is_later, completions_across_an_erasure_begin_anew,
    erasures_of_many_items, the_greatest_erasure_of_an_item_counts, the_latest_erasure_counts,
};

use super::{
    Dice,
    case::{Case, ROUNDS, TIMES_MS},
    model::Model,
};
use crate::{
    Clock, Event, EventKind, ItemId, PlayerState, Rate, SessionId, SessionKey, UserId,
    clock::TIME_MS_MAX,
    durable::{Durable, PositionWrite, WriteBatch},
};
use std::sync::Arc;
use tokio::task::JoinSet;

/// What is read of a user who never watched is empty, and no error.
pub async fn what_was_never_written_is_not_there(store: Arc<dyn Durable>) {
    let mut dice = Dice::new();
    let user = dice.user();
    let key = dice.session(&user);
    let known = store.open_session(&key).await.expect("a session is opened");
    assert_eq!((known.clock, known.seqs.len(), known.erased_through_ms), (None, 0, None));
    assert_eq!(store.session(&key).await.expect("a session is read"), None);
    assert_eq!(store.sessions(&user).await.expect("sessions are read"), []);
    assert_eq!(store.position(&user, &dice.item()).await.expect("a position is read"), None);
    assert_eq!(store.positions(&user).await.expect("positions are read"), []);
}

/// A write that returned is seen by every read.
pub async fn a_written_session_is_read_back(store: Arc<dyn Durable>) {
    let mut case = Case::new(store);
    let script = case.script(20);
    case.write(script.write(0..20)).await;
    case.check("after one write").await;
}

/// What an event says comes back as it was, extremes included.
pub async fn every_field_of_an_event_is_kept(store: Arc<dyn Durable>) {
    let mut case = Case::new(store);
    let mut script = case.script(0);
    script.events.push(Event {
        kind: EventKind::Seek,
        seq: u64::MAX >> 1,
        at_ms: TIME_MS_MAX,
        position_ms: Some(i64::MAX),
        from_ms: Some(0),
        state: Some(PlayerState::Stalled),
        rate: Some(Rate::MAX),
        bitrate_kbps: Some(u32::MAX),
        startup_ms: Some(u32::MAX),
        stall_ms: Some(u32::MAX),
        duration_ms: Some(i64::MAX),
        error_code: Some("\u{0}\u{10ffff}".into()),
    });
    script.events.push(Event { error_code: Some("".into()), ..Event::new(EventKind::Start, 1, 0) });
    case.write(script.write(0..2)).await;
    case.check("after one write").await;
}

/// Nothing to write is nothing to fail at.
pub async fn an_empty_batch_is_no_error(store: Arc<dyn Durable>) {
    store.write(&WriteBatch::default()).await.expect("an empty batch is written");
}

/// A write whose outcome is unknown is simply made again.
pub async fn a_write_given_twice_changes_nothing(store: Arc<dyn Durable>) {
    let mut case = Case::new(store);
    let script = case.script(30);
    let mut batch = script.write(0..30);
    batch.positions.push(case.position(&script.key.user));
    for time in ["once", "twice", "three times"] {
        case.write(batch.clone()).await;
        case.check(time).await;
    }
}

/// Any permutation and repetition of writes gives the same rows.
pub async fn the_order_of_writes_does_not_matter(store: Arc<dyn Durable>) {
    let mut case = Case::new(store);
    for _ in 0..ROUNDS {
        let script = case.script(40);
        let mut writes: Vec<_> = (0..12).map(|_| case.some_write(&script)).collect();
        for write in &writes {
            case.model.write(write);
        }
        writes.extend_from_within(..6);
        case.dice.shuffle(&mut writes);
        for write in writes {
            case.store.write(&write).await.expect("a batch is written");
        }
        case.check("in another order").await;
    }
}

/// Events are known by their identity, whichever writes they come in.
pub async fn overlapping_writes_keep_each_identity_once(store: Arc<dyn Durable>) {
    let mut case = Case::new(store);
    let script = case.script(30);
    for (from, to) in [(5, 10), (5, 15), (0, 8), (9, 30), (0, 30), (4, 6)] {
        case.write(script.write(from..to)).await;
        case.check("after an overlapping write").await;
    }
}

/// Of all fixings of a session's clock the earliest stays.
pub async fn the_earliest_clock_wins(store: Arc<dyn Durable>) {
    let mut case = Case::new(store);
    let mut script = case.script(4);
    for (index, fixed_at_ms) in [500, 300, 400, 300].into_iter().enumerate() {
        script.clock = Clock { fixed_at_ms, offset_ms: fixed_at_ms * 7 };
        case.write(script.write(index..index + 1)).await;
        case.check("after another fixing").await;
    }
}

/// Of all descriptions of a session the latest stays, even where no event is new.
pub async fn the_latest_description_wins(store: Arc<dyn Durable>) {
    let mut case = Case::new(store);
    let script = case.script(3);
    for as_of_ms in [500, 900, 700] {
        let mut batch = script.write(0..3);
        for session in &mut batch.sessions {
            session.description = case.dice.description(as_of_ms);
        }
        case.write(batch).await;
        case.check("after another description").await;
    }
}

/// A session is opened with its clock and the numbers of its events: dense, with gaps, or hashed.
pub async fn an_opened_session_knows_what_was_written(store: Arc<dyn Durable>) {
    let mut case = Case::new(store);
    let (dense, gaps, mut hashed) = (case.script(50), case.script(50), case.script(50));
    for event in &mut hashed.events {
        event.seq = case.dice.number() >> 1;
    }
    for from in (0..50).step_by(5) {
        case.write(dense.write(from..from + 5)).await;
        case.write(gaps.write(from..from + 3)).await;
        case.write(hashed.write(from..from + 5)).await;
        case.check("after some writes").await;
    }
}

/// Positions merge by the rule, whatever the order of the writes.
pub async fn positions_join(store: Arc<dyn Durable>) {
    let mut case = Case::new(store);
    for _ in 0..ROUNDS {
        let user = case.dice.user();
        let item = case.dice.item();
        let mut writes: Vec<_> = (0..8).map(|_| case.position(&user)).collect();
        for write in &mut writes {
            write.item = item.clone();
        }
        for write in writes {
            case.write(WriteBatch { sessions: Vec::new(), positions: vec![write] }).await;
            case.check("after another position").await;
        }
    }
}

/// A batch is of many users.
pub async fn one_batch_writes_many_sessions_and_positions(store: Arc<dyn Durable>) {
    let mut case = Case::new(store);
    let mut all = WriteBatch::default();
    for _ in 0..200 {
        let script = case.script(3);
        all.sessions.extend(script.write(0..3).sessions);
        all.positions.push(case.position(&script.key.user));
    }
    case.write(all).await;
    case.check("after a large batch").await;
}

/// Users and sessions whose names begin each other, or look alike when put together, are different ones.
pub async fn names_that_begin_each_other_do_not_mix(store: Arc<dyn Durable>) {
    let mut case = Case::new(store);
    let base = case.dice.user();
    for user in ["", "a", "aa", "a/", "a:b", "영", "\u{a0}"] {
        for session in ["a", "aa", "b", "a/b", "b:a", "영"] {
            let mut script = case.script(3);
            script.key = SessionKey {
                user: UserId::new(&format!("{base}{user}")).expect("a short name"),
                session: SessionId::new(session).expect("a short name"),
            };
            let mut batch = script.write(0..3);
            batch.positions.push(case.position(&script.key.user));
            for position in &mut batch.positions {
                position.item = ItemId::new(session).expect("a short name");
            }
            case.write(batch).await;
        }
    }
    case.check("after all writes").await;
    let user = UserId::new(&format!("{base}a")).expect("a short name");
    case.erase(&user, i64::MAX).await;
    case.check("after one of them was erased").await;
}

/// Long sessions are nothing special.
pub async fn a_session_of_ten_thousand_events(store: Arc<dyn Durable>) {
    let mut case = Case::new(store);
    let script = case.script(10_000);
    for write in 0..10 {
        case.write(script.write(write * 900..(write + 1) * 1_000)).await;
    }
    case.check("after ten writes").await;
}

/// Writes to one user from many tasks are all there at the end, and each is there when it returns.
pub async fn concurrent_writers_lose_nothing(store: Arc<dyn Durable>) {
    let mut case = Case::new(store);
    let script = case.script(200);
    let item = case.dice.item();
    let mut tasks = JoinSet::new();
    for writer in 0..10_usize {
        let mut writes = Vec::new();
        for part in 0..10 {
            let from = (writer * 10 + part) * 2;
            // Every second event is written by two tasks.
            let mut batch = script.write(from.saturating_sub(1)..from + 2);
            batch.positions.push(PositionWrite { item: item.clone(), ..case.position(&script.key.user) });
            case.model.write(&batch);
            writes.push(batch);
        }
        tasks.spawn(write_all(case.store.clone(), writes));
    }
    while let Some(task) = tasks.join_next().await {
        task.expect("a writer ends well");
    }
    case.check("after all writers").await;
}

async fn write_all(store: Arc<dyn Durable>, writes: Vec<WriteBatch>) {
    for batch in writes {
        store.write(&batch).await.expect("a batch is written");
        for session in &batch.sessions {
            let known = store.open_session(&session.key).await.expect("a session is opened");
            assert!(session.events.iter().all(|event| known.seqs.contains(event.seq)));
        }
    }
}

/// Persisting returns, and disturbs nothing.
pub async fn a_persisted_store_goes_on(store: Arc<dyn Durable>) {
    let mut case = Case::new(store);
    let script = case.script(20);
    case.write(script.write(0..10)).await;
    case.store.persist().await.expect("the store is persisted");
    case.write(script.write(10..20)).await;
    case.store.persist().await.expect("the store is persisted");
    case.check("after persisting").await;
}

/// Any run of writes and erasures leaves what the model says.
pub async fn it_agrees_with_the_model(store: Arc<dyn Durable>) {
    let mut case = Case::new(store);
    for _ in 0..ROUNDS {
        let scripts: Vec<_> = (0..3).map(|_| case.script(30)).collect();
        for _ in 0..25 {
            let script = case.dice.pick(&scripts);
            if case.dice.one_in(12) {
                let through_ms = case.dice.ms_below(TIMES_MS);
                case.erase(&script.key.user, through_ms).await;
            } else {
                let write = case.some_write(&script);
                case.write(write).await;
            }
            case.check("after another step").await;
        }
        case.model = Model::default();
    }
}
