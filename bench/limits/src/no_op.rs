//! The limit of the gRPC edge: the same transport and the same messages, decoded and answered by a server that does
//! nothing else.

use std::pin::Pin;

use async_stream::try_stream;
use futures_util::{FutureExt, Stream};
use playhead_proto::ingest::v1::{
    Ack, ClientFrame, PublishRequest, PublishResponse, ServerFrame, SessionEvents, SessionOutcome, Verdict,
    Welcome, client_frame,
    ingest_service_server::{IngestService, IngestServiceServer},
    server_frame,
};
use playhead_proto::playback::v1::playback_service_server::PlaybackServiceServer;
use tokio::net::TcpListener;
use tonic::{
    Request, Response, Status, Streaming,
    transport::{Server, server::TcpIncoming},
};

mod reads;

/// When a stream is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answers {
    /// Each frame with an Ack of its own.
    Each,
    /// All frames that have come with one Ack, as a server may that acknowledges cumulatively.
    Burst,
}

/// Serves for ever.
///
/// # Panics
/// When the listener breaks.
pub async fn serve(listener: TcpListener, answers: Answers) {
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let ingest = IngestServiceServer::new(NoOp { answers });
    let playback = PlaybackServiceServer::new(reads::Reads);
    let server = Server::builder().add_service(ingest).add_service(playback);
    let served = server.serve_with_incoming(incoming).await;
    served.expect("a listener that works");
}

/// Decodes and answers.
#[derive(Debug, Clone, Copy)]
pub struct NoOp {
    /// When a stream is answered.
    pub answers: Answers,
}

#[tonic::async_trait]
impl IngestService for NoOp {
    type ConnectStream = Pin<Box<dyn Stream<Item = Result<ServerFrame, Status>> + Send>>;

    async fn connect(
        &self,
        request: Request<Streaming<ClientFrame>>,
    ) -> Result<Response<Self::ConnectStream>, Status> {
        let (answers, mut frames) = (self.answers, request.into_inner());
        Ok(Response::new(Box::pin(try_stream! {
            while let Some(mut frame) = frames.message().await? {
                let mut is_last = false;
                while answers == Answers::Burst && let Some(next) = frames.message().now_or_never() {
                    match next? {
                        Some(next) => frame = next,
                        None => {
                            is_last = true;
                            break;
                        }
                    }
                }
                yield answer(&frame);
                if is_last {
                    break;
                }
            }
        })))
    }

    async fn publish(&self, request: Request<PublishRequest>) -> Result<Response<PublishResponse>, Status> {
        let sessions = request.into_inner().sessions.into_iter().map(outcome).collect();
        Ok(Response::new(PublishResponse { sessions }))
    }
}

pub(crate) fn answer(frame: &ClientFrame) -> ServerFrame {
    let events = match &frame.frame {
        Some(client_frame::Frame::Events(batch)) => batch.events.as_slice(),
        Some(client_frame::Frame::Hello(_)) => return welcome(),
        Some(client_frame::Frame::Ping(_)) | None => &[],
    };
    let acked_through_seq = events.last().map_or(0, |event| event.seq);
    let verdict = Verdict::Play.into();
    let ack = Ack { acked_through_seq, next_beat_ms: NEXT_BEAT_MS, verdict, ..Ack::default() };
    ServerFrame { frame: Some(server_frame::Frame::Ack(ack)) }
}

fn welcome() -> ServerFrame {
    let verdict = Verdict::Play.into();
    let welcome = Welcome { protocol_version: 1, next_beat_ms: NEXT_BEAT_MS, verdict, ..Welcome::default() };
    ServerFrame { frame: Some(server_frame::Frame::Welcome(welcome)) }
}

fn outcome(batch: SessionEvents) -> SessionOutcome {
    SessionOutcome {
        session_id: batch.session.unwrap_or_default().session_id,
        stored: u32::try_from(batch.events.len()).unwrap_or(u32::MAX),
        acked_through_seq: batch.events.last().map_or(0, |event| event.seq),
        verdict: Verdict::Play.into(),
        next_beat_ms: NEXT_BEAT_MS,
        ..SessionOutcome::default()
    }
}

const NEXT_BEAT_MS: u32 = 10_000;
