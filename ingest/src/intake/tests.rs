use std::{sync::Arc, time::Duration};

use playhead_store::{
    UserId, durable::embedded::EmbeddedDurable, hot::embedded::EmbeddedHot, position::PositionRow,
};

use super::{Admitted, Intake, Offered, Unreadable};
use crate::{
    admission::{RawEvent, RejectReason, Rejection},
    fixture::{NOW, beat, open, opening},
    live::{Live, Session},
    meters::Meters,
    opener::Opener,
    settings::{Limits, SpillSettings},
    shard::Pending,
    spill::Spill,
    tally::Tally,
    ticket::Ticket,
};

/// An intake in front of a commit that never comes: what is taken stays in the one shard.
struct Door {
    intake: Intake,
    live: Arc<Live>,
    tally: Arc<Tally>,
    session: Arc<Session>,
    ticket: Ticket,
    _folder: tempfile::TempDir,
}

impl Door {
    async fn new(shard_events_max: usize, batch_events_max: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let opener = Opener {
            spill: Arc::new(Spill::new(SpillSettings::NONE, Arc::default())),
            durable: Arc::new(EmbeddedDurable::open(folder.path(), Default::default()).unwrap()),
            hot: Arc::new(EmbeddedHot::new(Default::default())),
            meters: Arc::new(Meters::default()),
            patience: Duration::from_secs(10),
        };
        let (live, tally) = (Arc::new(Live::new(100)), Arc::new(Tally::default()));
        let limits = Limits { shards: 1, shard_events_max, batch_events_max, ..Limits::default() };
        let intake = Intake::new(Arc::clone(&live), opener, Arc::clone(&tally), limits, 1);
        let session = open(&live, "s").await;
        Self { intake, live, tally, session, ticket: Ticket::default(), _folder: folder }
    }

    fn offer(&self, events: impl IntoIterator<Item = RawEvent>) -> Admitted {
        self.offer_each(events.into_iter().map(Ok).collect())
    }

    fn offer_each(&self, events: Vec<Offered>) -> Admitted {
        self.intake.offer(&self.session, &self.session.playing, events.into_iter(), NOW, &self.ticket)
    }

    fn waiting(&self) -> Vec<u64> {
        self.intake.shards()[0].with(|pending| pending.events.iter().map(|event| event.seq).collect())
    }

    /// Empties the shard, as a commit does.
    fn take(&self) -> Pending {
        self.intake.shards()[0].take(self.intake.empty_pending())
    }
}

fn unreadable(seq: u64) -> Offered {
    Err(Unreadable {
        seq,
        rejection: Rejection::new(RejectReason::Malformed, "error_code", "not UTF-8", "UTF-8 text"),
    })
}

const BUSY: Admitted = Admitted::Busy { retry_after_ms: 250 };

#[tokio::test]
async fn a_full_shard_takes_nothing_of_a_frame() {
    let door = Door::new(4, 4).await;
    assert_eq!(door.offer([beat(1), beat(2), beat(3)]), Admitted::Taken);
    assert_eq!(door.offer([beat(4), beat(5)]), BUSY);
    assert_eq!(door.waiting(), [1, 2, 3]);
    let count = door.tally.count();
    assert_eq!((count.offered, count.busy, count.held()), (5, 2, 3));
    assert_eq!(door.ticket.read().repeat_from_seq, Some(4));
}

#[tokio::test]
async fn shut_doors_open_again_and_closed_ones_do_not() {
    let door = Door::new(4, 4).await;
    door.intake.shut_doors();
    assert_eq!(door.offer([beat(1)]), BUSY);
    door.take();
    assert_eq!(door.offer([beat(1)]), BUSY, "an emptied shard is as shut as before");
    door.intake.open_doors();
    assert_eq!(door.offer([beat(1)]), Admitted::Taken);
    door.intake.close();
    door.intake.shut_doors();
    door.intake.open_doors();
    assert_eq!(door.offer([beat(2)]), BUSY);
}

#[tokio::test]
async fn after_busy_a_stream_goes_on_where_it_was_refused() {
    let door = Door::new(2, 2).await;
    door.offer([beat(1), beat(2)]);
    assert_eq!(door.offer([beat(3)]), BUSY);
    door.take();
    // There is room again, but event 3 would be missing below 4 when 4 is acknowledged.
    assert_eq!(door.offer([beat(4)]), BUSY);
    assert_eq!(door.waiting(), [] as [u64; 0]);
    assert_eq!(door.offer([beat(3)]), Admitted::Taken);
    assert_eq!(door.offer([beat(4)]), Admitted::Taken);
    assert_eq!((door.waiting(), door.ticket.read().repeat_from_seq), (vec![3, 4], None));
}

#[tokio::test]
async fn after_busy_only_the_missing_number_lets_a_stream_go_on() {
    let door = Door::new(2, 2).await;
    door.offer([beat(1), beat(2)]);
    assert_eq!(door.offer([beat(3)]), BUSY);
    // Neither what has no number, nor what was there before, alone or with others, is event 3.
    for (events, expect) in [
        (vec![unreadable(0)], Admitted::Taken),
        (vec![Ok(beat(4))], BUSY),
        (vec![unreadable(0), Ok(beat(4))], BUSY),
        (vec![Ok(beat(2))], Admitted::Taken),
        (vec![Ok(beat(4))], BUSY),
        (vec![Ok(beat(3))], Admitted::Taken),
        (vec![Ok(beat(4))], Admitted::Taken),
    ] {
        door.take();
        let said = format!("{events:?}");
        assert_eq!(door.offer_each(events), expect, "{said}");
    }
}

#[tokio::test]
async fn a_busy_frame_without_a_number_asks_for_nothing() {
    let door = Door::new(1, 1).await;
    door.offer([beat(1)]);
    assert_eq!(door.offer_each(vec![unreadable(0)]), BUSY);
    assert_eq!(door.ticket.read().repeat_from_seq, None);
    door.take();
    assert_eq!(door.offer([beat(2)]), Admitted::Taken);
}

#[tokio::test]
async fn a_batch_above_its_bound_is_refused_whole_and_must_come_again_in_parts() {
    let door = Door::new(10, 2).await;
    assert_eq!(door.offer([beat(1), beat(2), beat(3)]), Admitted::Taken);
    let settled = door.ticket.read();
    let [refused] = settled.refused.as_slice() else { panic!("{settled:?}") };
    assert_eq!((refused.seq, refused.rejection.reason), (0, RejectReason::BatchTooLarge));
    assert_eq!((refused.rejection.value.as_str(), &*refused.rejection.allowed), ("3", "1 to 2 events"));
    assert_eq!((settled.settled_through_seq, settled.repeat_from_seq), (0, Some(1)));
    assert_eq!(door.offer([beat(4)]), BUSY, "1 to 3 are not there yet");
    assert_eq!(door.offer([beat(1), beat(2)]), Admitted::Taken);
}

#[tokio::test]
async fn what_admission_refuses_ends_with_its_frame_and_not_before() {
    let door = Door::new(10, 10).await;
    let wrong = RawEvent { rate: Some(-1.0), ..beat(2) };
    assert_eq!(door.offer([beat(1), wrong, beat(3)]), Admitted::Taken);
    assert_eq!(door.waiting(), [1, 3]);
    let settled = door.ticket.read();
    assert_eq!((settled.outstanding, settled.settled_through_seq, settled.refused.len()), (3, 0, 0));
    assert_eq!(door.tally.count().held(), 3);
    let pending = door.take();
    let [refused] = pending.frames[0].refused.as_slice() else { panic!("{pending:?}") };
    assert_eq!((refused.seq, refused.index, &*refused.rejection.field), (2, 1, "events[1].rate"));
}

#[tokio::test]
async fn an_event_that_could_not_be_read_costs_only_itself() {
    let door = Door::new(10, 10).await;
    let events = vec![unreadable(7), Ok(beat(8))];
    door.offer_each(events);
    assert_eq!(door.waiting(), [8]);
    assert_eq!(door.take().frames[0].refused[0].seq, 7);
}

#[tokio::test]
async fn what_cannot_be_told_is_shed() {
    let door = Door::new(1, 1).await;
    let offer = |event| {
        door.intake.offer_or_shed(&door.session, &door.session.playing, vec![Ok(event)].into_iter(), NOW)
    };
    assert_eq!(offer(beat(1)), Admitted::Taken);
    assert_eq!(offer(beat(2)), BUSY);
    let count = door.tally.count();
    assert_eq!((count.shed(), count.busy, count.held()), (1, 0, 1));
}

#[tokio::test]
async fn what_waits_is_counted_in_events_and_marks() {
    let door = Door::new(10, 10).await;
    assert!(!door.intake.holds(1), "nothing waits");
    door.offer([beat(1), beat(2)]);
    assert!(door.intake.holds(2) && !door.intake.holds(3));
    door.take();
    let item = opening("s").playing.playable.item;
    let ann = UserId::new("ann").unwrap();
    door.intake.offer_mark(&ann, item, PositionRow::set(1, NOW), &Ticket::default());
    assert!(door.intake.holds(1) && !door.intake.holds(2), "a mark is one");
}

#[tokio::test]
async fn a_closed_intake_is_busy() {
    let door = Door::new(10, 10).await;
    door.offer([beat(1)]);
    door.intake.close();
    assert_eq!(door.offer([beat(2)]), BUSY);
    assert_eq!(door.take().events.len(), 1);
    assert_eq!(door.offer([beat(2)]), BUSY, "also after the last commit took all there was");
    let mark = PositionRow::set(1, NOW);
    let item = opening("s").playing.playable.item;
    assert_eq!(door.intake.offer_mark(&UserId::new("ann").unwrap(), item, mark, &Ticket::default()), BUSY);
    assert_eq!(door.live.len(), 1);
}
