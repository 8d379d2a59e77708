//! One JSON object per line. Objects and arrays within it stay JSON; a key that is not there is NULL.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::{ReadError, Row, Rows, Table, VALUE_BYTES_MAX, Value, feed::Feed};

/// The rows of an NDJSON file.
pub(super) struct NdjsonRows {
    feed: Feed,
    table: Arc<Table>,
    number: u64,
}

impl NdjsonRows {
    pub(super) fn new(feed: Feed, name: String) -> Self {
        let table = Arc::new(open(name, Vec::new()));
        Self { feed, table, number: 0 }
    }
}

impl Rows for NdjsonRows {
    fn next(&mut self) -> Result<Option<Row>, ReadError> {
        let (line, text) = loop {
            let line = self.feed.line();
            match self.feed.take_line(VALUE_BYTES_MAX)? {
                None => return Ok(None),
                Some(text) if text.trim_ascii().is_empty() => {}
                Some(text) => break (line, text),
            }
        };
        self.number += 1;
        let number = self.number;
        let object: Map<String, Json> = serde_json::from_slice(&text).map_err(|error| {
            let text = format!("no JSON object: {error}");
            ReadError::Row { line, table: self.table.name.clone(), number, text }
        })?;
        let (columns, values): (Vec<_>, Vec<_>) =
            object.into_iter().map(|(key, value)| (key.to_lowercase(), of_json(value))).unzip();
        if columns != self.table.columns {
            self.table = Arc::new(open(self.table.name.clone(), columns));
        }
        Ok(Some(Row { table: Arc::clone(&self.table), number, line, values }))
    }
}

fn open(name: String, columns: Vec<String>) -> Table {
    Table { is_open: true, ..Table::new(name, columns) }
}

/// A value of JSON as a row has it.
pub(crate) fn of_json(value: Json) -> Value {
    match value {
        Json::Null => Value::Null,
        Json::String(text) => Value::Text(text),
        other => Value::Text(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use crate::read::{Format, tests::told};

    #[test]
    fn objects_are_rows() {
        let text = r#"{"Id": 7, "title": "도깨비 👻", "tags": ["a","b"], "live": true, "none": null}

[1]
{"id": "8"}
"#;
        let expect = [
            r#"t(1@1): id="7" live="true" none=NULL tags="[\"a\",\"b\"]" title="도깨비 👻""#,
            "! line 3: table t, row 2: no JSON object: invalid type: sequence, expected a map at line 1 column 0",
            r#"t(3@4): id="8""#,
        ];
        assert_eq!(told(Format::Ndjson, text.as_bytes()), expect);
    }
}
