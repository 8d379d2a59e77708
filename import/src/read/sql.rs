//! Dumps in SQL: CREATE TABLE says in which order columns come, INSERT and COPY give rows, everything else is passed over.

use std::{collections::HashMap, sync::Arc};

use super::{Dialect, ReadError, Row, Rows, Table, Value, feed::Feed};

mod copy;
mod create;
mod escape;
mod lex;
mod names;
mod oracle;
mod values;

use lex::{Lexer, Token};

/// The rows of a dump.
pub(crate) struct SqlRows {
    lexer: Lexer,
    dialect: Dialect,
    /// A token that was looked at and not taken.
    held: Option<Token>,
    /// The columns that CREATE TABLE told of.
    created: HashMap<String, Vec<String>>,
    /// How many calls are being read within each other.
    calls: usize,
    /// How many rows each table had so far.
    numbers: HashMap<String, u64>,
    place: Place,
}

/// Where the reader is.
enum Place {
    /// Before a statement.
    Outside,
    /// In an INSERT, before a row or its end.
    Insert(Arc<Table>),
    /// In Oracle's INSERT ALL, before an INTO or the SELECT at its end.
    InsertAll,
    /// In the lines of a COPY.
    Copy(Arc<Table>),
}

impl Rows for SqlRows {
    fn next(&mut self) -> Result<Option<Row>, ReadError> {
        loop {
            match &self.place {
                Place::Outside => {
                    if !self.begin_statement()? {
                        return Ok(None);
                    }
                }
                Place::Insert(table) => {
                    let table = Arc::clone(table);
                    if let Some(row) = self.next_of_insert(&table)? {
                        return Ok(Some(row));
                    }
                }
                Place::InsertAll => {
                    if let Some(row) = self.next_of_insert_all()? {
                        return Ok(Some(row));
                    }
                }
                Place::Copy(table) => {
                    let table = Arc::clone(table);
                    if let Some(row) = self.next_of_copy(&table)? {
                        return Ok(Some(row));
                    }
                }
            }
        }
    }
}

impl SqlRows {
    pub(crate) fn new(feed: Feed, dialect: Dialect) -> Self {
        let lexer = Lexer::new(feed, dialect);
        let (created, numbers) = Default::default();
        Self { lexer, dialect, held: None, created, calls: 0, numbers, place: Place::Outside }
    }

    /// Reads a statement up to its rows, or all of it where it has none. False at the end.
    fn begin_statement(&mut self) -> Result<bool, ReadError> {
        let first = self.token()?;
        match &first {
            Token::End => return Ok(false),
            Token::Word(word) if self.is_line_command(word) => self.lexer.pass_line()?,
            // psql's commands, SQL*Plus' `@file`, and the slash that runs what stands before it.
            Token::Sign(b'\\' | b'@' | b'/') => self.lexer.pass_line()?,
            Token::Sign(b';') => {}
            first if first.is("DELIMITER") && self.dialect == Dialect::Mysql => self.pass_delimited()?,
            first if first.is("CREATE") => self.create()?,
            first if first.is("INSERT") || first.is("REPLACE") => self.insert()?,
            first if first.is("COPY") && self.dialect == Dialect::Postgresql => self.copy()?,
            first if self.dialect == Dialect::Oracle && (first.is("BEGIN") || first.is("DECLARE")) => {
                self.pass_block()?;
            }
            _ => self.pass_statement()?,
        }
        Ok(true)
    }

    /// Whether a statement that begins so is a line of SQL*Plus', which no semicolon ends.
    fn is_line_command(&self, word: &str) -> bool {
        const COMMANDS: [&str; 17] = [
            "REM", "REMARK", "PROMPT", "SET", "SPOOL", "WHENEVER", "EXIT", "QUIT", "DEFINE", "DEF",
            "UNDEFINE", "COLUMN", "CLEAR", "CONNECT", "CONN", "PAUSE", "SHOW",
        ];
        self.dialect == Dialect::Oracle && COMMANDS.iter().any(|command| word.eq_ignore_ascii_case(command))
    }

    /// Passes over the rest of a statement.
    fn pass_statement(&mut self) -> Result<(), ReadError> {
        while !matches!(self.token()?, Token::Sign(b';') | Token::End) {}
        Ok(())
    }

    /// Passes over what stands under a delimiter of its own: bodies of triggers and the like.
    fn pass_delimited(&mut self) -> Result<(), ReadError> {
        let own = self.line()?.unwrap_or_default();
        if own.trim_ascii() == b";" {
            return Ok(());
        }
        while let Some(line) = self.line()? {
            let line = line.trim_ascii();
            if line.get(..9).is_some_and(|word| word.eq_ignore_ascii_case(b"DELIMITER"))
                && line.ends_with(b" ;")
            {
                break;
            }
        }
        Ok(())
    }

    /// Passes over a block of PL/SQL, which a slash on a line of its own ends.
    fn pass_block(&mut self) -> Result<(), ReadError> {
        while let Some(line) = self.line()? {
            if line.trim_ascii() == b"/" {
                break;
            }
        }
        Ok(())
    }

    fn line(&mut self) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(self.lexer.feed.take_line(super::VALUE_BYTES_MAX)?)
    }

    /// Reads an INSERT up to its first row.
    fn insert(&mut self) -> Result<(), ReadError> {
        loop {
            match self.token()? {
                token if token.is("INTO") => break,
                token if token.is("ALL") && self.dialect == Dialect::Oracle => {
                    self.place = Place::InsertAll;
                    return Ok(());
                }
                Token::Word(word) if MODIFIERS.iter().any(|known| word.eq_ignore_ascii_case(known)) => {}
                // MySQL may leave out INTO.
                other => {
                    self.held = Some(other);
                    break;
                }
            }
        }
        self.place = self.target()?.map_or(Place::Outside, Place::Insert);
        Ok(())
    }

    /// Reads a table, its columns and VALUES. `None` where no rows are given, but a query; it is passed over.
    fn target(&mut self) -> Result<Option<Arc<Table>>, ReadError> {
        let name = self.table_name()?;
        let mut token = self.token()?;
        let mut columns = None;
        if token == Token::Sign(b'(') {
            columns = Some(self.names()?);
            token = self.token()?;
        }
        while token.is("OVERRIDING") || token.is("SYSTEM") || token.is("USER") || token.is("VALUE") {
            token = self.token()?;
        }
        if !token.is("VALUES") {
            self.held = Some(token);
            self.pass_statement()?;
            return Ok(None);
        }
        self.table(name, columns).map(Some)
    }

    /// A table of which rows give these columns, or all that it has.
    fn table(&self, name: String, given: Option<Vec<String>>) -> Result<Arc<Table>, ReadError> {
        let created = self.created.get(&name);
        let Some(mut columns) = given.or_else(|| created.cloned()) else {
            let text =
                format!("the columns of table {name} are not known: they stand nowhere before its rows");
            return Err(self.lexer.broken(text));
        };
        let given = columns.len();
        let others = created.into_iter().flatten().filter(|&column| !columns.contains(column));
        columns.extend(others.cloned().collect::<Vec<_>>());
        Ok(Arc::new(Table { given, ..Table::new(name, columns) }))
    }

    fn next_of_insert(&mut self, table: &Arc<Table>) -> Result<Option<Row>, ReadError> {
        match self.token()? {
            Token::Sign(b'(') => self.row(table).map(Some),
            Token::Sign(b',') => Ok(None),
            Token::Sign(b';') | Token::End => {
                self.place = Place::Outside;
                Ok(None)
            }
            // ON DUPLICATE KEY, ON CONFLICT, RETURNING.
            Token::Word(_) => {
                self.place = Place::Outside;
                self.pass_statement()?;
                Ok(None)
            }
            _ => Err(self.lexer.broken(format!("table {}: no row where one should be", table.name))),
        }
    }

    fn next_of_insert_all(&mut self) -> Result<Option<Row>, ReadError> {
        if !self.token()?.is("INTO") {
            self.place = Place::Outside;
            self.pass_statement()?;
            return Ok(None);
        }
        match self.target()? {
            None => {
                self.place = Place::Outside;
                Ok(None)
            }
            Some(table) => match self.token()? {
                Token::Sign(b'(') => self.row(&table).map(Some),
                _ => Err(self.lexer.broken(format!("table {}: no row where one should be", table.name))),
            },
        }
    }

    /// Reads a row behind its opening bracket.
    fn row(&mut self, table: &Arc<Table>) -> Result<Row, ReadError> {
        let line = self.lexer.feed.line();
        let values = self.values()?;
        self.numbered(table, line, values)
    }

    /// Gives a row its number, if it has as many values as columns.
    fn numbered(&mut self, table: &Arc<Table>, line: u64, mut values: Vec<Value>) -> Result<Row, ReadError> {
        let number = self.numbers.entry(table.name.clone()).or_default();
        *number += 1;
        let number = *number;
        if values.len() != table.given {
            let text = format!("has {} values; its columns are {}", values.len(), table.given);
            return Err(ReadError::Row { line, table: table.name.clone(), number, text });
        }
        values.resize(table.columns.len(), Value::Null);
        Ok(Row { table: Arc::clone(table), number, line, values })
    }

    fn token(&mut self) -> Result<Token, ReadError> {
        match self.held.take() {
            Some(token) => Ok(token),
            None => self.lexer.next(),
        }
    }
}

/// What may stand between INSERT and INTO.
const MODIFIERS: [&str; 4] = ["LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE"];

#[cfg(test)]
mod tests;

#[cfg(test)]
mod written;
