//! Documents in the embedded store: the writer's thread compares and writes them, with their entries, in one commit.
//!
//! ```text
//! documents = partition 0 name -> format version body
//! entries   = list 0 name -> nothing
//! ```

use fjall::{Keyspace, OwnedWriteBatch, Readable, Snapshot};

use super::{EmbeddedDurable, fault, tables::Tables, writer::Command};
use crate::{
    StoreError,
    codec::{self, FormatError, Malformed, Reader},
    durable::documents::{Change, Document, DocumentKey, Documents, Partition, Put},
};

#[async_trait::async_trait]
impl Documents for EmbeddedDurable {
    async fn get(&self, keys: &[DocumentKey]) -> Result<Vec<Option<Document>>, StoreError> {
        let keys = keys.to_vec();
        self.read_tables(move |tables| {
            let at = tables.database.snapshot();
            keys.iter().map(|key| stored(tables, &at, key)).collect()
        })
        .await
    }

    async fn list(
        &self,
        partition: &Partition,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Document>, StoreError> {
        let (partition, after) = (partition.clone(), after.map(str::to_owned));
        self.read_tables(move |tables| {
            let mut documents = Vec::new();
            scan(
                &tables.documents,
                &tables.database.snapshot(),
                &partition,
                after.as_deref(),
                |name, value| {
                    documents.push(read(name, value).map_err(fault::in_row(READING))?);
                    Ok(documents.len() < limit)
                },
            )?;
            Ok(documents)
        })
        .await
    }

    async fn entries(
        &self,
        list: &Partition,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, StoreError> {
        let (list, after) = (list.clone(), after.map(str::to_owned));
        self.read_tables(move |tables| {
            let mut names = Vec::new();
            scan(&tables.entries, &tables.database.snapshot(), &list, after.as_deref(), |name, _| {
                names.push(name.to_owned());
                Ok(names.len() < limit)
            })?;
            Ok(names)
        })
        .await
    }

    async fn put(&self, changes: &[Change]) -> Result<Vec<Put>, StoreError> {
        let changes = changes.to_vec();
        self.writer.run(|answer| Command::Put(changes, answer)).await
    }

    async fn purge(&self, partition: &Partition) -> Result<(), StoreError> {
        let partition = partition.clone();
        self.writer.run(|answer| Command::Purge(partition, answer)).await
    }
}

/// Makes the changes that find their documents as expected, in one commit.
pub(super) fn put(tables: &Tables, changes: &[Change]) -> Result<Vec<Put>, StoreError> {
    let at = tables.database.snapshot();
    let mut commit = tables.database.batch();
    let mut outcomes = Vec::with_capacity(changes.len());
    for change in changes {
        outcomes.push(put_one(tables, &at, &mut commit, change)?);
    }
    commit.commit().map_err(fault::in_writing("writing documents"))?;
    Ok(outcomes)
}

fn put_one(
    tables: &Tables,
    at: &Snapshot,
    commit: &mut OwnedWriteBatch,
    change: &Change,
) -> Result<Put, StoreError> {
    let stored = stored(tables, at, &change.key)?;
    let stored_version = stored.as_ref().map_or(0, |document| document.version);
    let version = change.expected.saturating_add(1);
    let is_made = stored_version == version && stored.is_some_and(|document| document.body == change.body);
    if !is_made && stored_version != change.expected {
        return Ok(Put::Conflict);
    }
    let key = key(&change.key.partition, &change.key.name);
    commit.insert(&tables.documents, key, row(version, &change.body));
    for entry in &change.drops {
        commit.remove(&tables.entries, self::key(&entry.list, &entry.name));
    }
    for entry in &change.adds {
        commit.insert(&tables.entries, self::key(&entry.list, &entry.name), []);
    }
    Ok(Put::Done(version))
}

/// Takes a partition's documents away, in commits of a bounded size.
pub(super) fn purge(tables: &Tables, partition: &Partition) -> Result<(), StoreError> {
    loop {
        let mut commit = tables.database.batch();
        scan(&tables.documents, &tables.database.snapshot(), partition, None, |name, _| {
            commit.remove(&tables.documents, key(partition, name));
            Ok(commit.len() < PURGE_ROWS_MAX)
        })?;
        let is_last = commit.len() < PURGE_ROWS_MAX;
        commit.commit().map_err(fault::in_writing("purging documents"))?;
        if is_last {
            return Ok(());
        }
    }
}

/// How many documents there are and how many entries, and how many rows cannot be read.
pub(super) fn count(tables: &Tables) -> Result<[u64; 3], StoreError> {
    let at = tables.database.snapshot();
    let (mut documents, mut entries, mut damaged) = (0, 0, 0);
    for row in at.prefix(&tables.documents, []) {
        let (key, value) = row.into_inner().map_err(fault::in_reading(READING))?;
        let is_read = read_key(&key).is_some_and(|(_, name)| read(name, &value).is_ok());
        *(if is_read { &mut documents } else { &mut damaged }) += 1;
    }
    for row in at.prefix(&tables.entries, []) {
        let (key, _) = row.into_inner().map_err(fault::in_reading(READING))?;
        *(if read_key(&key).is_some() { &mut entries } else { &mut damaged }) += 1;
    }
    Ok([documents, entries, damaged])
}

fn stored(tables: &Tables, at: &Snapshot, wanted: &DocumentKey) -> Result<Option<Document>, StoreError> {
    let value = at.get(&tables.documents, key(&wanted.partition, &wanted.name));
    let value = value.map_err(fault::in_reading(READING))?;
    value.map(|value| read(&wanted.name, &value).map_err(fault::in_row(READING))).transpose()
}

/// Shows a partition's rows from behind a name on, as long as more are wanted.
fn scan(
    table: &Keyspace,
    at: &Snapshot,
    partition: &Partition,
    after: Option<&str>,
    mut show: impl FnMut(&str, &[u8]) -> Result<bool, StoreError>,
) -> Result<(), StoreError> {
    let prefix = key(partition, "");
    let mut from = key(partition, after.unwrap_or_default());
    if after.is_some() {
        // The least key behind that one.
        from.push(0);
    }
    for row in at.range(table, from..) {
        let (key, value) = row.into_inner().map_err(fault::in_reading(READING))?;
        let Some(name) = key.strip_prefix(&*prefix) else { break };
        let name = std::str::from_utf8(name).map_err(|_| fault::in_key(READING))?;
        if !show(name, &value)? {
            break;
        }
    }
    Ok(())
}

/// Names have no zero byte, so no partition's keys begin like another's.
fn key(partition: &Partition, name: &str) -> Vec<u8> {
    [partition.as_str().as_bytes(), &[END], name.as_bytes()].concat()
}

fn read_key(key: &[u8]) -> Option<(&str, &str)> {
    let end = key.iter().position(|&byte| byte == END)?;
    let (partition, name) = key.split_at_checked(end)?;
    Some((std::str::from_utf8(partition).ok()?, std::str::from_utf8(name.get(1..)?).ok()?))
}

fn row(version: u64, body: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() + ROW_HEAD_BYTES);
    codec::put_format(&mut out);
    codec::put_u64(&mut out, version);
    codec::put_text(&mut out, body);
    out
}

fn read(name: &str, value: &[u8]) -> Result<Document, FormatError> {
    let mut reader = Reader::new(value);
    reader.format()?;
    let document =
        Document { name: name.to_owned(), version: reader.u64()?, body: reader.text()?.to_owned() };
    match reader.is_empty() {
        true => Ok(document),
        false => Err(Malformed { what: "end" }.into()),
    }
}

const END: u8 = 0;
const READING: &str = "reading documents";
/// What one commit of a purge holds in memory: some hundred KB.
const PURGE_ROWS_MAX: usize = 1_000;
/// Format, version, length of the body.
const ROW_HEAD_BYTES: usize = 16;
