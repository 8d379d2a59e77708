//! A session's rules: what is to be sent, when, and what the server's frames change. No clock, no I/O.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use playhead_proto::ingest::v1::{
    Ack, ClientFrame, Event, EventKind, Rejection, ServerFrame, Session as Played, Terminate, Verdict,
    command, server_frame::Frame,
};

use crate::{
    beats::Beats,
    frames,
    progress::{Command, Progress},
    window::{Bounds, Ending, Full, Way, Window},
};

/// How a session behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Manner {
    pub(crate) bounds: Bounds,
    /// Lone fresh beats go as datagrams, and again on the stream when they are not acknowledged within this time.
    pub(crate) datagrams: Option<Duration>,
}

/// A session's state.
#[derive(Debug)]
pub(crate) struct Core {
    manner: Manner,
    window: Window,
    next_seq: u64,
    beats: Beats,
    /// The server was busy: nothing is sent before.
    resumes: Option<Instant>,
    /// What was refused and not told yet.
    rejected: VecDeque<Rejection>,
    /// Nothing new will come.
    is_closing: bool,
    progress: Progress,
}

/// What is to be sent next.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outgoing {
    Stream(ClientFrame),
    /// On the stream after all if the connection takes no such datagram.
    Datagram(ClientFrame),
}

impl Core {
    /// A session that begins, or goes on above `acked_through` with these events.
    pub(crate) fn new(manner: Manner, next_seq: u64, acked_through: u64, events: Vec<Event>) -> Self {
        let window = Window::resumed(manner.bounds, acked_through, events, || ());
        let (beats, rejected) = (Beats::default(), VecDeque::new());
        let progress = Progress { may_play: true, ..Progress::default() };
        Self { manner, window, next_seq, beats, resumes: None, rejected, is_closing: false, progress }
    }

    /// The number that the next event gets.
    pub(crate) fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Takes an event that bears the next number.
    pub(crate) fn offer(&mut self, event: Event, now: Instant) -> Result<(), Full<()>> {
        debug_assert_eq!(event.seq, self.next_seq);
        self.window.push(event, ())?;
        self.next_seq += 1;
        self.progress.offered += 1;
        self.beats.offered(now);
        Ok(())
    }

    /// True if another event has room.
    pub(crate) fn has_room(&self, event: &Event) -> bool {
        use prost::Message;
        let Bounds { events_max, bytes_max } = self.manner.bounds;
        let fits = self.window.len() < events_max && self.window.bytes() + event.encoded_len() <= bytes_max;
        fits || self.window.is_empty()
    }

    /// What opens a stream.
    pub(crate) fn hello(&self, played: Played, now_ms: i64) -> ClientFrame {
        frames::hello(played, self.window.acked_through(), now_ms)
    }

    /// The next frame to be sent, if any may be sent now. It counts as sent.
    pub(crate) fn outgoing(&mut self, now: Instant, now_ms: i64, has_datagrams: bool) -> Option<Outgoing> {
        if self.resumes.is_some_and(|resumes| now < resumes) {
            return None;
        }
        self.resumes = None;
        if let Some(patience) = self.manner.datagrams {
            let late = self.window.take_overdue(now, patience, BATCH_EVENTS_MAX);
            if !late.is_empty() {
                self.progress.datagrams_resent += late.len() as u64;
                return Some(Outgoing::Stream(frames::events(late, now_ms)));
            }
        }
        let events = self.window.waiting(BATCH_EVENTS_MAX);
        let lone_beat = has_datagrams
            && self.manner.datagrams.is_some()
            && self.window.has_one_fresh()
            && events.iter().all(|event| event.kind() == EventKind::Beat);
        let way = if lone_beat { Way::Datagram } else { Way::Stream };
        let sent = events.len();
        self.window.sent(sent, now, way);
        let frame = (sent > 0).then(|| frames::events(events, now_ms))?;
        Some(if lone_beat { Outgoing::Datagram(frame) } else { Outgoing::Stream(frame) })
    }

    /// When [`Core::outgoing`] has to be asked again although nothing happened.
    pub(crate) fn wakes_at(&self) -> Option<Instant> {
        let overdue = self.manner.datagrams.and_then(|patience| self.window.overdue_at(patience));
        match self.resumes {
            Some(resumes) => Some(resumes),
            None => overdue,
        }
    }

    /// Hears a frame.
    pub(crate) fn hear(&mut self, frame: ServerFrame, now: Instant) {
        match frame.frame {
            Some(Frame::Welcome(welcome)) => {
                self.beats.hear(welcome.next_beat_ms);
                self.progress.is_connected = true;
                self.progress.trouble = None;
                self.verdict(welcome.verdict());
            }
            Some(Frame::Ack(ack)) => self.acked(&ack, now),
            Some(Frame::Command(said)) => {
                if let Some(command::Command::Terminate(said)) = said.command {
                    let code = said.code();
                    let Terminate { reason, by_device, in_the_way, .. } = said;
                    self.progress.command = Some(Command::Terminate { reason, by_device, code, in_the_way });
                }
            }
            // The transport turns it into the stream's error; a frame of a later version says nothing to us.
            Some(Frame::Failure(_)) | None => {}
        }
    }

    fn acked(&mut self, ack: &Ack, now: Instant) {
        self.beats.hear(ack.next_beat_ms);
        self.verdict(ack.verdict());
        let (rejected, count) = (&mut self.rejected, &mut self.progress.rejected);
        let mut tell = |rejection: Rejection| {
            *count += 1;
            if rejected.len() == REJECTED_MAX {
                rejected.pop_front();
            }
            rejected.push_back(rejection);
        };
        let busy = self.window.hear(ack, |_, ending| {
            if let Ending::Rejected(rejection) = ending {
                tell(rejection);
            }
        });
        // A frame as a whole: there is no event that it could be told with.
        ack.rejected.iter().filter(|rejection| rejection.seq == 0).cloned().for_each(tell);
        if let Some(busy) = busy {
            self.progress.busy += 1;
            self.resumes = Some(now + busy.retry_after);
        }
    }

    fn verdict(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Unspecified => {}
            Verdict::Play => self.progress.may_play = true,
            Verdict::Stop => self.progress.may_play = false,
        }
    }

    /// The stream is gone: nothing is on its way.
    pub(crate) fn broke(&mut self) {
        self.window.go_back();
        self.resumes = None;
        self.progress.is_connected = false;
    }

    /// Nothing new will come.
    pub(crate) fn close(&mut self) {
        self.is_closing = true;
    }

    /// True when nothing new will come and everything has its ending.
    pub(crate) fn is_done(&self) -> bool {
        self.is_closing && self.window.is_empty()
    }

    /// When the next beat is due; `None` is at once.
    pub(crate) fn beat_due(&self) -> Option<Instant> {
        self.beats.due()
    }

    /// What was refused since it was asked last.
    pub(crate) fn take_rejected(&mut self) -> Vec<Rejection> {
        std::mem::take(&mut self.rejected).into()
    }

    /// How far it is.
    pub(crate) fn progress(&self) -> Progress {
        Progress {
            acked_through: self.window.acked_through(),
            held_events: self.window.len(),
            held_bytes: self.window.bytes(),
            beat_interval: self.beats.interval(),
            ..self.progress.clone()
        }
    }

    /// What only the task knows.
    pub(crate) fn note(&mut self, note: impl FnOnce(&mut Progress)) {
        note(&mut self.progress);
    }
}

/// Well below what a server takes in one frame.
const BATCH_EVENTS_MAX: usize = 500;
/// Refusals that wait to be told; a player who never asks keeps the last ones, and all of them are counted.
const REJECTED_MAX: usize = 1_000;

#[cfg(test)]
mod tests;
