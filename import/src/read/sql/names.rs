//! Names of tables and columns, quoted or not.

use super::{SqlRows, lex::Token};
use crate::read::{Dialect, ReadError};

impl SqlRows {
    /// A table's name, without the schema before it.
    pub(super) fn table_name(&mut self) -> Result<String, ReadError> {
        let mut name = self.one_name()?;
        loop {
            match self.token()? {
                Token::Sign(b'.') => name = self.one_name()?,
                other => {
                    self.held = Some(other);
                    return Ok(name);
                }
            }
        }
    }

    fn one_name(&mut self) -> Result<String, ReadError> {
        match self.token()? {
            Token::Word(name) | Token::Name(name) => Ok(name.to_lowercase()),
            Token::Text(name) if self.dialect == Dialect::Mysql => {
                Ok(String::from_utf8_lossy(&name).to_lowercase())
            }
            other => Err(self.lexer.broken(format!("no name where one should be, but {other:?}"))),
        }
    }

    /// Names between commas, up to the closing bracket.
    pub(super) fn names(&mut self) -> Result<Vec<String>, ReadError> {
        let mut names = vec![self.one_name()?];
        loop {
            match self.token()? {
                Token::Sign(b',') => names.push(self.one_name()?),
                Token::Sign(b')') => return Ok(names),
                other => {
                    return Err(self.lexer.broken(format!("no column where one should be, but {other:?}")));
                }
            }
        }
    }
}
