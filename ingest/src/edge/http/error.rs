//! What a request that fails is answered: one shape for all, with a canonical code and what to change.

use std::borrow::Cow;

use axum::{
    http::{
        HeaderValue, StatusCode,
        header::{RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::{
    admission::{RejectReason, Rejection},
    edge::{
        calls::Refused,
        publish::{SessionOutcome, Unpublished},
    },
    identity::{IdentityError, Scope},
    playback::PlaybackError,
};

use super::json::{OutcomeJson, reply};

/// A failed request.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Failure {
    status: StatusCode,
    error: Box<ErrorJson>,
    /// What `WWW-Authenticate` says.
    challenge: Option<HeaderValue>,
    outcome: Option<Box<SessionOutcome>>,
}

/// The error of a failed request, as it is answered.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
struct ErrorJson {
    /// The canonical code, one of gRPC's.
    code: &'static str,
    /// Why, in one word.
    reason: Cow<'static, str>,
    /// The same in words.
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u32>,
}

impl Failure {
    fn new(status: StatusCode, code: &'static str, reason: &'static str, message: String) -> Self {
        let error = ErrorJson { code, reason: reason.into(), message, ..ErrorJson::default() };
        Self { status, error: Box::new(error), challenge: None, outcome: None }
    }

    /// The body cannot be read as what it should be.
    #[expect(clippy::needless_pass_by_value, reason = "errors are handed over as they are")]
    pub(super) fn malformed(message: impl ToString) -> Self {
        Self::new(StatusCode::BAD_REQUEST, INVALID, RejectReason::Malformed.name(), message.to_string())
    }

    /// The body is longer than it may be.
    pub(super) fn too_large(bytes_max: usize) -> Self {
        let message =
            format!("the body is too large or did not come to its end; allowed is {bytes_max} bytes");
        let mut failure = Self::new(StatusCode::PAYLOAD_TOO_LARGE, INVALID, "BODY_TOO_LARGE", message);
        failure.error.field = Some("body".to_owned());
        failure.error.allowed = Some(format!("1 to {bytes_max} bytes"));
        failure
    }

    /// The body is of a type that this route does not read.
    pub(super) fn content_type(found: &str) -> Self {
        let allowed = "application/json or application/x-protobuf";
        Self::unsupported("content-type", "UNSUPPORTED_CONTENT_TYPE", found, allowed)
    }

    /// The body is compressed. Events are small, and what is not unpacked cannot burst.
    pub(super) fn content_encoding(found: &str) -> Self {
        Self::unsupported("content-encoding", "UNSUPPORTED_CONTENT_ENCODING", found, "identity, or none")
    }

    fn unsupported(header: &str, reason: &'static str, found: &str, allowed: &str) -> Self {
        let message = format!("{header} is {found:?}; allowed is {allowed}");
        let mut failure = Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, INVALID, reason, message);
        failure.error.field = Some(header.to_owned());
        failure.error.value = Some(found.chars().take(crate::admission::VALUE_CHARS_MAX).collect());
        failure.error.allowed = Some(allowed.to_owned());
        failure
    }

    /// A field is wrong, or the caller may not use it so.
    pub(super) fn rejected(rejection: &Rejection) -> Self {
        let Rejection { reason, field, value, allowed } = rejection;
        let message = format!("{field} is {value:?}; allowed is {allowed}");
        let (status, code) = match reason {
            RejectReason::NotAllowed => (StatusCode::FORBIDDEN, "PERMISSION_DENIED"),
            _ => (StatusCode::BAD_REQUEST, INVALID),
        };
        let mut failure = Self::new(status, code, reason.name(), message);
        failure.error.field = Some(field.to_string());
        failure.error.value = Some(value.clone());
        failure.error.allowed = Some(allowed.to_string());
        failure
    }

    /// Every event of a batch was refused: the first refusal, beside the outcome that lists them all.
    pub(super) fn all_rejected(rejection: &Rejection, outcome: SessionOutcome) -> Self {
        Self { outcome: Some(Box::new(outcome)), ..Self::rejected(rejection) }
    }

    /// There is no such path.
    pub(super) fn no_path() -> Self {
        Self::absent("path")
    }

    /// There is no such thing, or it is not the caller's to know of: both look the same.
    pub(super) fn absent(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", "NOT_FOUND", format!("no such {what}"))
    }

    /// The token lacks a scope (RFC 6750, section 3.1).
    pub(super) fn scope_required(scope: Scope) -> Self {
        let name = scope.name();
        let message = format!("the token's scope lacks {name}");
        let mut failure = Self::new(StatusCode::FORBIDDEN, "PERMISSION_DENIED", "SCOPE_REQUIRED", message);
        let challenge = format!("{BEARER}, error=\"insufficient_scope\", scope=\"{name}\"");
        failure.challenge = HeaderValue::try_from(challenge).ok();
        failure
    }

    /// A service beside the engine says why not.
    pub(super) fn refused(refused: Refused) -> Self {
        let Refused { code, reason, message, field, fault, retry_after_ms } = refused;
        // A service tells what it found and what is allowed in one sentence.
        let fault = fault.as_deref().and_then(|fault| fault.strip_prefix("is ")?.split_once("; allowed is "));
        let found = fault.map(|(found, _)| serde_json::from_str(found).unwrap_or_else(|_| found.to_owned()));
        let challenge = match code {
            "UNAUTHENTICATED" if reason == "TOKEN_MISSING" => Some(BEARER.to_owned()),
            "UNAUTHENTICATED" => {
                Some(format!("{BEARER}, error=\"invalid_token\", error_description=\"{reason}\""))
            }
            "PERMISSION_DENIED" if reason == "SCOPE_REQUIRED" => {
                let scope = message.rsplit(' ').next().unwrap_or_default();
                Some(format!("{BEARER}, error=\"insufficient_scope\", scope=\"{scope}\""))
            }
            _ => None,
        };
        let error = ErrorJson {
            code,
            reason: reason.into(),
            message,
            field,
            value: found,
            allowed: fault.map(|(_, allowed)| allowed.to_owned()),
            retry_after_ms,
        };
        let challenge = challenge.and_then(|challenge| HeaderValue::try_from(challenge).ok());
        Self { status: status(code), error: Box::new(error), challenge, outcome: None }
    }

    /// An answer that is there and cannot be told.
    pub(super) fn unwritable() -> Self {
        let message = "the answer cannot be written as JSON".to_owned();
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", "UNWRITABLE", message)
    }

    /// The route has no such method.
    pub(super) fn method() -> Self {
        let message = "this path has no such method".to_owned();
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "UNIMPLEMENTED", "METHOD_NOT_ALLOWED", message)
    }

    /// There is no room.
    pub(super) fn busy(retry_after_ms: u32) -> Self {
        let message = format!("no room, retry after {retry_after_ms} ms");
        let mut failure = Self::new(StatusCode::SERVICE_UNAVAILABLE, UNAVAILABLE, "BUSY", message);
        failure.error.retry_after_ms = Some(retry_after_ms);
        failure
    }

    fn stopping() -> Self {
        let message = "the engine is stopping; send the same again, it is stored once".to_owned();
        let mut failure = Self::new(StatusCode::SERVICE_UNAVAILABLE, UNAVAILABLE, "STOPPING", message);
        failure.error.retry_after_ms = Some(STOPPING_RETRY_MS);
        failure
    }
}

/// Says why, and how to ask rightly (RFC 6750, section 3).
impl From<IdentityError> for Failure {
    fn from(error: IdentityError) -> Self {
        let (reason, message) = (error.reason(), error.to_string());
        let challenge = match error {
            IdentityError::Missing => BEARER.to_owned(),
            _ => format!("{BEARER}, error=\"invalid_token\", error_description=\"{reason}\""),
        };
        let mut failure = Self::new(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", reason, message);
        failure.challenge = HeaderValue::try_from(challenge).ok();
        failure
    }
}

impl From<Unpublished> for Failure {
    fn from(error: Unpublished) -> Self {
        match error {
            Unpublished::Refused(rejection) => Self::rejected(&rejection),
            Unpublished::Denied(scope) => Self::scope_required(scope),
            Unpublished::Busy { retry_after_ms } => Self::busy(retry_after_ms),
            Unpublished::Stopping => Self::stopping(),
        }
    }
}

impl From<PlaybackError> for Failure {
    fn from(error: PlaybackError) -> Self {
        match error {
            PlaybackError::Busy { retry_after_ms } => Self::busy(retry_after_ms),
            PlaybackError::Stopping => Self::stopping(),
            PlaybackError::Store(error) if error.is_retryable() => {
                tracing::warn!(%error, "store unavailable for a read");
                let message = "the store cannot answer now".to_owned();
                let mut failure = Self::new(StatusCode::SERVICE_UNAVAILABLE, UNAVAILABLE, "STORE", message);
                failure.error.retry_after_ms = Some(STORE_RETRY_MS);
                failure
            }
            PlaybackError::Store(error) => {
                tracing::error!(%error, "store failed");
                Self::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "INTERNAL",
                    "STORE",
                    "the store failed".to_owned(),
                )
            }
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Body<'a> {
            error: ErrorJson,
            #[serde(skip_serializing_if = "Option::is_none")]
            outcome: Option<OutcomeJson<'a>>,
        }
        let retry_after_s = self.error.retry_after_ms.map(|ms| ms.div_ceil(1_000).max(1));
        let outcome = self.outcome.as_deref().map(OutcomeJson::new);
        let mut response = reply(self.status, &Body { error: *self.error, outcome });
        if let Some(challenge) = self.challenge {
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        if let Some(retry_after_s) = retry_after_s {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after_s));
        }
        response
    }
}

/// The status that says about the same as a canonical code.
fn status(code: &str) -> StatusCode {
    match code {
        "INVALID_ARGUMENT" | "OUT_OF_RANGE" => StatusCode::BAD_REQUEST,
        "UNAUTHENTICATED" => StatusCode::UNAUTHORIZED,
        "PERMISSION_DENIED" => StatusCode::FORBIDDEN,
        "NOT_FOUND" => StatusCode::NOT_FOUND,
        "ALREADY_EXISTS" | "ABORTED" | "FAILED_PRECONDITION" => StatusCode::CONFLICT,
        "RESOURCE_EXHAUSTED" => StatusCode::TOO_MANY_REQUESTS,
        "UNIMPLEMENTED" => StatusCode::NOT_IMPLEMENTED,
        "UNAVAILABLE" => StatusCode::SERVICE_UNAVAILABLE,
        "DEADLINE_EXCEEDED" => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

const INVALID: &str = "INVALID_ARGUMENT";
const UNAVAILABLE: &str = "UNAVAILABLE";
/// How to show who one is.
const BEARER: &str = "Bearer realm=\"playhead\"";
/// Long enough for another node, or this one again, to be there, ms.
const STOPPING_RETRY_MS: u32 = 2_000;
/// When to ask a store again that could not answer, ms.
const STORE_RETRY_MS: u32 = 1_000;
