//! PostgreSQL's COPY: lines of values between tabs, up to a line of `\.`.

use std::sync::Arc;

use super::{Place, SqlRows, escape, lex::Token};
use crate::read::{ReadError, Row, Table, VALUE_BYTES_MAX, Value};

impl SqlRows {
    /// Reads a COPY up to its first line.
    pub(super) fn copy(&mut self) -> Result<(), ReadError> {
        let name = self.table_name()?;
        let columns = match self.token()? {
            Token::Sign(b'(') => Some(self.names()?),
            other => {
                self.held = Some(other);
                None
            }
        };
        let is_of_lines = self.token()?.is("FROM") && self.token()?.is("STDIN");
        self.pass_statement()?;
        if !is_of_lines {
            return Ok(());
        }
        self.lexer.pass_line()?;
        self.place = Place::Copy(self.table(name, columns)?);
        Ok(())
    }

    /// The row of the next line; `None` at their end.
    pub(super) fn next_of_copy(&mut self, table: &Arc<Table>) -> Result<Option<Row>, ReadError> {
        let line = self.lexer.feed.line();
        let ends = (self.lexer.feed.peek()?, self.lexer.feed.peek_at(1)?) == (Some(b'\\'), Some(b'.'));
        if ends {
            self.lexer.pass_line()?;
            self.place = Place::Outside;
            return Ok(None);
        }
        if self.lexer.feed.peek()?.is_none() {
            return Err(self.lexer.broken(format!("table {}: a COPY that does not end", table.name)));
        }
        let mut values = Vec::new();
        while self.copied_value(&mut values)? {}
        self.numbered(table, line, values).map(Some)
    }

    /// Reads a value of a line. False where it is the last.
    fn copied_value(&mut self, values: &mut Vec<Value>) -> Result<bool, ReadError> {
        let (mut text, mut is_null) = (Vec::new(), false);
        let goes_on = loop {
            match self.lexer.feed.take()? {
                None | Some(b'\n') => break false,
                Some(b'\t') => break true,
                Some(b'\r') if self.lexer.feed.peek()? == Some(b'\n') => {}
                Some(b'\\') => match self.lexer.feed.take()? {
                    Some(b'N') if text.is_empty() => is_null = true,
                    Some(b'x') => escape::hex(&mut self.lexer.feed, &mut text)?,
                    Some(byte) => escape::copied(byte, &mut self.lexer.feed, &mut text)?,
                    None => {}
                },
                Some(byte) => text.push(byte),
            }
            if text.len() > VALUE_BYTES_MAX {
                return Err(self.lexer.broken(format!("a value of more than {VALUE_BYTES_MAX} bytes")));
            }
        };
        values.push(if is_null && text.is_empty() { Value::Null } else { Value::of_bytes(text) });
        Ok(goes_on)
    }
}
