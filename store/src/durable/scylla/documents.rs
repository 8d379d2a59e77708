//! Documents in a cluster: each changes by a lightweight transaction from the version that its writer saw. Its entries are
//! written before and taken away after, with the version as write timestamp.
//!
//! A transaction whose answer was lost may have been made. So where one finds another version than it expects, the
//! document is looked at: if it is as the writer wanted it, it was.

use futures_util::{StreamExt, TryStreamExt, stream};
use scylla::{
    client::session::Session,
    serialize::row::SerializeRow,
    statement::{
        Consistency,
        batch::{Batch, BatchType},
        prepared::PreparedStatement,
    },
    value::{CqlValue, Row},
};

use super::{ScyllaDurable, connection::Connection, fault};
use crate::{
    StoreError, StoreErrorKind,
    durable::documents::{Change, Document, DocumentKey, Documents, Entry, Partition, Put},
};

#[async_trait::async_trait]
impl Documents for ScyllaDurable {
    async fn get(&self, keys: &[DocumentKey]) -> Result<Vec<Option<Document>>, StoreError> {
        let connection = self.connection().await?;
        let reads =
            stream::iter(keys.to_vec()).map(|key| async move { connection.document(&key, false).await });
        reads.buffered(REQUESTS_MAX).try_collect().await
    }

    async fn list(
        &self,
        partition: &Partition,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Document>, StoreError> {
        let connection = self.connection().await?;
        let statements = &connection.documents;
        let (place, limit) = (partition.as_str(), i32::try_from(limit).unwrap_or(i32::MAX));
        let rows: Vec<(String, i64, String)> = match after {
            None => connection.pages(&statements.list, (place, limit)).await?,
            Some(after) => connection.pages(&statements.list_after, (place, after, limit)).await?,
        };
        let document = |(name, version, body): (String, i64, String)| Document {
            name,
            version: version.cast_unsigned(),
            body,
        };
        Ok(rows.into_iter().map(document).collect())
    }

    async fn entries(
        &self,
        list: &Partition,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, StoreError> {
        let connection = self.connection().await?;
        let statements = &connection.documents;
        let (place, limit) = (list.as_str(), i32::try_from(limit).unwrap_or(i32::MAX));
        let rows: Vec<(String,)> = match after {
            None => connection.pages(&statements.entries, (place, limit)).await?,
            Some(after) => connection.pages(&statements.entries_after, (place, after, limit)).await?,
        };
        Ok(rows.into_iter().map(|(name,)| name).collect())
    }

    async fn put(&self, changes: &[Change]) -> Result<Vec<Put>, StoreError> {
        let connection = self.connection().await?;
        let puts =
            stream::iter(changes.to_vec()).map(|change| async move { connection.put_one(&change).await });
        puts.buffered(REQUESTS_MAX).try_collect().await
    }

    async fn purge(&self, partition: &Partition) -> Result<(), StoreError> {
        self.connection().await?.purge(partition).await
    }
}

impl Connection {
    async fn put_one(&self, change: &Change) -> Result<Put, StoreError> {
        let version = change.expected.saturating_add(1);
        // A later version's writes win over an earlier one's, and within one what is added over what is dropped.
        let (added, dropped) = (stamp(version, 1), stamp(version, 0));
        let add = |entry: &Entry| (entry.list.as_str().to_owned(), entry.name.clone(), added);
        self.write_all(&self.documents.add, change.adds.iter().map(add).collect()).await?;
        if !self.transact(change, version).await? && !self.is_made(change, version).await? {
            return Ok(Put::Conflict);
        }
        let drop = |entry: &Entry| (dropped, entry.list.as_str().to_owned(), entry.name.clone());
        self.write_all(&self.documents.drop, change.drops.iter().map(drop).collect()).await?;
        Ok(Put::Done(version))
    }

    pub(super) async fn purge(&self, partition: &Partition) -> Result<(), StoreError> {
        self.write(&self.documents.purge, (partition.as_str(),)).await
    }

    /// The transaction; true when it was made now.
    async fn transact(&self, change: &Change, version: u64) -> Result<bool, StoreError> {
        let (place, name) = (change.key.partition.as_str(), change.key.name.as_str());
        let body = change.body.as_str();
        let (version, expected) = (version.cast_signed(), change.expected.cast_signed());
        let answer = match change.expected {
            0 => self.session.execute_unpaged(&self.documents.make, (place, name, body)).await,
            _ => {
                let values = (version, body, place, name, expected);
                self.session.execute_unpaged(&self.documents.change, values).await
            }
        };
        let rows = answer.map_err(fault::in_writing(PUTTING))?.into_rows_result();
        let row =
            rows.map_err(fault::in_rows(PUTTING))?.first_row::<Row>().map_err(fault::in_rows(PUTTING))?;
        match row.columns.first() {
            Some(Some(CqlValue::Boolean(is_made))) => Ok(*is_made),
            _ => Err(StoreError { kind: StoreErrorKind::Damaged, what: PUTTING, source: None }),
        }
    }

    /// Whether the document is what the change makes of it.
    async fn is_made(&self, change: &Change, version: u64) -> Result<bool, StoreError> {
        let found = self.document(&change.key, true).await?;
        Ok(found.is_some_and(|document| document.version == version && document.body == change.body))
    }

    /// A document; behind a transaction that may be under way, if it has to be the latest.
    async fn document(&self, key: &DocumentKey, is_serial: bool) -> Result<Option<Document>, StoreError> {
        let statements = &self.documents;
        let statement = if is_serial { &statements.get_serial } else { &statements.get };
        let rows = self.page(statement, (key.partition.as_str(), key.name.as_str())).await?;
        let found = rows.maybe_first_row::<(i64, String)>().map_err(fault::in_rows("reading a document"))?;
        Ok(found.map(|(version, body)| Document {
            name: key.name.clone(),
            version: version.cast_unsigned(),
            body,
        }))
    }

    /// Several writes, in any order, some to a request: they lie in as many partitions, and each may be made without the
    /// others.
    async fn write_all(
        &self,
        statement: &PreparedStatement,
        all: Vec<impl SerializeRow + Clone>,
    ) -> Result<(), StoreError> {
        for some in all.chunks(TOGETHER_MAX) {
            if let [one] = some {
                self.write(statement, one.clone()).await?;
                continue;
            }
            let mut batch = Batch::new(BatchType::Unlogged);
            batch.set_is_idempotent(true);
            some.iter().for_each(|_| batch.append_statement(statement.clone()));
            self.session.batch(&batch, some).await.map_err(fault::in_writing(PUTTING))?;
        }
        Ok(())
    }

    async fn write(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow,
    ) -> Result<(), StoreError> {
        self.session.execute_unpaged(statement, values).await.map(drop).map_err(fault::in_writing(PUTTING))
    }
}

/// The statements, by what they are for.
pub(super) struct Statements {
    get: PreparedStatement,
    get_serial: PreparedStatement,
    list: PreparedStatement,
    list_after: PreparedStatement,
    entries: PreparedStatement,
    entries_after: PreparedStatement,
    make: PreparedStatement,
    change: PreparedStatement,
    add: PreparedStatement,
    drop: PreparedStatement,
    purge: PreparedStatement,
}

impl Statements {
    pub(super) async fn prepare(session: &Session, keyspace: &str) -> Result<Self, StoreError> {
        let prepare = async |text: &str| {
            let text = text.replace("KEYSPACE.", &format!("{keyspace}."));
            let mut prepared = session.prepare(text).await.map_err(fault::in_preparing)?;
            // A transaction too: made again, it finds what it made.
            prepared.set_is_idempotent(true);
            Ok::<_, StoreError>(prepared)
        };
        let mut get_serial = prepare(GET).await?;
        get_serial.set_consistency(Consistency::LocalSerial);
        Ok(Self {
            get: prepare(GET).await?,
            get_serial,
            list: prepare(LIST).await?,
            list_after: prepare(LIST_AFTER).await?,
            entries: prepare(ENTRIES).await?,
            entries_after: prepare(ENTRIES_AFTER).await?,
            make: prepare(MAKE).await?,
            change: prepare(CHANGE).await?,
            add: prepare(ADD).await?,
            drop: prepare(DROP).await?,
            purge: prepare(PURGE).await?,
        })
    }
}

fn stamp(version: u64, offset: i64) -> i64 {
    version.cast_signed().saturating_mul(2).saturating_add(offset)
}

const GET: &str = "SELECT version, body FROM KEYSPACE.documents WHERE place = ? AND name = ?";
const LIST: &str = "SELECT name, version, body FROM KEYSPACE.documents WHERE place = ? LIMIT ?";
const LIST_AFTER: &str =
    "SELECT name, version, body FROM KEYSPACE.documents WHERE place = ? AND name > ? LIMIT ?";
const ENTRIES: &str = "SELECT name FROM KEYSPACE.document_entries WHERE place = ? LIMIT ?";
const ENTRIES_AFTER: &str = "SELECT name FROM KEYSPACE.document_entries WHERE place = ? AND name > ? LIMIT ?";
const MAKE: &str =
    "INSERT INTO KEYSPACE.documents (place, name, version, body) VALUES (?, ?, 1, ?) IF NOT EXISTS";
const CHANGE: &str =
    "UPDATE KEYSPACE.documents SET version = ?, body = ? WHERE place = ? AND name = ? IF version = ?";
const ADD: &str = "INSERT INTO KEYSPACE.document_entries (place, name) VALUES (?, ?) USING TIMESTAMP ?";
const DROP: &str = "DELETE FROM KEYSPACE.document_entries USING TIMESTAMP ? WHERE place = ? AND name = ?";
const PURGE: &str = "DELETE FROM KEYSPACE.documents WHERE place = ?";

const PUTTING: &str = "writing a document";
/// Requests of one call at a time.
const REQUESTS_MAX: usize = 32;
/// As many partitions in a batch as servers do not warn of.
const TOGETHER_MAX: usize = 8;
