//! Publish calls of many sessions, a bounded number of them under way on each connection.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use h2::client::SendRequest;
use playhead_proto::ingest::v1::{PublishRequest, PublishResponse};

use super::{Done, Lane, grpc, grpc::Answers, run_all};
use crate::sample;

/// How many calls, and what is in them.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Connections.
    pub connections: usize,
    /// Calls under way on each.
    pub calls: usize,
    /// Sessions in a call.
    pub sessions: usize,
    /// Events of each session in a call.
    pub events: u64,
}

/// Connections, and what will be sent on them.
#[derive(Debug)]
pub struct Publish(Vec<Caller>);

impl Publish {
    /// Opens the connections.
    ///
    /// # Errors
    /// When nobody listens.
    pub async fn open(address: SocketAddr, shape: Shape) -> io::Result<Self> {
        let mut callers: Vec<Caller> = Vec::new();
        for _ in 0..shape.connections {
            let client = grpc::connection(address).await?;
            for _ in 0..shape.calls {
                let first = callers.len() * shape.sessions;
                let request = sample::publish(first..first + shape.sessions, shape.events, 1);
                callers.push(Caller { client: client.clone(), request, events: shape.events });
            }
        }
        Ok(Self(callers))
    }

    /// Calls for so long, then waits for the last answers.
    ///
    /// # Errors
    /// When a call fails or an event is rejected.
    pub async fn run(&mut self, lasting: Duration) -> io::Result<Done> {
        run_all(&mut self.0, lasting).await
    }
}

/// One call after the other, of sessions of its own.
#[derive(Debug)]
struct Caller {
    client: SendRequest<Bytes>,
    /// The next call.
    request: PublishRequest,
    events: u64,
}

impl Caller {
    async fn call(&self) -> io::Result<PublishResponse> {
        let (mut send, response) = grpc::call(&self.client, METHOD, None).await?;
        let mut out = BytesMut::with_capacity(CALL_BYTES);
        grpc::put(&mut out, &self.request);
        send.send_data(out.freeze(), true).map_err(io::Error::other)?;
        let mut answers = Answers::of(response).await?;
        while answers.more().await? {}
        answers.ready()?.ok_or_else(|| io::Error::other("a call without an answer"))
    }

    /// Goes on to the events after these.
    fn advance(&mut self) {
        let now_ms = sample::now_ms();
        for session in &mut self.request.sessions {
            session.sent_at_ms = now_ms;
            for event in &mut session.events {
                *event = sample::wire_beat(event.seq + self.events, now_ms);
            }
        }
    }
}

impl Lane for Caller {
    async fn run(&mut self, until: Instant) -> io::Result<(u64, u64)> {
        let (mut stored, mut busy) = (0, 0);
        while Instant::now() < until {
            let answer = self.call().await?;
            let mut retry = None;
            for outcome in &answer.sessions {
                if !outcome.rejected.is_empty() {
                    return Err(io::Error::other(format!("rejected: {outcome:?}")));
                }
                stored += u64::from(outcome.stored);
                retry = retry.or(outcome.busy);
            }
            match retry {
                None => self.advance(),
                // The whole call again: what was taken of it counts as a duplicate, and once.
                Some(full) => {
                    busy += 1;
                    tokio::time::sleep(Duration::from_millis(full.retry_after_ms.into())).await;
                }
            }
        }
        Ok((stored, busy))
    }
}

const METHOD: &str = "/playhead.ingest.v1.IngestService/Publish";
/// About what a call of 500 events takes.
const CALL_BYTES: usize = 24 << 10;
