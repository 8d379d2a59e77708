//! A dump's text as words, texts, numbers and signs, by the rules of its dialect.
//!
//! One token is held at a time, so a statement of a gigabyte costs what its longest value costs.

use std::io;

use super::escape::{self, mysql, postgresql};
use crate::read::{Dialect, ReadError, VALUE_BYTES_MAX, feed::Feed};

/// A piece of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    /// A name or a keyword, as it is written.
    Word(String),
    /// A name in quotes.
    Name(String),
    /// A text, with what stood for something else replaced.
    Text(Vec<u8>),
    /// Bytes that were written as numbers.
    Bytes(Vec<u8>),
    /// A number without its sign.
    Number(String),
    /// Any other character.
    Sign(u8),
    /// The end of the file.
    End,
}

impl Token {
    /// Whether it is this keyword, which is given in capitals.
    pub(crate) fn is(&self, keyword: &str) -> bool {
        matches!(self, Self::Word(word) if word.eq_ignore_ascii_case(keyword))
    }
}

/// Reads tokens.
pub(crate) struct Lexer {
    pub(crate) feed: Feed,
    dialect: Dialect,
    /// Within a comment that MySQL executes.
    in_hint: bool,
}

impl Lexer {
    pub(crate) fn new(feed: Feed, dialect: Dialect) -> Self {
        Self { feed, dialect, in_hint: false }
    }

    /// The next token.
    pub(crate) fn next(&mut self) -> Result<Token, ReadError> {
        self.pass_blanks()?;
        let Some(byte) = self.feed.peek()? else { return Ok(Token::End) };
        match (byte, self.dialect) {
            (b'\'', _) => self.text(self.dialect == Dialect::Mysql, mysql),
            // A name only where the server was told so (ANSI_QUOTES), which dumps are not written for.
            (b'"', Dialect::Mysql) => self.text(true, mysql),
            (b'"', _) | (b'`', Dialect::Mysql) => self.name(),
            (b'$', Dialect::Postgresql) => self.dollars(),
            (b'0'..=b'9', _) => self.number(),
            (b'.', _) if self.feed.peek_at(1)?.is_some_and(|next| next.is_ascii_digit()) => self.number(),
            _ if begins_word(byte) => self.word(),
            _ => {
                self.feed.take()?;
                Ok(Token::Sign(byte))
            }
        }
    }

    /// Passes over blanks and comments, and says whether anything is left.
    pub(crate) fn pass_blanks(&mut self) -> Result<bool, ReadError> {
        loop {
            match (self.feed.peek()?, self.feed.peek_at(1)?) {
                (None, _) => return Ok(false),
                (Some(byte), _) if byte.is_ascii_whitespace() || byte == 0 => {
                    self.feed.take()?;
                }
                (Some(b'*'), Some(b'/')) if self.in_hint => {
                    self.take(2)?;
                    self.in_hint = false;
                }
                (Some(b'/'), Some(b'*')) => self.pass_comment()?,
                (Some(b'-'), Some(b'-')) if self.is_line_comment()? => self.pass_line()?,
                (Some(b'#'), _) if self.dialect == Dialect::Mysql => self.pass_line()?,
                _ => return Ok(true),
            }
        }
    }

    /// Passes over the rest of the line.
    pub(crate) fn pass_line(&mut self) -> Result<(), ReadError> {
        while self.feed.take()?.is_some_and(|byte| byte != b'\n') {}
        Ok(())
    }

    /// An error of what stands here.
    pub(crate) fn broken(&self, text: impl Into<String>) -> ReadError {
        ReadError::Broken { line: self.feed.line(), text: text.into() }
    }

    /// MySQL wants a blank behind the two dashes.
    fn is_line_comment(&mut self) -> io::Result<bool> {
        let third = self.feed.peek_at(2)?;
        Ok(self.dialect != Dialect::Mysql || third.is_none_or(|byte| byte <= b' '))
    }

    fn pass_comment(&mut self) -> Result<(), ReadError> {
        self.take(2)?;
        if self.dialect == Dialect::Mysql && self.takes_hint()? {
            self.in_hint = true;
            while self.feed.peek()?.is_some_and(|byte| byte.is_ascii_digit()) {
                self.feed.take()?;
            }
            return Ok(());
        }
        let mut depth = 1;
        while depth > 0 {
            match (self.feed.take()?, self.feed.peek()?) {
                (None, _) => return Err(self.broken("a comment that does not end")),
                (Some(b'*'), Some(b'/')) => depth -= 1,
                (Some(b'/'), Some(b'*')) if self.dialect == Dialect::Postgresql => depth += 1,
                _ => continue,
            }
            self.feed.take()?;
        }
        Ok(())
    }

    /// Takes the sign of a comment that MySQL (`!`) or MariaDB (`M!`) executes.
    fn takes_hint(&mut self) -> io::Result<bool> {
        if self.feed.take_if(b'!')? {
            return Ok(true);
        }
        let is_hint = (self.feed.peek()?, self.feed.peek_at(1)?) == (Some(b'M'), Some(b'!'));
        if is_hint {
            self.feed.take()?;
            self.feed.take()?;
        }
        Ok(is_hint)
    }

    fn word(&mut self) -> Result<Token, ReadError> {
        let mut word = Vec::new();
        while let Some(byte) = self.feed.peek()?.filter(|&byte| goes_on_word(byte)) {
            word.push(byte);
            self.feed.take()?;
            self.bound(&word)?;
        }
        let word = String::from_utf8_lossy(&word).into_owned();
        if self.feed.peek()? == Some(b'\'')
            && let Some(token) = self.marked(&word.to_ascii_lowercase())?
        {
            return Ok(token);
        }
        Ok(Token::Word(word))
    }

    /// A text with a mark before its quote, such as `X'4d'`.
    fn marked(&mut self, mark: &str) -> Result<Option<Token>, ReadError> {
        Ok(Some(match (mark, self.dialect) {
            ("e", Dialect::Postgresql) => self.text(true, postgresql)?,
            ("n", _) => self.text(self.dialect == Dialect::Mysql, mysql)?,
            ("q" | "nq", Dialect::Oracle) => self.own_quotes()?,
            ("x", Dialect::Mysql | Dialect::Postgresql) => self.digits(16)?,
            ("b", Dialect::Mysql | Dialect::Postgresql) => self.digits(2)?,
            _ => return Ok(None),
        }))
    }

    fn text(&mut self, escapes: bool, escape: Escape) -> Result<Token, ReadError> {
        let quote = self.feed.take()?.unwrap_or_default();
        let mut text = Vec::new();
        loop {
            match self.feed.take()? {
                None => return Err(self.broken("a text that does not end")),
                Some(byte) if byte == quote => {
                    if !self.feed.take_if(quote)? {
                        return Ok(Token::Text(text));
                    }
                    text.push(quote);
                }
                Some(b'\\') if escapes => escape(&mut self.feed, &mut text)?,
                Some(byte) => text.push(byte),
            }
            self.bound(&text)?;
        }
    }

    fn name(&mut self) -> Result<Token, ReadError> {
        match self.text(false, mysql)? {
            Token::Text(name) => {
                let name = String::from_utf8(name);
                name.map(Token::Name).map_err(|_| self.broken("a name that is no UTF-8"))
            }
            other => Ok(other),
        }
    }

    /// Oracle's `q'[…]'`: any character, or a pair of brackets, stands for the quote.
    fn own_quotes(&mut self) -> Result<Token, ReadError> {
        self.feed.take()?;
        let close = match self.feed.take()? {
            Some(b'[') => b']',
            Some(b'{') => b'}',
            Some(b'(') => b')',
            Some(b'<') => b'>',
            Some(byte) => byte,
            None => return Err(self.broken("a text that does not end")),
        };
        let mut text = Vec::new();
        loop {
            match (self.feed.take()?, self.feed.peek()?) {
                (None, _) => return Err(self.broken("a text that does not end")),
                (Some(byte), Some(b'\'')) if byte == close => {
                    self.feed.take()?;
                    return Ok(Token::Text(text));
                }
                (Some(byte), _) => text.push(byte),
            }
            self.bound(&text)?;
        }
    }

    /// PostgreSQL's `$tag$…$tag$`.
    fn dollars(&mut self) -> Result<Token, ReadError> {
        let mut tag = vec![b'$'];
        let mut ahead = 1;
        while let Some(byte) = self.feed.peek_at(ahead)?.filter(|&byte| goes_on_word(byte) && byte != b'$') {
            tag.push(byte);
            ahead += 1;
        }
        if self.feed.peek_at(ahead)? != Some(b'$') {
            self.feed.take()?;
            return Ok(Token::Sign(b'$'));
        }
        tag.push(b'$');
        self.take(tag.len())?;
        let mut text = Vec::new();
        while !text.ends_with(&tag) {
            text.push(self.feed.take()?.ok_or_else(|| self.broken("a text that does not end"))?);
            self.bound(&text)?;
        }
        text.truncate(text.len() - tag.len());
        Ok(Token::Text(text))
    }

    fn number(&mut self) -> Result<Token, ReadError> {
        let mut number = String::new();
        while let Some(byte) = self.feed.peek()? {
            let is_sign = matches!(byte, b'+' | b'-') && number.ends_with(['e', 'E']);
            if !(byte.is_ascii_alphanumeric() || byte == b'.' || is_sign) {
                break;
            }
            number.push(char::from(byte));
            self.feed.take()?;
            self.bound(number.as_bytes())?;
        }
        match number.strip_prefix("0x").filter(|_| self.dialect == Dialect::Mysql) {
            Some(digits) => self.bytes(digits, 16),
            None => Ok(Token::Number(number)),
        }
    }

    /// The digits in quotes behind `X` or `B`.
    fn digits(&mut self, radix: u32) -> Result<Token, ReadError> {
        match self.text(false, mysql)? {
            Token::Text(digits) => self.bytes(&String::from_utf8_lossy(&digits), radix),
            other => Ok(other),
        }
    }

    fn bytes(&self, digits: &str, radix: u32) -> Result<Token, ReadError> {
        let bytes = escape::digits(digits, radix);
        bytes
            .map(Token::Bytes)
            .ok_or_else(|| self.broken(format!("digits to the base {radix} that are none")))
    }

    fn bound(&self, text: &[u8]) -> Result<(), ReadError> {
        match text.len() > VALUE_BYTES_MAX {
            true => Err(self.broken(format!("a value of more than {VALUE_BYTES_MAX} bytes"))),
            false => Ok(()),
        }
    }

    fn take(&mut self, count: usize) -> io::Result<()> {
        (0..count).try_for_each(|_| self.feed.take().map(drop))
    }
}

type Escape = fn(&mut Feed, &mut Vec<u8>) -> io::Result<()>;

fn begins_word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn goes_on_word(byte: u8) -> bool {
    begins_word(byte) || byte.is_ascii_digit() || matches!(byte, b'$' | b'#')
}
