//! Connect: one session on one stream. What has no ending is sent again after `busy` and on the next stream.

use std::{
    cell::RefCell,
    rc::Rc,
    time::{Duration, Instant},
};

use playhead_proto::ingest::v1 as proto;
use proto::{
    ClientFrame, RejectReason, ingest_service_client::IngestServiceClient, server_frame::Frame as Heard,
};
use tokio::sync::{Notify, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Status, metadata::MetadataValue, transport::Channel};
use tonic_types::StatusExt as _;

use crate::{
    ledger::record::Word,
    play::Session,
    stage::{Stage, back_off},
    tail::{Ending, Tail},
    wire::{self, BATCH_EVENTS_MAX},
};

/// A session's stream, or row of streams.
pub(crate) struct Stream {
    stage: Rc<Stage>,
    session: Rc<Session>,
    state: RefCell<State>,
    wake: Notify,
}

#[derive(Default)]
struct State {
    tail: Tail,
    /// Into the present stream; `None` while there is none, or when it is closed on our side.
    outbound: Option<mpsc::Sender<ClientFrame>>,
    /// The server was busy: nothing is sent before.
    resumes: Option<Instant>,
    /// Nothing new will come.
    is_over: bool,
}

impl Stream {
    pub(crate) fn new(stage: Rc<Stage>, session: Rc<Session>) -> Rc<Self> {
        Rc::new(Self { stage, session, state: RefCell::default(), wake: Notify::new() })
    }

    /// Takes events and sends what it can. There has to be room on the stage for them.
    pub(crate) fn offer(&self, events: Vec<proto::Event>, due: Instant) {
        let mut state = self.state.borrow_mut();
        for event in events {
            self.stage.pen.borrow_mut().sent(self.session.number, &event);
            state.tail.push(event, due);
        }
        self.pump(&mut state);
    }

    /// Nothing new will come: the stream closes when everything has its ending.
    pub(crate) fn finish(&self) {
        self.state.borrow_mut().is_over = true;
        self.wake.notify_one();
    }

    /// Plays until everything has its ending, on as many streams as it takes.
    pub(crate) async fn run(self: Rc<Self>, channel: Channel, reconnects: bool) {
        let mut tries = 0;
        loop {
            let begun = Instant::now();
            let Err(status) = self.one_stream(channel.clone()).await else { return };
            let wait = self.broke(&status, tries);
            if !reconnects {
                return;
            }
            tries = if begun.elapsed() > STEADY { 0 } else { tries + 1 };
            tokio::time::sleep(wait).await;
        }
    }

    /// Notes a broken stream, and says how long to wait.
    fn broke(&self, status: &Status, tries: u32) -> Duration {
        let mut state = self.state.borrow_mut();
        state.outbound = None;
        state.resumes = None;
        state.tail.go_back();
        self.stage.tally().broke(&reason(status));
        #[expect(clippy::cast_precision_loss, reason = "dice")]
        let dice =
            (self.session.number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as f64 / (1_u64 << 24) as f64;
        let asked = status.get_details_retry_info().and_then(|info| info.retry_delay);
        back_off(tries, dice).max(asked.unwrap_or_default())
    }

    async fn one_stream(&self, channel: Channel) -> Result<(), Status> {
        let (tx, rx) = mpsc::channel(FRAMES_MAX);
        self.open(tx);
        let mut client = IngestServiceClient::new(channel);
        let mut inbound = client.connect(self.request(rx)?).await?.into_inner();
        loop {
            let resumes = self.go_on();
            tokio::select! {
                heard = inbound.message() => match heard? {
                    Some(frame) => self.hear(frame),
                    None if self.is_done() => return Ok(()),
                    None => return Err(Status::unavailable("the stream ended before everything was acknowledged")),
                },
                () = self.wake.notified() => {}
                () = until(resumes) => self.state.borrow_mut().resumes = None,
            }
        }
    }

    fn open(&self, tx: mpsc::Sender<ClientFrame>) {
        let mut state = self.state.borrow_mut();
        let now_ms = self.stage.clock.unix_ms(Instant::now());
        let Session { id, item, duration_ms, .. } = &*self.session;
        let session = wire::session(id, item, *duration_ms);
        // The channel is new and has room.
        let _ = tx.try_send(wire::hello(session, state.tail.acked_through(), now_ms));
        state.outbound = Some(tx);
        self.pump(&mut state);
    }

    fn request(
        &self,
        rx: mpsc::Receiver<ClientFrame>,
    ) -> Result<Request<ReceiverStream<ClientFrame>>, Status> {
        let mut request = Request::new(ReceiverStream::new(rx));
        request.metadata_mut().insert("authorization", bearer(&self.session)?);
        Ok(request)
    }

    /// Sends what waits; closes our side when there is nothing left. Says when a busy server may be asked again.
    fn go_on(&self) -> Option<Instant> {
        let mut state = self.state.borrow_mut();
        self.pump(&mut state);
        if state.is_over && state.tail.is_empty() {
            state.outbound = None;
        }
        state.resumes
    }

    fn is_done(&self) -> bool {
        let state = self.state.borrow();
        state.is_over && state.tail.is_empty()
    }

    /// Sends what waits, as far as the stream takes it.
    fn pump(&self, state: &mut State) {
        let State { tail, outbound: Some(tx), resumes: None, .. } = state else { return };
        if !tail.has_waiting() {
            return;
        }
        let now = Instant::now();
        let now_ms = self.stage.clock.unix_ms(now);
        while tail.has_waiting() {
            let Ok(permit) = tx.try_reserve() else { return };
            let events = tail.waiting(BATCH_EVENTS_MAX);
            let sent = events.len();
            permit.send(wire::batch(events, now_ms));
            tail.sent(sent, now);
        }
    }

    fn hear(&self, frame: proto::ServerFrame) {
        let Some(Heard::Ack(ack)) = frame.frame else { return };
        let now = Instant::now();
        let (number, mut ended) = (self.session.number, 0);
        let mut state = self.state.borrow_mut();
        let mut tally = self.stage.tally();
        let mut rejected = Vec::new();
        let busy = state.tail.hear(&ack, |held, ending| {
            ended += 1;
            match ending {
                Ending::Acked => tally.acked(held.due, now),
                Ending::Rejected => {
                    tally.rejected(held.due, 1, rejection(&ack, held.event.seq));
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

/// The viewer of a session, as development auth knows them.
pub(crate) fn bearer(session: &Session) -> Result<MetadataValue<tonic::metadata::Ascii>, Status> {
    let Session { user, device, .. } = session;
    let text = format!("Bearer {user}:{user}:{device}");
    text.parse().map_err(|_| Status::internal("the viewer's name is no header value"))
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

fn rejection(ack: &proto::Ack, seq: u64) -> &'static str {
    let found = ack.rejected.iter().find(|rejection| rejection.seq == seq);
    reject_reason(found.map_or(0, |rejection| rejection.reason))
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
/// Frames that wait for the connection.
const FRAMES_MAX: usize = 64;
/// A stream that held this long was a good one: the next tries begin anew.
const STEADY: Duration = Duration::from_secs(2);
