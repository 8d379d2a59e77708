//! Many Connect streams, one event per message, each with a bounded number of events under way.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::BytesMut;
use playhead_proto::ingest::v1::{ClientFrame, client_frame, server_frame};

use super::{
    Done, Lane,
    line::{Client, Line, Via},
    run_all,
};
use crate::sample;

/// How many streams, and how many events each has under way.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Connections.
    pub connections: usize,
    /// Streams on each, of one session each.
    pub streams: usize,
    /// The most events of one stream that are not acknowledged yet.
    pub window: u64,
}

/// Open streams.
#[derive(Debug)]
pub struct Connect(Vec<Stream>);

impl Connect {
    /// Opens them all, each welcomed.
    ///
    /// # Errors
    /// When the server refuses one.
    pub async fn open(via: Via, address: SocketAddr, shape: Shape) -> io::Result<Self> {
        let mut streams = Vec::with_capacity(shape.connections * shape.streams);
        for _ in 0..shape.connections {
            let client = via.connect(address).await?;
            for _ in 0..shape.streams {
                streams.push(Stream::open(&client, streams.len(), shape.window).await?);
            }
        }
        Ok(Self(streams))
    }

    /// Keeps every stream's window full for so long, then waits for the last acknowledgements.
    ///
    /// # Errors
    /// When a stream breaks or an event is rejected.
    pub async fn run(&mut self, lasting: Duration) -> io::Result<Done> {
        run_all(&mut self.0, lasting).await
    }
}

/// One session's stream.
#[derive(Debug)]
struct Stream {
    line: Line,
    /// The next message, but for its number and times.
    frame: ClientFrame,
    window: u64,
    sent: u64,
    acked: u64,
    busy: u64,
}

impl Stream {
    async fn open(client: &Client, index: usize, window: u64) -> io::Result<Self> {
        let line = client.open_session(index).await?;
        let frame = sample::frame(vec![sample::wire_beat(1, 0)]);
        Ok(Self { line, frame, window, sent: 0, acked: 0, busy: 0 })
    }

    /// Sends what the window has room for, in one piece.
    async fn fill(&mut self) -> io::Result<()> {
        let last = self.acked + self.window;
        if self.sent >= last {
            return Ok(());
        }
        let now_ms = sample::now_ms();
        let mut out = BytesMut::with_capacity(BURST_BYTES);
        while self.sent < last {
            self.sent += 1;
            if let Some(client_frame::Frame::Events(batch)) = &mut self.frame.frame {
                batch.sent_at_ms = now_ms;
                batch.events.iter_mut().for_each(|event| *event = sample::wire_beat(self.sent, now_ms));
            }
            self.line.put(&mut out, &self.frame);
        }
        self.line.send(out).await
    }

    /// Waits for answers, and takes all that have come.
    async fn hear(&mut self) -> io::Result<()> {
        if !self.line.more().await? {
            return Err(io::Error::other("the stream ended"));
        }
        while let Some(answer) = self.line.ready()? {
            let Some(server_frame::Frame::Ack(ack)) = answer.frame else { continue };
            if !ack.rejected.is_empty() {
                return Err(io::Error::other(format!("rejected: {ack:?}")));
            }
            self.acked = self.acked.max(ack.acked_through_seq);
            if let Some(busy) = ack.busy {
                self.busy += 1;
                tokio::time::sleep(Duration::from_millis(busy.retry_after_ms.into())).await;
                self.sent = busy.from_seq.saturating_sub(1).max(self.acked);
            }
        }
        Ok(())
    }
}

impl Lane for Stream {
    async fn run(&mut self, until: Instant) -> io::Result<(u64, u64)> {
        let (acked_before, busy_before) = (self.acked, self.busy);
        let mut last = u64::MAX;
        while self.acked < last {
            if Instant::now() < until {
                self.fill().await?;
            } else {
                // What was refused meanwhile is not sent again.
                last = self.sent;
                if self.acked >= last {
                    break;
                }
            }
            self.hear().await?;
        }
        Ok((self.acked - acked_before, self.busy - busy_before))
    }
}

/// About what a full window takes.
const BURST_BYTES: usize = 2 << 10;
