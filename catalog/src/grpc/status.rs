//! Errors as gRPC tells them: a canonical code and exactly one `ErrorInfo`; a `BadRequest` that names the field where the
//! input is at fault; a `RetryInfo` where trying again helps.

use std::{collections::HashMap, time::Duration};

use playhead_ingest::identity::{IdentityError, Scope};
use playhead_store::catalog::Fault;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::CatalogError;

/// Why a call does not get what it wants.
pub(super) fn of(error: &CatalogError) -> Status {
    match error {
        CatalogError::Bad(fault) => bad(fault),
        CatalogError::Absent(what) => absent(what),
        CatalogError::Changed => plain(Code::Aborted, "CHANGED", &error.to_string()),
        CatalogError::Taken { field, .. } => {
            let mut details = info("TAKEN");
            details.add_bad_request_violation(*field, error.to_string());
            Status::with_error_details(Code::AlreadyExists, error.to_string(), details)
        }
        CatalogError::State { reason, message } => plain(Code::FailedPrecondition, reason, message),
        CatalogError::Store(store) => {
            tracing::warn!(error = %store, "a read or write of documents failed");
            match store.is_retryable() {
                true => later("STORE_UNAVAILABLE", "the store does not answer, try again"),
                false => plain(Code::Internal, "STORE_FAILED", "the store failed; its log says how"),
            }
        }
        CatalogError::Slow(ms) => {
            tracing::warn!(ms, "the store did not answer in time");
            later("STORE_UNAVAILABLE", "the store does not answer, try again")
        }
        CatalogError::Signing(error) => {
            tracing::error!(%error, "the cryptographic library refused");
            plain(Code::Internal, "SIGNING_FAILED", "the server could not sign; its log says why")
        }
        CatalogError::Starting => later("SEARCH_STARTING", &error.to_string()),
        CatalogError::Search(why) => {
            tracing::error!(error = %why, "the search failed");
            plain(Code::Internal, "SEARCH_FAILED", "the search failed; its log says how")
        }
        CatalogError::Unreadable(what) => {
            tracing::warn!(what, "a document cannot be read");
            plain(Code::Internal, "STORE_FAILED", "the store failed; its log says how")
        }
    }
}

/// Input at fault: the field, the value found, what is allowed.
pub(super) fn bad(fault: &Fault) -> Status {
    let Fault { field, value, allowed } = fault;
    let mut details = info("MALFORMED");
    details.add_bad_request_violation(field.as_str(), format!("is {value:?}; allowed is {allowed}"));
    Status::with_error_details(Code::InvalidArgument, fault.to_string(), details)
}

/// There is no such thing, or the caller may not know of it: both look the same.
pub(super) fn absent(what: &str) -> Status {
    plain(Code::NotFound, "NOT_FOUND", &format!("no such {what}"))
}

/// A credential that proves nobody.
pub(super) fn unauthenticated(error: &IdentityError) -> Status {
    plain(Code::Unauthenticated, error.reason(), &error.to_string())
}

/// A session token, where it is not enough.
pub(super) fn session_token() -> Status {
    let message = "a session token does not press the play button: send the viewer's own token";
    plain(Code::PermissionDenied, "SESSION_TOKEN", message)
}

/// A token without the scope that a call needs.
pub(super) fn scope_required(scope: Scope) -> Status {
    plain(Code::PermissionDenied, "SCOPE_REQUIRED", &format!("the token's scope lacks {}", scope.name()))
}

fn later(reason: &str, message: &str) -> Status {
    let mut details = info(reason);
    details.set_retry_info(Some(RETRY_AFTER));
    Status::with_error_details(Code::Unavailable, message, details)
}

fn plain(code: Code, reason: &str, message: &str) -> Status {
    Status::with_error_details(code, message, info(reason))
}

fn info(reason: &str) -> ErrorDetails {
    ErrorDetails::with_error_info(reason, DOMAIN, HashMap::new())
}

/// The domain of every `ErrorInfo`.
const DOMAIN: &str = "playhead";
/// When to try again after the store did not answer.
const RETRY_AFTER: Duration = Duration::from_secs(1);
