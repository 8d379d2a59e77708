//! The wire's messages, made and read: what a client says, and how frames are told apart on a QUIC stream.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use playhead_proto::ingest::v1::{
    ClientFrame, Event, EventBatch, Hello, ServerFrame, Session, client_frame::Frame,
};
use prost::{DecodeError, Message, encoding};

/// The version that this client speaks.
pub const PROTOCOL_VERSION: u32 = 1;

/// What opens a session on a stream: everything up to `acked_through` has its ending.
#[must_use]
pub fn hello(session: Session, acked_through: u64, sent_at_ms: i64) -> ClientFrame {
    frame(Frame::Hello(Hello {
        protocol_version: PROTOCOL_VERSION,
        session: Some(session),
        sent_at_ms,
        unacked_from_seq: acked_through + 1,
        ..Hello::default()
    }))
}

/// Events of a stream's session.
#[must_use]
pub fn events(events: Vec<Event>, sent_at_ms: i64) -> ClientFrame {
    frame(Frame::Events(EventBatch { sent_at_ms, events }))
}

fn frame(said: Frame) -> ClientFrame {
    ClientFrame { frame: Some(said) }
}

/// Appends a frame as it stands on a QUIC stream: its length as a protobuf varint, then itself.
pub fn put_delimited(frame: &ClientFrame, buffer: &mut BytesMut) {
    let bytes = frame.encoded_len();
    buffer.reserve(encoding::encoded_len_varint(bytes as u64) + bytes);
    encoding::encode_varint(bytes as u64, buffer);
    // There is room, which is all that encoding can lack.
    let _ = frame.encode(buffer);
}

/// A datagram: which stream's session it speaks of, then one frame.
#[must_use]
pub fn datagram(stream: u64, frame: &ClientFrame) -> Bytes {
    let mut buffer = BytesMut::with_capacity(QUIC_VARINT_BYTES_MAX + frame.encoded_len());
    put_quic_varint(stream, &mut buffer);
    let _ = frame.encode(&mut buffer);
    buffer.freeze()
}

/// A QUIC varint (RFC 9000, section 16): the first two bits say how long it is.
fn put_quic_varint(value: u64, buffer: &mut BytesMut) {
    match value {
        0..0x40 => buffer.put_uint(value, 1),
        0x40..0x4000 => buffer.put_uint(value | 1 << 14, 2),
        0x4000..0x4000_0000 => buffer.put_uint(value | 2 << 30, 4),
        _ => buffer.put_uint(value & QUIC_VARINT_MAX | 3 << 62, 8),
    }
}

/// Finds a server's frames in the bytes of a QUIC stream.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: BytesMut,
}

/// The bytes are no frames of a Playhead server.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum FrameError {
    /// A frame says to be longer than any may be.
    #[error("a frame of {found} bytes; allowed are at most {FRAME_BYTES_MAX}")]
    TooLong {
        /// How long.
        found: u64,
    },
    /// The length or the message cannot be read.
    #[error("a frame cannot be read: {0}")]
    Unreadable(#[from] DecodeError),
}

impl Decoder {
    /// Takes more bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next frame, if all of it is there.
    ///
    /// # Errors
    /// [`FrameError`]; the stream is of no use any more.
    pub fn take(&mut self) -> Result<Option<ServerFrame>, FrameError> {
        let mut rest = &*self.buffer;
        let has_length = rest.iter().take(VARINT_BYTES_MAX).any(|byte| byte & 0x80 == 0);
        if !has_length && rest.len() < VARINT_BYTES_MAX {
            return Ok(None);
        }
        let found = encoding::decode_varint(&mut rest)?;
        let bytes = usize::try_from(found).ok().filter(|&bytes| bytes <= FRAME_BYTES_MAX);
        let bytes = bytes.ok_or(FrameError::TooLong { found })?;
        if rest.len() < bytes {
            return Ok(None);
        }
        let head = self.buffer.len() - rest.len();
        self.buffer.advance(head);
        Ok(Some(ServerFrame::decode(self.buffer.split_to(bytes))?))
    }

    /// True when a frame has begun and is not whole.
    #[must_use]
    pub fn is_within_a_frame(&self) -> bool {
        !self.buffer.is_empty()
    }
}

/// An acknowledgement that refuses a thousand events with all its words is a quarter of this.
pub const FRAME_BYTES_MAX: usize = 1 << 20;
/// Protobuf's varints have seven bits in each byte.
const VARINT_BYTES_MAX: usize = 10;
const QUIC_VARINT_BYTES_MAX: usize = 8;
const QUIC_VARINT_MAX: u64 = (1 << 62) - 1;

#[cfg(test)]
mod tests {
    use playhead_proto::ingest::v1::{Ack, server_frame::Frame as Said};

    use super::*;

    fn ack(acked_through_seq: u64) -> ServerFrame {
        ServerFrame { frame: Some(Said::Ack(Ack { acked_through_seq, ..Ack::default() })) }
    }

    #[test]
    fn frames_are_found_however_the_bytes_are_cut() {
        let frames = [ack(0), ack(7), ack(u64::MAX)];
        let bytes: Vec<u8> = frames.iter().flat_map(Message::encode_length_delimited_to_vec).collect();
        for cut in 1..bytes.len() {
            let (mut decoder, mut found) = (Decoder::default(), Vec::new());
            for piece in bytes.chunks(cut) {
                decoder.push(piece);
                found.extend(std::iter::from_fn(|| decoder.take().unwrap()));
            }
            assert_eq!(found, frames, "in pieces of {cut}");
            assert!(!decoder.is_within_a_frame());
        }
    }

    #[test]
    fn what_is_too_long_or_unreadable_is_refused_before_it_is_awaited() {
        let decode = |bytes: &[u8]| {
            let mut decoder = Decoder::default();
            decoder.push(bytes);
            decoder.take()
        };
        assert_eq!(decode(&[0xff, 0xff, 0xff, 0x7f]), Err(FrameError::TooLong { found: 0x0fff_ffff }));
        assert!(matches!(decode(&[0xff; 10]), Err(FrameError::Unreadable(_))));
        assert!(matches!(decode(&[1, 0xff]), Err(FrameError::Unreadable(_))));
        assert_eq!(decode(&[0x80]), Ok(None), "half a length");
    }

    #[test]
    fn what_a_client_says_can_be_read_back() {
        let said = hello(Session { session_id: "s".into(), ..Session::default() }, 4, 9);
        let mut buffer = BytesMut::new();
        put_delimited(&said, &mut buffer);
        assert_eq!(ClientFrame::decode_length_delimited(buffer).unwrap(), said);
        let Some(Frame::Hello(hello)) = said.frame else { panic!("no hello") };
        assert_eq!((hello.protocol_version, hello.unacked_from_seq, hello.sent_at_ms), (1, 5, 9));
    }

    #[test]
    fn a_datagram_begins_with_its_stream_as_a_quic_varint() {
        let beat = events(vec![Event { seq: 3, ..Event::default() }], 5);
        // The examples of RFC 9000, appendix A.1, and the bounds between lengths.
        for (stream, prefix) in [
            (37, vec![0x25]),
            (63, vec![0x3f]),
            (64, vec![0x40, 0x40]),
            (15_293, vec![0x7b, 0xbd]),
            (494_878_333, vec![0x9d, 0x7f, 0x3e, 0x7d]),
            (151_288_809_941_952_652, vec![0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c]),
        ] {
            let datagram = datagram(stream, &beat);
            let (begins, rest) = datagram.split_at(prefix.len());
            assert_eq!(begins, prefix, "{stream}");
            assert_eq!(ClientFrame::decode(rest).unwrap(), beat);
        }
    }
}
