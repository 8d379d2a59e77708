//! A row as a rule sees it, and what becomes of its values.

use std::collections::BTreeMap;

use crate::{
    mapping::{
        Fields, Mapping, Node,
        field::{Field, Piece},
    },
    read::{Row, Value},
};

mod item;
pub(crate) mod noun;
mod opinion;
mod right;
mod session;
mod value;

/// A row with what was looked up for it, and the element of its array that is looked at.
pub(crate) struct View<'a> {
    pub(crate) row: &'a Row,
    /// Columns with a point in their names, and the array's own.
    pub(crate) besides: BTreeMap<String, Value>,
}

impl View<'_> {
    /// What a column has. What is nowhere is NULL: that it should be there was checked of the whole table.
    pub(crate) fn value(&self, column: &str) -> &Value {
        if let Some(value) = self.besides.get(column) {
            return value;
        }
        let at = self.row.table.columns.iter().position(|name| name == column);
        at.and_then(|at| self.row.values.get(at)).unwrap_or(&Value::Null)
    }

    /// A column's value as conditions see it.
    pub(crate) fn told(&self, column: &str) -> Option<String> {
        match self.value(column) {
            Value::Null => None,
            Value::Text(text) | Value::Odd(text) => Some(text.clone()),
            Value::Bytes(bytes) => Some(hex(bytes)),
        }
    }
}

/// A value that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// The column, or columns, that it comes from.
    pub(crate) column: String,
    pub(crate) value: String,
    pub(crate) allowed: String,
}

/// What a rule's fields come to for a row.
pub(crate) struct Reading<'a> {
    pub(crate) mapping: &'a Mapping,
    pub(crate) view: &'a View<'a>,
    pub(crate) fields: &'a Fields,
}

impl<'a> Reading<'a> {
    /// A text; empty where nothing is said.
    pub(crate) fn text(&self, key: &str) -> Result<String, Wrong> {
        Ok(self.maybe_text(key)?.unwrap_or_default())
    }

    /// A text that names something: it has to be there.
    pub(crate) fn name(&self, key: &str) -> Result<String, Wrong> {
        let wrong = |value: &str| {
            let column = self.one(key).map(columns_of).unwrap_or_default();
            Wrong { column, value: value.to_owned(), allowed: format!("a value, since it is the {key}") }
        };
        match self.maybe_text(key)? {
            None => Err(wrong("NULL")),
            Some(text) if text.is_empty() => Err(wrong("")),
            Some(text) => Ok(text),
        }
    }

    /// A text, if there is one.
    pub(crate) fn maybe_text(&self, key: &str) -> Result<Option<String>, Wrong> {
        self.one(key).map_or(Ok(None), |field| self.evaluate(field))
    }

    /// A whole number.
    pub(crate) fn number<T: TryFrom<i64>>(&self, key: &str) -> Result<Option<T>, Wrong> {
        self.converted(key, "a whole number", |text, _| T::try_from(value::number(text)?).ok())
    }

    /// A moment, Unix ms.
    pub(crate) fn time(&self, key: &str) -> Result<Option<i64>, Wrong> {
        let Some(field) = self.one(key) else { return Ok(None) };
        let shift = field.shift.as_ref().map_or(Ok(None), |shift| self.evaluate(shift))?;
        let zone = field.zone.as_ref().unwrap_or(&self.mapping.zone);
        let Some(text) = self.evaluate(field)?.filter(|text| !value::is_no_time(text)) else {
            return Ok(None);
        };
        let allowed = match &field.format {
            Some(format) => format!("a time as {format}"),
            None => "a time such as 2027-01-31 09:05:00".to_owned(),
        };
        match value::time(&text, field, zone, shift.as_deref()) {
            Some(at_ms) => Ok(Some(at_ms)),
            None => Err(Wrong { column: columns_of(field), value: text, allowed }),
        }
    }

    /// A length that has to be there, ms.
    pub(crate) fn needed_span(&self, key: &str) -> Result<i64, Wrong> {
        self.span(key)?.ok_or_else(|| self.absent(key))
    }

    /// A number that has to be there.
    pub(crate) fn needed_number<T: TryFrom<i64>>(&self, key: &str) -> Result<T, Wrong> {
        self.number(key)?.ok_or_else(|| self.absent(key))
    }

    fn absent(&self, key: &str) -> Wrong {
        let column = self.one(key).map(columns_of).unwrap_or_default();
        Wrong { column, value: "NULL".to_owned(), allowed: format!("a value, since it is the {key}") }
    }

    /// A length, ms.
    pub(crate) fn span(&self, key: &str) -> Result<Option<i64>, Wrong> {
        self.converted(key, "a length of 0 or more", |text, field| value::span(text, field.unit))
    }

    /// Yes or no.
    pub(crate) fn flag(&self, key: &str) -> Result<Option<bool>, Wrong> {
        self.converted(key, "1 or 0, true or false, Y or N", |text, _| value::flag(text))
    }

    /// Whether a field outside the rule's own says yes: any value but NULL and those that say no.
    pub(crate) fn is_true(&self, field: &Field) -> Result<bool, Wrong> {
        let text = self.evaluate(field)?;
        Ok(text.is_some_and(|text| !value::is_no_time(&text) && value::flag(&text) != Some(false)))
    }

    /// One of an enum's words, by the word's name on the wire.
    pub(crate) fn word<T>(
        &self,
        key: &str,
        prefix: &str,
        named: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, Wrong> {
        let allowed = "one of the words that the mapping's documentation lists; give `words` for others";
        self.converted(key, allowed, |text, _| named(&format!("{prefix}{text}")))
    }

    /// Several texts; those that are NULL or empty are left out.
    pub(crate) fn texts(&self, key: &str) -> Result<Vec<String>, Wrong> {
        let Some(Node::Several(fields)) = self.fields.get(key) else { return Ok(Vec::new()) };
        let mut texts = Vec::with_capacity(fields.len());
        for field in fields {
            texts.extend(self.evaluate(field)?.filter(|text| !text.is_empty()));
        }
        Ok(texts)
    }

    /// Things with fields of their own, where their conditions hold.
    pub(crate) fn things<T>(
        &self,
        key: &str,
        make: impl Fn(&Reading<'a>) -> Result<Option<T>, Wrong>,
    ) -> Result<Vec<T>, Wrong> {
        let Some(Node::Things(things)) = self.fields.get(key) else { return Ok(Vec::new()) };
        let mut made = Vec::with_capacity(things.len());
        for (when, fields) in things {
            if when.holds(|column| self.view.told(column)) {
                made.extend(make(&Reading { fields, ..*self })?);
            }
        }
        Ok(made)
    }

    /// Texts under names of the mapping's own.
    pub(crate) fn named(&self, key: &str) -> Result<Vec<(String, String)>, Wrong> {
        let Some(Node::Named(fields)) = self.fields.get(key) else { return Ok(Vec::new()) };
        let mut named = Vec::with_capacity(fields.len());
        for (name, field) in fields {
            named.extend(self.evaluate(field)?.map(|text| (name.clone(), text)));
        }
        Ok(named)
    }

    /// Whether the mapping says anything of a field.
    pub(crate) fn says(&self, key: &str) -> bool {
        self.fields.contains_key(key)
    }

    fn one(&self, key: &str) -> Option<&'a Field> {
        match self.fields.get(key) {
            Some(Node::One(field)) => Some(field),
            _ => None,
        }
    }

    fn converted<T>(
        &self,
        key: &str,
        allowed: &str,
        convert: impl Fn(&str, &Field) -> Option<T>,
    ) -> Result<Option<T>, Wrong> {
        let Some(field) = self.one(key) else { return Ok(None) };
        let Some(text) = self.evaluate(field)?.filter(|text| !text.trim().is_empty()) else {
            return Ok(None);
        };
        match convert(text.trim(), field) {
            Some(value) => Ok(Some(value)),
            None => Err(Wrong { column: columns_of(field), value: text, allowed: allowed.to_owned() }),
        }
    }

    /// What a field comes to.
    pub(crate) fn evaluate(&self, field: &Field) -> Result<Option<String>, Wrong> {
        if !field.when.holds(|column| self.view.told(column)) {
            return Ok(None);
        }
        let Some(text) = template(&field.from.0, self.view)? else { return Ok(field.default.clone()) };
        let Some(words) = &field.words else { return Ok(Some(text)) };
        match words.get(&text).or(field.default.as_ref()) {
            Some(word) => Ok(Some(word.clone())),
            None => {
                let allowed = words.keys().cloned().collect::<Vec<_>>().join(", ");
                Err(Wrong { column: columns_of(field), value: text, allowed })
            }
        }
    }
}

/// A template's text; `None` where a column is NULL.
pub(crate) fn template(pieces: &[Piece], view: &View<'_>) -> Result<Option<String>, Wrong> {
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Plain(plain) => text.push_str(plain),
            Piece::Column(column) => match view.value(column) {
                Value::Null => return Ok(None),
                Value::Text(value) => text.push_str(value),
                Value::Bytes(bytes) => text.push_str(&hex(bytes)),
                Value::Odd(value) => {
                    let allowed = "a value that stands in the file".to_owned();
                    return Err(Wrong { column: column.clone(), value: value.clone(), allowed });
                }
            },
        }
    }
    Ok(Some(text))
}

fn columns_of(field: &Field) -> String {
    field.from.columns().collect::<Vec<_>>().join(", ")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
