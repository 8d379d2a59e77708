//! Watches one connection for as long as it lives: who says nothing, who is slow, who floods, who never reads.

use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep_until};

use super::{
    Counts, Limits,
    frames::{Flood, Frames},
};

/// Why a connection was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Its first request, or a header block, took too long to come.
    SlowHeaders,
    /// It sent more frames that bring nothing than we put up with.
    ControlFlood,
    /// It opened streams only to give them up.
    ResetFlood,
    /// It did not read what was written to it.
    NeverReads,
}

/// All reasons.
pub const CUTS: [Cut; 4] = [Cut::SlowHeaders, Cut::ControlFlood, Cut::ResetFlood, Cut::NeverReads];

impl Cut {
    /// Its name in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SlowHeaders => "SLOW_HEADERS",
            Self::ControlFlood => "CONTROL_FLOOD",
            Self::ResetFlood => "RESET_FLOOD",
            Self::NeverReads => "NEVER_READS",
        }
    }
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::error::Error for Cut {}

impl From<Flood> for Cut {
    fn from(flood: Flood) -> Self {
        match flood {
            Flood::Control => Self::ControlFlood,
            Flood::Resets => Self::ResetFlood,
        }
    }
}

/// A connection's guard.
#[derive(Debug)]
pub(super) struct Guard {
    frames: Frames,
    limits: Limits,
    counts: Counts,
    began: Instant,
    /// When the headers that are awaited have to be there.
    headers_due: Option<Pin<Box<Sleep>>>,
    /// When the peer has to have read something.
    read_due: Option<Pin<Box<Sleep>>>,
    /// Until when nothing is read from the peer.
    slowed: Option<Pin<Box<Sleep>>>,
}

impl Guard {
    pub(super) fn new(limits: Limits, counts: Counts) -> Self {
        let began = Instant::now();
        let mut guard = Self {
            frames: Frames::new(),
            limits,
            counts,
            began,
            headers_due: None,
            read_due: None,
            slowed: None,
        };
        guard.counts.open.inc();
        guard.await_headers(began);
        guard
    }

    /// The same, from now on: what came before was the handshake's time.
    pub(super) fn afresh(mut self) -> Self {
        self.await_headers(Instant::now());
        self
    }

    /// Looks at what was read.
    pub(super) fn has_read(&mut self, bytes: &[u8]) -> io::Result<()> {
        let now = Instant::now();
        let since_ms = u64::try_from(now.duration_since(self.began).as_millis()).unwrap_or(u64::MAX);
        self.frames.read(bytes, since_ms).map_err(|flood| self.cut(flood.into()))?;
        let is_awaited = !self.frames.has_asked() || self.frames.is_in_headers();
        match (is_awaited, &self.headers_due) {
            (true, None) => self.await_headers(now),
            (false, Some(_)) => self.headers_due = None,
            _ => {}
        }
        match self.frames.owed_ms(since_ms) {
            0 => {}
            owed_ms => self.slow_down(now + Duration::from_millis(owed_ms)),
        }
        Ok(())
    }

    /// Waits while nothing is to be read from the peer.
    pub(super) fn poll_slowed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(until) = &mut self.slowed {
            ready!(until.as_mut().poll(cx));
            self.slowed = None;
        }
        Poll::Ready(())
    }

    fn slow_down(&mut self, until: Instant) {
        self.counts.slowed.inc();
        self.slowed = Some(Box::pin(sleep_until(until)));
    }

    /// Nothing is there to read: has it been awaited for too long?
    pub(super) fn poll_headers(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        match &mut self.headers_due {
            Some(due) => {
                ready!(due.as_mut().poll(cx));
                Poll::Ready(self.cut(Cut::SlowHeaders))
            }
            None => Poll::Pending,
        }
    }

    /// Something was written.
    pub(super) fn has_written(&mut self) {
        self.read_due = None;
    }

    /// Nothing can be written: has it been so for too long?
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let patience = Duration::from_millis(self.limits.write_ms_max);
        let due = self.read_due.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + patience)));
        ready!(due.as_mut().poll(cx));
        Poll::Ready(self.cut(Cut::NeverReads))
    }

    fn await_headers(&mut self, now: Instant) {
        let due = now + Duration::from_millis(self.limits.headers_ms_max);
        self.headers_due = Some(Box::pin(sleep_until(due)));
    }

    fn cut(&self, cut: Cut) -> io::Error {
        self.counts.cut(cut);
        io::Error::other(cut)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.counts.open.dec();
    }
}
