//! Reads a line that breaks the standard: cuts it at its commas and reads each piece alone, strictly if it can be, and
//! by guessing if not.

use std::borrow::Cow;

use sfv::{Parser, Version};

use super::{Key, PositionKeys, Record, Scalar, Visit};

/// The pieces of a line between its commas, trimmed. Commas within quotes and parentheses cut nothing; a closing quote
/// is one that something other than text follows, since some players do not escape the quotes in a URL.
pub(super) fn split(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let line = rest?;
        let end = end_of_piece(line);
        rest = end.and_then(|end| line.get(end + 1..));
        Some(line.get(..end.unwrap_or(line.len())).unwrap_or_default().trim_ascii())
    })
    .filter(|piece| !piece.is_empty())
}

impl<'a> Record<'a> {
    /// Reads one piece of a line. What cannot be read is left out.
    pub(super) fn read_piece(&mut self, piece: &'a [u8], positions: &PositionKeys) {
        let strict = Parser::new(piece).with_version(Version::Rfc8941);
        if strict.parse_dictionary_with_visitor(Visit::new(self, positions)).is_ok() {
            return;
        }
        let Some((name, value)) = std::str::from_utf8(piece).ok().and_then(|piece| piece.split_once('='))
        else {
            return;
        };
        let Some(key) = Key::from_name(name.trim(), positions) else { return };
        self.begin(key);
        match value.trim().strip_prefix('(') {
            Some(list) => {
                list.trim_end_matches(')').split_whitespace().for_each(|item| self.guess(key, item))
            }
            None => self.guess(key, value.trim()),
        }
    }

    fn guess(&mut self, key: Key, value: &'a str) {
        match value.strip_prefix('"') {
            Some(quoted) => {
                let text = quoted.rsplit_once('"').map_or(quoted, |(text, _)| text);
                self.take(key, Scalar::Text(Cow::Borrowed(text)));
            }
            None => {
                let item = value.split(';').next().unwrap_or_default().trim_end();
                self.take(key, Scalar::guess(Cow::Borrowed(item)));
            }
        }
    }
}

/// Where the comma is that ends the line's first piece. A parenthesis that is never closed opens nothing.
fn end_of_piece(line: &[u8]) -> Option<usize> {
    let (mut is_quoted, mut is_list) = (false, false);
    for (index, &byte) in line.iter().enumerate() {
        match byte {
            b'"' if !is_quoted => is_quoted = true,
            b'"' => is_quoted = !ends_a_string(line.get(index + 1..).unwrap_or_default()),
            b'(' if !is_quoted => is_list = closes(line.get(index + 1..).unwrap_or_default()),
            b')' if !is_quoted => is_list = false,
            b',' if !is_quoted && !is_list => return Some(index),
            _ => {}
        }
    }
    None
}

/// True when what follows a quote shows that it was the closing one.
fn ends_a_string(rest: &[u8]) -> bool {
    matches!(rest.trim_ascii_start().first(), None | Some(b',' | b')' | b';'))
}

/// True when a list that begins here is closed before another one is opened.
fn closes(rest: &[u8]) -> bool {
    rest.iter().find(|byte| matches!(byte, b'(' | b')')) == Some(&b')')
}
