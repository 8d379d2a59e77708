//! One script of behaviours for every way in: whatever carries a session, the same frames come to the same endings, the
//! same verdicts and the same words.
//!
//! `behaviours` says what happens, in the words of the .proto file; each way in has a file that carries it.

mod behaviours;
mod grpc;
mod http;
mod limits;
mod quic;

use playhead_ingest::{settings::Settings, tally::Count};
use playhead_proto::ingest::v1::{self as proto, client_frame, server_frame};
use prost::Message as _;

use crate::{
    grpc::{hello_of, within},
    host::Host,
};

/// A way in: a served engine and its clients.
trait Way: Sized {
    type Line: Line;

    async fn start(settings: Settings) -> Self;

    fn host(&self) -> &Host;

    /// A line of whoever this token is, on which nothing was said yet.
    async fn open(&self, token: &str) -> Self::Line;

    fn begin_stop(&mut self);

    async fn has_stopped(&mut self);

    /// A line of ann's whose session is open.
    async fn talk(&self, session: &str) -> Self::Line {
        let mut line = self.open("ann").await;
        line.hello(hello_of(session)).await;
        match line.next().await.unwrap() {
            server_frame::Frame::Welcome(welcome) => {
                assert_eq!((welcome.protocol_version, welcome.next_beat_ms), (1, 10_000));
                assert_eq!(welcome.verdict(), proto::Verdict::Play);
            }
            other => panic!("{other:?}"),
        }
        line
    }

    /// The counts once every event has its ending.
    async fn at_rest(&self) -> Count {
        within(async {
            loop {
                let count = self.host().engine.tally().count();
                if count.held() == 0 {
                    return count;
                }
                tokio::task::yield_now().await;
            }
        })
        .await
    }
}

/// A client's side of one session.
trait Line {
    /// Sends a frame by its bytes, which may be no frame.
    async fn send_bytes(&mut self, frame: Vec<u8>);

    /// Sends events, as this way does it best.
    async fn send_events(&mut self, events: Vec<proto::Event>) {
        self.send(crate::grpc::events(events)).await;
    }

    /// Sends a Hello, with the credential where this way needs it.
    async fn hello(&mut self, hello: proto::Hello) {
        self.send(client_frame::Frame::Hello(hello)).await;
    }

    /// The next answer, or how the line ended.
    async fn next(&mut self) -> Result<server_frame::Frame, End>;

    /// Closes the client's side.
    async fn close(&mut self);

    async fn send(&mut self, frame: client_frame::Frame) {
        self.send_bytes(proto::ClientFrame { frame: Some(frame) }.encode_to_vec()).await;
    }

    async fn ack(&mut self) -> proto::Ack {
        match within(self.next()).await.unwrap() {
            server_frame::Frame::Ack(ack) => ack,
            other => panic!("{other:?}"),
        }
    }

    /// The first Ack that goes this far. Refusals on the way are collected in it.
    async fn acked_through(&mut self, seq: u64) -> proto::Ack {
        let mut refused = Vec::new();
        loop {
            let mut ack = self.ack().await;
            refused.append(&mut ack.rejected);
            if ack.acked_through_seq >= seq {
                ack.rejected = refused;
                return ack;
            }
        }
    }

    /// How the line ends, whatever comes before.
    async fn end(&mut self) -> End {
        loop {
            if let Err(end) = within(self.next()).await {
                return end;
            }
        }
    }
}

/// How a line ended. A clean end has code 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct End {
    code: u32,
    reason: String,
    field: String,
    description: String,
    retry_after_ms: u64,
}

impl End {
    fn at_fault(code: u32, reason: &str, field: &str, value: &str, allowed: &str) -> Self {
        let description = format!("is {value:?}; allowed is {allowed}");
        Self { code, reason: reason.into(), field: field.into(), description, retry_after_ms: 0 }
    }

    fn plain(code: u32, reason: &str) -> Self {
        Self { code, reason: reason.into(), ..Self::default() }
    }
}
