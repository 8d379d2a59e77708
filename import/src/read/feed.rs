//! Bytes of a file, in pieces: a few may be looked at ahead, and the line is known.

use std::io::{self, Read};

/// How much is read at once.
const PIECE_BYTES: usize = 64 * 1_024;

/// The bytes of a file from the first to the last.
pub(crate) struct Feed {
    source: Box<dyn Read + Send>,
    held: Vec<u8>,
    at: usize,
    line: u64,
    is_over: bool,
}

impl Feed {
    /// Begins with a file's first byte. A byte order mark is passed over.
    pub(crate) fn new(source: Box<dyn Read + Send>) -> io::Result<Self> {
        let mut feed = Self { source, held: Vec::new(), at: 0, line: 1, is_over: false };
        if feed.peek_at(2)?.is_some() && feed.held.starts_with(b"\xef\xbb\xbf") {
            feed.at = 3;
        }
        Ok(feed)
    }

    /// The line that the next byte stands in, from 1.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    /// The next byte, which stays; `None` at the end.
    pub(crate) fn peek(&mut self) -> io::Result<Option<u8>> {
        self.peek_at(0)
    }

    /// The byte so far behind the next one, which stays.
    pub(crate) fn peek_at(&mut self, ahead: usize) -> io::Result<Option<u8>> {
        while self.held.len() <= self.at + ahead && !self.is_over {
            self.fill()?;
        }
        Ok(self.held.get(self.at + ahead).copied())
    }

    /// Takes the next byte.
    pub(crate) fn take(&mut self) -> io::Result<Option<u8>> {
        let byte = self.peek()?;
        if let Some(byte) = byte {
            self.at += 1;
            self.line += u64::from(byte == b'\n');
        }
        Ok(byte)
    }

    /// Takes the next byte if it is this one.
    pub(crate) fn take_if(&mut self, wanted: u8) -> io::Result<bool> {
        let is_it = self.peek()? == Some(wanted);
        if is_it {
            self.take()?;
        }
        Ok(is_it)
    }

    /// Takes the rest of the line, without its end; `None` at the end of the file. What is longer than `bytes_max` is an
    /// error.
    pub(crate) fn take_line(&mut self, bytes_max: usize) -> io::Result<Option<Vec<u8>>> {
        if self.peek()?.is_none() {
            return Ok(None);
        }
        let mut line = Vec::new();
        while let Some(byte) = self.take()? {
            if byte == b'\n' {
                break;
            }
            line.push(byte);
            if line.len() > bytes_max {
                let message = format!("a line of more than {bytes_max} bytes");
                return Err(io::Error::new(io::ErrorKind::InvalidData, message));
            }
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Ok(Some(line))
    }

    fn fill(&mut self) -> io::Result<()> {
        self.held.drain(..self.at);
        self.at = 0;
        let before = self.held.len();
        self.held.resize(before + PIECE_BYTES, 0);
        let read = loop {
            match self.source.read(self.held.get_mut(before..).unwrap_or_default()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.held.truncate(before + read.as_ref().map_or(0, |read| *read));
        self.is_over = read? == 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time, as slow pipes do.
    struct Drip(&'static [u8]);

    impl Read for Drip {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
            into[0] = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    #[test]
    fn bytes_come_in_order_with_their_lines() {
        let mut feed = Feed::new(Box::new(Drip(b"\xef\xbb\xbfa\nbc\r\nd"))).unwrap();
        assert_eq!(feed.peek_at(2).unwrap(), Some(b'b'));
        assert_eq!((feed.take().unwrap(), feed.line()), (Some(b'a'), 1));
        assert_eq!((feed.take().unwrap(), feed.line()), (Some(b'\n'), 2));
        assert!(!feed.take_if(b'x').unwrap());
        assert_eq!(feed.take_line(9).unwrap(), Some(b"bc".to_vec()));
        assert_eq!((feed.take_line(9).unwrap(), feed.line()), (Some(b"d".to_vec()), 3));
        assert_eq!(feed.take_line(9).unwrap(), None);
        assert_eq!(feed.take().unwrap(), None);
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let mut feed = Feed::new(Box::new(Drip(b"abcd"))).unwrap();
        assert!(feed.take_line(3).is_err());
    }
}
