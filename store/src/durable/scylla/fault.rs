//! What the driver and the cluster say when they cannot, sorted by what our caller does next.

use scylla::errors::{
    ConnectionError, ConnectionPoolError, ConnectionSetupRequestErrorKind, DbError, ExecutionError,
    MetadataError, NewSessionError, NextPageError, NextRowError, PagerExecutionError, PrepareError,
    RequestAttemptError, RequestError,
};

use crate::{StoreError, StoreErrorKind, codec::FormatError};
use StoreErrorKind::{Damaged, Refused, Unavailable, Unknown};

/// An error of a read: nothing has changed, so doubt is no matter.
pub(super) fn in_reading(what: &'static str) -> impl Fn(ExecutionError) -> StoreError + Copy {
    move |error| StoreError::new(without_doubt(of_execution(&error)), what, error)
}

/// An error of a write. Without an answer it may have been done.
pub(super) fn in_writing(what: &'static str) -> impl Fn(ExecutionError) -> StoreError + Copy {
    move |error| StoreError::new(of_execution(&error), what, error)
}

/// An error of a read of several pages, when it begins.
pub(super) fn in_paging(what: &'static str) -> impl Fn(PagerExecutionError) -> StoreError {
    move |error| {
        let kind = match &error {
            PagerExecutionError::PrepareError(error) => of_preparing(error),
            PagerExecutionError::SerializationError(_) => Refused,
            PagerExecutionError::NextPageError(error) => of_page(error),
            _ => Unavailable,
        };
        StoreError::new(without_doubt(kind), what, error)
    }
}

/// An error of a read of several pages, at a later row.
pub(super) fn in_row(what: &'static str) -> impl Fn(NextRowError) -> StoreError {
    move |error| {
        let kind = match &error {
            NextRowError::NextPageError(error) => of_page(error),
            _ => Damaged,
        };
        StoreError::new(without_doubt(kind), what, error)
    }
}

/// A statement that the cluster does not take, or no node to ask.
pub(super) fn in_preparing(error: PrepareError) -> StoreError {
    StoreError::new(without_doubt(of_preparing(&error)), "preparing a statement", error)
}

/// No session with the cluster.
pub(super) fn in_connecting(error: NewSessionError) -> StoreError {
    let kind = match &error {
        NewSessionError::EmptyKnownNodesList | NewSessionError::IllegalConfig(_) => Refused,
        NewSessionError::MetadataError(MetadataError::ConnectionPoolError(error)) => of_pool(error),
        _ => Unavailable,
    };
    StoreError::new(kind, "connecting to the cluster", error)
}

/// Rows that are not what they should be: another schema, or bytes that are not ours.
pub(super) fn in_rows<E>(what: &'static str) -> impl Fn(E) -> StoreError + Copy
where
    E: std::error::Error + Send + Sync + 'static,
{
    move |error| StoreError::new(Damaged, what, error)
}

/// A value that cannot be read.
pub(super) fn in_value(what: &'static str) -> impl Fn(FormatError) -> StoreError + Copy {
    move |error| {
        let kind = match error {
            FormatError::Newer { .. } => Refused,
            FormatError::Malformed(_) => Damaged,
        };
        StoreError::new(kind, what, error)
    }
}

/// True for what a cluster says, or does not say, when it cannot follow.
pub(super) fn is_strain(error: &ExecutionError) -> bool {
    match error {
        ExecutionError::RequestTimeout(_) => true,
        ExecutionError::LastAttemptError(RequestAttemptError::UnableToAllocStreamId) => true,
        ExecutionError::LastAttemptError(RequestAttemptError::DbError(error, _)) => matches!(
            error,
            DbError::Overloaded
                | DbError::RateLimitReached { .. }
                | DbError::WriteTimeout { .. }
                | DbError::ReadTimeout { .. }
        ),
        _ => false,
    }
}

fn of_execution(error: &ExecutionError) -> StoreErrorKind {
    match error {
        ExecutionError::BadQuery(_) => Refused,
        ExecutionError::ConnectionPoolError(error) => of_pool(error),
        ExecutionError::EmptyPlan => Unavailable,
        ExecutionError::PrepareError(error) => of_preparing(error),
        ExecutionError::LastAttemptError(error) => of_attempt(error),
        // A time-out, and whatever a later driver may say.
        _ => Unknown,
    }
}

fn of_page(error: &NextPageError) -> StoreErrorKind {
    match error {
        NextPageError::RequestFailure(RequestError::LastAttemptError(error)) => of_attempt(error),
        NextPageError::RequestFailure(RequestError::ConnectionPoolError(error)) => of_pool(error),
        _ => Unavailable,
    }
}

fn of_preparing(error: &PrepareError) -> StoreErrorKind {
    match error {
        PrepareError::ConnectionPoolError(error) => of_pool(error),
        PrepareError::AllAttemptsFailed { first_attempt } => of_attempt(first_attempt),
        _ => Unavailable,
    }
}

fn of_pool(error: &ConnectionPoolError) -> StoreErrorKind {
    let ConnectionPoolError::Broken { last_connection_error } = error else { return Unavailable };
    match last_connection_error {
        ConnectionError::ConnectionSetupRequestError(error) => match error.get_error() {
            ConnectionSetupRequestErrorKind::DbError(error, _) => of_db(error),
            ConnectionSetupRequestErrorKind::MissingAuthentication => Refused,
            _ => Unavailable,
        },
        _ => Unavailable,
    }
}

fn of_attempt(error: &RequestAttemptError) -> StoreErrorKind {
    match error {
        RequestAttemptError::SerializationError(_) | RequestAttemptError::CqlRequestSerialization(_) => {
            Refused
        }
        RequestAttemptError::UnableToAllocStreamId => Unavailable,
        RequestAttemptError::DbError(error, _) => of_db(error),
        // The connection broke, or the answer could not be read.
        _ => Unknown,
    }
}

fn of_db(error: &DbError) -> StoreErrorKind {
    match error {
        DbError::Unavailable { .. }
        | DbError::Overloaded
        | DbError::IsBootstrapping
        | DbError::TruncateError
        | DbError::RateLimitReached { .. } => Unavailable,
        DbError::SyntaxError
        | DbError::Invalid
        | DbError::AlreadyExists { .. }
        | DbError::FunctionFailure { .. }
        | DbError::AuthenticationError
        | DbError::Unauthorized
        | DbError::ConfigError
        | DbError::ProtocolError => Refused,
        // Time-outs and failures of replicas: some of them may have it.
        _ => Unknown,
    }
}

/// For what changes nothing: an unknown outcome is none.
fn without_doubt(kind: StoreErrorKind) -> StoreErrorKind {
    if kind == Unknown { Unavailable } else { kind }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scylla::{errors::WriteType, statement::Consistency};
    use std::time::Duration;

    fn db(error: DbError) -> ExecutionError {
        ExecutionError::LastAttemptError(RequestAttemptError::DbError(error, String::new()))
    }

    fn write_timeout() -> DbError {
        let (received, required) = (1, 2);
        DbError::WriteTimeout {
            consistency: Consistency::LocalQuorum,
            received,
            required,
            write_type: WriteType::UnloggedBatch,
        }
    }

    #[test]
    fn a_write_without_an_answer_may_have_been_done() {
        let unavailable =
            || DbError::Unavailable { consistency: Consistency::LocalQuorum, required: 2, alive: 1 };
        for (error, expected) in [
            (ExecutionError::RequestTimeout(Duration::from_secs(1)), Unknown),
            (db(write_timeout()), Unknown),
            (db(DbError::ServerError), Unknown),
            (db(unavailable()), Unavailable),
            (db(DbError::Overloaded), Unavailable),
            (ExecutionError::EmptyPlan, Unavailable),
            (db(DbError::Invalid), Refused),
            (db(DbError::Unauthorized), Refused),
        ] {
            assert_eq!(in_writing("x")(error).kind, expected);
        }
        assert_eq!(in_reading("x")(db(write_timeout())).kind, Unavailable, "a read leaves no doubt");
    }

    #[test]
    fn only_what_comes_of_load_is_strain() {
        assert!(is_strain(&db(DbError::Overloaded)) && is_strain(&db(write_timeout())));
        assert!(is_strain(&ExecutionError::RequestTimeout(Duration::from_secs(1))));
        assert!(!is_strain(&db(DbError::Invalid)) && !is_strain(&ExecutionError::EmptyPlan));
    }

    #[test]
    fn a_newer_value_is_not_called_damaged() {
        assert_eq!(in_value("x")(FormatError::Newer { found: 9 }).kind, Refused);
    }
}
