//! One that migrates at a time: a row of the migrations' table, taken by a lightweight transaction and with an expiry, so
//! that whoever dies while holding it holds up nobody for long.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use scylla::{
    serialize::row::SerializeRow,
    statement::{Consistency, SerialConsistency, unprepared::Statement},
};
use tokio::time::sleep;

use super::{MIGRATING, Schema, TABLE};
use crate::{StoreError, StoreErrorKind, durable::scylla::fault};

/// The lock, taken.
pub(super) struct Lock {
    owner: String,
}

/// What is wrong with the lock.
#[derive(Debug, thiserror::Error)]
enum LockError {
    #[error("another has been migrating for {} s; try again when it is done", TRIES_MAX / 2)]
    Busy,
    #[error("migrating took so long that another may have begun; try again")]
    Lost,
}

impl Lock {
    /// Takes it, or waits for whoever has it.
    pub(super) async fn take(schema: &Schema<'_>) -> Result<Self, StoreError> {
        let lock = Self { owner: format!("{:016x}", RandomState::new().hash_one(schema.keyspace)) };
        let text = format!(
            "INSERT INTO {}.{TABLE} (number, name) VALUES ({ROW}, ?) IF NOT EXISTS USING TTL {HELD_S_MAX}",
            schema.keyspace
        );
        for _ in 0..TRIES_MAX {
            match is_applied(schema, &text, (&lock.owner,)).await {
                Ok(true) => return Ok(lock),
                // It may be ours since a try that was not answered in time, as happens when several try at once.
                Ok(false) if lock.renew(schema).await.is_ok() => return Ok(lock),
                Ok(false) => {}
                Err(error) if error.is_retryable() => {}
                Err(error) => return Err(error),
            }
            sleep(TRY_EVERY).await;
        }
        Err(StoreError::new(StoreErrorKind::Unavailable, MIGRATING, LockError::Busy))
    }

    /// Holds it for as long again.
    pub(super) async fn renew(&self, schema: &Schema<'_>) -> Result<(), StoreError> {
        let text = format!(
            "UPDATE {}.{TABLE} USING TTL {HELD_S_MAX} SET name = ? WHERE number = {ROW} IF name = ?",
            schema.keyspace
        );
        match is_applied(schema, &text, (&self.owner, &self.owner)).await? {
            true => Ok(()),
            false => Err(StoreError::new(StoreErrorKind::Unavailable, MIGRATING, LockError::Lost)),
        }
    }

    /// Lets the next one begin. Where that fails it waits for the expiry.
    pub(super) async fn give_back(self, schema: &Schema<'_>) {
        let text = format!("DELETE FROM {}.{TABLE} WHERE number = {ROW} IF name = ?", schema.keyspace);
        if let Err(error) = is_applied(schema, &text, (&self.owner,)).await {
            tracing::warn!(%error, held_s_max = HELD_S_MAX, "migration lock not given back, it expires");
        }
    }
}

/// Tries a lightweight transaction, in one order for all datacenters.
async fn is_applied(schema: &Schema<'_>, text: &str, values: impl SerializeRow) -> Result<bool, StoreError> {
    let mut statement = Statement::new(text);
    statement.set_serial_consistency(Some(SerialConsistency::Serial));
    statement.set_consistency(Consistency::Quorum);
    let answer = schema.session.query_unpaged(statement, values).await;
    let rows = answer.map_err(fault::in_writing(MIGRATING))?.into_rows_result();
    let rows = rows.map_err(fault::in_rows(MIGRATING))?;
    // What follows the first column depends on the outcome and on the server.
    let applied = rows.column_specs().get_by_name("[applied]").map(|(at, _)| at);
    let row = rows.first_row::<scylla::value::Row>().map_err(fault::in_rows(MIGRATING))?;
    let cell = applied.and_then(|at| row.columns.get(at).cloned().flatten());
    Ok(cell.and_then(|cell| cell.as_boolean()).unwrap_or(false))
}

/// No migration has this number.
const ROW: i32 = 0;
const HELD_S_MAX: u32 = 120;
const TRY_EVERY: Duration = Duration::from_millis(500);
/// A minute longer than the lock is held by one that died.
const TRIES_MAX: u32 = (HELD_S_MAX + 60) * 2;
