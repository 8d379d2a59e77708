//! Watches what a peer sends, without a clock and without keeping it: whether a request's headers are under way, and which
//! HTTP/2 frames (RFC 9113, section 4) cost us work and bring nothing. Of HTTP/1.1 only the first request is watched: where
//! a later one begins only the HTTP library knows.
//!
//! The HTTP library answers PING, SETTINGS and their like whatever their number, and forgets a stream that is reset. So
//! each peer has a budget of such frames that grows with time and with what it sends to some purpose. A stream that is opened
//! and brings nothing has its budget too: it is answered, and whoever opens too many of them is read more slowly.

use super::budget::{Allowance, Budget};

/// What is known of a peer's frames.
#[derive(Debug)]
pub(super) struct Frames {
    at: At,
    speaks: Speaks,
    control: Budget,
    resets: Budget,
    empty: Budget,
    has_asked: bool,
    is_in_headers: bool,
}

/// More of something than its budget allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flood {
    /// PING, SETTINGS, WINDOW_UPDATE, PRIORITY, CONTINUATION, empty DATA and what nobody knows.
    Control,
    /// RST_STREAM: streams opened only to be given up.
    Resets,
}

/// Whether the peer speaks HTTP/2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speaks {
    Unknown,
    Http2,
    /// Something else: HTTP/1.1.
    Other,
}

/// Where in the row of frames the next byte is.
#[derive(Debug, Clone, Copy)]
enum At {
    /// So many bytes of the preface have come.
    Preface(usize),
    /// So many bytes of a frame's head have come.
    Head([u8; HEAD_BYTES], usize),
    /// So many bytes of a frame's payload are to come.
    Payload(usize),
    /// In the first request of HTTP/1.1, whose last bytes were so many line ends.
    Text(usize),
}

impl Frames {
    pub(super) fn new() -> Self {
        Self {
            at: At::Preface(0),
            speaks: Speaks::Unknown,
            control: Budget::new(CONTROL),
            resets: Budget::new(RESETS),
            empty: Budget::new(EMPTY),
            has_asked: false,
            is_in_headers: false,
        }
    }

    /// Takes note of what was read, `now_ms` after some moment that stays the same.
    pub(super) fn read(&mut self, bytes: &[u8], now_ms: u64) -> Result<(), Flood> {
        let mut rest = bytes;
        while !rest.is_empty() && !self.is_left_alone() {
            rest = match self.at {
                At::Preface(have) => self.preface(have, rest),
                At::Head(head, have) => self.head(head, have, rest, now_ms)?,
                At::Payload(left) => self.payload(left, rest),
                At::Text(line_ends) => self.text(line_ends, rest),
            };
        }
        Ok(())
    }

    /// How long to read nothing more from this peer, ms: it has opened more streams that brought nothing than it may.
    pub(super) fn owed_ms(&mut self, now_ms: u64) -> u64 {
        self.empty.owed_ms(now_ms)
    }

    /// True once the headers of a request have come.
    pub(super) fn has_asked(&self) -> bool {
        self.has_asked
    }

    /// True while a header block has begun and not ended.
    pub(super) fn is_in_headers(&self) -> bool {
        self.is_in_headers
    }

    /// True when nothing is to be seen any more.
    fn is_left_alone(&self) -> bool {
        self.speaks == Speaks::Other && self.has_asked
    }

    fn preface<'a>(&mut self, have: usize, bytes: &'a [u8]) -> &'a [u8] {
        let wanted = PREFACE.get(have..).unwrap_or_default();
        let count = wanted.len().min(bytes.len());
        let (new, rest) = bytes.split_at(count);
        if !wanted.starts_with(new) {
            (self.speaks, self.at) = (Speaks::Other, At::Text(0));
            return bytes;
        } else if count == wanted.len() {
            (self.speaks, self.at) = (Speaks::Http2, At::Head([0; HEAD_BYTES], 0));
        } else {
            self.at = At::Preface(have + count);
        }
        rest
    }

    fn head<'a>(
        &mut self,
        mut head: [u8; HEAD_BYTES],
        have: usize,
        bytes: &'a [u8],
        now_ms: u64,
    ) -> Result<&'a [u8], Flood> {
        let missing = head.get_mut(have..).unwrap_or_default();
        let count = missing.len().min(bytes.len());
        let (new, rest) = bytes.split_at(count);
        missing.iter_mut().zip(new).for_each(|(to, from)| *to = *from);
        let have = have + count;
        if have < HEAD_BYTES {
            self.at = At::Head(head, have);
            return Ok(rest);
        }
        let [high, middle, low, kind, flags, ..] = head;
        let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        self.judge(kind, flags, length, now_ms)?;
        self.at = if length == 0 { At::Head([0; HEAD_BYTES], 0) } else { At::Payload(length) };
        Ok(rest)
    }

    fn payload<'a>(&mut self, left: usize, bytes: &'a [u8]) -> &'a [u8] {
        let count = left.min(bytes.len());
        let left = left - count;
        self.at = if left == 0 { At::Head([0; HEAD_BYTES], 0) } else { At::Payload(left) };
        bytes.get(count..).unwrap_or_default()
    }

    /// An empty line ends the headers.
    fn text<'a>(&mut self, mut line_ends: usize, bytes: &'a [u8]) -> &'a [u8] {
        for byte in bytes {
            line_ends = match byte {
                b'\n' => line_ends + 1,
                b'\r' => line_ends,
                _ => 0,
            };
            self.has_asked |= line_ends == 2;
        }
        self.at = At::Text(line_ends);
        &[]
    }

    fn judge(&mut self, kind: u8, flags: u8, length: usize, now_ms: u64) -> Result<(), Flood> {
        match kind {
            DATA if length > 0 || flags & END_STREAM != 0 => {
                self.control.earn(CONTROL_PER_DATA);
                self.empty.earn(EMPTY_PER_DATA);
            }
            HEADERS => {
                self.control.earn(CONTROL_PER_DATA);
                self.resets.earn(RESETS_PER_REQUEST);
                if flags & END_STREAM == 0 {
                    self.empty.overdraw(now_ms);
                }
                self.header_part(flags);
            }
            CONTINUATION => {
                self.control.spend(now_ms).ok_or(Flood::Control)?;
                self.header_part(flags);
            }
            RST_STREAM => self.resets.spend(now_ms).ok_or(Flood::Resets)?,
            _ => self.control.spend(now_ms).ok_or(Flood::Control)?,
        }
        Ok(())
    }

    fn header_part(&mut self, flags: u8) {
        self.is_in_headers = flags & END_HEADERS == 0;
        self.has_asked |= !self.is_in_headers;
    }
}

/// Libraries that measure the bandwidth send a PING, and any of them a WINDOW_UPDATE or two, for what they read; and what
/// they read is our answer to what they sent.
const CONTROL: Allowance = Allowance { at_once: 1_000, per_s: 100 };
const CONTROL_PER_DATA: i64 = 4_000;
/// Players give a request up when their viewer leaves, not twice a second for a minute.
const RESETS: Allowance = Allowance { at_once: 200, per_s: 20 };
const RESETS_PER_REQUEST: i64 = 100;
/// A request's body follows its headers, and no more streams than our stream limit wait for it at once: twice that is never
/// reached by whoever sends bodies.
const EMPTY: Allowance = Allowance { at_once: 400, per_s: 100 };
const EMPTY_PER_DATA: i64 = 1_000;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEAD_BYTES: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PING: u8 = 6;

    fn frame(kind: u8, flags: u8, length: usize) -> Vec<u8> {
        let [.., high, middle, low] = length.to_be_bytes();
        let mut frame = vec![high, middle, low, kind, flags, 0, 0, 0, 1];
        frame.resize(HEAD_BYTES + length, 0xaa);
        frame
    }

    fn after_preface() -> Frames {
        let mut frames = Frames::new();
        frames.read(PREFACE, 0).unwrap();
        frames
    }

    /// How many of a frame pass at one moment.
    fn passes(frames: &mut Frames, frame: &[u8], now_ms: u64) -> usize {
        (0..10_000).take_while(|_| frames.read(frame, now_ms).is_ok()).count()
    }

    #[test]
    fn what_costs_us_work_has_a_budget() {
        for (kind, flood, at_once) in [
            (PING, Flood::Control, 1_000),
            (4, Flood::Control, 1_000),
            (CONTINUATION, Flood::Control, 1_000),
            (DATA, Flood::Control, 1_000),
            (200, Flood::Control, 1_000),
            (RST_STREAM, Flood::Resets, 200),
        ] {
            let mut frames = after_preface();
            assert_eq!(passes(&mut frames, &frame(kind, 0, 0), 0), at_once, "{kind}");
            assert_eq!(frames.read(&frame(kind, 0, 0), 0), Err(flood), "{kind}");
        }
    }

    #[test]
    fn a_budget_grows_with_time_up_to_its_bound() {
        let mut frames = after_preface();
        passes(&mut frames, &frame(PING, 0, 8), 0);
        assert_eq!(passes(&mut frames, &frame(PING, 0, 8), 500), 50);
        assert_eq!(passes(&mut frames, &frame(PING, 0, 8), 3_600_000), 1_000);
    }

    #[test]
    fn whoever_sends_data_may_ping() {
        let mut frames = after_preface();
        for _ in 0..10_000 {
            frames.read(&frame(DATA, 0, 60), 0).unwrap();
            for _ in 0..4 {
                frames.read(&frame(PING, 0, 8), 0).unwrap();
            }
        }
    }

    #[test]
    fn requests_that_are_all_given_up_are_too_many() {
        let mut frames = after_preface();
        let request_and_reset = [frame(HEADERS, END_HEADERS, 20), frame(RST_STREAM, 0, 4)].concat();
        let passed = passes(&mut frames, &request_and_reset, 0);
        assert!((200..300).contains(&passed), "{passed}");
    }

    #[test]
    fn streams_that_bring_nothing_are_read_more_slowly() {
        let mut frames = after_preface();
        let request = frame(HEADERS, END_HEADERS, 20);
        assert_eq!(passes(&mut frames, &request, 0), 10_000, "none is cut");
        assert_eq!(frames.owed_ms(0), 96_000);
        frames.read(&frame(DATA, END_STREAM, 60), 96_000).unwrap();
        assert_eq!(frames.owed_ms(96_000), 0);
    }

    #[test]
    fn streams_that_bring_something_or_end_are_not() {
        let mut frames = after_preface();
        let with_body = [frame(HEADERS, END_HEADERS, 20), frame(DATA, 0, 60)].concat();
        let without = frame(HEADERS, END_HEADERS | END_STREAM, 20);
        assert_eq!(passes(&mut frames, &with_body, 0), 10_000);
        assert_eq!(passes(&mut frames, &without, 0), 10_000);
        // As many at once as a connection may have, before the first body.
        frames.read(&frame(HEADERS, END_HEADERS, 20).repeat(200), 0).unwrap();
        assert_eq!(frames.owed_ms(0), 0);
    }

    #[test]
    fn a_header_block_is_under_way_until_its_last_part() {
        let mut frames = after_preface();
        assert!(!frames.has_asked());
        frames.read(&frame(HEADERS, 0, 10), 0).unwrap();
        assert!(frames.is_in_headers() && !frames.has_asked());
        frames.read(&frame(CONTINUATION, END_HEADERS, 10), 0).unwrap();
        assert!(!frames.is_in_headers() && frames.has_asked());
    }

    #[test]
    fn other_protocols_are_left_alone() {
        let mut frames = Frames::new();
        frames.read(b"PR", 0).unwrap();
        assert!(!frames.has_asked(), "that may become HTTP/2");
        frames.read(b"OPFIND / HTTP/1.1\r\nhost: a\r\n", 0).unwrap();
        assert!(!frames.has_asked(), "its headers go on");
        frames.read(b"\r\n", 0).unwrap();
        assert!(frames.has_asked());
        assert_eq!(passes(&mut frames, &frame(PING, 0, 8), 0), 10_000);
    }

    proptest! {
        #[test]
        fn how_it_is_cut_into_pieces_does_not_matter(
            kinds in prop::collection::vec((0_u8..12, any::<u8>(), 0_usize..40), 0..60),
            cut in 1_usize..30,
        ) {
            let mut bytes = PREFACE.to_vec();
            kinds.iter().for_each(|&(kind, flags, length)| bytes.extend(frame(kind, flags, length)));
            let (mut whole, mut pieces) = (Frames::new(), Frames::new());
            whole.read(&bytes, 0).unwrap();
            bytes.chunks(cut).for_each(|piece| pieces.read(piece, 0).unwrap());
            prop_assert_eq!(format!("{whole:?}"), format!("{pieces:?}"));
        }
    }
}
