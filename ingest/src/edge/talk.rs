//! One session's events on one stream, whatever carries it. One task reads frames, offers them to the intake and
//! acknowledges what has ended, under one ticket for the stream's life.
//!
//! A transport says where frames come from ([`Frames`]) and sends the answers; a stream that ends in an error says why
//! ([`Failure`]), in the form that the transport has for that.

use std::{
    pin::{Pin, pin},
    sync::Arc,
};

use async_stream::try_stream;
use futures_util::{FutureExt, Stream};
use playhead_store::{hot::Verdict, lease::Stop};
use tokio::{sync::watch, task::coop::consume_budget};

pub(crate) use self::{
    failure::Failure,
    frames::{Caller, Frames, Said},
};
use self::{greeting::greet, run::Run};
use super::{
    Doors,
    publish::UnreadableBatch,
    shares::Share,
    wire::{self, ClientFrame, ServerFrame},
};
use crate::{
    admission::{RejectReason, Rejection},
    intake::{Admitted, Offered, Sender},
    live::{OpenStream, Playing, Session},
    tally::Ending,
    ticket::{Refused, Settlement, Ticket},
};

mod failure;
mod frames;
mod greeting;
mod opening;
mod run;

/// The most events that come one by one and are offered together.
const SINGLES_MAX: usize = 64;
/// The most frames that are heard before what has ended is told: nobody's flood holds up answers.
const BURST_MAX: usize = 256;

/// What a stream waits for.
enum Heard {
    /// Events have ended, or were not taken.
    Settled(Settlement),
    /// The session must stop.
    MustStop(Arc<Stop>),
    /// The client sent something.
    Said(Said),
    /// The client has closed its side.
    Ended,
    /// The server stops.
    Stopping,
}

/// Answers a stream's frames, from the Hello to the last Ack.
///
/// Acks are cumulative: one Ack answers all that has ended since the one before. When the client closes its side, or
/// the server stops, the stream ends after the last outstanding event.
pub(crate) fn talk<F: Frames>(
    doors: Doors,
    caller: Caller,
    mut frames: F,
    mut stopping: watch::Receiver<bool>,
) -> impl Stream<Item = Result<ServerFrame, F::Error>> + Send {
    try_stream! {
        let mut stop = pin!(stopping.wait_for(|stopping| *stopping));
        let hello = tokio::select! {
            hello = greet(&doors, &mut frames) => hello,
            _ = &mut stop => Err(Failure::Stopping.into()),
        }?;
        let mut talk = Talk::<F>::open(doors, caller, hello).await?;
        yield talk.welcome();
        loop {
            match talk.next(&mut frames, stop.as_mut()).await? {
                Heard::Settled(settled) => yield talk.ack(settled)?,
                Heard::MustStop(stop) => yield talk.tell(stop),
                Heard::Said(said) => {
                    let mut heard = Some(said);
                    while let Some(said) = heard {
                        if let Some(answer) = talk.hear(said, &mut frames)? {
                            yield answer;
                        }
                        heard = talk.hear_more(&mut frames);
                    }
                    // What was answered is sent when this task pauses, so it must pause even under a flood.
                    consume_budget().await;
                }
                Heard::Ended => break,
                Heard::Stopping => {
                    yield talk.last_ack().await?;
                    Err(Failure::Stopping)?;
                }
            }
        }
        yield talk.last_ack().await?;
    }
}

/// A stream whose session is open.
struct Talk<F: Frames> {
    doors: Doors,
    session: Arc<Session>,
    playing: Arc<Playing>,
    ticket: Ticket,
    /// How far the numbers go without a gap, where events may come as datagrams.
    run: Option<Run>,
    /// Events that came one by one and were not offered yet.
    singles: Vec<Offered>,
    /// Frames heard since the last answer could be told.
    burst: usize,
    /// How the client's side ended, if it was seen while there was more to do.
    ended: Option<Result<Option<Said>, F::Error>>,
    /// Why the session must stop, as far as the client was told.
    told: Option<Arc<Stop>>,
    /// What the viewer has of this node.
    _share: Share,
    /// That the session is there now.
    _open: OpenStream,
}

impl<F: Frames> Talk<F> {
    /// Waits for what comes first. Safe to cancel.
    ///
    /// Acks come before frames, so that no flood of frames can hold them up; and they cannot hold up frames, because
    /// without new frames there is soon nothing more to acknowledge.
    async fn next(&mut self, frames: &mut F, stop: Pin<&mut impl Future>) -> Result<Heard, F::Error> {
        self.burst = 0;
        let said = match self.ended.take() {
            Some(ended) => ended,
            None => tokio::select! {
                biased;
                settled = self.ticket.changed() => return Ok(Heard::Settled(settled)),
                stop = self.session.slot.stopped(self.told.as_ref()) => return Ok(Heard::MustStop(stop)),
                said = frames.next() => said,
                _ = stop => return Ok(Heard::Stopping),
            },
        };
        Ok(said?.map_or(Heard::Ended, Heard::Said))
    }

    /// What the client sent next, if it has come already. If not, offers what came one by one until now.
    fn hear_more(&mut self, frames: &mut F) -> Option<Said> {
        self.burst += 1;
        let singles_max = self.doors.intake.limits().batch_events_max.min(SINGLES_MAX);
        let has_room = self.burst < BURST_MAX && self.singles.len() < singles_max;
        match has_room.then(|| frames.next().now_or_never()).flatten() {
            Some(Ok(Some(said))) => return Some(said),
            Some(ended) => self.ended = Some(ended),
            None => {}
        }
        self.offer_singles();
        None
    }

    /// Takes what the client sent, and says what to answer at once, if anything. What becomes of its events is told by
    /// the ticket.
    fn hear(&mut self, said: Said, frames: &mut F) -> Result<Option<ServerFrame>, Failure> {
        match said {
            Said::Frame(Ok(ClientFrame::Events(events))) if self.reaches(&events) => self.take(events),
            Said::Frame(Ok(ClientFrame::Events(events))) => self.turn_away(&events).map(Some),
            Said::Frame(frame) => {
                self.offer_singles();
                self.hear_other(frame).map(Some)
            }
            Said::Datagram(events) if self.reaches(&events) => self.take(events),
            Said::Datagram(_) => {
                frames.drop_datagram();
                Ok(None)
            }
        }
    }

    fn take(&mut self, mut events: Vec<Offered>) -> Result<Option<ServerFrame>, Failure> {
        if events.len() == 1 {
            self.singles.append(&mut events);
            return Ok(None);
        }
        self.offer_singles();
        match events.is_empty() {
            true => self.refuse_empty().map(Some),
            false => {
                self.offer(events, false);
                Ok(None)
            }
        }
    }

    /// Takes a frame that has no events.
    fn hear_other(&mut self, frame: Result<ClientFrame, UnreadableBatch>) -> Result<ServerFrame, Failure> {
        match frame {
            Ok(ClientFrame::Ping | ClientFrame::Events(_)) => self.ack(self.ticket.read()),
            Ok(ClientFrame::Hello(_)) => Err(misplaced("a second hello", "events or ping")),
            Err(unreadable) => Err(unreadable_frame(&self.doors, unreadable)),
        }
    }

    /// Offers events, which came together or one by one. Whether there was room is told by the ticket, in its order
    /// with all else.
    fn offer(&mut self, events: Vec<Offered>, is_of_singles: bool) {
        let seqs: Option<Vec<u64>> = self.run.as_ref().map(|_| events.iter().map(seq_of).collect());
        let (session, playing, ticket, no_room) = (&self.session, &self.playing, &self.ticket, Ending::Busy);
        let sender = Sender { session, playing, ticket, no_room, is_of_singles };
        let intake = &self.doors.intake;
        let admitted = intake.offer_as(sender, events.into_iter(), (self.doors.now)());
        if let (Some(run), Some(seqs), Admitted::Taken) = (&mut self.run, seqs, admitted)
            // A batch beyond the limit is answered by the ticket, and was not taken either.
            && seqs.len() <= intake.limits().batch_events_max
        {
            run.take(seqs.len() as u64, seqs.into_iter());
        }
    }

    /// Offers what came one by one and was ready together.
    fn offer_singles(&mut self) {
        let events = std::mem::take(&mut self.singles);
        if !events.is_empty() {
            self.offer(events, true);
        }
    }

    /// False when the events are too far above a gap to be kept in mind.
    fn reaches(&self, events: &[Offered]) -> bool {
        self.run.as_ref().is_none_or(|run| run.reaches(events.iter().map(seq_of)))
    }

    /// Answers events that are too far above a gap: what is missing comes first.
    fn turn_away(&mut self, events: &[Offered]) -> Result<ServerFrame, Failure> {
        self.offer_singles();
        self.doors.intake.turn_away_unopened(events.len() as u64);
        let mut settled = self.ticket.read();
        settled.repeat_from_seq = settled.repeat_from_seq.or(self.run.as_ref().map(Run::next_seq));
        self.ack(settled)
    }

    fn refuse_empty(&mut self) -> Result<ServerFrame, Failure> {
        let rejection = Rejection::new(RejectReason::Malformed, "events", 0, "at least 1 event");
        let mut settled = self.ticket.read();
        settled.refused.push(Refused { seq: 0, index: 0, rejection });
        self.ack(settled)
    }

    fn ack(&mut self, mut settled: Settlement) -> Result<ServerFrame, Failure> {
        if settled.abandoned {
            return Err(Failure::Stopping);
        }
        if let Some(run) = &mut self.run {
            if !run.settle(settled.outstanding, settled.turned_away) {
                settled.repeat_from_seq = Some(run.next_seq());
            }
            settled.settled_through_seq = run.through_seq();
        }
        if let Some(stop) = self.session.slot.stop() {
            settled.verdict = Some(Verdict::Stop(stop));
        }
        Ok(wire::ack(settled, self.doors.intake.limits()))
    }

    async fn last_ack(&mut self) -> Result<ServerFrame, Failure> {
        let settled = self.ticket.finished().await;
        self.ack(settled)
    }
}

fn seq_of(event: &Offered) -> u64 {
    match event {
        Ok(raw) => raw.seq,
        Err(unreadable) => unreadable.seq,
    }
}

fn unreadable_frame(doors: &Doors, unreadable: UnreadableBatch) -> Failure {
    doors.intake.reject(unreadable.rejection.reason, unreadable.events);
    Failure::Refused(unreadable.rejection)
}

fn misplaced(found: &str, allowed: &'static str) -> Failure {
    Failure::Refused(Rejection::new(RejectReason::Malformed, "frame", found, allowed))
}
