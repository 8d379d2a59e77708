//! Reading bodies within bounds: of length, of time, and of what all requests hold together.

use std::{sync::Arc, time::Duration};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The room for the bodies of all requests together.
pub(super) struct Bodies {
    room: Arc<Semaphore>,
    wait: Duration,
}

/// What was read of a body.
pub(super) struct Taken {
    /// Its bytes.
    pub(super) bytes: Bytes,
    /// False when it was longer than it may be, ended too soon or took too long.
    pub(super) is_whole: bool,
    /// Its share of the room, given back when this is dropped. `None` when there was no room, so that it was cut.
    pub(super) room: Option<OwnedSemaphorePermit>,
}

impl Taken {
    /// The lines that are all there: without the last one, where the body was cut.
    pub(super) fn whole_lines(&self) -> &[u8] {
        let end = match self.is_whole {
            true => self.bytes.len(),
            false => self.bytes.iter().rposition(|&byte| byte == b'\n').unwrap_or(0),
        };
        self.bytes.get(..end).unwrap_or_default()
    }
}

impl Bodies {
    /// Room for so many bytes, each body read for at most `wait`.
    pub(super) fn new(bytes_max: usize, wait: Duration) -> Self {
        let kibibytes = (bytes_max / KIBIBYTE).clamp(1, Semaphore::MAX_PERMITS);
        Self { room: Arc::new(Semaphore::new(kibibytes)), wait }
    }

    /// Reads a body up to `bytes_max`.
    pub(super) async fn take(&self, body: Body, bytes_max: usize) -> Taken {
        let mut reading = Reading { room: self.grant(0), ..Reading::default() };
        // A body that takes too long is cut where it is.
        let is_whole =
            tokio::time::timeout(self.wait, reading.read(self, body, bytes_max)).await.unwrap_or(false);
        let Reading { first, rest, room } = reading;
        let bytes = if rest.is_empty() { first } else { rest.freeze() };
        Taken { bytes, is_whole, room }
    }

    /// Counts the lines of a body that nobody keeps, so that it takes no room: those that say anything, also one that is
    /// cut. Read as far and as long as another one.
    pub(super) async fn lines(&self, mut body: Body, bytes_max: usize) -> u64 {
        let mut lines = Lines { bytes_left: bytes_max, ..Lines::default() };
        let counting = async {
            while let Some(Ok(frame)) = body.frame().await {
                frame.into_data().into_iter().for_each(|data| lines.add(&data));
                if lines.bytes_left == 0 {
                    break;
                }
            }
        };
        // What came until then counts.
        let _ = tokio::time::timeout(self.wait, counting).await;
        lines.count
    }

    fn grant(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let kibibytes = u32::try_from(bytes / KIBIBYTE + 1).unwrap_or(u32::MAX);
        Arc::clone(&self.room).try_acquire_many_owned(kibibytes).ok()
    }
}

/// A body that is being read. Most come in one piece, which is not copied.
#[derive(Default)]
struct Reading {
    first: Bytes,
    rest: BytesMut,
    room: Option<OwnedSemaphorePermit>,
}

impl Reading {
    /// Returns whether all of the body was read.
    async fn read(&mut self, bodies: &Bodies, mut body: Body, bytes_max: usize) -> bool {
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return false };
            let Ok(data) = frame.into_data() else { continue };
            if !self.add(bodies, &data, bytes_max) {
                return false;
            }
        }
        self.room.is_some()
    }

    /// Keeps what fits, and returns whether that is all.
    fn add(&mut self, bodies: &Bodies, data: &Bytes, bytes_max: usize) -> bool {
        let (Some(room), Some(more)) = (&mut self.room, bodies.grant(data.len())) else {
            self.room = None;
            return false;
        };
        room.merge(more);
        let left = bytes_max.saturating_sub(self.first.len().max(self.rest.len()));
        let fits = data.len() <= left;
        let data = data.slice(..data.len().min(left));
        if self.first.is_empty() {
            self.first = data;
        } else {
            if self.rest.is_empty() {
                self.rest.extend_from_slice(&self.first);
            }
            self.rest.extend_from_slice(&data);
        }
        fits
    }
}

/// The lines of a body, as they come.
#[derive(Default)]
struct Lines {
    count: u64,
    /// True when the line that came last has said something.
    is_counted: bool,
    bytes_left: usize,
}

impl Lines {
    fn add(&mut self, data: &[u8]) {
        for &byte in data.iter().take(self.bytes_left) {
            let says = !byte.is_ascii_whitespace();
            self.count += u64::from(says && !self.is_counted);
            self.is_counted = byte != b'\n' && (self.is_counted || says);
        }
        self.bytes_left = self.bytes_left.saturating_sub(data.len());
    }
}

/// What the room is counted in, bytes.
const KIBIBYTE: usize = 1_024;

#[cfg(test)]
mod tests {
    use axum::BoxError;
    use tokio_stream::{Stream, iter, pending};

    use super::*;

    fn body(parts: &[&'static str]) -> Body {
        Body::from_stream(iter(parts.to_vec()).map_ok())
    }

    trait MapOk: Stream<Item = &'static str> + Send + Sized + 'static {
        fn map_ok(self) -> impl Stream<Item = Result<Bytes, BoxError>> + Send {
            tokio_stream::StreamExt::map(self, |part| Ok(Bytes::from_static(part.as_bytes())))
        }
    }
    impl<S: Stream<Item = &'static str> + Send + Sized + 'static> MapOk for S {}

    fn bodies() -> Bodies {
        Bodies::new(64 << 10, Duration::from_secs(30))
    }

    #[tokio::test]
    async fn a_body_is_read_to_its_limit() {
        for (parts, expect, is_whole) in [
            (&["ab", "cd", "e"][..], "abcde", true),
            (&["abcde"][..], "abcde", true),
            (&[][..], "", true),
            (&["abc", "def"][..], "abcde", false),
            (&["abcdef", "g"][..], "abcde", false),
        ] {
            let taken = bodies().take(body(parts), 5).await;
            assert_eq!((&*taken.bytes, taken.is_whole), (expect.as_bytes(), is_whole), "{parts:?}");
        }
    }

    #[tokio::test]
    async fn room_is_taken_and_given_back() {
        let bodies = Bodies::new(3 << 10, Duration::from_secs(30));
        let first = bodies.take(body(&["a"]), 5).await;
        assert!(first.is_whole);
        let second = bodies.take(body(&["b"]), 5).await;
        assert!(second.room.is_none() && !second.is_whole, "no room for a second one");
        drop(first);
        assert!(bodies.take(body(&["c"]), 5).await.is_whole);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_is_cut() {
        let never = Body::from_stream(tokio_stream::StreamExt::chain(iter(["a"]).map_ok(), pending()));
        let taken = bodies().take(never, 5).await;
        assert_eq!((&*taken.bytes, taken.is_whole), (b"a".as_slice(), false));
    }

    #[tokio::test(start_paused = true)]
    async fn lines_are_counted_without_room() {
        for (parts, bytes_max, expect) in [
            (&["a\nb\n", "c"][..], 100, 3),
            (&["a", "b\n", "\r\n \n", "  c", " d "][..], 100, 2),
            (&[][..], 100, 0),
            (&[" \n"][..], 100, 0),
            (&["a\nbb\n", "c\nd\ne"][..], 6, 3),
            (&["a\nb\nc\nd\ne"][..], 6, 3),
        ] {
            let bodies = Bodies::new(2 << 10, Duration::from_secs(30));
            let full = bodies.take(body(&["a"]), 5).await;
            assert!(full.is_whole);
            assert!(!bodies.take(body(&["a"]), 5).await.is_whole, "no room for another one");
            assert_eq!(bodies.lines(body(parts), bytes_max).await, expect, "{parts:?}");
        }
        let never = Body::from_stream(tokio_stream::StreamExt::chain(iter(["a\nb"]).map_ok(), pending()));
        assert_eq!(bodies().lines(never, 100).await, 2, "what came in time");
    }
}
