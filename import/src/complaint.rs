//! What is wrong with a row: where it stands, which column, what it says, what is allowed.

use std::fmt;

/// Something that was not imported, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// The file, as it was named.
    pub file: String,
    /// The line in which the row begins, from 1; 0 where it is not known.
    pub line: u64,
    /// The table.
    pub table: String,
    /// Which row of its table in that file, from 1.
    pub row: u64,
    /// What is wrong.
    pub text: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, table, row, text } = self;
        write!(f, "{file}:{line}: table {table}, row {row}: {text}")
    }
}
