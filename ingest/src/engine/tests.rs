mod outage;

use std::{io, path::Path, sync::Arc, time::Duration};

use playhead_store::{durable::embedded::EmbeddedDurable, hot::embedded::EmbeddedHot};

use super::{Engine, Parts, Threads};
use crate::{
    fixture::{NOW, beat, opening},
    identity::Development,
    journal::{self, Disk, DiskFile, FsDisk, Listed},
    playback::PlaybackError,
    settings::Settings,
    ticket::Ticket,
};

/// A disk without space.
struct NoSpace(FsDisk);

impl Disk for NoSpace {
    fn list(&self) -> io::Result<Vec<Listed>> {
        self.0.list()
    }

    fn create(&self, _name: &str, _bytes: u64) -> io::Result<Box<dyn DiskFile>> {
        Err(io::ErrorKind::StorageFull.into())
    }

    fn read_at(&self, name: &str, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read_at(name, offset, buffer)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.0.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.0.remove(name)
    }

    fn sync_file(&self, name: &str) -> io::Result<()> {
        self.0.sync_file(name)
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.0.sync_dir()
    }
}

fn parts(folder: &Path, disk: impl Disk + 'static) -> Parts {
    let durable = EmbeddedDurable::open(&folder.join("store"), Default::default()).unwrap();
    Parts {
        durable: Arc::new(durable),
        hot: Arc::new(EmbeddedHot::default()),
        disk: Some(Arc::new(disk)),
        journal: journal::Settings::default(),
        verifier: Arc::new(Development),
        now: Arc::new(|| NOW),
        seed: 1,
        threads: Threads::Own,
    }
}

/// The commit runs on a thread of its own, so a count behind the answer is missing for a moment in some of the rounds.
#[tokio::test(flavor = "multi_thread")]
async fn who_has_an_answer_finds_it_counted() {
    let folder = tempfile::tempdir().unwrap();
    let disk = FsDisk::open(folder.path().join("journal")).unwrap();
    let engine = Engine::start(Settings::default(), parts(folder.path(), disk)).await.unwrap();
    let intake = engine.doors().intake;
    let session = intake.open(opening("s"), None, NOW).await.unwrap();
    for round in 1..=2_000_u64 {
        let ticket = Ticket::default();
        let (fresh, again) = (round.div_ceil(2), round / 2);
        intake.offer(&session, &session.playing, std::iter::once(Ok(beat(fresh))), NOW, &ticket);
        ticket.finished().await;
        let count = engine.tally().count();
        assert_eq!((count.stored, count.duplicate, count.held()), (fresh, again, 0), "round {round}");
    }
    assert!(engine.stop(Duration::from_secs(10)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_full_disk_does_not_take_is_turned_away_and_not_lost() {
    let folder = tempfile::tempdir().unwrap();
    let disk = NoSpace(FsDisk::open(folder.path().join("journal")).unwrap());
    let parts = parts(folder.path(), disk);
    let engine = Engine::start(Settings::default(), parts).await.unwrap();
    let intake = engine.doors().intake;
    let session = intake.open(opening("s"), None, NOW).await.unwrap();
    let ticket = Ticket::default();
    let events = vec![Ok(beat(1)), Ok(beat(2))];
    intake.offer(&session, &session.playing, events.into_iter(), NOW, &ticket);
    let settled = ticket.finished().await;
    assert_eq!(
        (settled.turned_away, settled.stored, settled.repeat_from_seq),
        (2, 0, Some(1)),
        "{settled:?}"
    );

    // A mark is told so too, and what cannot be told is shed.
    let marked = engine.doors().playback.forget(&session.key.user, &session.playing.playable.item, NOW).await;
    assert!(matches!(marked, Err(PlaybackError::Busy { .. })), "{marked:?}");
    while engine.tally().count().shed() == 0 {
        intake.offer_or_shed(&session, &session.playing, [Ok(beat(1))].into_iter(), NOW);
        tokio::task::yield_now().await;
    }
    assert!(engine.stop(Duration::from_secs(10)).await, "nothing is left, for nothing was taken");
    let count = engine.tally().count();
    assert_eq!((count.stored, count.lost(), count.held()), (0, 0, 0));
}
