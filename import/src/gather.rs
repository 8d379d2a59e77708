//! Rows of all files, as parts of nouns, into their order.
//!
//! Each file is read once, and once more before that where the mapping has lookups. A row is held no longer than its rules
//! look at it; what comes of it goes to the sorter. So rows may come in any order: children before parents, translations
//! before or after what they translate.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use xxhash_rust::xxh3::Xxh3Default;

use crate::{
    complaint::Complaint,
    error::ImportError,
    mapping::{Mapping, Rule, shape::NounKind},
    noun::Noun,
    part,
    read::{self, Format, ReadError, Row, Table, Value},
    report::Notes,
    row::{Reading, View, Wrong, noun, template},
    sort::Sorter,
};

mod each;
mod lookup;

/// What came of the files.
pub(crate) struct Gathered {
    pub(crate) sorter: Sorter,
    pub(crate) complaints: Vec<Complaint>,
    pub(crate) notes: Notes,
    /// Of each file's bytes, in the order of the files.
    pub(crate) hashes: Vec<u64>,
}

/// Reads all files.
pub(crate) struct Gatherer<'a> {
    mapping: &'a Mapping,
    files: &'a [PathBuf],
    errors_max: usize,
    pace: Arc<Pace>,
    lookups: Vec<HashMap<String, Vec<Value>>>,
    /// The columns of each table that were looked at already.
    seen: HashMap<String, Vec<String>>,
    gathered: Gathered,
}

impl<'a> Gatherer<'a> {
    pub(crate) fn new(
        mapping: &'a Mapping,
        files: &'a [PathBuf],
        errors_max: usize,
        pace: Arc<Pace>,
    ) -> Self {
        let sorter = Sorter::new(SORT_BYTES_MAX);
        let gathered =
            Gathered { sorter, complaints: Vec::new(), notes: Notes::default(), hashes: Vec::new() };
        let lookups = mapping.lookups.iter().map(|_| HashMap::new()).collect();
        Self { mapping, files, errors_max, pace, lookups, seen: HashMap::new(), gathered }
    }

    /// Reads them.
    pub(crate) fn run(mut self) -> Result<Gathered, ImportError> {
        if !self.mapping.lookups.is_empty() {
            self.read_lookups()?;
        }
        for (at, path) in self.files.iter().enumerate() {
            let hash = Arc::new(std::sync::Mutex::new(Xxh3Default::new()));
            let mut rows = open(path, self.mapping, &self.pace, Some(&hash))?;
            loop {
                match rows.next() {
                    Ok(None) => break,
                    Ok(Some(row)) => self.take(at, path, &row)?,
                    Err(ReadError::Row { line, table, number, text }) => {
                        if self.mapping.wanted(&table).is_some() {
                            self.complain(Complaint { file: told(path), line, table, row: number, text })?;
                        }
                    }
                    Err(error) => return Err(ImportError::unreadable(path, &error)),
                }
            }
            drop(rows);
            self.gathered.hashes.push(hash.lock().map_or(0, |hash| hash.digest()));
        }
        self.note_absent_tables();
        Ok(self.gathered)
    }

    fn take(&mut self, file: usize, path: &Path, row: &Row) -> Result<(), ImportError> {
        self.check_table(path, &row.table)?;
        self.gathered.notes.count_row(&row.table.name);
        let mapping = self.mapping;
        for (at, rule) in mapping.of_table(&row.table.name) {
            if let Err(wrong) = self.apply(file, at, rule, row)? {
                let Wrong { column, value, allowed } = wrong;
                let value: String = value.chars().take(VALUE_CHARS_MAX).collect();
                let text = format!("column {column} is {value:?}; allowed is {allowed}");
                let (table, line) = (row.table.name.clone(), row.line);
                self.complain(Complaint { file: told(path), line, table, row: row.number, text })?;
            }
        }
        Ok(())
    }

    /// Makes of a row what a rule says.
    fn apply(
        &mut self,
        file: usize,
        at: usize,
        rule: &Rule,
        row: &Row,
    ) -> Result<Result<(), Wrong>, ImportError> {
        let mut besides = BTreeMap::new();
        if let Err(wrong) = self.join(rule, row, &mut besides) {
            return Ok(Err(wrong));
        }
        let elements = match each::elements(rule, &View { row, besides }) {
            Ok(elements) => elements,
            Err(wrong) => return Ok(Err(wrong)),
        };
        for besides in elements {
            let view = View { row, besides };
            match self.part(rule, &view) {
                Err(wrong) => return Ok(Err(wrong)),
                Ok(None) => {}
                Ok(Some((noun, order))) => {
                    let place = part::Place { stage: rule.stage, order, rule: at, file, row: row.number };
                    let (key, value) = part::record(&noun, &place, row.line);
                    self.gathered.sorter.push(key, value).map_err(ImportError::Sort)?;
                }
            }
        }
        Ok(Ok(()))
    }

    /// The part that a rule makes of a row, and where it stands among those of its noun; `None` where it makes none.
    fn part(&self, rule: &Rule, view: &View<'_>) -> Result<Option<(Noun, i64)>, Wrong> {
        if !rule.when.holds(|column| view.told(column)) {
            return Ok(None);
        }
        let row = Reading { mapping: self.mapping, view, fields: &rule.fields };
        let table = rule.table.as_str();
        let is_deleted = rule.deleted.as_ref().map_or(Ok(false), |field| row.is_true(field))?;
        if is_deleted && rule.noun != NounKind::Grant {
            let is_gone = rule.noun == NounKind::Item && rule.makes;
            return if is_gone { Ok(Some((Noun::Gone(row.name("id")?), 0))) } else { Ok(None) };
        }
        noun::noun(rule.noun, &row, table, is_deleted).map(Some)
    }

    /// Looks up what a rule wants beside the row.
    fn join(&self, rule: &Rule, row: &Row, besides: &mut BTreeMap<String, Value>) -> Result<(), Wrong> {
        for (at, key) in &rule.joins {
            let view = View { row, besides: BTreeMap::new() };
            let (Some(key), Some(lookup)) = (template(&key.0, &view)?, self.mapping.lookups.get(*at)) else {
                continue;
            };
            let found = self.lookups.get(*at).and_then(|rows| rows.get(&key)).map_or(&[][..], Vec::as_slice);
            for (column, value) in lookup.columns.iter().zip(found) {
                besides.insert(format!("{}.{column}", lookup.name), value.clone());
            }
        }
        Ok(())
    }

    /// Whether a table has what the mapping names; what the mapping does not name is noted once.
    fn check_table(&mut self, path: &Path, table: &Arc<Table>) -> Result<(), ImportError> {
        if self.seen.get(&table.name).is_some_and(|columns| *columns == table.columns) {
            return Ok(());
        }
        let known = self.mapping.wanted(&table.name);
        let is_passed_over = |name: &str| self.mapping.passed_over.contains_key(name);
        match &known {
            None if is_passed_over(&table.name) => {}
            None => self.gathered.notes.unknown_table(&table.name),
            Some(wanted) => {
                let is_there = |column: &str| table.is_open || table.columns.iter().any(|one| one == column);
                if let Some(column) = wanted.iter().find(|column| !is_there(column)) {
                    let (table, column) = (table.name.clone(), (*column).to_owned());
                    return Err(ImportError::NoColumn { path: path.to_owned(), table, column });
                }
                for column in table.columns.iter().filter(|column| !wanted.contains(column.as_str())) {
                    let name = format!("{}.{column}", table.name);
                    if !is_passed_over(&name) {
                        self.gathered.notes.unknown_column(name);
                    }
                }
            }
        }
        self.seen.insert(table.name.clone(), table.columns.clone());
        Ok(())
    }

    fn note_absent_tables(&mut self) {
        let rules = self.mapping.rules.iter().map(|rule| rule.table.as_str());
        let tables: HashSet<&str> = rules.collect();
        for table in tables.into_iter().filter(|table| !self.seen.contains_key(*table)) {
            self.gathered.notes.absent_table(table);
        }
    }

    fn complain(&mut self, complaint: Complaint) -> Result<(), ImportError> {
        self.gathered.complaints.push(complaint);
        if self.gathered.complaints.len() <= self.errors_max {
            return Ok(());
        }
        let complaints = std::mem::take(&mut self.gathered.complaints);
        Err(ImportError::TooMany { complaints, errors_max: self.errors_max, done: 0 })
    }
}

/// Opens a file for its rows.
fn open(
    path: &Path,
    mapping: &Mapping,
    pace: &Arc<Pace>,
    hash: Option<&Arc<std::sync::Mutex<Xxh3Default>>>,
) -> Result<Box<dyn read::Rows>, ImportError> {
    let format =
        Format::of(path, mapping.dialect).ok_or_else(|| ImportError::Format { path: path.to_owned() })?;
    let unreadable = |error| ImportError::unreadable(path, &ReadError::Io(error));
    let file = File::open(path).map_err(unreadable)?;
    let source = Counted { file, pace: Arc::clone(pace), hash: hash.map(Arc::clone) };
    let table = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    read::rows(Box::new(source), format, &table).map_err(|error| ImportError::unreadable(path, &error))
}

/// What whoever waits for the reading sees of it, and can do about it.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// How much was read so far, bytes.
    pub(crate) bytes: AtomicU64,
    /// True where it shall end.
    pub(crate) is_stopped: AtomicBool,
}

/// A file of which is known how far it was read, and what.
struct Counted {
    file: File,
    pace: Arc<Pace>,
    hash: Option<Arc<std::sync::Mutex<Xxh3Default>>>,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.pace.is_stopped.load(Ordering::Relaxed) {
            return Err(std::io::Error::other("stopped"));
        }
        let read = self.file.read(into)?;
        self.pace.bytes.fetch_add(u64::try_from(read).unwrap_or_default(), Ordering::Relaxed);
        if let Some(mut hash) = self.hash.as_ref().and_then(|hash| hash.lock().ok()) {
            hash.update(into.get(..read).unwrap_or_default());
        }
        Ok(read)
    }
}

/// A path as it was named.
pub(crate) fn told(path: &Path) -> String {
    path.display().to_string()
}

/// How much of the parts is held in memory before they go to the disk.
const SORT_BYTES_MAX: usize = 64 * 1_024 * 1_024;
/// How much of a bad value is told.
const VALUE_CHARS_MAX: usize = 64;
