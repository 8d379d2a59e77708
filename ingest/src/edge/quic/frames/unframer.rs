//! Cuts a stream of bytes into frames, each of which has its length before it, as a varint of protobuf's.

use bytes::{Buf, Bytes, BytesMut};

use crate::edge::talk::Failure;

/// Bytes come in, frames go out. It holds one chunk and what has come of one frame: a length that is too long is refused
/// before anything is kept for it, and nothing is kept for bytes that have not come.
#[derive(Debug)]
pub(super) struct Unframer {
    /// What came last, as far as it was not cut.
    chunk: Bytes,
    /// The beginning of a frame that did not fit into one chunk, with its length before it.
    begun: BytesMut,
    frame_bytes_max: usize,
}

/// Where a frame lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Extent {
    head_bytes: usize,
    /// The length before it included.
    all_bytes: usize,
}

impl Unframer {
    pub(super) fn new(frame_bytes_max: usize) -> Self {
        Self { chunk: Bytes::new(), begun: BytesMut::new(), frame_bytes_max }
    }

    /// Takes the next bytes of the stream, once [`Unframer::next`] has no more.
    pub(super) fn push(&mut self, chunk: Bytes) {
        debug_assert!(self.chunk.is_empty(), "what came before is cut");
        self.chunk = chunk;
    }

    /// The next frame, if all of it has come.
    ///
    /// # Errors
    /// When it is longer than frames may be.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        if !self.begun.is_empty() {
            return self.complete();
        }
        match extent(&self.chunk, self.frame_bytes_max)? {
            Some(Extent { head_bytes, all_bytes }) if all_bytes <= self.chunk.len() => {
                let mut frame = self.chunk.split_to(all_bytes);
                frame.advance(head_bytes);
                Ok(Some(frame))
            }
            _ => {
                self.begun.extend_from_slice(&std::mem::take(&mut self.chunk));
                Ok(None)
            }
        }
    }

    /// True if the bytes so far end within a frame.
    pub(super) fn is_within_a_frame(&self) -> bool {
        !self.begun.is_empty() || !self.chunk.is_empty()
    }

    /// Adds to the frame that is begun what belongs to it.
    fn complete(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            let found = extent(&self.begun, self.frame_bytes_max)?;
            // Until the length is known, one more byte of it.
            let wanted = found.map_or(self.begun.len() + 1, |extent| extent.all_bytes) - self.begun.len();
            let taken = self.chunk.split_to(wanted.min(self.chunk.len()));
            self.begun.extend_from_slice(&taken);
            match found {
                _ if taken.len() < wanted => return Ok(None),
                Some(Extent { head_bytes, .. }) => {
                    let mut frame = std::mem::take(&mut self.begun).freeze();
                    frame.advance(head_bytes);
                    return Ok(Some(frame));
                }
                None => {}
            }
        }
    }
}

/// Where the frame lies that begins here, if its length has come.
fn extent(bytes: &[u8], frame_bytes_max: usize) -> Result<Option<Extent>, Failure> {
    let too_large = |bytes| Failure::TooLarge { bytes, bytes_max: frame_bytes_max };
    let mut length = 0_u64;
    for (index, &byte) in bytes.iter().take(LENGTH_BYTES_MAX).enumerate() {
        length |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            let frame_bytes = usize::try_from(length).ok().filter(|&length| length <= frame_bytes_max);
            let (frame_bytes, head_bytes) = (frame_bytes.ok_or(too_large(length))?, index + 1);
            return Ok(Some(Extent { head_bytes, all_bytes: head_bytes + frame_bytes }));
        }
    }
    match bytes.len() < LENGTH_BYTES_MAX {
        true => Ok(None),
        false => Err(too_large(u64::MAX)),
    }
}

/// A varint has no more, protobuf's encoding page says.
const LENGTH_BYTES_MAX: usize = 10;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message as _;

    use super::*;

    fn framed(frames: &[Vec<u8>]) -> Vec<u8> {
        // A `bytes` value is framed as a message is.
        frames.iter().fold(Vec::new(), |mut bytes, frame| {
            prost::encode_length_delimiter(frame.len(), &mut bytes).unwrap();
            bytes.extend_from_slice(frame);
            bytes
        })
    }

    fn cut(unframer: &mut Unframer, bytes: &[u8]) -> Vec<Vec<u8>> {
        unframer.push(Bytes::copy_from_slice(bytes));
        std::iter::from_fn(|| unframer.next().unwrap()).map(Vec::from).collect()
    }

    #[test]
    fn frames_come_out_as_they_went_in() {
        let message = playhead_proto::ingest::v1::Busy { retry_after_ms: 300, from_seq: 9 };
        let mut unframer = Unframer::new(100);
        let bytes = [message.encode_length_delimited_to_vec(), framed(&[vec![]])].concat();
        assert_eq!(cut(&mut unframer, &bytes), [message.encode_to_vec(), vec![]]);
        assert!(!unframer.is_within_a_frame());
        assert_eq!(cut(&mut unframer, b"\x05ab"), Vec::<Vec<u8>>::new());
        assert!(unframer.is_within_a_frame());
    }

    #[test]
    fn a_length_that_is_too_long_is_refused_before_its_bytes_come() {
        let refused = |bytes: &'static [u8]| {
            let mut unframer = Unframer::new(300);
            unframer.push(Bytes::from_static(bytes));
            unframer.next().err()
        };
        let too_large = |bytes| Some(Failure::TooLarge { bytes, bytes_max: 300 });
        assert_eq!(refused(b"\xac\x02"), None);
        assert_eq!(refused(b"\xad\x02"), too_large(301));
        assert_eq!(refused(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), too_large(u64::MAX));
        assert_eq!(refused(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), too_large(u64::MAX));
        assert_eq!(refused(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff"), None);
    }

    #[test]
    fn no_more_is_kept_than_has_come() {
        let mut unframer = Unframer::new(1 << 20);
        unframer.push(Bytes::from_static(b"\x80\x80\x40ab"));
        assert_eq!(unframer.next(), Ok(None));
        assert!(unframer.begun.capacity() < 100, "{}", unframer.begun.capacity());
    }

    proptest! {
        #[test]
        fn however_the_bytes_are_cut(
            frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..8),
            cuts in prop::collection::vec(1_usize..40, 1..40),
        ) {
            let bytes = framed(&frames);
            let (mut unframer, mut rest, mut found) = (Unframer::new(300), &bytes[..], Vec::new());
            for &length in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (chunk, later) = rest.split_at(length.min(rest.len()));
                found.extend(cut(&mut unframer, chunk));
                rest = later;
            }
            prop_assert_eq!(found, frames);
            prop_assert!(!unframer.is_within_a_frame());
        }
    }
}
