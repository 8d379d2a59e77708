//! Errors, by what the caller does next.

use std::{io, sync::Arc, time::Duration};

use playhead_proto::ingest::v1::Event;

/// What helps against an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Connect again, after a while: the network, a restart, no room.
    Retry,
    /// Get another token: this one proves nobody, or nobody any more.
    NewToken,
    /// Change what is sent or who sends it: it will be refused again.
    Fix,
}

/// A stream could not be opened, or ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {message}")]
pub struct LineError {
    /// What helps.
    pub next: Next,
    /// Why, in one word: the server's own, or this client's.
    pub reason: String,
    /// The same in words.
    pub message: String,
    /// Not to be tried again before.
    pub retry_after: Duration,
}

impl LineError {
    /// Something that passes.
    pub(crate) fn retry(reason: &str, message: &(impl ToString + ?Sized)) -> Self {
        Self {
            next: Next::Retry,
            reason: reason.to_owned(),
            message: message.to_string(),
            retry_after: Duration::ZERO,
        }
    }

    /// What a server says, by its `google.rpc.Code`.
    pub(crate) fn said(code: u32, reason: String, message: String, retry_after: Duration) -> Self {
        Self { next: Next::after(code), reason, message, retry_after }
    }

    /// The stream ended although not everything had its ending.
    #[must_use]
    pub fn ended_early() -> Self {
        Self::retry("ENDED_EARLY", "the stream ended before everything was acknowledged")
    }
}

impl Next {
    /// What helps against a `google.rpc.Code`.
    fn after(code: u32) -> Self {
        match code {
            // UNAUTHENTICATED.
            16 => Self::NewToken,
            // INVALID_ARGUMENT, NOT_FOUND, PERMISSION_DENIED, FAILED_PRECONDITION, OUT_OF_RANGE, UNIMPLEMENTED.
            3 | 5 | 7 | 9 | 11 | 12 => Self::Fix,
            _ => Self::Retry,
        }
    }
}

/// An event was not taken.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// Window or tail file hold as much as they may; here is the event again. Wait, or drop it.
    #[error("{held} events of the session have no ending, and no more may be held")]
    Full {
        /// The event.
        event: Box<Event>,
        /// How many are held.
        held: usize,
    },
    /// The disk of the tail file fails; here is the event again.
    #[error("the tail file: {error}")]
    Tail {
        /// The event.
        event: Box<Event>,
        /// Why.
        error: io::Error,
    },
    /// The session is over: open another one.
    #[error("the session is over: {0}")]
    Over(Arc<SessionError>),
}

/// A session ended before everything had its ending.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// The server refuses the session or the token for good.
    #[error("{0}")]
    Refused(LineError),
    /// There is no token to be had.
    #[error("no token: {0}")]
    NoToken(String),
    /// As many tries as were allowed have failed; this is the last one's error.
    #[error("unreachable after {tries} tries: {last}")]
    Unreachable {
        /// How many.
        tries: u32,
        /// Why the last one failed.
        last: LineError,
    },
    /// The session was closed.
    #[error("it was closed")]
    Closed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_by_what_helps() {
        let next = |code| LineError::said(code, "R".into(), "m".into(), Duration::ZERO).next;
        assert_eq!(next(16), Next::NewToken);
        assert_eq!([3, 5, 7, 9, 11, 12].map(next), [Next::Fix; 6]);
        // CANCELLED, UNKNOWN, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, ABORTED, INTERNAL, UNAVAILABLE, and what is not known.
        assert_eq!([1, 2, 4, 8, 10, 13, 14, 99].map(next), [Next::Retry; 8]);
    }
}
