//! The values of a row, as INSERT gives them.

use super::{SqlRows, lex::Token, oracle};
use crate::read::{Dialect, ReadError, Value};

impl SqlRows {
    /// Values between commas, up to the closing bracket.
    pub(super) fn values(&mut self) -> Result<Vec<Value>, ReadError> {
        let mut values = Vec::new();
        loop {
            values.push(self.joined()?);
            match self.token()? {
                Token::Sign(b',') => {}
                Token::Sign(b')') => return Ok(values),
                _ => return Err(self.lexer.broken("no comma or bracket behind a value")),
            }
        }
    }

    /// A value, or several that `||` joins. The comma or bracket behind it stays.
    fn joined(&mut self) -> Result<Value, ReadError> {
        let mut value = self.value()?;
        loop {
            match self.token()? {
                Token::Sign(b'|') if self.dialect != Dialect::Mysql => {
                    // The second of the two.
                    self.token()?;
                    value = join(value, self.value()?);
                }
                Token::Sign(b':') => self.pass_cast()?,
                end @ Token::Sign(b',' | b')') => {
                    self.held = Some(end);
                    return Ok(value);
                }
                Token::End => return Err(self.lexer.broken("a row that does not end")),
                // Anything else makes it something to be worked out.
                other => {
                    self.pass_expression()?;
                    value = Value::Odd(format!("an expression with {other:?}"));
                }
            }
        }
    }

    fn value(&mut self) -> Result<Value, ReadError> {
        Ok(match self.token()? {
            Token::Text(text) => Value::of_bytes(text),
            Token::Bytes(bytes) => Value::Bytes(bytes),
            Token::Number(number) => Value::Text(number),
            Token::Sign(sign @ (b'-' | b'+')) => match self.token()? {
                Token::Number(number) if sign == b'-' => Value::Text(format!("-{number}")),
                Token::Number(number) => Value::Text(number),
                other => {
                    self.held = Some(other);
                    self.pass_expression()?;
                    Value::Odd("an expression".to_owned())
                }
            },
            Token::Word(word) => self.named(&word)?,
            Token::End => return Err(self.lexer.broken("a row that does not end")),
            other => {
                self.held = Some(other);
                self.pass_expression()?;
                Value::Odd("an expression".to_owned())
            }
        })
    }

    /// A value that begins with a word: NULL, a mark before a text, a call.
    fn named(&mut self, word: &str) -> Result<Value, ReadError> {
        let name = word.to_ascii_uppercase();
        match name.as_str() {
            "NULL" | "DEFAULT" => return Ok(Value::Null),
            "TRUE" | "FALSE" => return Ok(Value::Text(name.to_ascii_lowercase())),
            _ => {}
        }
        match self.token()? {
            Token::Text(bytes) if name == "_BINARY" => Ok(Value::Bytes(bytes)),
            // `_utf8mb4'…'`, and DATE, TIMESTAMP or INTERVAL before a text.
            Token::Text(text) => Ok(Value::of_bytes(text)),
            Token::Bytes(bytes) if name.starts_with('_') => Ok(Value::Bytes(bytes)),
            open @ Token::Sign(b'(') if self.calls >= CALLS_MAX => {
                self.held = Some(open);
                self.pass_expression()?;
                Ok(Value::Odd(name))
            }
            Token::Sign(b'(') => {
                self.calls += 1;
                let arguments = self.arguments();
                self.calls -= 1;
                let arguments = arguments?;
                Ok(oracle::called(&name, &arguments).unwrap_or_else(|| Value::Odd(format!("{name}(…)"))))
            }
            other => {
                self.held = Some(other);
                Ok(Value::Odd(name))
            }
        }
    }

    fn arguments(&mut self) -> Result<Vec<Value>, ReadError> {
        match self.token()? {
            Token::Sign(b')') => Ok(Vec::new()),
            other => {
                self.held = Some(other);
                self.values()
            }
        }
    }

    /// Passes over PostgreSQL's `::type`, of which one colon is taken.
    fn pass_cast(&mut self) -> Result<(), ReadError> {
        self.token()?;
        loop {
            match self.token()? {
                Token::Word(_) | Token::Name(_) | Token::Sign(b'.' | b'[' | b']') => {}
                Token::Sign(b'(') => {
                    self.arguments()?;
                }
                other => {
                    self.held = Some(other);
                    return Ok(());
                }
            }
        }
    }

    /// Passes over what cannot be read, up to the comma or bracket behind it, which stays.
    fn pass_expression(&mut self) -> Result<(), ReadError> {
        let mut depth = 0_usize;
        loop {
            match self.token()? {
                Token::Sign(b'(') => depth += 1,
                Token::Sign(b')') if depth > 0 => depth -= 1,
                end @ Token::Sign(b',' | b')') if depth == 0 => {
                    self.held = Some(end);
                    return Ok(());
                }
                Token::End => return Err(self.lexer.broken("a row that does not end")),
                _ => {}
            }
        }
    }
}

/// How many calls are read within each other; what is deeper is passed over.
const CALLS_MAX: usize = 16;

/// Two values as one. To Oracle NULL is an empty text.
fn join(left: Value, right: Value) -> Value {
    match (left, right) {
        (Value::Text(left), Value::Text(right)) => Value::Text(left + &right),
        (Value::Null, other) | (other, Value::Null) => other,
        (odd @ Value::Odd(_), _) | (_, odd @ Value::Odd(_)) => odd,
        _ => Value::Odd("bytes joined to a text".to_owned()),
    }
}
