use std::{
    collections::HashSet,
    sync::{
        Arc, Barrier, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use futures_util::{
    FutureExt as _,
    future::{join, join_all},
};

use super::{READERS_MAX, Reads, WAITING_PER_READER};
use crate::{
    StoreErrorKind,
    durable::embedded::{EmbeddedSettings, opened::Opened, retention::Horizon},
};

fn reads(folder: &tempfile::TempDir) -> Reads {
    let opened = Opened::open(folder.path(), EmbeddedSettings::default(), Horizon::default());
    Reads::new(Arc::new(opened.unwrap()))
}

#[tokio::test]
async fn reads_at_once_share_few_threads_and_each_gets_its_own_answer() {
    let folder = tempfile::tempdir().unwrap();
    let (reads, threads) = (reads(&folder), Arc::new(Mutex::new(HashSet::new())));
    let asked = (0..1_000).map(|number| {
        let threads = Arc::clone(&threads);
        reads.run(move |_| {
            threads.lock().unwrap().insert(thread::current().id());
            Ok(number)
        })
    });
    let answers: Vec<usize> = join_all(asked).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers, (0..1_000).collect::<Vec<_>>());
    assert!(threads.lock().unwrap().len() <= READERS_MAX, "{threads:?}");
}

#[tokio::test]
async fn when_it_is_dropped_nobody_has_the_tables_any_more() {
    for _ in 0..50 {
        let folder = tempfile::tempdir().unwrap();
        let reads = reads(&folder);
        join_all((0..20).map(|_| reads.run(|_| Ok(())))).await;
        let opened = Arc::downgrade(&reads.opened);
        drop(reads);
        assert_eq!(opened.strong_count(), 0);
    }
}

#[tokio::test]
async fn a_read_that_the_disk_holds_up_holds_up_few_others() {
    let folder = tempfile::tempdir().unwrap();
    let reads = reads(&folder);
    let (release, held) = mpsc::sync_channel::<()>(1);
    let stuck = reads.run(move |_| {
        held.recv_timeout(Duration::from_secs(60)).unwrap();
        Ok(())
    });
    let mut stuck = Box::pin(stuck);
    assert!((&mut stuck).now_or_never().is_none());
    let others = join_all((0..=WAITING_PER_READER).map(|_| reads.run(|_| Ok(()))));
    tokio::time::timeout(Duration::from_secs(30), others).await.expect("another thread comes to their help");
    release.send(()).unwrap();
    stuck.await.unwrap();
}

/// One that is held up is not left alone, however long after it another read comes.
#[tokio::test]
async fn a_read_that_comes_behind_one_that_is_held_up_is_helped() {
    let folder = tempfile::tempdir().unwrap();
    let reads = reads(&folder);
    let ((release, held), (begun, has_begun)) = (mpsc::sync_channel::<()>(1), mpsc::sync_channel(1));
    let mut stuck = Box::pin(reads.run(move |_| {
        begun.send(()).unwrap();
        held.recv_timeout(Duration::from_secs(60)).unwrap();
        Ok(())
    }));
    assert!((&mut stuck).now_or_never().is_none());
    has_begun.recv_timeout(Duration::from_secs(30)).unwrap();
    assert_eq!(reads.shared.queue().help(), Some(0), "somebody goes on looking, though nothing waits");
    let behind = tokio::time::timeout(Duration::from_secs(30), reads.run(|_| Ok(())));
    behind.await.expect("another thread comes to its help").unwrap();
    release.send(()).unwrap();
    stuck.await.unwrap();
}

/// On a runtime that has threads to spare all who can run queue their reads before a thread is woken.
#[test]
fn no_reader_begins_before_all_who_can_run_have_asked() {
    const READS: usize = 32;
    let folder = tempfile::tempdir().unwrap();
    let reads = Arc::new(reads(&folder));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let all = async move {
        let ask = |_| {
            let reads = Arc::clone(&reads);
            tokio::spawn(async move {
                let readers = reads.shared.queue().readers;
                reads.run(|_| Ok(())).await.unwrap();
                readers
            })
        };
        join_all((0..READS).map(ask).collect::<Vec<_>>()).await
    };
    // On the one worker, so that the order is known.
    let seen = runtime.block_on(runtime.spawn(all)).unwrap();
    assert!(seen.into_iter().all(|readers| readers.unwrap() == 0));
}

/// Whoever drops it may hold up the very task that was to start a reader, for a caller who has gone.
#[test]
fn it_is_dropped_where_a_reader_is_about_to_begin() {
    let folder = tempfile::tempdir().unwrap();
    let reads = reads(&folder);
    let opened = Arc::downgrade(&reads.opened);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (dropped, is_dropped) = mpsc::sync_channel(1);
    runtime.spawn(async move {
        assert!(reads.run(|_| Ok(())).now_or_never().is_none());
        drop(reads);
        dropped.send(opened.strong_count()).unwrap();
    });
    let left = is_dropped.recv_timeout(Duration::from_secs(10));
    runtime.shutdown_background();
    assert_eq!(left, Ok(0));
}

#[tokio::test]
async fn no_more_threads_read_than_may() {
    let folder = tempfile::tempdir().unwrap();
    let (reads, barrier) = (reads(&folder), Arc::new(Barrier::new(READERS_MAX + 1)));
    let asked: Vec<_> = (0..READERS_MAX * WAITING_PER_READER * 2)
        .map(|number| {
            let barrier = Arc::clone(&barrier);
            let is_held = number % WAITING_PER_READER == 0;
            reads.run(move |_| {
                let _ = is_held.then(|| barrier.wait());
                Ok(())
            })
        })
        .collect();
    // One poll asks for all of them.
    let mut asked = Box::pin(tokio::task::unconstrained(join_all(asked)));
    assert!((&mut asked).now_or_never().is_none());
    while reads.shared.queue().readers < READERS_MAX {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(reads.shared.queue().help(), Some(0), "much waits, and no more may read");
    // Twice as many are held as there may be readers: they come in two waves.
    let opener = thread::spawn(move || {
        (0..2).for_each(|_| {
            barrier.wait();
        })
    });
    asked.await.into_iter().for_each(|read| read.unwrap());
    opener.join().unwrap();
}

#[tokio::test]
async fn a_read_that_panics_is_told_and_takes_nothing_along() {
    let folder = tempfile::tempdir().unwrap();
    let reads = reads(&folder);
    let broken = reads.run::<()>(|_| panic!("a row that nobody foresaw"));
    let (broken, sound) = join(broken, reads.run(|_| Ok(7))).await;
    assert_eq!(broken.unwrap_err().kind, StoreErrorKind::Damaged);
    assert_eq!(sound.unwrap(), 7);
    assert_eq!(reads.run(|_| Ok(8)).await.unwrap(), 8);
}

#[tokio::test]
async fn nobody_reads_for_callers_who_have_gone() {
    let folder = tempfile::tempdir().unwrap();
    let (reads, is_read) = (reads(&folder), Arc::new(AtomicBool::new(false)));
    let (release, held) = mpsc::sync_channel::<()>(1);
    let mut stuck = Box::pin(reads.run(move |_| {
        held.recv_timeout(Duration::from_secs(60)).unwrap();
        Ok(())
    }));
    assert!((&mut stuck).now_or_never().is_none());
    {
        let is_read = Arc::clone(&is_read);
        let mut gone = Box::pin(reads.run(move |_| {
            is_read.store(true, Ordering::SeqCst);
            Ok(())
        }));
        assert!((&mut gone).now_or_never().is_none());
    }
    release.send(()).unwrap();
    stuck.await.unwrap();
    reads.run(|_| Ok(())).await.unwrap();
    assert!(!is_read.load(Ordering::SeqCst));
}

#[test]
fn a_runtime_that_shuts_down_leaves_reads_for_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let reads = reads(&folder);
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().max_blocking_threads(1).build().unwrap()
    };
    let first = runtime();
    let (release, held) = mpsc::sync_channel::<()>(1);
    // The only thread is taken, so the reader of this read never begins.
    let taken = first.spawn_blocking(move || held.recv_timeout(Duration::from_secs(60)));
    let mut unread = Box::pin(reads.run(|_| Ok(())));
    first.block_on(async { assert!((&mut unread).now_or_never().is_none()) });
    first.shutdown_background();
    release.send(()).unwrap();
    let second = runtime();
    let told = second.block_on(unread);
    assert!(told.is_ok() || told.unwrap_err().kind == StoreErrorKind::Unavailable);
    second.block_on(reads.run(|_| Ok(()))).unwrap();
    drop(taken);
}
