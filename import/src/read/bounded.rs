//! A file for readers of other people's: lines are counted, and what is read without a pause has a bound.

use std::io::{self, BufRead, BufReader, Read};

use super::VALUE_BYTES_MAX;

/// A file whose next record must be shorter than [`VALUE_BYTES_MAX`].
pub(super) struct Bounded {
    inner: BufReader<Box<dyn Read + Send>>,
    line: u64,
    since: usize,
}

impl Bounded {
    pub(super) fn new(source: Box<dyn Read + Send>) -> Self {
        Self { inner: BufReader::new(source), line: 1, since: 0 }
    }

    /// The line of the byte that comes next, from 1. Counted where it is read as a [`BufRead`] alone.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// From here a new record is read.
    pub(super) fn begin(&mut self) {
        self.since = 0;
    }

    fn check(&self) -> io::Result<()> {
        match self.since > VALUE_BYTES_MAX {
            true => {
                let message =
                    format!("a record of more than {VALUE_BYTES_MAX} bytes, or a quote that does not end");
                Err(io::Error::new(io::ErrorKind::InvalidData, message))
            }
            false => Ok(()),
        }
    }
}

impl Read for Bounded {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.check()?;
        let read = self.inner.read(into)?;
        self.since += read;
        Ok(read)
    }
}

impl BufRead for Bounded {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.check()?;
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        let taken = self.inner.buffer().get(..amount).unwrap_or_default();
        let lines = taken.iter().filter(|&&byte| byte == b'\n').count();
        self.line += u64::try_from(lines).unwrap_or_default();
        self.since += amount;
        self.inner.consume(amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_without_end_is_refused() {
        let mut endless = Bounded::new(Box::new(io::repeat(b'x')));
        let copied = io::copy(&mut endless, &mut io::sink());
        assert_eq!(copied.unwrap_err().kind(), io::ErrorKind::InvalidData);
        endless.begin();
        assert_eq!(endless.read(&mut [0; 4]).unwrap(), 4);
    }
}
