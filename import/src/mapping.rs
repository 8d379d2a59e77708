//! What of another system's tables becomes what here: a TOML file, checked as a whole when it is read.
//!
//! A `Rule` takes rows of one table and makes of each a noun, or a part of one that another rule makes. Its fields are
//! templates over the row's columns. `shape` is what may be said of each noun, `field` what a field is, `parse` how both
//! are read.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

use jiff::tz::TimeZone;

use crate::read::Dialect;

pub(crate) mod field;
mod parse;
pub mod shape;

use field::{Condition, Field, Template};
use shape::NounKind;

/// A mapping that was checked.
#[derive(Debug, Clone)]
pub struct Mapping {
    /// What the other system is called; external ids begin with it.
    pub(crate) system: String,
    /// The dialect of its dumps.
    pub(crate) dialect: Option<Dialect>,
    /// Where times without an offset are told.
    pub(crate) zone: TimeZone,
    /// The language of texts that name none.
    pub(crate) language: String,
    /// Tables that are held in memory, for others to look into.
    pub(crate) lookups: Vec<Lookup>,
    /// In the order of their nouns.
    pub(crate) rules: Vec<Rule>,
    /// Tables, and columns as `table.column`, of which nothing is taken, with the reason.
    pub(crate) passed_over: BTreeMap<String, String>,
    /// Of the file's text.
    pub(crate) hash: u64,
}

/// A table that others look into.
#[derive(Debug, Clone)]
pub(crate) struct Lookup {
    pub(crate) name: String,
    pub(crate) table: String,
    pub(crate) key: Template,
    pub(crate) columns: Vec<String>,
}

/// What becomes of a table's rows.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) noun: NounKind,
    /// What others and errors call it.
    pub(crate) name: String,
    pub(crate) table: String,
    /// The rules of one stage are written before those of the next; a part is of the stage of its whole.
    pub(crate) stage: u16,
    /// True where it makes the noun, false where it adds to one.
    pub(crate) makes: bool,
    /// Only of rows for which this holds.
    pub(crate) when: Condition,
    /// A column with a JSON array: the rule is for each of its elements, not for the row.
    pub(crate) each: Option<String>,
    /// Where to look, and for what.
    pub(crate) joins: Vec<(usize, Template)>,
    /// True where many rows may make one noun, as the seasons that only episodes tell of.
    pub(crate) repeats: bool,
    /// Where this is true, the noun is deleted.
    pub(crate) deleted: Option<Field>,
    pub(crate) fields: Fields,
    /// All columns of the table that it names.
    pub(crate) columns: BTreeSet<String>,
}

/// What is said of a noun's fields.
pub(crate) type Fields = BTreeMap<&'static str, Node>;

/// What is said of one field.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    /// One value.
    One(Field),
    /// Several values.
    Several(Vec<Field>),
    /// Several things with fields of their own, each where its condition holds.
    Things(Vec<(Condition, Fields)>),
    /// Values under names of the mapping's own.
    Named(BTreeMap<String, Field>),
}

/// Why a mapping cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MappingError {
    /// The file cannot be read.
    #[error("the mapping {}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It says what it may not.
    #[error("the mapping {}: {text}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// Where, what and what would be allowed.
        text: String,
    },
}

impl Mapping {
    /// Reads and checks a mapping.
    ///
    /// # Errors
    /// A [`MappingError`] that names the file, and the key, the value and what is allowed.
    pub fn read(path: &Path) -> Result<Self, MappingError> {
        let unreadable = |error| MappingError::Unreadable { path: path.to_owned(), error };
        let text = fs::read_to_string(path).map_err(unreadable)?;
        parse::mapping(&text).map_err(|text| MappingError::Wrong { path: path.to_owned(), text })
    }

    /// The rules for a table's rows, with their places.
    pub(crate) fn of_table<'a>(&'a self, table: &str) -> impl Iterator<Item = (usize, &'a Rule)> {
        self.rules.iter().enumerate().filter(move |(_, rule)| rule.table == table)
    }

    /// All that the mapping wants of a table; `None` where it wants nothing.
    pub(crate) fn wanted(&self, table: &str) -> Option<BTreeSet<&str>> {
        let rules = self.of_table(table).flat_map(|(_, rule)| rule.columns.iter().map(String::as_str));
        let lookups = self.lookups.iter().filter(|lookup| lookup.table == table);
        let looked =
            lookups.flat_map(|lookup| lookup.key.columns().chain(lookup.columns.iter().map(String::as_str)));
        let is_named =
            self.of_table(table).next().is_some() || self.lookups.iter().any(|lookup| lookup.table == table);
        is_named.then(|| rules.chain(looked).collect())
    }
}

#[cfg(test)]
mod tests;
