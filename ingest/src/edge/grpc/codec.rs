//! How messages are read from and written to the buffers of a call: our reader for what must be read leniently, the
//! generated one for the rest, and undecodable bytes are the caller's error, not ours.

use std::marker::PhantomData;

use bytes::{Buf as _, BufMut};
use prost::EncodeError;
use tonic::{
    Status,
    codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};

use super::status;
use crate::edge::{
    publish::{SessionBatch, UnreadableBatch},
    wire,
};

/// A message that can be read from its bytes.
pub trait Message: Sized + Send + 'static {
    /// Reads it.
    ///
    /// # Errors
    /// What the caller is told of bytes that are none.
    fn read(bytes: &[u8]) -> Result<Self, Status>;
}

/// A message that can be written to where its call's bytes are.
pub trait Answer: Send + 'static {
    /// Writes it.
    ///
    /// # Errors
    /// There is no room for it.
    fn write(self, buffer: &mut impl BufMut) -> Result<(), EncodeError>;
}

/// A frame of Connect, or why it could not be read.
#[derive(Debug)]
pub(crate) struct Frame(pub(crate) Result<wire::ClientFrame, UnreadableBatch>);

/// The batches of Publish, or why the request could not be read.
#[derive(Debug)]
pub(crate) struct Batches(pub(crate) Result<Vec<Result<SessionBatch, UnreadableBatch>>, UnreadableBatch>);

impl Message for Frame {
    fn read(bytes: &[u8]) -> Result<Self, Status> {
        Ok(Self(wire::client_frame(bytes)))
    }
}

impl Message for Batches {
    fn read(bytes: &[u8]) -> Result<Self, Status> {
        Ok(Self(wire::publish_request(bytes)))
    }
}

impl<M: prost::Message + Default + 'static> Message for M {
    fn read(bytes: &[u8]) -> Result<Self, Status> {
        M::decode(bytes).map_err(|error| status::undecodable(&error.to_string()))
    }
}

impl<M: prost::Message + 'static> Answer for M {
    fn write(self, buffer: &mut impl BufMut) -> Result<(), EncodeError> {
        self.encode(buffer)
    }
}

/// Reads `D`, writes `E`.
#[derive(Debug)]
pub struct WireCodec<E, D>(PhantomData<(E, D)>);

/// One half of a [`WireCodec`].
#[derive(Debug)]
pub struct Half<M>(PhantomData<M>);

impl<E, D> Default for WireCodec<E, D> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<E: Answer, D: Message> Codec for WireCodec<E, D> {
    type Encode = E;
    type Decode = D;
    type Encoder = Half<E>;
    type Decoder = Half<D>;

    fn encoder(&mut self) -> Half<E> {
        Half(PhantomData)
    }

    fn decoder(&mut self) -> Half<D> {
        Half(PhantomData)
    }
}

impl<E: Answer> Encoder for Half<E> {
    type Item = E;
    type Error = Status;

    fn encode(&mut self, message: E, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        message.write(buffer).map_err(|error| Status::internal(error.to_string()))
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::new(BUFFER_BYTES, YIELD_BYTES)
    }
}

impl<D: Message> Decoder for Half<D> {
    type Item = D;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<D>, Status> {
        // The buffer holds the message in one piece, so it is read where it lies.
        let message = D::read(buffer.chunk());
        buffer.advance(buffer.remaining());
        message.map(Some)
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::new(BUFFER_BYTES, YIELD_BYTES)
    }
}

/// What a call's buffers begin with, each way, as long as it lives. Most messages are a beat or an ack of 40 to 80
/// bytes, and a node holds very many idle streams; larger messages let the buffer grow.
const BUFFER_BYTES: usize = 1_024;
/// Ready messages are sent together up to this many bytes.
const YIELD_BYTES: usize = 32 * 1_024;
