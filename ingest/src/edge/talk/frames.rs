//! What a transport has to say of a stream.

use super::Failure;
use crate::{
    edge::{publish::UnreadableBatch, wire::ClientFrame},
    identity::Identity,
    intake::Offered,
};

/// Where a stream's frames come from.
pub(crate) trait Frames: Send {
    /// What the transport says of itself when a stream cannot go on, or of us.
    type Error: From<Failure> + Send;

    /// The next thing that the client sent; `None` once it has closed its side. Safe to cancel.
    fn next(&mut self) -> impl Future<Output = Result<Option<Said>, Self::Error>> + Send;

    /// Notes a datagram that cannot be taken.
    fn drop_datagram(&mut self) {}
}

/// What a client sent.
#[derive(Debug)]
pub(crate) enum Said {
    /// A frame, or why it could not be read.
    Frame(Result<ClientFrame, UnreadableBatch>),
    /// Events that came beside the stream, in no order.
    Datagram(Vec<Offered>),
}

/// Who has opened a stream.
#[derive(Debug)]
pub(crate) enum Caller {
    /// Whoever the transport's headers say.
    Known(Identity),
    /// Whoever the token in the Hello says.
    InHello,
}
