//! Where a session's frames come from: its stream, each with its length before it, and its datagrams.

mod unframer;

use std::sync::Arc;

use bytes::Bytes;
use web_transport_quinn::RecvStream;

use self::unframer::Unframer;
use super::datagrams::{Datagrams, Lane};
use crate::{
    admission::{RejectReason, Rejection},
    edge::{
        talk::{Failure, Frames, Said},
        wire::{self, ClientFrame},
    },
};

/// Why a stream cannot go on.
#[derive(Debug)]
pub(super) enum Ended {
    /// The client is told why.
    Failed(Failure),
    /// The client has given it up, or is gone.
    Gone,
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// The frames of one stream.
pub(super) struct StreamFrames {
    stream: RecvStream,
    unframer: Unframer,
    datagrams: Arc<Datagrams>,
    /// The stream's datagrams, if its Hello asked for them.
    lane: Option<Lane>,
    is_ended: bool,
}

impl StreamFrames {
    pub(super) fn new(stream: RecvStream, datagrams: Arc<Datagrams>, message_bytes_max: usize) -> Self {
        let unframer = Unframer::new(message_bytes_max);
        Self { stream, unframer, datagrams, lane: None, is_ended: false }
    }

    /// Reads a frame. The Hello decides whether there are datagrams.
    fn read(&mut self, frame: &Bytes) -> Result<Said, Failure> {
        let frame = wire::client_frame(frame);
        if let Ok(ClientFrame::Hello(hello)) = &frame
            && hello.datagrams
            && self.lane.is_none()
        {
            self.lane = Some(self.datagrams.open(self.stream.quic_id().into())?);
        }
        Ok(Said::Frame(frame))
    }

    /// Waits for more of the stream, or for a datagram. Safe to cancel.
    async fn wait(&mut self) -> Result<Option<Said>, Ended> {
        let chunk = match &mut self.lane {
            None => self.stream.read_chunk(CHUNK_BYTES_MAX, true).await,
            Some(lane) => tokio::select! {
                Some(events) = lane.next() => return Ok(Some(Said::Datagram(events))),
                chunk = self.stream.read_chunk(CHUNK_BYTES_MAX, true) => chunk,
            },
        };
        match chunk {
            Ok(Some(chunk)) => self.unframer.push(chunk.bytes),
            Ok(None) => self.end()?,
            Err(_) => return Err(Ended::Gone),
        }
        Ok(None)
    }

    fn end(&mut self) -> Result<(), Failure> {
        self.is_ended = true;
        match self.unframer.is_within_a_frame() {
            false => Ok(()),
            true => {
                let (found, allowed) = ("a frame that is cut off", "whole frames");
                Err(Failure::Refused(Rejection::new(RejectReason::Malformed, "frame", found, allowed)))
            }
        }
    }
}

impl Frames for StreamFrames {
    type Error = Ended;

    async fn next(&mut self) -> Result<Option<Said>, Ended> {
        loop {
            if let Some(frame) = self.unframer.next()? {
                return Ok(Some(self.read(&frame)?));
            }
            if self.is_ended {
                return Ok(self.lane.as_mut().and_then(Lane::ready).map(Said::Datagram));
            }
            if let Some(said) = self.wait().await? {
                return Ok(Some(said));
            }
        }
    }

    fn drop_datagram(&mut self) {
        if let Some(lane) = &self.lane {
            lane.drop_one();
        }
    }
}

/// The most that is taken from a stream at a time, bytes.
const CHUNK_BYTES_MAX: usize = 16 << 10;
