//! Comma-separated values: the first line names the columns; an empty value, and `\N`, is NULL.

use std::{io::Read, sync::Arc};

use csv::{ByteRecord, ErrorKind, Reader, ReaderBuilder};

use super::{ReadError, Row, Rows, Table, Value, bounded::Bounded};

/// The rows of a CSV file.
pub(super) struct CsvRows {
    reader: Reader<Bounded>,
    table: Arc<Table>,
    record: ByteRecord,
    number: u64,
    /// 1 where lines end in two characters, of which the reader counts the second with the next line.
    behind: u64,
}

impl CsvRows {
    pub(super) fn new(source: Box<dyn Read + Send>, name: String) -> Result<Self, ReadError> {
        let mut reader = ReaderBuilder::new().flexible(true).from_reader(Bounded::new(source));
        let columns = reader.byte_headers().map_err(error)?.iter();
        let columns = columns.map(|name| String::from_utf8_lossy(name).trim().to_lowercase()).collect();
        let table = Arc::new(Table::new(name, columns));
        let behind = u64::from(reader.position().line() == 1);
        Ok(Self { reader, table, record: ByteRecord::new(), number: 0, behind })
    }
}

impl Rows for CsvRows {
    fn next(&mut self) -> Result<Option<Row>, ReadError> {
        self.reader.get_mut().begin();
        if !self.reader.read_byte_record(&mut self.record).map_err(error)? {
            return Ok(None);
        }
        self.number += 1;
        let (number, table) = (self.number, Arc::clone(&self.table));
        let line = self.record.position().map_or(0, csv::Position::line) + self.behind;
        if self.record.len() != table.columns.len() {
            let text = format!("has {} values; its columns are {}", self.record.len(), table.columns.len());
            return Err(ReadError::Row { line, table: table.name.clone(), number, text });
        }
        let values = self.record.iter().map(|value| match value {
            b"" | b"\\N" => Value::Null,
            other => Value::of_bytes(other.to_vec()),
        });
        let values = values.collect();
        Ok(Some(Row { table, number, line, values }))
    }
}

fn error(error: csv::Error) -> ReadError {
    let line = error.position().map_or(0, csv::Position::line);
    match error.into_kind() {
        ErrorKind::Io(error) => ReadError::Io(error),
        other => ReadError::Broken { line, text: format!("no CSV: {other:?}") },
    }
}

#[cfg(test)]
mod tests {
    use crate::read::{Format, tests::told};

    #[test]
    fn quotes_line_breaks_and_nothing() {
        let text = "\u{feff}ID,Title\r\n1,\"a \"\"b\"\", 도깨비\nend\"\r\n2,\r\n\\N,'x'\r\n";
        let expect = [
            "t(1@2): id=\"1\" title=\"a \\\"b\\\", 도깨비\\nend\"",
            "t(2@4): id=\"2\" title=NULL",
            "t(3@5): id=NULL title=\"'x'\"",
        ];
        assert_eq!(told(Format::Csv, text.as_bytes()), expect);
    }

    #[test]
    fn a_row_of_another_length_is_that_rows_error() {
        let expect = ["! line 2: table t, row 1: has 1 values; its columns are 2", "t(2@3): a=\"2\" b=\"3\""];
        assert_eq!(told(Format::Csv, b"a,b\n1\n2,3\n"), expect);
    }
}
