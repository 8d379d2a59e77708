//! Connect: one session's events on one stream. One task reads frames, offers them to the intake and acknowledges what
//! has ended, under one ticket for the stream's life.

use std::{
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use async_stream::try_stream;
use futures_util::Stream;
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
    intake::Offered,
    live::{Playing, Session},
    ticket::{Refused, Settlement, Ticket},
};

/// How long a stream may take for its Hello.
const HELLO_PATIENCE: Duration = Duration::from_secs(10);

/// What a stream waits for.
enum Heard {
    /// Events have ended, or were not taken.
    Settled(Settlement),
    /// The client sent a frame, closed its side, or broke off.
    Frame(Result<Option<Frame>, Status>),
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
        let talk = Talk::open(doors, &identity, hello).await?;
        yield talk.welcome();
        loop {
            match next(&talk.ticket, &mut frames, stop.as_mut()).await {
                Heard::Settled(settled) => yield talk.ack(settled)?,
                Heard::Frame(frame) => match frame.map_err(status::explained)? {
                    Some(frame) => {
                        if let Some(answer) = talk.hear(frame)? {
                            yield answer;
                        }
                        // What was answered is sent when this task pauses, so it must pause even under a flood.
                        consume_budget().await;
                    }
                    None => {
                        yield talk.last_ack().await?;
                        break;
                    }
                },
                Heard::Stopping => {
                    yield talk.last_ack().await?;
                    Err(status::stopping())?;
                }
            }
        }
    }
}

/// Waits for what comes first. Safe to cancel.
///
/// Acks come before frames, so that no flood of frames can hold them up; and they cannot hold up frames, because
/// without new frames there is soon nothing more to acknowledge.
async fn next(ticket: &Ticket, frames: &mut Streaming<Frame>, stop: Pin<&mut impl Future>) -> Heard {
    tokio::select! {
        biased;
        settled = ticket.changed() => Heard::Settled(settled),
        frame = frames.message() => Heard::Frame(frame),
        _ = stop => Heard::Stopping,
    }
}

/// A stream whose session is open.
struct Talk {
    doors: Doors,
    session: Arc<Session>,
    playing: Arc<Playing>,
    ticket: Ticket,
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
        Ok(Self { doors, session, playing, ticket: Ticket::default() })
    }

    fn welcome(&self) -> ServerFrame {
        wire::welcome((self.doors.now)(), self.doors.intake.limits())
    }

    /// Takes a frame, and says what to answer at once, if anything. What becomes of its events is told by the ticket.
    fn hear(&self, Frame(frame): Frame) -> Result<Option<ServerFrame>, Status> {
        match frame {
            Ok(ClientFrame::Events(events)) if !events.is_empty() => {
                self.offer(events);
                Ok(None)
            }
            Ok(ClientFrame::Events(_)) => self.refuse_empty().map(Some),
            Ok(ClientFrame::Ping) => self.ack(self.ticket.read()).map(Some),
            Ok(ClientFrame::Hello(_)) => Err(misplaced("a second hello", "events or ping")),
            Err(unreadable) => Err(unreadable_frame(&self.doors, &unreadable)),
        }
    }

    fn offer(&self, events: Vec<Offered>) {
        let now_ms = (self.doors.now)();
        // Whether there was room is told by the ticket, in its order with all else.
        let _ =
            self.doors.intake.offer(&self.session, &self.playing, events.into_iter(), now_ms, &self.ticket);
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
