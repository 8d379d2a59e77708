//! What a table of TOML says under a key, taken out of it: so what is left was not asked for.

use toml::{Table, Value};

use super::Read;
use crate::mapping::shape::NounKind;

/// One text or several.
pub(super) fn strings(value: Option<Value>, path: &str) -> Read<Vec<String>> {
    let text = |value: Value| match value {
        Value::String(text) => Ok(text),
        Value::Integer(number) => Ok(number.to_string()),
        other => Err(format!("{path} has {other}; allowed is a text")),
    };
    match value {
        None => Err(format!("{path}: is needed")),
        Some(Value::Array(values)) => values.into_iter().map(text).collect(),
        Some(value) => Ok(vec![text(value)?]),
    }
}

pub(super) fn needed(table: &mut Table, path: &str, key: &str) -> Read<String> {
    text_of(table, path, key)?.ok_or_else(|| format!("{path}{key}: is needed"))
}

pub(super) fn text_of(table: &mut Table, path: &str, key: &str) -> Read<Option<String>> {
    match table.remove(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(format!("{path}{key} is {other}; allowed is a text")),
    }
}

pub(super) fn table_of(table: &mut Table, path: &str, key: &str) -> Read<Option<Table>> {
    match table.remove(key) {
        None => Ok(None),
        Some(Value::Table(table)) => Ok(Some(table)),
        Some(_) => Err(format!("{path}{key}: a table is needed")),
    }
}

pub(super) fn tables_of(table: &mut Table, path: &str, key: &str) -> Read<Vec<Table>> {
    let wrong = || format!("{path}{key}: tables are needed, each as [[{key}]]");
    match table.remove(key) {
        None => Ok(Vec::new()),
        Some(Value::Array(values)) => values
            .into_iter()
            .map(|value| match value {
                Value::Table(table) => Ok(table),
                _ => Err(wrong()),
            })
            .collect(),
        Some(_) => Err(wrong()),
    }
}

pub(super) fn nothing_left(table: &Table, path: &str, allowed: &[&str]) -> Read<()> {
    const TOP: [&str; 7] = ["system", "dialect", "time_zone", "language", "lookups", "ignored", "later"];
    let Some(key) = table.keys().next() else { return Ok(()) };
    let nouns = NounKind::ALL.map(NounKind::name);
    let allowed = if allowed.is_empty() { [&TOP[..], &nouns[..]].concat() } else { allowed.to_vec() };
    Err(format!("{path}{key}: there is no such key; allowed is {}", allowed.join(", ")))
}
