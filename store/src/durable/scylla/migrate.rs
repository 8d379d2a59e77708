//! The schema, made by numbered migrations that are kept with their checksums in the keyspace itself.

mod lock;
mod replication;

pub use replication::{Replication, ReplicationError};

use std::{collections::BTreeMap, time::Duration};

use lock::Lock;
use scylla::{
    client::session::Session, response::query_result::QueryRowsResult, serialize::row::SerializeRow,
};
use xxhash_rust::xxh3::xxh3_128;

use super::{ScyllaSettings, connection, fault};
use crate::{StoreError, StoreErrorKind};

/// A change of the schema. Once released it never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// Its place in the order, from 1.
    pub number: i32,
    /// What it is about.
    pub name: &'static str,
    /// CQL, with comments.
    pub text: &'static str,
}

/// What became of a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The keyspace has it already.
    Present,
    /// It was applied now.
    Applied,
    /// It would be applied.
    Pending,
}

/// All migrations, in order.
const MIGRATIONS: [Migration; 6] = [
    Migration { number: 1, name: "events", text: include_str!("../../../../cql/0001_events.cql") },
    Migration { number: 2, name: "sessions", text: include_str!("../../../../cql/0002_sessions.cql") },
    Migration { number: 3, name: "positions", text: include_str!("../../../../cql/0003_positions.cql") },
    Migration { number: 4, name: "erasures", text: include_str!("../../../../cql/0004_erasures.cql") },
    Migration { number: 5, name: "documents", text: include_str!("../../../../cql/0005_documents.cql") },
    Migration {
        number: 6,
        name: "item_erasures",
        text: include_str!("../../../../cql/0006_item_erasures.cql"),
    },
];

/// What is wrong with a keyspace.
#[derive(Debug, thiserror::Error)]
enum SchemaError {
    #[error("there is no keyspace {0:?}: run `playhead migrate`")]
    NoKeyspace(String),
    #[error("the keyspace {keyspace:?} lacks migration {number} ({name}): run `playhead migrate`")]
    Lacking { keyspace: String, number: i32, name: &'static str },
    #[error(
        "migration {number} ({name}) is not what was applied: checksum {ours} here, {theirs} in the keyspace \
         {keyspace:?}; a released migration never changes, so one of the two is not of a release"
    )]
    Changed { keyspace: String, number: i32, name: &'static str, ours: String, theirs: String },
}

impl Migration {
    fn checksum(&self) -> String {
        format!("{:032x}", xxh3_128(self.text.as_bytes()))
    }

    fn statements(&self) -> Vec<String> {
        // No text within a statement has a semicolon.
        let lines = self.text.lines().filter(|line| !line.starts_with("--"));
        let text = lines.collect::<Vec<_>>().join("\n");
        let statements = text.split(';').map(|text| text.trim().to_owned());
        statements.filter(|text| !text.is_empty()).collect()
    }
}

/// Brings a keyspace up to this version: makes it where it is not there, and applies what it lacks, each migration once.
/// Two that do so at the same time wait for each other. A dry run only looks.
///
/// # Errors
/// `Unavailable` when no node answers or another migrates for too long, `Refused` when the cluster does not allow it or a
/// released migration was changed. What was applied before an error stays applied, and the next run goes on from there.
pub async fn migrate(
    settings: &ScyllaSettings,
    replication: &Replication,
    is_dry_run: bool,
) -> Result<Vec<(Migration, Outcome)>, StoreError> {
    let session = connection::connect(settings, DDL_PATIENCE).await?;
    // What one node has just made, one that has just come up may not know of yet.
    connection::stay_with_one_node(&session);
    let schema = Schema { session: &session, keyspace: &settings.keyspace };
    if is_dry_run {
        let present = schema.present().await?.unwrap_or_default();
        return schema.compare(&present);
    }
    schema.make_keyspace(replication).await?;
    let lock = Lock::take(&schema).await?;
    let applied = schema.apply(&lock).await;
    lock.give_back(&schema).await;
    applied
}

/// Looks whether a keyspace has all that this version needs. It may have more: a newer version's.
pub(super) async fn check(session: &Session, keyspace: &str) -> Result<(), StoreError> {
    let schema = Schema { session, keyspace };
    let Some(present) = schema.present().await? else {
        return Err(refused(SchemaError::NoKeyspace(keyspace.to_owned())));
    };
    let compared = schema.compare(&present)?;
    match compared.into_iter().find(|(_, outcome)| *outcome != Outcome::Present) {
        None => Ok(()),
        Some((Migration { number, name, .. }, _)) => {
            Err(refused(SchemaError::Lacking { keyspace: keyspace.to_owned(), number, name }))
        }
    }
}

/// A keyspace, looked at through a session.
struct Schema<'a> {
    session: &'a Session,
    keyspace: &'a str,
}

impl Schema<'_> {
    /// The checksums of the migrations that the keyspace has, by their numbers; `None` when there is no keyspace.
    async fn present(&self) -> Result<Option<BTreeMap<i32, String>>, StoreError> {
        let keyspace = "SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?";
        if self.ask(keyspace, (self.keyspace,)).await?.rows_num() == 0 {
            return Ok(None);
        }
        let table = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ? AND table_name = ?";
        if self.ask(table, (self.keyspace, TABLE)).await?.rows_num() == 0 {
            return Ok(Some(BTreeMap::new()));
        }
        let table = format!("SELECT number, checksum FROM {}.{TABLE}", self.keyspace);
        let rows = self.ask(&table, ()).await?;
        let rows = rows.rows::<(i32, Option<String>)>().map_err(fault::in_rows(LOOKING))?;
        let mut present = BTreeMap::new();
        for row in rows {
            let (number, checksum) = row.map_err(fault::in_rows(LOOKING))?;
            present.extend(checksum.map(|checksum| (number, checksum)));
        }
        Ok(Some(present))
    }

    /// Each migration and whether it is present.
    fn compare(&self, present: &BTreeMap<i32, String>) -> Result<Vec<(Migration, Outcome)>, StoreError> {
        let one = |migration: &Migration| {
            let Migration { number, name, .. } = *migration;
            let Some(theirs) = present.get(&number) else { return Ok((*migration, Outcome::Pending)) };
            let (keyspace, ours, theirs) = (self.keyspace.to_owned(), migration.checksum(), theirs.clone());
            match ours == theirs {
                true => Ok((*migration, Outcome::Present)),
                false => Err(refused(SchemaError::Changed { keyspace, number, name, ours, theirs })),
            }
        };
        MIGRATIONS.iter().map(one).collect()
    }

    /// Makes the keyspace and the table of its migrations. Two that do so at the same time make the same: the table's id
    /// is given, since one made twice under two ids would lose rows.
    async fn make_keyspace(&self, replication: &Replication) -> Result<(), StoreError> {
        if self.present().await?.is_none() {
            let text =
                format!("CREATE KEYSPACE IF NOT EXISTS {} WITH replication = {replication}", self.keyspace);
            self.change(&text).await?;
        }
        let (keyspace, id) = (self.keyspace, self.table_id());
        self.change(&format!(
            "CREATE TABLE IF NOT EXISTS {keyspace}.{TABLE} (number int PRIMARY KEY, name text, checksum text) \
             WITH ID = '{id}' AND comment = 'the schema of this keyspace, by playhead migrate'"
        ))
        .await
    }

    async fn apply(&self, lock: &Lock) -> Result<Vec<(Migration, Outcome)>, StoreError> {
        let present = self.present().await?.unwrap_or_default();
        let mut outcomes = self.compare(&present)?;
        for (migration, outcome) in outcomes.iter_mut().filter(|(_, outcome)| *outcome == Outcome::Pending) {
            lock.renew(self).await?;
            for statement in migration.statements() {
                self.change(&statement.replacen("EXISTS ", &format!("EXISTS {}.", self.keyspace), 1)).await?;
            }
            let noted =
                format!("INSERT INTO {}.{TABLE} (number, name, checksum) VALUES (?, ?, ?)", self.keyspace);
            let values = (migration.number, migration.name, migration.checksum());
            self.session.query_unpaged(noted, values).await.map_err(fault::in_writing(MIGRATING))?;
            *outcome = Outcome::Applied;
        }
        Ok(outcomes)
    }

    /// Changes the schema, and waits until all nodes agree on it.
    async fn change(&self, text: &str) -> Result<(), StoreError> {
        self.session.query_unpaged(text, ()).await.map(drop).map_err(fault::in_writing(MIGRATING))
    }

    async fn ask(&self, text: &str, values: impl SerializeRow) -> Result<QueryRowsResult, StoreError> {
        let answer = self.session.query_unpaged(text, values).await.map_err(fault::in_reading(LOOKING))?;
        answer.into_rows_result().map_err(fault::in_rows(LOOKING))
    }

    fn table_id(&self) -> String {
        let id = format!("{:032x}", xxh3_128(format!("{}.{TABLE}", self.keyspace).as_bytes()));
        let part = |range: std::ops::Range<usize>| id.get(range).unwrap_or_default();
        format!("{}-{}-{}-{}-{}", part(0..8), part(8..12), part(12..16), part(16..20), part(20..32))
    }
}

fn refused(error: SchemaError) -> StoreError {
    StoreError::new(StoreErrorKind::Refused, "looking at the schema", error)
}

/// Where the migrations of a keyspace are kept.
const TABLE: &str = "migrations";
const LOOKING: &str = "looking at the schema";
const MIGRATING: &str = "changing the schema";
/// A table may take seconds to make, on a cluster that is busy or has just begun.
const DDL_PATIENCE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_rise_and_every_statement_can_be_repeated() {
        for (at, migration) in MIGRATIONS.iter().enumerate() {
            assert_eq!(usize::try_from(migration.number), Ok(at + 1));
            let statements = migration.statements();
            assert!(!statements.is_empty());
            for statement in statements {
                assert!(statement.contains("IF NOT EXISTS "), "{statement}");
                assert!(!statement.contains("--") && !statement.contains(';'), "{statement}");
            }
        }
    }

    /// Released files never change: a new line here, and no other edit.
    #[test]
    fn a_released_migration_is_never_edited() {
        let checksums = MIGRATIONS.map(|migration| migration.checksum());
        let released = [
            "0c8d33126a222055e7d788f9f8cce275",
            "e331ac1ca6eaea394de9d52e3d563531",
            "2929a772a7ef336c2906e25ac53585f9",
            "d476352f3c44c316b2f230d0a5f1901c",
            "445dcd0102f07797b2192f872f28c3ad",
            "3b6dfe4aea7bda85f6884684f56ee75a",
        ];
        assert_eq!(checksums, released);
    }
}
