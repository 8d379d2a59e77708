//! Errors as gRPC tells them: a canonical code and exactly one `ErrorInfo`; a `BadRequest` that names the field where
//! the input is at fault; a `RetryInfo` where trying again helps.

use std::{collections::HashMap, time::Duration};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::{
    admission::{RejectReason, Rejection},
    edge::publish::Unpublished,
    identity::{IdentityError, Scope},
    page::PageError,
    playback::PlaybackError,
};

/// The domain of every `ErrorInfo`.
const DOMAIN: &str = "playhead";
/// When to try again after the engine stopped: about as long as a restart takes.
const RESTART: Duration = Duration::from_secs(1);

/// Input at fault: the field, the value found, what is allowed.
pub(super) fn refused(rejection: &Rejection) -> Status {
    bad_input(Code::InvalidArgument, rejection.reason.name(), rejection)
}

/// A message that is no protobuf message of its type.
pub(super) fn undecodable(problem: &str) -> Status {
    refused(&Rejection::new(RejectReason::Malformed, "message", problem, "a message as the .proto file says"))
}

/// A Hello of another protocol version.
pub(super) fn wrong_version(found: u32, allowed: u32) -> Status {
    let field = "hello.protocol_version";
    let rejection = Rejection::new(RejectReason::Malformed, field, found, allowed.to_string());
    bad_input(Code::FailedPrecondition, "PROTOCOL_VERSION", &rejection)
}

/// A page that cannot be given.
pub(super) fn page(error: &PageError, token: &str) -> Status {
    let rejection = match error {
        PageError::Size(size) => {
            Rejection::new(RejectReason::Malformed, "page_size", size, "0 (meaning 20) to 100")
        }
        PageError::Token => {
            let allowed = "next_page_token of an earlier answer, as it is";
            Rejection::new(RejectReason::Malformed, "page_token", token, allowed)
        }
    };
    refused(&rejection)
}

/// A credential that proves nobody.
pub(super) fn unauthenticated(error: &IdentityError) -> Status {
    plain(Code::Unauthenticated, error.reason(), &error.to_string())
}

/// A token without the scope that a call needs.
pub(super) fn scope_required(scope: Scope) -> Status {
    let message = format!("the token's scope lacks {}", scope.name());
    plain(Code::PermissionDenied, "SCOPE_REQUIRED", &message)
}

/// A stream is one viewer's, and a service must say whose.
pub(super) fn viewer_required() -> Status {
    let message = "Connect plays for one viewer: send the viewer's `authorization: Bearer TOKEN`; a service that speaks \
                   for many uses Publish";
    plain(Code::PermissionDenied, "VIEWER_REQUIRED", message)
}

/// The viewer has as many streams open as they may have.
pub(super) fn too_many_streams(message: &str) -> Status {
    plain(Code::ResourceExhausted, "TOO_MANY_STREAMS", message)
}

/// There is no such thing, or the caller may not know of it: both look the same.
pub(super) fn not_found(what: &str) -> Status {
    plain(Code::NotFound, "NOT_FOUND", &format!("no such {what}"))
}

/// No room: try again after a while.
pub(super) fn busy(retry_after_ms: u32) -> Status {
    let message = format!("no room, retry after {retry_after_ms} ms");
    later("BUSY", &message, Duration::from_millis(retry_after_ms.into()))
}

/// The engine stops: what is not acknowledged must be sent again, to this node or another.
pub(super) fn stopping() -> Status {
    later("STOPPING", "the server is stopping: send again what is not acknowledged", RESTART)
}

/// A Publish without outcomes.
pub(super) fn unpublished(unpublished: &Unpublished) -> Status {
    match unpublished {
        Unpublished::Refused(rejection) => refused(rejection),
        Unpublished::Denied(scope) => scope_required(*scope),
        Unpublished::Busy { retry_after_ms } => busy(*retry_after_ms),
        Unpublished::Stopping => stopping(),
    }
}

/// A read or mark that did not succeed.
pub(super) fn playback(error: &PlaybackError) -> Status {
    match error {
        PlaybackError::Busy { retry_after_ms } => busy(*retry_after_ms),
        PlaybackError::Stopping => stopping(),
        PlaybackError::Store(error) => {
            tracing::warn!(%error, "a read or mark failed");
            match error.is_retryable() {
                true => later("STORE_UNAVAILABLE", "the store does not answer, try again", RESTART),
                false => plain(Code::Internal, "STORE_FAILED", "the store failed; its log says how"),
            }
        }
    }
}

/// What the gRPC library says of itself, in our form. Bytes that are at fault become the caller's error.
pub(super) fn explained(status: Status) -> Status {
    if !status.details().is_empty() {
        return status;
    }
    let message = status.message();
    match status.code() {
        Code::OutOfRange if message.contains("message length too large") => {
            let allowed = message.rsplit_once("the limit is: ").map_or("less", |(_, limit)| limit).to_owned();
            let found = message.split_once("found ").map_or("more", |(_, found)| found);
            let found = found.split_once(", ").map_or(found, |(found, _)| found);
            let allowed = format!("at most {allowed}");
            let rejection = Rejection::new(RejectReason::BatchTooLarge, "message", found, allowed);
            bad_input(Code::InvalidArgument, "MESSAGE_TOO_LARGE", &rejection)
        }
        Code::Internal if UNFRAMED.iter().any(|known| message.contains(known)) => undecodable(message),
        code => plain(code, name(code), message),
    }
}

/// What the gRPC library says when bytes from the caller do not make up messages.
const UNFRAMED: [&str; 4] = [
    "Missing request message",
    "received message with",
    "Unexpected EOF",
    "failed to decode Protobuf message",
];

fn bad_input(code: Code, reason: &str, rejection: &Rejection) -> Status {
    let Rejection { field, value, allowed, .. } = rejection;
    let description = format!("is {value:?}; allowed is {allowed}");
    let mut details = info(reason);
    details.add_bad_request_violation(field.as_ref(), description.as_str());
    Status::with_error_details(code, format!("{field} {description}"), details)
}

fn later(reason: &str, message: &str, after: Duration) -> Status {
    let mut details = info(reason);
    details.set_retry_info(Some(after));
    Status::with_error_details(Code::Unavailable, message, details)
}

fn plain(code: Code, reason: &str, message: &str) -> Status {
    Status::with_error_details(code, message, info(reason))
}

fn info(reason: &str) -> ErrorDetails {
    ErrorDetails::with_error_info(reason, DOMAIN, HashMap::new())
}

pub(super) fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn details(status: &Status) -> (Code, String, Option<(String, String)>) {
        let details = status.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!(info.domain, DOMAIN);
        let violation = details.bad_request().map(|bad| bad.field_violations[0].clone());
        (status.code(), info.reason.clone(), violation.map(|bad| (bad.field, bad.description)))
    }

    #[test]
    fn bad_input_names_field_value_and_range() {
        let rejection = Rejection::new(RejectReason::BadText, "user_id", "", "1 to 128 bytes");
        let bad = Some(("user_id".to_owned(), "is \"\"; allowed is 1 to 128 bytes".to_owned()));
        assert_eq!(details(&refused(&rejection)), (Code::InvalidArgument, "BAD_TEXT".to_owned(), bad));
        let bad = Some(("hello.protocol_version".to_owned(), "is \"2\"; allowed is 1".to_owned()));
        let expect = (Code::FailedPrecondition, "PROTOCOL_VERSION".to_owned(), bad);
        assert_eq!(details(&wrong_version(2, 1)), expect);
    }

    #[test]
    fn trying_again_comes_with_a_time() {
        let retry = |status: Status| status.get_error_details().retry_info().unwrap().retry_delay;
        assert_eq!(retry(busy(250)), Some(Duration::from_millis(250)));
        assert_eq!(retry(stopping()), Some(RESTART));
    }

    #[test]
    fn what_the_library_says_is_told_in_our_form() {
        let too_large = "Error, decoded message length too large: found 9 bytes, the limit is: 8 bytes";
        let bad = Some(("message".to_owned(), "is \"9 bytes\"; allowed is at most 8 bytes".to_owned()));
        let expect = (Code::InvalidArgument, "MESSAGE_TOO_LARGE".to_owned(), bad);
        assert_eq!(details(&explained(Status::out_of_range(too_large))), expect);
        let (code, reason, _) = details(&explained(Status::internal("Missing request message.")));
        assert_eq!((code, reason.as_str()), (Code::InvalidArgument, "MALFORMED"));
        let (code, reason, _) = details(&explained(Status::unimplemented("")));
        assert_eq!((code, reason.as_str()), (Code::Unimplemented, "UNIMPLEMENTED"));
        assert_eq!(details(&explained(busy(1))), details(&busy(1)));
    }
}
