//! Why an import cannot go on.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{complaint::Complaint, read::ReadError};

/// Why an import ended before its time.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file is not what it should be.
    #[error("{}: {text}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Where and why.
        text: String,
    },
    /// A file's format is not known.
    #[error(
        "{}: its name does not tell what it is; allowed is .sql (needs `dialect`), .csv, .ndjson, .jsonl, .xml, .rss",
        path.display()
    )]
    Format {
        /// The file.
        path: PathBuf,
    },
    /// A table lacks what the mapping names.
    #[error("{}: table {table} has no column {column}, which the mapping names", path.display())]
    NoColumn {
        /// The file.
        path: PathBuf,
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// A row to be looked up cannot be.
    #[error("{0}")]
    Lookup(Box<Complaint>),
    /// What is to be looked up does not fit.
    #[error(
        "the tables that the mapping looks into take more than {bytes_max} bytes: that is for small tables"
    )]
    LookupsTooLarge {
        /// The most.
        bytes_max: usize,
    },
    /// There are more categories than there may be.
    #[error("there are more than {max} categories")]
    Categories {
        /// The most.
        max: usize,
    },
    /// More rows are wrong than was said that may be.
    #[error(
        "{} rows or more cannot be imported, and --errors-max is {errors_max}; {done} nouns were written before",
        complaints.len()
    )]
    TooMany {
        /// What is wrong.
        complaints: Vec<Complaint>,
        /// How many may be.
        errors_max: usize,
        /// How many nouns were written before it ended.
        done: u64,
    },
    /// The temporary files cannot be written or read.
    #[error("temporary files: {0}")]
    Sort(io::Error),
    /// The server takes nothing from us, or is away.
    #[error("{text}; {done} nouns were written before")]
    Refused {
        /// What it said.
        text: String,
        /// How many nouns were written before it ended.
        done: u64,
    },
    /// The token is none.
    #[error("the token has characters that no header takes")]
    Token,
    /// The state of an earlier import cannot be used, or not be kept.
    #[error("--resume {}: {text}", path.display())]
    Resume {
        /// The file.
        path: PathBuf,
        /// Why not.
        text: String,
    },
}

impl ImportError {
    pub(crate) fn unreadable(path: &Path, error: &ReadError) -> Self {
        Self::Unreadable { path: path.to_owned(), text: error.to_string() }
    }
}
