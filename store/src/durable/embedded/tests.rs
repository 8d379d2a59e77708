//! What cannot be seen from outside: rows, files, damage, and what the writer costs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may fail loudly"
)]

use super::tables::Tables;
use super::*;
use crate::{
    Clock, EventKind, SessionId, StoreErrorKind,
    contract::Dice,
    durable::{
        PositionWrite, SessionWrite,
        documents::{Change, DocumentKey, Documents, Partition, Put},
    },
};
use fjall::Keyspace;
use tempfile::TempDir;

fn open(settings: EmbeddedSettings) -> (TempDir, EmbeddedDurable) {
    let dir = tempfile::tempdir().unwrap();
    let store = EmbeddedDurable::open(dir.path(), settings).unwrap();
    (dir, store)
}

fn write(key: &SessionKey, seqs: impl IntoIterator<Item = u64>, at_ms: i64) -> WriteBatch {
    let events: Vec<_> = seqs.into_iter().map(|seq| Event::new(EventKind::Beat, seq, at_ms)).collect();
    let clock = Clock { fixed_at_ms: 5, offset_ms: 0 };
    let description = Dice::from_seed(1).description(at_ms);
    let session = SessionWrite { key: key.clone(), clock, description, events: events.into() };
    let row = PositionRow::set(at_ms, at_ms);
    let position = PositionWrite { user: key.user.clone(), item: ItemId::new("item").unwrap(), row };
    WriteBatch { sessions: vec![session], positions: vec![position] }
}

fn key(user: &str, session: &str) -> SessionKey {
    SessionKey { user: UserId::new(user).unwrap(), session: SessionId::new(session).unwrap() }
}

/// Looks at the tables, or changes them behind the store's back.
fn look<T>(store: &EmbeddedDurable, look: impl FnOnce(&Tables) -> T) -> T {
    store.reads.opened().with(|tables, _| Ok(look(tables))).unwrap()
}

/// How many chunks, sessions and positions there are.
fn count(tables: &Tables) -> [usize; 3] {
    [&tables.chunks, &tables.sessions, &tables.positions].map(|table: &Keyspace| table.iter().count())
}

#[tokio::test]
async fn a_repeated_write_writes_nothing() {
    let (_dir, store) = open(EmbeddedSettings::default());
    let batch = write(&key("u", "s"), 1..=10, 100);
    store.write(&batch).await.unwrap();
    let before = look(&store, |tables| tables.database.seqno());
    for _ in 0..5 {
        store.write(&batch).await.unwrap();
        // Part of it in another write, and a position that is older.
        store.write(&write(&key("u", "s"), 3..=7, 50)).await.unwrap();
    }
    assert_eq!(look(&store, |tables| tables.database.seqno()), before);
    assert_eq!(look(&store, count)[..2], [1, 1]);
}

#[tokio::test]
async fn expired_rows_leave_with_compaction() {
    let (_dir, store) = open(EmbeddedSettings { retention_days: Some(0), ..Default::default() });
    for session in ["old", "both", "new"] {
        let at_ms = if session == "new" { 200 } else { 100 };
        store.write(&write(&key("u", session), 1..=10, at_ms)).await.unwrap();
    }
    store.write(&write(&key("u", "both"), 11..=12, 200)).await.unwrap();
    store.expire(100);
    look(&store, |tables| {
        for table in [&tables.chunks, &tables.sessions, &tables.positions] {
            table.rotate_memtable_and_wait().unwrap();
            table.major_compact().unwrap();
        }
    });
    assert_eq!(look(&store, count), [2, 2, 1]);
    let (row, events) = store.session(&key("u", "both")).await.unwrap().unwrap();
    assert_eq!((row.event_count, row.first_at_ms, events.len()), (2, 200, 2));
}

#[tokio::test]
async fn erased_rows_are_gone_from_the_tables() {
    let (_dir, store) = open(EmbeddedSettings::default());
    for session in 0..800 {
        store.write(&write(&key("erased", &session.to_string()), 1..=2, 100)).await.unwrap();
        store.write(&write(&key("erased", &session.to_string()), 3..=4, 100)).await.unwrap();
    }
    store.write(&write(&key("erased", "0"), 5..=6, 101)).await.unwrap();
    store.write(&write(&key("spared", "0"), 1..=2, 100)).await.unwrap();
    store.erase(&UserId::new("erased").unwrap(), 100).await.unwrap();
    assert_eq!(look(&store, count), [2, 2, 2]);
}

/// The mark alone, as an erasure leaves it that was cut short.
#[tokio::test]
async fn an_erasure_that_was_cut_short_hides_all_the_same() {
    let (_dir, store) = open(EmbeddedSettings::default());
    let session = key("u", "s");
    store.write(&write(&session, 1..=10, 100)).await.unwrap();
    look(&store, |tables| tables.erasures.insert("u", super::rows::erasure(100)).unwrap());
    assert_eq!(store.session(&session).await.unwrap(), None);
    assert_eq!(store.sessions(&session.user).await.unwrap(), []);
    assert_eq!(store.positions(&session.user).await.unwrap(), []);
    assert_eq!(store.position(&session.user, &ItemId::new("item").unwrap()).await.unwrap(), None);
    assert_eq!(store.open_session(&session).await.unwrap().seqs.len(), 0);
    store.erase(&session.user, 50).await.unwrap();
    let [chunks, _, positions] = look(&store, count);
    assert_eq!((chunks, positions), (0, 0));
}

#[tokio::test]
async fn damage_is_told_and_holds_up_nobody_else() {
    let (dir, store) = open(EmbeddedSettings { session_cache_bytes: 0, ..Default::default() });
    let (bad, good) = (key("u", "bad"), key("u", "good"));
    store.write(&write(&bad, 1..=3, 100)).await.unwrap();
    look(&store, |tables| tables.sessions.insert(keys::session(&bad), [codec_format(), 0xff]).unwrap());
    let mut both = write(&bad, 4..=6, 100);
    both.sessions.extend(write(&good, 1..=6, 100).sessions);
    assert_eq!(store.write(&both).await.unwrap_err().kind, StoreErrorKind::Damaged);
    assert_eq!(store.open_session(&good).await.unwrap().seqs.len(), 6);
    assert_eq!(store.open_session(&bad).await.unwrap_err().kind, StoreErrorKind::Damaged);
    assert_eq!(store.sessions(&bad.user).await.unwrap_err().kind, StoreErrorKind::Damaged);
    look(&store, |tables| tables.sessions.insert(keys::session(&bad), [codec_format() + 1]).unwrap());
    assert_eq!(store.session(&bad).await.unwrap_err().kind, StoreErrorKind::Refused, "a newer row");
    look(&store, |tables| tables.chunks.insert(keys::chunk(&good, 1), b"").unwrap());
    assert_eq!(store.session(&good).await.unwrap_err().kind, StoreErrorKind::Damaged);
    drop(store);
    assert_eq!(verify(dir.path()).unwrap().damaged, 2);
}

#[tokio::test]
async fn puts_that_share_an_fsync_are_answered_each_for_itself() {
    let (_dir, store) = open(EmbeddedSettings::default());
    let name = |n: usize| DocumentKey::new(Partition::new(&["films"]), format!("{n:02}"));
    let damaged = [name(DAMAGED).partition.as_str(), "\0", name(DAMAGED).name.as_str()].concat();
    look(&store, |tables| tables.documents.insert(damaged, [codec_format(), 0xff]).unwrap());
    // While the first is fsynced, the others come to wait.
    let puts = (0..40).map(|n| {
        let change = Change::new(name(n), 0, format!("film {n}"));
        let store = &store;
        async move { store.put(&[change]).await }
    });
    let (outcomes, persisted) =
        tokio::join!(futures_util::future::join_all(puts), async { store.persist().await });
    persisted.unwrap();
    for (n, outcome) in outcomes.into_iter().enumerate() {
        match outcome {
            Ok(done) => assert_eq!((done, n == DAMAGED), (vec![Put::Done(1)], false), "{n}"),
            Err(error) => assert_eq!((error.kind, n), (StoreErrorKind::Damaged, DAMAGED), "{n}: {error:?}"),
        }
    }
}

/// Which of them cannot be read.
const DAMAGED: usize = 17;

#[tokio::test]
async fn an_erasure_takes_damaged_rows_too() {
    let (_dir, store) = open(EmbeddedSettings::default());
    let (bad, later) = (key("u", "bad"), key("u", "later"));
    for session in [&bad, &later] {
        store.write(&write(session, 1..=3, 100)).await.unwrap();
        store.write(&write(session, 4..=6, 300)).await.unwrap();
    }
    look(&store, |tables| tables.sessions.insert(keys::session(&bad), [codec_format()]).unwrap());
    look(&store, |tables| tables.chunks.insert(keys::chunk(&later, 1), b"").unwrap());
    look(&store, |tables| {
        tables.positions.insert(keys::position(&bad.user, &ItemId::new("x").unwrap()), b"").unwrap()
    });
    store.erase(&bad.user, 200).await.unwrap();
    assert_eq!(look(&store, count), [1, 1, 1]);
    assert_eq!(store.session(&later).await.unwrap().unwrap().0.event_count, 3);
    assert_eq!(store.session(&bad).await.unwrap(), None);
}

fn codec_format() -> u8 {
    crate::codec::FORMAT
}

#[tokio::test]
async fn a_session_without_gaps_is_opened_from_its_row_alone() {
    let (_dir, store) = open(EmbeddedSettings::default());
    let (dense, gap) = (key("u", "dense"), key("u", "gap"));
    store.write(&write(&dense, 11..=20, 100)).await.unwrap();
    store.write(&write(&dense, 1..=10, 100)).await.unwrap();
    store.write(&write(&gap, (1..=9).chain(11..=20), 100)).await.unwrap();
    for session in [&dense, &gap] {
        for seq_min in [1, 11] {
            look(&store, |tables| tables.chunks.remove(keys::chunk(session, seq_min)).unwrap());
        }
    }
    assert_eq!(store.open_session(&dense).await.unwrap().seqs, (1..=20).collect());
    assert_eq!(store.open_session(&gap).await.unwrap().seqs.len(), 0);
}

#[test]
fn the_session_cache_keeps_its_bound() {
    let mut recent = recent::Recent::new(100 * 1_000);
    let held = |session: &SessionKey| view::Held {
        row: SessionRow {
            key: session.clone(),
            clock: Clock { fixed_at_ms: 0, offset_ms: 0 },
            description: Dice::from_seed(1).description(0),
            first_at_ms: 0,
            last_at_ms: 0,
            event_count: 2,
        },
        seqs: [1, 3].into_iter().collect(),
        seq_min: 1,
    };
    let sessions: Vec<_> = (0..1_000).map(|n| key("u", &n.to_string())).collect();
    for session in &sessions {
        recent.put(session.clone(), held(session));
        let first = recent.take(&sessions[0]).expect("what is touched again and again stays");
        recent.put(sessions[0].clone(), first);
    }
    let kept = sessions.iter().filter_map(|session| recent.take(session)).count();
    assert!((50..=200).contains(&kept), "{kept}");
    assert_eq!(sessions.iter().filter_map(|session| recent.take(session)).count(), 0);
}

/// A thread of fjall's that cannot make a file ends the database, as on a full disk. Nor can it be opened until it is
/// mended.
fn break_tables(dir: &Path, store: &EmbeddedDurable) -> impl FnOnce() + use<> {
    let chunks = look(store, |tables| tables.chunks.path().to_owned());
    let (files, away) = (chunks.join("tables"), dir.join("away"));
    std::fs::rename(&files, &away).unwrap();
    std::fs::write(&files, "no folder").unwrap();
    look(store, |tables| {
        tables.chunks.rotate_memtable().unwrap();
        while tables.database.persist(fjall::PersistMode::Buffer).is_ok() {
            std::thread::yield_now();
        }
    });
    move || {
        std::fs::remove_file(&files).unwrap();
        std::fs::rename(away, files).unwrap();
    }
}

#[tokio::test]
async fn a_store_that_failed_is_opened_again_and_has_lost_nothing() {
    let (dir, store) = open(EmbeddedSettings::default());
    store.write(&write(&key("u", "before"), 1..=10, 100)).await.unwrap();
    let mend = break_tables(dir.path(), &store);
    let after = write(&key("u", "after"), 1..=5, 200);
    for _ in 0..2 {
        assert!(store.write(&after).await.unwrap_err().is_retryable());
        assert!(store.persist().await.unwrap_err().is_retryable());
    }
    mend();
    store.write(&after).await.unwrap();
    store.persist().await.unwrap();
    for (session, events) in [("before", 10), ("after", 5)] {
        assert_eq!(store.session(&key("u", session)).await.unwrap().unwrap().1.len(), events);
    }
    assert_eq!(
        store.position(&UserId::new("u").unwrap(), &ItemId::new("item").unwrap()).await.unwrap(),
        Some(PositionRow::set(200, 200))
    );
}

#[tokio::test]
async fn what_the_log_held_is_in_files_when_a_store_is_open_again() {
    let (dir, store) = open(EmbeddedSettings::default());
    store.write(&write(&key("u", "s"), 1..=10, 100)).await.unwrap();
    break_tables(dir.path(), &store)();
    assert!(store.persist().await.is_err());
    store.persist().await.unwrap();
    // Its log is gone, as after a power loss that took what an fsync did not write.
    let tables = look(&store, |tables| [&tables.chunks, &tables.sessions].map(|table| table.table_count()));
    assert_eq!(tables, [1, 1]);
}

#[tokio::test]
async fn a_disk_without_room_is_left_alone() {
    let (_dir, store) = open(EmbeddedSettings { write_buffer_bytes: u64::MAX, ..Default::default() });
    let refused = store.write(&write(&key("u", "s"), 1..=1, 100)).await.unwrap_err();
    assert_eq!(
        (refused.kind, refused.what),
        (StoreErrorKind::Unavailable, "the embedded store's disk is full")
    );
    assert_eq!(store.session(&key("u", "s")).await.unwrap(), None);
}
