use std::{cell::Cell, sync::Arc, time::Duration};

use playhead_store::{
    hot::{HotUpdate, Verdict, embedded::EmbeddedHot},
    lease::{Stop, StopReason},
};

use super::{Durable, Work};
use crate::{
    admission::{RejectReason, check},
    fixture::{NOW, beat, open},
    leases::{LeaseSettings, Leases, Said},
    live::{Live, Session},
    settings::{Limits, Settings},
    shard::{Pending, Sender},
    tally::Ending,
    ticket::{Refused, Ticket},
};

fn settings(session_events_max: usize) -> Settings {
    Settings { limits: Limits { session_events_max, ..Limits::default() }, ..Settings::default() }
}

/// A frame of these events in a shard; `refused` are the places that admission refused.
fn pending(session: &Arc<Session>, seqs: &[u64], refused: &[u32], ticket: &Ticket) -> Pending {
    let mut pending = Pending::new(100);
    pending.events.extend(seqs.iter().map(|&seq| check(beat(seq), session.clock, NOW).unwrap()));
    let rejection = check(beat(0), session.clock, NOW).unwrap_err();
    let refused = refused.iter().map(|&index| Refused { seq: 900, index, rejection: rejection.clone() });
    let (playing, no_room) = (&session.playing, Ending::Busy);
    let sender = Sender { session, playing, ticket, no_room, is_of_singles: false };
    assert_eq!(pending.push_or_undo(sender, seqs.len(), refused.collect()), None);
    pending
}

/// How the commit's events end, as it tells.
fn settled(work: &mut Work, keep: impl FnMut(Durable<'_>)) -> Vec<(Ending, u64)> {
    let mut told = Vec::new();
    work.settle(keep, |ending, events| told.push((ending, events)));
    told
}

#[tokio::test]
async fn what_is_counted_can_be_read_and_what_is_answered_is_counted() {
    let (live, tickets, mut work) = (Live::new(10), [(); 2].map(|()| Ticket::default()), Work::default());
    let session = open(&live, "s").await;
    work.add(&mut pending(&session, &[1, 2], &[], &tickets[0]), &settings(10));
    work.add(&mut pending(&session, &[3], &[], &tickets[1]), &settings(10));
    let (kept, told) = (Cell::new(0), Cell::new(0));
    let answered = || tickets.iter().map(|ticket| ticket.read().stored).sum::<u64>();
    let keep = |durable: Durable<'_>| {
        assert_eq!((told.get(), answered()), (kept.get(), kept.get()), "what was kept before is told");
        kept.set(kept.get() + durable.events() as u64);
    };
    let tell = |_, events| {
        told.set(told.get() + events);
        assert_eq!((told.get(), kept.get() > answered()), (kept.get(), true), "told between the two");
    };
    work.settle(keep, tell);
    assert_eq!((kept.get(), told.get(), answered()), (3, 3, 3));
}

#[tokio::test]
async fn an_event_is_new_once() {
    let (live, ticket, mut work) = (Live::new(10), Ticket::default(), Work::default());
    let session = open(&live, "s").await;
    work.add(&mut pending(&session, &[1, 2, 2], &[], &ticket), &settings(10));
    work.add(&mut pending(&session, &[2, 3], &[], &ticket), &settings(10));
    let mut kept = Vec::new();
    let told = settled(&mut work, |durable| match durable {
        Durable::Events { events, position, .. } => {
            kept.extend(events.iter().map(|event| event.seq));
            assert!(position.is_some());
        }
        Durable::Mark { .. } => panic!("nobody marked anything"),
    });
    assert_eq!(kept, [1, 2, 3]);
    assert_eq!(
        told,
        [(Ending::Stored, 2), (Ending::Duplicate, 1), (Ending::Stored, 1), (Ending::Duplicate, 1)]
    );
    let read = ticket.read();
    assert_eq!((read.stored, read.duplicate, read.outstanding, read.settled_through_seq), (3, 2, 0, 3));
    assert!(work.is_empty());
}

#[tokio::test]
async fn late_refusals_name_the_place_that_the_event_had_in_its_batch() {
    let (live, ticket, mut work) = (Live::new(10), Ticket::default(), Work::default());
    let session = open(&live, "s").await;
    // Places 0 and 2 were refused at the door, so events 5, 6 and 7 came from places 1, 3 and 4.
    work.add(&mut pending(&session, &[5, 6, 7], &[0, 2], &ticket), &settings(1));
    settled(&mut work, |_| ());
    let refused = ticket.read().refused;
    let late = refused.iter().filter(|refused| refused.rejection.reason == RejectReason::SessionFull);
    let late: Vec<_> = late.map(|refused| (refused.seq, refused.index, &*refused.rejection.field)).collect();
    assert_eq!(late, [(6, 3, "events[3].seq"), (7, 4, "events[4].seq")]);
}

#[tokio::test]
async fn a_full_session_still_knows_its_own() {
    let (live, ticket, mut work) = (Live::new(10), Ticket::default(), Work::default());
    let session = open(&live, "s").await;
    work.add(&mut pending(&session, &[1, 2, 3, 1], &[], &ticket), &settings(2));
    let told = settled(&mut work, |_| ());
    let full = Ending::Rejected(RejectReason::SessionFull);
    assert_eq!(told, [(Ending::Stored, 2), (Ending::Duplicate, 1), (full, 1)]);
}

#[tokio::test]
async fn what_is_older_than_an_erasure_is_refused() {
    let (live, ticket, mut work) = (Live::new(10), Ticket::default(), Work::default());
    let session = open(&live, "s").await;
    live.erase(&session.key.user, NOW);
    work.add(&mut pending(&session, &[1], &[], &ticket), &settings(10));
    let told = settled(&mut work, |_| panic!("nothing is durable"));
    assert_eq!(told, [(Ending::Rejected(RejectReason::Erased), 1)]);
}

#[tokio::test]
async fn verdicts_go_to_the_frames_that_renewed_their_session() {
    let (live, mut work) = (Arc::new(Live::new(10)), Work::default());
    let (goes_on, stops) = (open(&live, "s").await, open(&live, "t").await);
    let patience = Duration::from_millis(1);
    let leases = Leases::new(live, Arc::new(EmbeddedHot::default()), LeaseSettings::default(), patience);
    for session in [&goes_on, &stops] {
        leases.admit(session, &session.playing, Said::by_opening(), NOW).await;
    }
    let tickets = [(); 4].map(|()| Ticket::default());
    work.add(&mut pending(&goes_on, &[1], &[], &tickets[0]), &settings(10));
    work.add(&mut pending(&goes_on, &[], &[0], &tickets[1]), &settings(10));
    work.add(&mut pending(&goes_on, &[1], &[], &tickets[2]), &settings(10));
    work.add(&mut pending(&stops, &[1], &[], &tickets[3]), &settings(10));
    let mut updates = Vec::new();
    work.put_hot_updates(&leases, NOW, &mut updates);
    assert_eq!(updates.len(), 3, "a frame of refused events renews nothing");
    let of = |update: &HotUpdate| (update.position.is_some(), update.beat.is_some());
    assert_eq!([0, 1, 2].map(|place| of(&updates[place])), [(true, true), (false, false), (true, true)]);
    let stop = Arc::new(Stop { reason: StopReason::Stopped, by_device: None, in_the_way: Vec::new() });
    work.hear(&[Verdict::Play, Verdict::Play, Verdict::Stop(Arc::clone(&stop))], &leases);
    settled(&mut work, |_| ());
    let verdicts = tickets.map(|ticket| ticket.read().verdict);
    let play = Some(Verdict::Play);
    assert_eq!(verdicts, [play.clone(), play.clone(), play, Some(Verdict::Stop(stop))]);
}

#[tokio::test]
async fn an_abandoned_commit_tells_its_holders() {
    let (live, ticket, mut work) = (Live::new(10), Ticket::default(), Work::default());
    let session = open(&live, "s").await;
    work.add(&mut pending(&session, &[1, 1, 2], &[0], &ticket), &settings(10));
    assert_eq!(work.abandon(), 4);
    let read = ticket.read();
    assert!(read.abandoned && read.stored == 0);
}

#[tokio::test]
async fn what_is_turned_away_is_as_if_it_had_never_come() {
    let (live, ticket, mut work) = (Live::new(10), Ticket::default(), Work::default());
    let session = open(&live, "s").await;
    work.add(&mut pending(&session, &[4, 5], &[], &ticket), &settings(10));
    settled(&mut work, |durable| drop(durable));
    work.add(&mut pending(&session, &[5, 7, 6], &[0], &ticket), &settings(10));
    let mut told = Vec::new();
    work.turn_away(|ending, events| told.push((ending, events)));
    assert_eq!((told, work.is_empty()), (vec![(Ending::Busy, 4)], true));
    let read = ticket.read();
    assert_eq!((read.stored, read.turned_away, read.outstanding, read.refused), (2, 4, 0, vec![]));
    // The repeated one counts too: the frame comes again as a whole.
    assert_eq!((read.settled_through_seq, read.repeat_from_seq), (5, Some(5)));
    assert_eq!(session.with(|state| state.seen.clone()), [4, 5].into_iter().collect());
}

#[tokio::test]
async fn events_that_come_alone_end_together_and_are_refused_alone() {
    let (live, ticket, mut work) = (Live::new(10), Ticket::default(), Work::default());
    let (session, other) = (open(&live, "s").await, open(&live, "other").await);
    let mut shard = Pending::new(100);
    let mut offer = |session: &Arc<Session>, seqs: &[u64]| {
        shard.events.extend(seqs.iter().map(|&seq| check(beat(seq), session.clock, NOW).unwrap()));
        let (playing, ticket, no_room) = (&session.playing, &ticket, Ending::Busy);
        let sender = Sender { session, playing, ticket, no_room, is_of_singles: seqs.len() == 1 };
        shard.push_or_undo(sender, seqs.len(), Vec::new());
        shard.frames.iter().map(|frame| frame.event_count()).collect::<Vec<_>>()
    };
    offer(&session, &[1]);
    assert_eq!(offer(&session, &[2]), [2]);
    // Neither a batch, nor another session, nor what comes behind either, goes on with what came before.
    offer(&session, &[3, 4]);
    offer(&session, &[5]);
    offer(&other, &[1]);
    assert_eq!(offer(&session, &[6]), [2, 2, 1, 1, 1]);
    assert_eq!(offer(&session, &[7]), [2, 2, 1, 1, 2]);
    work.add(&mut shard, &settings(4));
    settled(&mut work, |_| {});
    let read = ticket.read();
    let late: Vec<_> = read.refused.iter().map(|refused| (refused.seq, refused.index)).collect();
    assert_eq!((read.stored, late), (5, vec![(5, 0), (6, 0), (7, 0)]));
}

#[tokio::test]
async fn no_more_events_end_together_than_fit_into_a_record() {
    let (live, ticket) = (Live::new(10), Ticket::default());
    let session = open(&live, "s").await;
    let mut shard = Pending::new(1_000);
    for seq in 1..=600 {
        shard.events.push(check(beat(seq), session.clock, NOW).unwrap());
        let (session, playing, ticket, no_room) = (&session, &session.playing, &ticket, Ending::Busy);
        let sender = Sender { session, playing, ticket, no_room, is_of_singles: true };
        shard.push_or_undo(sender, 1, Vec::new());
    }
    assert_eq!(shard.frames.iter().map(|frame| frame.event_count()).collect::<Vec<_>>(), [256, 256, 88]);
}
