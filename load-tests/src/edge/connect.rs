//! Streams, over gRPC or QUIC: one session on one stream. What has no ending is sent again after `busy`, on the next
//! stream, and, where it went as a datagram, when that seems lost.

use std::{
    cell::RefCell,
    rc::Rc,
    time::{Duration, Instant},
};

use playhead_client::{
    DATAGRAM_PATIENCE, LineError, frames,
    transport::{Line, Outbound, Transport},
    window::{Bounds, Ending, Way, Window},
};
use playhead_proto::ingest::v1 as proto;
use proto::{RejectReason, server_frame::Frame as Heard};
use tokio::sync::Notify;
use tonic::Status;
use tonic_types::StatusExt as _;

use crate::{
    ledger::record::Word,
    play::Session,
    stage::{Stage, back_off},
    wire::{self, BATCH_EVENTS_MAX},
};

/// A session's stream, or row of streams.
pub(crate) struct Stream {
    stage: Rc<Stage>,
    session: Rc<Session>,
    /// Lone beats go as datagrams.
    datagrams: bool,
    state: RefCell<State>,
    wake: Notify,
}

struct State {
    /// What has no ending, each event with the time at which it was due. The stage bounds it.
    window: Window<Instant>,
    /// Into the present stream; `None` while there is none, or when it is closed on our side.
    outbound: Option<Outbound>,
    /// The server was busy: nothing is sent before.
    resumes: Option<Instant>,
    /// Nothing new will come.
    is_over: bool,
}

impl Stream {
    pub(crate) fn new(stage: Rc<Stage>, session: Rc<Session>, datagrams: bool) -> Rc<Self> {
        let window = Window::new(Bounds::NONE);
        let state = State { window, outbound: None, resumes: None, is_over: false };
        Rc::new(Self { stage, session, datagrams, state: state.into(), wake: Notify::new() })
    }

    /// Takes events and sends what it can. There has to be room on the stage for them.
    pub(crate) fn offer(&self, events: Vec<proto::Event>, due: Instant) {
        let mut state = self.state.borrow_mut();
        for event in events {
            self.stage.pen.borrow_mut().sent(self.session.number, &event);
            // A window without bounds takes everything.
            let _ = state.window.push(event, due);
        }
        let knew_when = state.overdue_at().is_some();
        self.pump(&mut state);
        if !knew_when && state.overdue_at().is_some() {
            self.wake.notify_one();
        }
    }

    /// Nothing new will come: the stream closes when everything has its ending.
    pub(crate) fn finish(&self) {
        self.state.borrow_mut().is_over = true;
        self.wake.notify_one();
    }

    /// Plays until everything has its ending, on as many streams as it takes.
    pub(crate) async fn run(self: Rc<Self>, transport: Transport, reconnects: bool) {
        let mut tries = 0;
        loop {
            let begun = Instant::now();
            let Err(error) = self.one_stream(&transport).await else { return };
            let wait = self.broke(&error, tries);
            if !reconnects {
                return;
            }
            tries = if begun.elapsed() > STEADY { 0 } else { tries + 1 };
            tokio::time::sleep(wait).await;
        }
    }

    /// Notes a broken stream, and says how long to wait.
    fn broke(&self, error: &LineError, tries: u32) -> Duration {
        let mut state = self.state.borrow_mut();
        state.outbound = None;
        state.resumes = None;
        state.window.go_back();
        self.stage.tally().broke(&error.reason);
        #[expect(clippy::cast_precision_loss, reason = "dice")]
        let dice =
            (self.session.number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as f64 / (1_u64 << 24) as f64;
        back_off(tries, dice).max(error.retry_after)
    }

    async fn one_stream(&self, transport: &Transport) -> Result<(), LineError> {
        let line = transport.open(self.hello(), &viewer(&self.session), self.datagrams).await?;
        let Line { outbound, mut inbound } = line;
        self.state.borrow_mut().outbound = Some(outbound);
        loop {
            let wakes_at = self.go_on();
            tokio::select! {
                heard = inbound.next() => match heard? {
                    Some(frame) => self.hear(frame),
                    None if self.is_done() => return Ok(()),
                    None => return Err(LineError::ended_early()),
                },
                () = self.wake.notified() => {}
                () = until(wakes_at) => {}
            }
        }
    }

    fn hello(&self) -> proto::ClientFrame {
        let now_ms = self.stage.clock.unix_ms(Instant::now());
        let Session { id, item, duration_ms, .. } = &*self.session;
        let acked_through = self.state.borrow().window.acked_through();
        frames::hello(wire::session(id, item, *duration_ms), acked_through, now_ms)
    }

    /// Sends what waits; closes our side when there is nothing left. Says when to go on although nothing happens.
    fn go_on(&self) -> Option<Instant> {
        let mut state = self.state.borrow_mut();
        self.pump(&mut state);
        if state.is_over && state.window.is_empty() {
            state.outbound = None;
        }
        state.resumes.or(state.overdue_at())
    }

    fn is_done(&self) -> bool {
        let state = self.state.borrow();
        state.is_over && state.window.is_empty()
    }

    /// Sends what waits, as far as the stream takes it.
    fn pump(&self, state: &mut State) {
        let now = Instant::now();
        if state.resumes.is_some_and(|resumes| resumes > now) {
            return;
        }
        state.resumes = None;
        let State { window, outbound: Some(outbound), .. } = state else { return };
        let now_ms = self.stage.clock.unix_ms(now);
        if self.datagrams {
            send_again(window, outbound, now, now_ms);
            send_alone(window, outbound, now, now_ms);
        }
        while window.has_waiting() {
            let Some(room) = outbound.room() else { return };
            let events = window.waiting(BATCH_EVENTS_MAX);
            window.sent(events.len(), now, Way::Stream);
            room.send(frames::events(events, now_ms));
        }
    }

    fn hear(&self, frame: proto::ServerFrame) {
        let Some(Heard::Ack(ack)) = frame.frame else { return };
        let now = Instant::now();
        let (number, mut ended) = (self.session.number, 0);
        let mut state = self.state.borrow_mut();
        let mut tally = self.stage.tally();
        let mut rejected = Vec::new();
        let busy = state.window.hear(&ack, |held, ending| {
            ended += 1;
            match ending {
                Ending::Acked => tally.acked(held.note, now),
                Ending::Rejected(rejection) => {
                    tally.rejected(held.note, 1, reject_reason(rejection.reason));
                    rejected.push(held.event.seq);
                }
            }
        });
        if let Some(busy) = busy {
            busy.refused.iter().for_each(|&sent| tally.busy(sent, now, 1));
            state.resumes = Some(now + busy.retry_after);
        }
        drop(tally);
        if ended > 0 {
            self.stage.release(ended);
            self.stage.ended(number, 0, ack.acked_through_seq, Word::Acked);
            rejected.into_iter().for_each(|seq| self.stage.ended(number, seq, seq, Word::Rejected));
        }
    }
}

impl State {
    /// When a datagram has to go again on the stream.
    fn overdue_at(&self) -> Option<Instant> {
        self.window.overdue_at(DATAGRAM_PATIENCE)
    }
}

/// Sends the datagrams that seem lost again, on the stream.
fn send_again(window: &mut Window<Instant>, outbound: &Outbound, now: Instant, now_ms: i64) {
    let Some(room) = outbound.room() else { return };
    let late = window.take_overdue(now, DATAGRAM_PATIENCE, BATCH_EVENTS_MAX);
    if !late.is_empty() {
        room.send(frames::events(late, now_ms));
    }
}

/// Sends the one event that waits as a datagram, if it is a beat.
fn send_alone(window: &mut Window<Instant>, outbound: &Outbound, now: Instant, now_ms: i64) {
    if !outbound.has_datagrams() || !window.has_one_fresh() {
        return;
    }
    let events = window.waiting(1);
    let is_beat = events.iter().all(|event| event.kind() == proto::EventKind::Beat);
    if is_beat && outbound.send_datagram(&frames::events(events, now_ms)) {
        window.sent(1, now, Way::Datagram);
    }
}

/// The viewer of a session, as development auth knows them.
fn viewer(session: &Session) -> String {
    let Session { user, device, .. } = session;
    format!("{user}:{user}:{device}")
}

/// Why a call failed: the server's own word, or else gRPC's with the beginning of its text.
pub(crate) fn reason(status: &Status) -> String {
    let said = status.get_details_error_info().map(|info| info.reason);
    said.unwrap_or_else(|| {
        let text: String = status.message().chars().take(REASON_CHARS_MAX).collect();
        format!("{:?}: {text}", status.code())
    })
}

/// Why an event was refused, in one word.
pub(crate) fn reject_reason(reason: i32) -> &'static str {
    let reason = RejectReason::try_from(reason).unwrap_or_default();
    reason.as_str_name().trim_start_matches("REJECT_REASON_")
}

/// Resolves then, or never.
pub(crate) async fn until(then: Option<Instant>) {
    match then {
        Some(then) => tokio::time::sleep_until(then.into()).await,
        None => std::future::pending().await,
    }
}

/// How much of a text is kept as a reason: enough to tell them apart.
const REASON_CHARS_MAX: usize = 60;
/// A stream that held this long was a good one: the next tries begin anew.
const STEADY: Duration = Duration::from_secs(2);
