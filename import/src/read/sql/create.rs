//! CREATE TABLE: in which order columns come.

use super::{SqlRows, lex::Token};
use crate::read::{Dialect, ReadError};

impl SqlRows {
    /// Reads what stands behind CREATE: the columns of a table; everything else is passed over.
    pub(super) fn create(&mut self) -> Result<(), ReadError> {
        loop {
            match self.token()? {
                token if token.is("TABLE") => break,
                token if self.dialect == Dialect::Oracle && is_code(&token) => return self.pass_block(),
                Token::Word(word) if QUALITIES.iter().any(|known| word.eq_ignore_ascii_case(known)) => {}
                other => {
                    self.held = Some(other);
                    return self.pass_statement();
                }
            }
        }
        let mut first = self.token()?;
        while first.is("IF") || first.is("NOT") || first.is("EXISTS") {
            first = self.token()?;
        }
        self.held = Some(first);
        let name = self.table_name()?;
        match self.token()? {
            Token::Sign(b'(') => {
                let columns = self.columns()?;
                self.created.insert(name, columns);
            }
            other => self.held = Some(other),
        }
        self.pass_statement()
    }

    /// The columns, up to the closing bracket.
    fn columns(&mut self) -> Result<Vec<String>, ReadError> {
        let mut columns = Vec::new();
        loop {
            match self.token()? {
                Token::Word(word) if CONSTRAINTS.iter().any(|known| word.eq_ignore_ascii_case(known)) => {}
                Token::Word(name) | Token::Name(name) => columns.push(name.to_lowercase()),
                Token::Sign(b')') => return Ok(columns),
                other => {
                    return Err(self.lexer.broken(format!("no column where one should be, but {other:?}")));
                }
            }
            if self.pass_column()? {
                return Ok(columns);
            }
        }
    }

    /// Passes over the rest of a column. True where it is the last.
    fn pass_column(&mut self) -> Result<bool, ReadError> {
        let mut depth = 0_usize;
        loop {
            match self.token()? {
                Token::Sign(b'(') => depth += 1,
                Token::Sign(b')') if depth == 0 => return Ok(true),
                Token::Sign(b')') => depth -= 1,
                Token::Sign(b',') if depth == 0 => return Ok(false),
                Token::End => return Err(self.lexer.broken("a CREATE TABLE that does not end")),
                _ => {}
            }
        }
    }
}

fn is_code(token: &Token) -> bool {
    ["TRIGGER", "FUNCTION", "PROCEDURE", "PACKAGE", "TYPE"].iter().any(|kind| token.is(kind))
}

/// Words that may stand between CREATE and TABLE, or what else is created.
const QUALITIES: [&str; 9] =
    ["TEMPORARY", "TEMP", "GLOBAL", "LOCAL", "PRIVATE", "UNLOGGED", "OR", "REPLACE", "EDITIONABLE"];
/// Words that begin a constraint. A column of such a name is written in quotes.
const CONSTRAINTS: [&str; 12] = [
    "PRIMARY",
    "KEY",
    "UNIQUE",
    "CONSTRAINT",
    "INDEX",
    "FULLTEXT",
    "SPATIAL",
    "FOREIGN",
    "CHECK",
    "EXCLUDE",
    "LIKE",
    "SUPPLEMENTAL",
];
