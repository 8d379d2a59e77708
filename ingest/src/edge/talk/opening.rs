//! How a stream's session is opened, and what its client is told of its slot.

use std::sync::Arc;

use playhead_store::{hot::Verdict, lease::Stop};

use super::{Caller, Failure, Frames, Run, Talk, greeting::identity};
use crate::{
    admission::Rejection,
    edge::{
        Doors,
        wire::{self, Hello, ServerFrame},
    },
    identity::Identity,
    leases::Said,
    live::OpenStream,
    ticket::Ticket,
};

impl<F: Frames> Talk<F> {
    pub(super) async fn open(doors: Doors, caller: Caller, hello: Hello) -> Result<Self, Failure> {
        let identity = identity(&doors, caller, &hello).await?;
        let opening = hello.batch.opening(&identity).map_err(|rejection| {
            let field = format!("hello.{}", rejection.field).into();
            Failure::Refused(Rejection { field, ..rejection })
        })?;
        let share = match &identity {
            Identity::Viewer(viewer) => doors.shares.take(viewer).map_err(Failure::TooManyStreams)?,
            _ => return Err(Failure::ViewerRequired),
        };
        let said = opening.playing.clone();
        let session = doors.intake.open(opening, hello.batch.sent_at_ms, (doors.now)()).await;
        let session = session.map_err(|no_room| Failure::Busy { retry_after_ms: no_room.retry_after_ms })?;
        let playing = session.playing(said);
        let open = OpenStream::of(&session);
        doors.leases.admit(&session, &playing, Said::by_opening(), (doors.now)()).await;
        let run = hello.datagrams.then(|| Run::from(hello.unacked_from_seq));
        let (ticket, singles, burst, ended, told) = (Ticket::default(), Vec::new(), 0, None, None);
        Ok(Self {
            doors,
            session,
            playing,
            ticket,
            run,
            singles,
            burst,
            ended,
            told,
            _share: share,
            _open: open,
        })
    }

    pub(super) fn welcome(&self) -> ServerFrame {
        let verdict = self.session.slot.stop().map_or(Verdict::Play, Verdict::Stop);
        wire::welcome((self.doors.now)(), self.doors.intake.limits(), &verdict)
    }

    /// Tells the client that its session must stop.
    pub(super) fn tell(&mut self, stop: Arc<Stop>) -> ServerFrame {
        let told = wire::terminate(&stop);
        self.told = Some(stop);
        told
    }
}
