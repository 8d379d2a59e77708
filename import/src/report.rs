//! What came of an import.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use serde::{Deserialize, Serialize};

use crate::{complaint::Complaint, mapping::shape::NounKind};

/// What came of an import.
#[derive(Debug, Default)]
pub struct Report {
    /// Of each kind of noun.
    pub counts: BTreeMap<NounKind, Counts>,
    /// What was not imported, and why.
    pub complaints: Vec<Complaint>,
    /// What the mapping and the files do not have in common.
    pub notes: Notes,
    /// True where it was stopped before its end.
    pub is_stopped: bool,
    /// True where nothing was written, only checked.
    pub is_dry: bool,
}

/// How nouns of a kind ended: each as exactly one of these.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Was not there.
    pub created: u64,
    /// Was there, and said something else.
    pub changed: u64,
    /// Was there, and said the same.
    pub unchanged: u64,
    /// Was there, and is deleted now, since the other system deleted it.
    pub deleted: u64,
    /// Was not written: it lies in what was not written or is about it, is deleted there and was never here, or is of a user
    /// who was erased here since.
    pub skipped: u64,
    /// Cannot be written: see the complaints.
    pub failed: u64,
}

/// What is worth knowing and no error.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// How many rows each table had.
    pub rows: BTreeMap<String, u64>,
    /// Tables that the mapping does not speak of.
    pub unknown_tables: BTreeSet<String>,
    /// Columns that it does not speak of, as `table.column`.
    pub unknown_columns: BTreeSet<String>,
    /// Tables of the mapping that no file has.
    pub absent_tables: BTreeSet<String>,
}

impl Notes {
    pub(crate) fn count_row(&mut self, table: &str) {
        match self.rows.get_mut(table) {
            Some(rows) => *rows += 1,
            None => drop(self.rows.insert(table.to_owned(), 1)),
        }
    }

    pub(crate) fn unknown_table(&mut self, table: &str) {
        self.unknown_tables.insert(table.to_owned());
    }

    pub(crate) fn unknown_column(&mut self, name: String) {
        self.unknown_columns.insert(name);
    }

    pub(crate) fn absent_table(&mut self, table: &str) {
        self.absent_tables.insert(table.to_owned());
    }

    /// One line for each sort of note.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let line = |what: &str, names: &BTreeSet<String>| {
            let names = names.iter().map(String::as_str).collect::<Vec<_>>();
            (!names.is_empty()).then(|| format!("{what}: {}", names.join(", ")))
        };
        let lines = [
            line("tables that the mapping does not speak of", &self.unknown_tables),
            line("columns that the mapping does not speak of", &self.unknown_columns),
            line("tables of the mapping that no file has", &self.absent_tables),
        ];
        lines.into_iter().flatten().collect()
    }
}

impl Report {
    /// The counts as a table, a line per kind of noun.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = format!("{:<14}", "");
        for name in Counts::NAMES {
            let _ = write!(text, "{name:>10}");
        }
        text.push('\n');
        for (kind, counts) in &self.counts {
            let _ = write!(text, "{:<14}", kind.name());
            for count in counts.all() {
                let _ = write!(text, "{count:>10}");
            }
            text.push('\n');
        }
        text
    }

    /// All kinds together.
    #[must_use]
    pub fn total(&self) -> Counts {
        self.counts.values().fold(Counts::default(), |sum, one| Counts {
            created: sum.created + one.created,
            changed: sum.changed + one.changed,
            unchanged: sum.unchanged + one.unchanged,
            deleted: sum.deleted + one.deleted,
            skipped: sum.skipped + one.skipped,
            failed: sum.failed + one.failed,
        })
    }

    /// The report for programs.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        let counts: BTreeMap<&str, &Counts> =
            self.counts.iter().map(|(kind, counts)| (kind.name(), counts)).collect();
        serde_json::json!({
            "counts": counts,
            "dry_run": self.is_dry,
            "stopped": self.is_stopped,
            "errors": self.complaints.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "notes": self.notes.lines(),
            "rows": self.notes.rows,
        })
    }
}

impl Counts {
    const NAMES: [&str; 6] = ["created", "changed", "unchanged", "deleted", "skipped", "failed"];

    fn all(&self) -> [u64; 6] {
        [self.created, self.changed, self.unchanged, self.deleted, self.skipped, self.failed]
    }
}
