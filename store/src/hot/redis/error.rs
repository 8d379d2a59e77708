//! What Redis says when it cannot, sorted by what the caller does next.

use crate::{StoreError, StoreErrorKind};
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// Sorts an error.
pub(super) fn sorted(what: &'static str, error: RedisError) -> StoreError {
    StoreError::new(kind(&error), what, error)
}

/// Nothing was sent.
pub(super) fn unavailable(what: &'static str, why: &'static str) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, what, why)
}

/// Something was sent, and no reply came.
pub(super) fn unknown(what: &'static str, why: &'static str) -> StoreError {
    StoreError::new(StoreErrorKind::Unknown, what, why)
}

/// True when the connection is of no more use, or leads to a server that must not be written to.
pub(super) fn is_of_no_use(error: &RedisError) -> bool {
    error.is_unrecoverable_error() || error.is_connection_dropped() || is_read_only(error)
}

/// True when the server does not have the script.
pub(super) fn is_no_script(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

/// A replica, or one that became one.
fn is_read_only(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
}

fn kind(error: &RedisError) -> StoreErrorKind {
    match error.kind() {
        // Whoever refuses a connection has done nothing; whatever else happens to one may happen on the way back.
        ErrorKind::Io if error.is_connection_refusal() => StoreErrorKind::Unavailable,
        ErrorKind::Io => StoreErrorKind::Unknown,
        ErrorKind::ClusterConnectionNotFound => StoreErrorKind::Unavailable,
        ErrorKind::Parse | ErrorKind::UnexpectedReturnType => StoreErrorKind::Damaged,
        ErrorKind::Server(server) => of_server(server, error),
        ErrorKind::Extension => of_code(error.code().unwrap_or_default()),
        _ => StoreErrorKind::Refused,
    }
}

fn of_server(server: ServerErrorKind, error: &RedisError) -> StoreErrorKind {
    match server {
        ServerErrorKind::BusyLoading
        | ServerErrorKind::NoScript
        | ServerErrorKind::Moved
        | ServerErrorKind::Ask
        | ServerErrorKind::TryAgain
        | ServerErrorKind::ClusterDown
        | ServerErrorKind::MasterDown
        | ServerErrorKind::ReadOnly => StoreErrorKind::Unavailable,
        ServerErrorKind::ResponseError => of_code(error.detail().unwrap_or_default()),
        _ => StoreErrorKind::Refused,
    }
}

/// Codes that the crate does not know, ours among them.
fn of_code(code: &str) -> StoreErrorKind {
    match code {
        "WRONGTYPE" | "DAMAGED" => StoreErrorKind::Damaged,
        // Out of memory, a long script of somebody else's, too few replicas, no disk to persist to.
        "OOM" | "BUSY" | "NOREPLICAS" | "MISCONF" => StoreErrorKind::Unavailable,
        _ => StoreErrorKind::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn an_error_says_what_to_do_next() {
        use StoreErrorKind::{Damaged, Refused, Unavailable};
        for (reply, expect) in [
            ("READONLY You can't write against a read only replica.", Unavailable),
            ("LOADING Redis is loading the dataset in memory", Unavailable),
            ("CLUSTERDOWN The cluster is down", Unavailable),
            ("MASTERDOWN Link with MASTER is down", Unavailable),
            ("NOSCRIPT No matching script.", Unavailable),
            ("OOM command not allowed when used memory > 'maxmemory'.", Unavailable),
            ("MISCONF Redis is configured to save RDB snapshots", Unavailable),
            ("WRONGTYPE Operation against a key holding the wrong kind of value", Damaged),
            ("DAMAGED playhead:1:{a}:positions has a value that cannot be read", Damaged),
            ("NOPERM User has no permissions to run the 'evalsha' command", Refused),
            ("ERR unknown command 'EVALSHA'", Refused),
            ("CROSSSLOT Keys in request don't hash to the same slot", Refused),
        ] {
            let value = redis::parse_redis_value(format!("-{reply}\r\n").as_bytes()).unwrap();
            let error = value.extract_error().unwrap_err();
            assert_eq!(sorted("test", error).kind, expect, "{reply}");
        }
    }

    #[test]
    fn a_broken_connection_leaves_the_outcome_open_and_a_refused_one_does_not() {
        for (io_kind, expect) in [
            (io::ErrorKind::ConnectionRefused, StoreErrorKind::Unavailable),
            (io::ErrorKind::ConnectionReset, StoreErrorKind::Unknown),
            (io::ErrorKind::BrokenPipe, StoreErrorKind::Unknown),
            (io::ErrorKind::TimedOut, StoreErrorKind::Unknown),
        ] {
            let error = RedisError::from(io::Error::from(io_kind));
            assert_eq!(kind(&error), expect, "{io_kind}");
            assert_eq!(is_of_no_use(&error), io_kind != io::ErrorKind::TimedOut, "{io_kind}");
        }
    }
}
