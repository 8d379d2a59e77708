//! The elements of a column's JSON array, each as a row of its own; an object is one element.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::{
    mapping::Rule,
    read::{Value, ndjson::of_json},
    row::{View, Wrong},
};

/// What stands besides the row, for each time that the rule is for it: once, where it names no array.
pub(super) fn elements(rule: &Rule, view: &View<'_>) -> Result<Vec<BTreeMap<String, Value>>, Wrong> {
    let Some(column) = &rule.each else { return Ok(vec![view.besides.clone()]) };
    let Some(text) = view.told(column).filter(|text| !text.trim().is_empty()) else { return Ok(Vec::new()) };
    let wrong = |text: String| Wrong {
        column: column.clone(),
        value: text,
        allowed: "an array or an object in JSON, or NULL".to_owned(),
    };
    let elements = match serde_json::from_str(&text) {
        Ok(Json::Array(elements)) => elements,
        // One thing with fields of its own.
        Ok(object @ Json::Object(_)) => vec![object],
        Ok(Json::Null) => Vec::new(),
        _ => return Err(wrong(text)),
    };
    let numbered = elements.into_iter().enumerate();
    let besides = numbered.map(|(at, element)| {
        let mut besides = view.besides.clone();
        besides.insert(format!("{column}.n"), Value::Text((at + 1).to_string()));
        match element {
            Json::Object(fields) => {
                let named = fields.into_iter().map(|(key, value)| {
                    let key = key.to_lowercase();
                    (format!("{column}.{key}"), of_json(value))
                });
                besides.extend(named);
            }
            other => {
                besides.insert(column.clone(), of_json(other));
            }
        }
        besides
    });
    Ok(besides.collect())
}
