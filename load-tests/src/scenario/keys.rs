//! Takes keys out of a table one by one, each with its default and its range. What is left at the end is unknown.

use std::{fmt::Display, ops::RangeInclusive};

use toml::{Table, Value};

use super::ScenarioError;

/// A table whose keys are being read.
pub(super) struct Keys {
    /// The path of the table, with a dot at its end, or empty.
    within: String,
    table: Table,
    read: Vec<&'static str>,
}

impl Keys {
    pub(super) fn new(within: &str, table: Table) -> Self {
        Self { within: within.to_owned(), table, read: Vec::new() }
    }

    /// The value as it stands.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Value> {
        self.read.push(key);
        self.table.remove(key)
    }

    /// A table of its own; empty where there is none.
    pub(super) fn table(&mut self, key: &'static str) -> Result<Self, ScenarioError> {
        match self.take(key) {
            None => Ok(Self::new(&format!("{key}."), Table::new())),
            Some(Value::Table(table)) => Ok(Self::new(&format!("{key}."), table)),
            Some(other) => Err(self.wrong(key, &other, format!("a table [{key}]"))),
        }
    }

    pub(super) fn text(&mut self, key: &'static str, default: &str) -> Result<String, ScenarioError> {
        match self.take(key) {
            None => Ok(default.to_owned()),
            Some(Value::String(text)) => Ok(text),
            Some(other) => Err(self.wrong(key, &other, "a text")),
        }
    }

    pub(super) fn switch(&mut self, key: &'static str, default: bool) -> Result<bool, ScenarioError> {
        match self.take(key) {
            None => Ok(default),
            Some(Value::Boolean(is_on)) => Ok(is_on),
            Some(other) => Err(self.wrong(key, &other, "true or false")),
        }
    }

    /// A whole number in a range.
    pub(super) fn whole<N: TryFrom<i64> + Into<i64> + Copy + PartialOrd + Display>(
        &mut self,
        key: &'static str,
        default: N,
        range: &RangeInclusive<N>,
    ) -> Result<N, ScenarioError> {
        let Some(value) = self.take(key) else { return Ok(default) };
        let number = value.as_integer().and_then(|number| N::try_from(number).ok());
        let allowed = format!("a whole number from {} to {}", range.start(), range.end());
        number.filter(|number| range.contains(number)).ok_or_else(|| self.wrong(key, &value, allowed))
    }

    /// A number in a range.
    pub(super) fn number(
        &mut self,
        key: &'static str,
        range: &RangeInclusive<f64>,
    ) -> Result<Option<f64>, ScenarioError> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let allowed = format!("a number from {} to {}", range.start(), range.end());
        let found = number_of(&value).filter(|number| range.contains(number));
        found.map(Some).ok_or_else(|| self.wrong(key, &value, allowed))
    }

    /// The error for a value of a key.
    pub(super) fn wrong(&self, key: &str, value: &impl Display, allowed: impl Into<String>) -> ScenarioError {
        let key = format!("{}{key}", self.within);
        ScenarioError::Wrong { key, value: value.to_string(), allowed: allowed.into() }
    }

    /// Refuses what nobody read.
    pub(super) fn finish(self) -> Result<(), ScenarioError> {
        match self.table.keys().next() {
            None => Ok(()),
            Some(key) => {
                let key = format!("{}{key}", self.within);
                Err(ScenarioError::Unknown { key, allowed: self.read.join(", ") })
            }
        }
    }
}

/// A whole number or one with a point.
#[expect(clippy::cast_precision_loss, reason = "rates and limits are far below 2^53")]
pub(super) fn number_of(value: &Value) -> Option<f64> {
    value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64))
}
