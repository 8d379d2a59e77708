//! Tables that others look into, read before all else and held in memory.

use std::collections::BTreeMap;

use super::{Gatherer, open, told};
use crate::{
    complaint::Complaint,
    error::ImportError,
    read::{ReadError, Row, Value},
    row::{View, template},
};

impl Gatherer<'_> {
    pub(super) fn read_lookups(&mut self) -> Result<(), ImportError> {
        let mut bytes = 0;
        for path in self.files {
            let mut rows = open(path, self.mapping, &self.pace, None)?;
            loop {
                match rows.next() {
                    Ok(None) => break,
                    Ok(Some(row)) => {
                        self.check_table(path, &row.table)?;
                        bytes += self.look_up(&row).map_err(|text| {
                            let (table, line) = (row.table.name.clone(), row.line);
                            let complaint =
                                Complaint { file: told(path), line, table, row: row.number, text };
                            ImportError::Lookup(Box::new(complaint))
                        })?;
                        if bytes > LOOKUP_BYTES_MAX {
                            return Err(ImportError::LookupsTooLarge { bytes_max: LOOKUP_BYTES_MAX });
                        }
                    }
                    // It is told of when the rows are read for what they say.
                    Err(ReadError::Row { .. }) => {}
                    Err(error) => return Err(ImportError::unreadable(path, &error)),
                }
            }
        }
        Ok(())
    }

    /// Holds a row, if it is one to be looked up. Answers what that costs.
    fn look_up(&mut self, row: &Row) -> Result<usize, String> {
        let view = View { row, besides: BTreeMap::new() };
        let mut bytes = 0;
        for (lookup, held) in self.mapping.lookups.iter().zip(&mut self.lookups) {
            if lookup.table != row.table.name {
                continue;
            }
            let key = template(&lookup.key.0, &view);
            let key = key.map_err(|wrong| format!("column {} is {:?}", wrong.column, wrong.value))?;
            let Some(key) = key else { continue };
            let values: Vec<Value> = lookup.columns.iter().map(|column| view.value(column).clone()).collect();
            bytes += key.len() + values.iter().map(bytes_of).sum::<usize>() + ENTRY_BYTES;
            held.insert(key, values);
        }
        Ok(bytes)
    }
}

fn bytes_of(value: &Value) -> usize {
    let bytes = match value {
        Value::Null => 0,
        Value::Text(text) | Value::Odd(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
    };
    bytes + size_of::<Value>()
}

/// How much may be held to be looked up.
const LOOKUP_BYTES_MAX: usize = 256 * 1_024 * 1_024;
/// What an entry costs besides, rounded up.
const ENTRY_BYTES: usize = 96;
