//! Connect: one session's events on one stream. One task reads frames, offers them to the intake and acknowledges what
//! has ended, under one ticket for the stream's life.

use std::{
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use async_stream::try_stream;
use futures_util::{FutureExt, Stream};
use playhead_proto::ingest::v1::ServerFrame;
use tokio::{sync::watch, task::coop::consume_budget, time::timeout};
use tonic::{Status, Streaming};

use super::{codec::Frame, status};
use crate::{
    admission::{RejectReason, Rejection},
    edge::{
        Doors,
        publish::UnreadableBatch,
        wire::{self, ClientFrame, Hello},
    },
    identity::Identity,
    intake::{Offered, Sender},
    live::{Playing, Session},
    tally::Ending,
    ticket::{Refused, Settlement, Ticket},
};

/// The most events that come one by one and are offered together.
const SINGLES_MAX: usize = 64;
/// How long a stream may take for its Hello.
const HELLO_PATIENCE: Duration = Duration::from_secs(10);

/// What a stream waits for.
enum Heard {
    /// Events have ended, or were not taken.
    Settled(Settlement),
    /// The client sent a frame.
    Frame(Frame),
    /// The client has closed its side.
    Ended,
    /// The server stops.
    Stopping,
}

/// Answers a stream's frames, from the Hello to the last Ack.
///
/// Acks are cumulative: one Ack answers all that has ended since the one before. When the client closes its side, or
/// the server stops, the stream ends after the last outstanding event.
pub(super) fn talk(
    doors: Doors,
    identity: Identity,
    mut frames: Streaming<Frame>,
    mut stopping: watch::Receiver<bool>,
) -> impl Stream<Item = Result<ServerFrame, Status>> + Send {
    try_stream! {
        let mut stop = pin!(stopping.wait_for(|stopping| *stopping));
        let hello = tokio::select! {
            hello = greet(&doors, &mut frames) => hello,
            _ = &mut stop => Err(status::stopping()),
        }?;
        let mut talk = Talk::open(doors, &identity, hello).await?;
        yield talk.welcome();
        loop {
            match talk.next(&mut frames, stop.as_mut()).await? {
                Heard::Settled(settled) => yield talk.ack(settled)?,
                Heard::Frame(frame) => {
                    let mut heard = Some(frame);
                    while let Some(frame) = heard {
                        if let Some(answer) = talk.hear(frame)? {
                            yield answer;
                        }
                        heard = talk.hear_more(&mut frames);
                    }
                    // What was answered is sent when this task pauses, so it must pause even under a flood.
                    consume_budget().await;
                }
                Heard::Ended => {
                    yield talk.last_ack().await?;
                    break;
                }
                Heard::Stopping => {
                    yield talk.last_ack().await?;
                    Err(status::stopping())?;
                }
            }
        }
    }
}

/// A stream whose session is open.
struct Talk {
    doors: Doors,
    session: Arc<Session>,
    playing: Arc<Playing>,
    ticket: Ticket,
    /// Events that came one by one and were not offered yet.
    singles: Vec<Offered>,
    /// How the client's side ended, if it was seen while there was more to do.
    ended: Option<Result<Option<Frame>, Status>>,
}

impl Talk {
    async fn open(doors: Doors, identity: &Identity, hello: Hello) -> Result<Self, Status> {
        let opening = hello.batch.opening(identity).map_err(|rejection| {
            let field = format!("hello.{}", rejection.field).into();
            status::refused(&Rejection { field, ..rejection })
        })?;
        let said = opening.playing.clone();
        let session = doors.intake.open(opening, hello.batch.sent_at_ms, (doors.now)()).await;
        let session = session.map_err(|no_room| status::busy(no_room.retry_after_ms))?;
        let playing = session.playing(said);
        let (ticket, singles, ended) = (Ticket::default(), Vec::new(), None);
        Ok(Self { doors, session, playing, ticket, singles, ended })
    }

    fn welcome(&self) -> ServerFrame {
        wire::welcome((self.doors.now)(), self.doors.intake.limits())
    }

    /// Waits for what comes first. Safe to cancel.
    ///
    /// Acks come before frames, so that no flood of frames can hold them up; and they cannot hold up frames, because
    /// without new frames there is soon nothing more to acknowledge.
    async fn next(
        &mut self,
        frames: &mut Streaming<Frame>,
        stop: Pin<&mut impl Future>,
    ) -> Result<Heard, Status> {
        let frame = match self.ended.take() {
            Some(ended) => ended,
            None => tokio::select! {
                biased;
                settled = self.ticket.changed() => return Ok(Heard::Settled(settled)),
                frame = frames.message() => frame,
                _ = stop => return Ok(Heard::Stopping),
            },
        };
        Ok(frame.map_err(status::explained)?.map_or(Heard::Ended, Heard::Frame))
    }

    /// The next frame, if it has come already. If not, offers what came one by one until now.
    fn hear_more(&mut self, frames: &mut Streaming<Frame>) -> Option<Frame> {
        let has_room = self.singles.len() < self.doors.intake.limits().batch_events_max.min(SINGLES_MAX);
        match has_room.then(|| frames.message().now_or_never()).flatten() {
            Some(Ok(Some(frame))) => return Some(frame),
            Some(ended) => self.ended = Some(ended),
            None => {}
        }
        self.offer_singles();
        None
    }

    /// Takes a frame, and says what to answer at once, if anything. What becomes of its events is told by the ticket.
    fn hear(&mut self, Frame(frame): Frame) -> Result<Option<ServerFrame>, Status> {
        match frame {
            Ok(ClientFrame::Events(mut events)) if events.len() == 1 => {
                self.singles.append(&mut events);
                return Ok(None);
            }
            _ => self.offer_singles(),
        }
        match frame {
            Ok(ClientFrame::Events(events)) if !events.is_empty() => {
                self.offer(events, false);
                Ok(None)
            }
            Ok(ClientFrame::Events(_)) => self.refuse_empty().map(Some),
            Ok(ClientFrame::Ping) => self.ack(self.ticket.read()).map(Some),
            Ok(ClientFrame::Hello(_)) => Err(misplaced("a second hello", "events or ping")),
            Err(unreadable) => Err(unreadable_frame(&self.doors, &unreadable)),
        }
    }

    /// Offers events, which came together or one by one. Whether there was room is told by the ticket, in its order
    /// with all else.
    fn offer(&self, events: Vec<Offered>, is_of_singles: bool) {
        let (session, playing, ticket, no_room) = (&self.session, &self.playing, &self.ticket, Ending::Busy);
        let sender = Sender { session, playing, ticket, no_room, is_of_singles };
        let _ = self.doors.intake.offer_as(sender, events.into_iter(), (self.doors.now)());
    }

    /// Offers what came one by one and was ready together.
    fn offer_singles(&mut self) {
        let events = std::mem::take(&mut self.singles);
        if !events.is_empty() {
            self.offer(events, true);
        }
    }

    fn refuse_empty(&self) -> Result<ServerFrame, Status> {
        let rejection = Rejection::new(RejectReason::Malformed, "events", 0, "at least 1 event");
        let mut settled = self.ticket.read();
        settled.refused.push(Refused { seq: 0, index: 0, rejection });
        self.ack(settled)
    }

    fn ack(&self, settled: Settlement) -> Result<ServerFrame, Status> {
        match settled.abandoned {
            false => Ok(wire::ack(settled, self.doors.intake.limits())),
            true => Err(status::stopping()),
        }
    }

    async fn last_ack(&self) -> Result<ServerFrame, Status> {
        self.ack(self.ticket.finished().await)
    }
}

/// The Hello that a stream must begin with, in a version that we speak.
async fn greet(doors: &Doors, frames: &mut Streaming<Frame>) -> Result<Hello, Status> {
    let first = timeout(HELLO_PATIENCE, frames.message()).await.unwrap_or(Ok(None));
    match first.map_err(status::explained)? {
        Some(Frame(Ok(ClientFrame::Hello(hello)))) if hello.protocol_version == wire::PROTOCOL_VERSION => {
            Ok(*hello)
        }
        Some(Frame(Ok(ClientFrame::Hello(hello)))) => {
            Err(status::wrong_version(hello.protocol_version, wire::PROTOCOL_VERSION))
        }
        Some(Frame(Ok(ClientFrame::Events(events)))) => {
            doors.intake.reject(RejectReason::Malformed, events.len() as u64);
            Err(misplaced("events", "hello, as the first frame"))
        }
        Some(Frame(Ok(ClientFrame::Ping))) => Err(misplaced("ping", "hello, as the first frame")),
        Some(Frame(Err(unreadable))) => Err(unreadable_frame(doors, &unreadable)),
        None => Err(misplaced("none", "hello, as the first frame, within 10 s")),
    }
}

fn unreadable_frame(doors: &Doors, unreadable: &UnreadableBatch) -> Status {
    doors.intake.reject(unreadable.rejection.reason, unreadable.events);
    status::refused(&unreadable.rejection)
}

fn misplaced(found: &str, allowed: &'static str) -> Status {
    status::refused(&Rejection::new(RejectReason::Malformed, "frame", found, allowed))
}
