//! Rows of a file, whatever its format: the readers are siblings behind [`Rows`], and none knows another.
//!
//! A row belongs to a table. Names of tables and columns are in small letters, without the schema before them. Every reader
//! holds one row, or one line, and no more; a value is at most [`VALUE_BYTES_MAX`] long.

use std::{io, path::Path, sync::Arc};

pub(crate) mod feed;

mod bounded;
mod comma;
mod media_rss;
pub(crate) mod ndjson;
pub(crate) mod sql;

/// Gives the rows of one file in its order.
pub(crate) trait Rows: Send {
    /// The next row; `None` at the end. An error of the kind [`ReadError::Row`] concerns one row, and the next call goes on
    /// behind it; any other is the end.
    fn next(&mut self) -> Result<Option<Row>, ReadError>;
}

/// One row of a table.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// Its table.
    pub(crate) table: Arc<Table>,
    /// Which row of its table it is in its file, from 1.
    pub(crate) number: u64,
    /// The line in which it begins, from 1.
    pub(crate) line: u64,
    /// As many as the table has columns.
    pub(crate) values: Vec<Value>,
}

/// A table as a file tells of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Table {
    /// Its name.
    pub(crate) name: String,
    /// Its columns, in the order of the values.
    pub(crate) columns: Vec<String>,
    /// How many of them rows give; the rest, of which only CREATE TABLE knows, are NULL.
    pub(crate) given: usize,
    /// True where rows leave out what they have nothing to say of, as JSON does: a column that is not there is NULL.
    pub(crate) is_open: bool,
}

impl Table {
    pub(crate) fn new(name: String, columns: Vec<String>) -> Self {
        Self { given: columns.len(), name, columns, is_open: false }
    }
}

/// A value of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// Not there.
    Null,
    /// A text, a number or a time, as it is written.
    Text(String),
    /// Bytes that are no text.
    Bytes(Vec<u8>),
    /// What only a database could work out, such as `NOW()`. It is an error where it is needed.
    Odd(String),
}

impl Value {
    /// A text where the bytes are one.
    pub(crate) fn of_bytes(bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) => Self::Text(text),
            Err(error) => Self::Bytes(error.into_bytes()),
        }
    }
}

/// Why a row cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// The file is not what it should be, from this line on.
    #[error("line {line}: {text}")]
    Broken { line: u64, text: String },
    /// One row is not what it should be.
    #[error("line {line}: table {table}, row {number}: {text}")]
    Row { line: u64, table: String, number: u64, text: String },
}

/// The formats that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A dump in this dialect.
    Sql(Dialect),
    /// Comma-separated values with a line of names first (RFC 4180).
    Csv,
    /// One JSON object per line.
    Ndjson,
    /// RSS 2.0 with the elements of Media RSS.
    MediaRss,
}

/// The dialects of SQL dumps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// MySQL and MariaDB, as mysqldump writes.
    Mysql,
    /// PostgreSQL, as pg_dump writes, with or without COPY.
    Postgresql,
    /// Oracle, as SQL Developer and its like write.
    Oracle,
}

impl Format {
    /// What a file is, by how its name ends; a dump is in this dialect.
    #[must_use]
    pub fn of(path: &Path, dialect: Option<Dialect>) -> Option<Self> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        match ending.as_str() {
            "sql" | "dmp" | "dump" => dialect.map(Self::Sql),
            "csv" => Some(Self::Csv),
            "ndjson" | "jsonl" => Some(Self::Ndjson),
            "xml" | "rss" => Some(Self::MediaRss),
            _ => None,
        }
    }
}

/// The rows of a file that is read from its beginning. CSV and NDJSON tell of one table, which this names.
pub(crate) fn rows(
    source: Box<dyn io::Read + Send>,
    format: Format,
    table: &str,
) -> Result<Box<dyn Rows>, ReadError> {
    let table = table.to_lowercase();
    Ok(match format {
        Format::Sql(dialect) => Box::new(sql::SqlRows::new(feed::Feed::new(source)?, dialect)),
        Format::Csv => Box::new(comma::CsvRows::new(source, table)?),
        Format::Ndjson => Box::new(ndjson::NdjsonRows::new(feed::Feed::new(source)?, table)),
        Format::MediaRss => Box::new(media_rss::MediaRssRows::new(source)),
    })
}

/// The longest value, line or text that is taken, bytes. Dumps of pictures have longer ones, and nothing here wants those.
pub(crate) const VALUE_BYTES_MAX: usize = 64 * 1_024 * 1_024;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// All rows of a text, each as `table(row@line): column=value …`; errors as they are told.
    pub(crate) fn told(format: Format, text: &[u8]) -> Vec<String> {
        let mut rows = rows(Box::new(io::Cursor::new(text.to_vec())), format, "T").unwrap();
        let mut told = Vec::new();
        loop {
            match rows.next() {
                Ok(Some(row)) => told.push(tell(&row)),
                Ok(None) => return told,
                Err(error @ ReadError::Row { .. }) => told.push(format!("! {error}")),
                Err(error) => {
                    told.push(format!("!! {error}"));
                    return told;
                }
            }
        }
    }

    fn tell(row: &Row) -> String {
        assert_eq!(row.table.columns.len(), row.values.len());
        let values = row.table.columns.iter().zip(&row.values).map(|(column, value)| match value {
            Value::Null => format!(" {column}=NULL"),
            Value::Text(text) => format!(" {column}={text:?}"),
            Value::Bytes(bytes) => format!(" {column}={bytes:02x?}"),
            Value::Odd(text) => format!(" {column}=?{text}"),
        });
        format!("{}({}@{}):{}", row.table.name, row.number, row.line, values.collect::<String>())
    }

    #[test]
    fn a_file_is_what_its_name_says() {
        let of = |name: &str, dialect| Format::of(Path::new(name), dialect);
        assert_eq!(of("a/b.SQL", Some(Dialect::Oracle)), Some(Format::Sql(Dialect::Oracle)));
        assert_eq!(of("a.sql", None), None);
        assert_eq!(of("a.csv", None), Some(Format::Csv));
        assert_eq!(of("a.jsonl", None), Some(Format::Ndjson));
        assert_eq!(of("a.xml", None), Some(Format::MediaRss));
        assert_eq!(of("a", None), None);
    }
}
