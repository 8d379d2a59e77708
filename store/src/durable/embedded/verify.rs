//! Looks at every row, for `playhead verify`.

use super::{documents, keys, retention::Horizon, rows, tables::Tables};
use crate::StoreError;
use fjall::Keyspace;
use std::path::Path;

/// What is in an embedded store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoreReport {
    /// Sessions, those among them that have expired and were not yet taken away included.
    pub sessions: u64,
    /// Events, likewise.
    pub events: u64,
    /// Positions, one for each user and item.
    pub positions: u64,
    /// Users who were erased, and must not come back.
    pub erasures: u64,
    /// Items of which what viewers did was erased, those that were brought back since included.
    pub item_erasures: u64,
    /// Documents of the catalog and of entitlement.
    pub documents: u64,
    /// Names by which documents are found.
    pub entries: u64,
    /// Rows of any kind that cannot be read.
    pub damaged: u64,
}

/// Reads every row of the store in this directory, and changes none.
///
/// It takes the store's lock and reads fjall's log to its end, just as starting does, so no other process can have the
/// store open meanwhile, and a tail of the log that a crash tore is cut off.
///
/// # Errors
/// `Refused` where there is no store, `Unavailable` when another process has it open, `Damaged` when fjall cannot open
/// it or cannot read on after a damaged block of one of its files.
pub fn verify(dir: &Path) -> Result<StoreReport, StoreError> {
    let tables = Tables::open_existing(dir)?;
    let mut report = StoreReport::default();
    report.sessions = each(&tables, &tables.sessions, &mut report.damaged, |key, value| {
        rows::read_session(keys::read_session(key)?, value).ok().map(|_| 1)
    })?;
    report.events = each(&tables, &tables.chunks, &mut report.damaged, |key, value| {
        keys::read_chunk(key).and_then(|_| rows::read_chunk(value).ok()).map(|events| events.len() as u64)
    })?;
    report.positions = each(&tables, &tables.positions, &mut report.damaged, |key, value| {
        keys::read_position(key).and_then(|_| rows::read_position(value).ok()).map(|_| 1)
    })?;
    report.erasures = each(&tables, &tables.erasures, &mut report.damaged, |_, value| {
        rows::read_erasure(value).ok().map(|_| 1)
    })?;
    report.item_erasures = each(&tables, &tables.item_erasures, &mut report.damaged, |_, value| {
        rows::read_item_erasure(value).ok().map(|_| 1)
    })?;
    let [documents, entries, damaged] = documents::count(&tables)?;
    (report.documents, report.entries) = (documents, entries);
    report.damaged += damaged;
    Ok(report)
}

/// The sum over a table of what its rows count for; rows that count for nothing are damaged.
fn each(
    tables: &Tables,
    table: &Keyspace,
    damaged: &mut u64,
    count: impl Fn(&[u8], &[u8]) -> Option<u64>,
) -> Result<u64, StoreError> {
    let mut sum = 0;
    for row in tables.view(&Horizon::default()).rows(table, &[]) {
        let (key, value) = row?;
        match count(&key, &value) {
            Some(n) => sum += n,
            None => *damaged += 1,
        }
    }
    Ok(sum)
}
