use std::sync::Arc;

use playhead_store::{
    Clock, Description, Event, EventKind, ItemId, SeqOrder, UserId, durable::KnownSession,
    position::PositionRow,
};

use super::{Live, Playing, Session};
use crate::{
    fixture::{NOW, open, opening},
    journal::{Batch, FsDisk, Hold, Journal, Segments, Settings},
};

/// A journal in which every commit gets a segment of its own, because each is older than a segment may grow.
struct Log {
    journal: Journal,
    now_ms: i64,
    _folder: tempfile::TempDir,
}

impl Log {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let disk = Arc::new(FsDisk::open(folder.path()).unwrap());
        let settings = Settings { segment_bytes: 4_096, segment_age_ms_max: 100 };
        Self { journal: Journal::open(disk, settings).unwrap(), now_ms: NOW, _folder: folder }
    }

    fn commit(&mut self) -> Hold {
        self.now_ms += 1_000;
        let mut batch = Batch::new();
        batch.push(|out| out.extend(b"a record")).unwrap();
        self.journal.commit(&mut batch, self.now_ms).unwrap()
    }

    fn segments(&self) -> Arc<Segments> {
        self.journal.segments()
    }
}

fn keep(session: &Session, seq: u64, hold: &Hold) -> bool {
    let Playing { playable, account, device, .. } = opening("any").playing;
    let description = Description { as_of_ms: NOW, playable, account, device, order: SeqOrder::Native };
    let event = Event::new(EventKind::Beat, seq, NOW);
    session.with(|state| state.keep(&[event], &description, hold))
}

fn seqs(events: &[Event]) -> Vec<u64> {
    events.iter().map(|event| event.seq).collect()
}

#[tokio::test]
async fn a_session_that_never_rests_still_lets_go_of_old_segments() {
    let (live, mut log) = (Live::new(10), Log::new());
    let session = open(&live, "s").await;
    assert!(keep(&session, 1, &log.commit()), "it must be queued once");
    for seq in 2..20 {
        let write = session.begin_write(100).unwrap();
        assert_eq!(seqs(&write.events), [seq - 1]);
        assert!(!keep(&session, seq, &log.commit()), "it is queued already");
        assert_eq!(session.written(), (1, true));
        // The segment of what was written is free; that of what came meanwhile and the one being written are not.
        let trimmable = log.segments().trimmable().unwrap();
        log.segments().trim(trimmable).unwrap();
        assert_eq!(log.segments().stats().segments, 1, "at event {seq}");
    }
}

#[tokio::test]
async fn a_session_written_in_parts_holds_its_segment_to_the_end() {
    let (live, mut log) = (Live::new(10), Log::new());
    let session = open(&live, "s").await;
    let hold = log.commit();
    for seq in 1..=3 {
        keep(&session, seq, &hold);
    }
    drop(hold);
    log.commit();
    assert_eq!(seqs(&session.begin_write(2).unwrap().events), [1, 2]);
    assert_eq!(session.written(), (2, true));
    assert_eq!(log.segments().trimmable(), None, "event 3 rests there");
    assert_eq!(seqs(&session.begin_write(2).unwrap().events), [3]);
    assert_eq!(session.written(), (1, false));
    assert!(log.segments().trimmable().is_some());
}

#[tokio::test]
async fn what_was_not_written_is_kept_with_its_segment() {
    let (live, mut log) = (Live::new(10), Log::new());
    let session = open(&live, "s").await;
    keep(&session, 1, &log.commit());
    session.begin_write(10).unwrap();
    keep(&session, 2, &log.commit());
    session.not_written();
    log.commit();
    assert_eq!(log.segments().trimmable(), None);
    assert_eq!(seqs(&session.begin_write(10).unwrap().events), [1, 2]);
    assert_eq!(session.written(), (2, false));
    assert!(log.segments().trimmable().is_some());
}

#[tokio::test]
async fn a_position_that_changed_while_it_was_written_is_written_again() {
    let (live, mut log) = (Live::new(10), Log::new());
    let viewer = live.viewer_or_new(&UserId::new("ann").unwrap());
    let item = ItemId::new("movie").unwrap();
    let set = |position_ms| PositionRow::set(position_ms, NOW + position_ms);
    let kept = viewer.with(|state| state.keep(item.clone(), &set(1), &log.commit()));
    assert!(kept.is_new && kept.must_queue);
    assert_eq!(viewer.begin_write().len(), 1);
    let kept = viewer.with(|state| state.keep(item.clone(), &set(2), &log.commit()));
    assert!(!kept.is_new && !kept.must_queue);
    let other = ItemId::new("other").unwrap();
    viewer.with(|state| state.keep(other.clone(), &set(3), &log.commit()));
    assert_eq!(viewer.written(), (0, true), "both are newer than what was written");
    log.commit();
    let trimmable = log.segments().trimmable().unwrap();
    log.segments().trim(trimmable).unwrap();
    assert_eq!(log.segments().stats().segments, 3, "those of the two newer rows, and the one being written");
    let mut rows = viewer.begin_write();
    rows.sort_by(|a, b| a.item.cmp(&b.item));
    assert_eq!(rows.into_iter().map(|write| write.row).collect::<Vec<_>>(), [set(2), set(3)]);
    assert_eq!(viewer.written(), (2, false));
}

#[tokio::test]
async fn only_what_is_idle_held_by_nobody_and_flushed_leaves_memory() {
    let (live, mut log) = (Live::new(2), Log::new());
    let held = open(&live, "held").await;
    let unflushed = open(&live, "unflushed").await;
    keep(&unflushed, 1, &log.commit());
    drop(unflushed);
    let known = async { (Clock::fix(None, NOW), KnownSession::default()) };
    assert!(live.session_or_open(opening("third"), NOW, known).await.is_err(), "there is room for two");
    assert_eq!(live.sweep(NOW + 1), 0);

    drop(held);
    assert_eq!(live.sweep(NOW), 0, "not idle yet");
    assert_eq!(live.sweep(NOW + 1), 1);
    assert_eq!(live.len(), 1);

    let unflushed = open(&live, "unflushed").await;
    unflushed.begin_write(10).unwrap();
    assert_eq!(unflushed.written(), (1, false));
    drop(unflushed);
    assert_eq!(live.sweep(NOW + 1), 1);
    assert!(live.is_empty() && live.viewer(&UserId::new("ann").unwrap()).is_none());
}

#[tokio::test]
async fn of_many_who_open_a_session_at_once_one_looks_it_up() {
    let live = Arc::new(Live::new(10));
    let looked_up = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let opens = (0..50).map(|_| {
        let (live, looked_up) = (Arc::clone(&live), Arc::clone(&looked_up));
        tokio::spawn(async move {
            let known = async {
                looked_up.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                tokio::task::yield_now().await;
                (Clock::fix(None, NOW), KnownSession::default())
            };
            live.session_or_open(opening("s"), NOW, known).await.unwrap()
        })
    });
    let mut sessions = Vec::new();
    for open in opens.collect::<Vec<_>>() {
        sessions.push(open.await.unwrap());
    }
    assert!(sessions.iter().all(|session| Arc::ptr_eq(session, &sessions[0])));
    assert_eq!(looked_up.load(std::sync::atomic::Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_erased_viewers_live_data_is_hidden() {
    let (live, mut log) = (Live::new(10), Log::new());
    let session = open(&live, "s").await;
    keep(&session, 1, &log.commit());
    session.viewer.with(|state| {
        state.keep(ItemId::new("movie").unwrap(), &PositionRow::set(1, NOW), &log.commit());
    });
    live.erase(&UserId::new("ann").unwrap(), NOW);
    assert_eq!(session.unflushed().unwrap().1, []);
    assert!(session.viewer.unflushed().is_empty());
    assert!(session.with(|state| state.is_erased(NOW) && !state.is_erased(NOW + 1)));
}
