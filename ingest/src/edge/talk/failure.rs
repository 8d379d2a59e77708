//! Why a stream ends in an error, before a transport gives it its form: gRPC a status, QUIC and WebTransport a last frame.

use crate::{
    admission::{RejectReason, Rejection},
    edge::{shares::UsedUp, wire::PROTOCOL_VERSION},
    identity::IdentityError,
};

/// Why a stream ends in an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// A frame is at fault.
    Refused(Rejection),
    /// A frame is longer than frames may be.
    TooLarge {
        /// What it says of itself.
        bytes: u64,
        /// What is allowed.
        bytes_max: usize,
    },
    /// The Hello is of another protocol version.
    WrongVersion {
        /// Which one.
        found: u32,
    },
    /// The credential proves nobody.
    Unidentified(IdentityError),
    /// The credential is not a viewer's, and a stream plays for one.
    ViewerRequired,
    /// The viewer has as many streams open as they may have.
    TooManyStreams(UsedUp),
    /// There is no room for the session.
    Busy {
        /// When to try again, ms.
        retry_after_ms: u32,
    },
    /// The server stops: what is not acknowledged must be sent again, here or elsewhere.
    Stopping,
}

impl Failure {
    /// The canonical code, a number of google.rpc.Code.
    pub(crate) fn code(&self) -> u32 {
        match self {
            Self::Refused(_) | Self::TooLarge { .. } => INVALID_ARGUMENT,
            Self::WrongVersion { .. } => FAILED_PRECONDITION,
            Self::Unidentified(_) => UNAUTHENTICATED,
            Self::ViewerRequired => PERMISSION_DENIED,
            Self::TooManyStreams(_) => RESOURCE_EXHAUSTED,
            Self::Busy { .. } | Self::Stopping => UNAVAILABLE,
        }
    }

    /// Why, in one word.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Refused(rejection) => rejection.reason.name(),
            Self::TooLarge { .. } => "MESSAGE_TOO_LARGE",
            Self::WrongVersion { .. } => "PROTOCOL_VERSION",
            Self::Unidentified(error) => error.reason(),
            Self::ViewerRequired => "VIEWER_REQUIRED",
            Self::TooManyStreams(_) => "TOO_MANY_STREAMS",
            Self::Busy { .. } => "BUSY",
            Self::Stopping => "STOPPING",
        }
    }

    /// Why, in words for a log.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Unidentified(error) => error.to_string(),
            Self::ViewerRequired => VIEWER_REQUIRED.to_owned(),
            Self::TooManyStreams(UsedUp { of, streams_max }) => {
                format!("this {of} has {streams_max} streams open; allowed are {streams_max} on one node")
            }
            Self::Busy { retry_after_ms } => format!("no room, retry after {retry_after_ms} ms"),
            Self::Stopping => "the server is stopping: send again what is not acknowledged".to_owned(),
            Self::Refused(_) | Self::TooLarge { .. } | Self::WrongVersion { .. } => {
                let at_fault = self.rejection();
                at_fault.map_or_else(String::new, |Rejection { field, value, allowed, .. }| {
                    format!("{field} is {value:?}; allowed is {allowed}")
                })
            }
        }
    }

    /// When to try again, ms; 0 when that does not help.
    pub(crate) fn retry_after_ms(&self) -> u32 {
        match self {
            Self::Busy { retry_after_ms } => *retry_after_ms,
            Self::Stopping => RESTART_MS,
            _ => 0,
        }
    }

    /// The field at fault, with what was found and what is allowed.
    pub(crate) fn rejection(&self) -> Option<Rejection> {
        match self {
            Self::Refused(rejection) => Some(rejection.clone()),
            Self::TooLarge { bytes, bytes_max } => {
                let (found, allowed) = (format!("{bytes} bytes"), format!("at most {bytes_max} bytes"));
                Some(Rejection::new(RejectReason::BatchTooLarge, "message", found, allowed))
            }
            Self::WrongVersion { found } => {
                let (field, allowed) = ("hello.protocol_version", PROTOCOL_VERSION.to_string());
                Some(Rejection::new(RejectReason::Malformed, field, found, allowed))
            }
            Self::Unidentified(_)
            | Self::ViewerRequired
            | Self::TooManyStreams(_)
            | Self::Busy { .. }
            | Self::Stopping => None,
        }
    }
}

/// When to try again after the engine stopped: about as long as a restart takes, ms.
const RESTART_MS: u32 = 1_000;
const VIEWER_REQUIRED: &str =
    "a stream plays for one viewer, whom its token names; a service that speaks for many uses Publish";

const INVALID_ARGUMENT: u32 = 3;
const PERMISSION_DENIED: u32 = 7;
const RESOURCE_EXHAUSTED: u32 = 8;
const FAILED_PRECONDITION: u32 = 9;
const UNAVAILABLE: u32 = 14;
const UNAUTHENTICATED: u32 = 16;
