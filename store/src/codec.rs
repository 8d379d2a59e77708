//! How things look at rest: in the journal's records and in the embedded store's rows.
//!
//! Numbers are LEB128 varints, signed ones in zigzag form, and texts carry their length. Where parts may be missing, a
//! byte of flags says which are there. `events.rs` is the form of a session's events, `rows.rs` that of all else.
//!
//! Reading never panics and never allocates more than a fixed multiple of the bytes given, whatever the bytes are.
//! Each stored record begins with [`FORMAT`], written by its user with [`put_format`].

mod events;
mod rows;

pub use events::put_events;
pub use rows::{put_clock, put_description, put_position_row, put_session_key};

/// The version of the stored form. Any change to the bytes of this module's values needs another number.
pub const FORMAT: u8 = 1;

/// Bytes that are not what they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed {what}")]
pub struct Malformed {
    /// The part that could not be read.
    pub what: &'static str,
}

/// Why a record's format byte does not let it be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// The record is sound, but this version cannot read it: leave it alone and upgrade.
    #[error("written by a newer playhead: format {found}, this one reads up to {FORMAT}")]
    Newer {
        /// The record's format.
        found: u8,
    },
    /// There is no format byte, or one that was never given out.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

/// Writes the format byte with which a record begins.
pub fn put_format(out: &mut Vec<u8>) {
    out.push(FORMAT);
}

/// Writes a number in 1 to 10 bytes, small ones in few.
pub fn put_u64(out: &mut Vec<u8>, mut v: u64) {
    while v > 0x7f {
        out.push((v & 0x7f) as u8 | 0x80);
        v >>= 7;
    }
    out.push((v & 0x7f) as u8);
}

/// Writes a signed number in 1 to 10 bytes, those near zero in few.
pub fn put_i64(out: &mut Vec<u8>, v: i64) {
    put_u64(out, ((v << 1) ^ (v >> 63)).cast_unsigned());
}

/// Writes a text with its length.
pub fn put_text(out: &mut Vec<u8>, text: &str) {
    put_u64(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Reads what the `put_` functions wrote, in the order in which they wrote it.
///
/// After an error the reader stands somewhere behind the fault; what it would read next means nothing.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from the beginning of these bytes.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// True when everything was read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What was not read yet.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Reads the format byte and says whether this version can read what follows.
    ///
    /// # Errors
    /// [`FormatError::Newer`] for a record of a later version, [`FormatError::Malformed`] for no record at all.
    pub fn format(&mut self) -> Result<(), FormatError> {
        match self.u8()? {
            FORMAT => Ok(()),
            0 => Err(Malformed { what: "format byte" }.into()),
            found => Err(FormatError::Newer { found }),
        }
    }

    /// Reads one byte.
    ///
    /// # Errors
    /// [`Malformed`] at the end.
    pub fn u8(&mut self) -> Result<u8, Malformed> {
        let (&byte, rest) = self.rest.split_first().ok_or(Malformed { what: "byte" })?;
        self.rest = rest;
        Ok(byte)
    }

    /// Reads a number.
    ///
    /// # Errors
    /// [`Malformed`] when it is cut short or has more than 64 bits.
    pub fn u64(&mut self) -> Result<u64, Malformed> {
        let mut v = 0;
        for (index, &byte) in self.rest.iter().take(NUMBER_BYTES_MAX).enumerate() {
            // The tenth byte holds the one bit that nine times seven left over.
            if index == NUMBER_BYTES_MAX - 1 && byte > 1 {
                break;
            }
            v |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                self.rest = self.rest.get(index + 1..).unwrap_or_default();
                return Ok(v);
            }
        }
        Err(Malformed { what: "number" })
    }

    /// Reads a signed number.
    ///
    /// # Errors
    /// [`Malformed`] when it is cut short or has more than 64 bits.
    pub fn i64(&mut self) -> Result<i64, Malformed> {
        let v = self.u64()?;
        Ok((v >> 1).cast_signed() ^ -(v & 1).cast_signed())
    }

    /// Reads a number that fits into 32 bits.
    ///
    /// # Errors
    /// [`Malformed`] for any other.
    pub fn u32(&mut self) -> Result<u32, Malformed> {
        u32::try_from(self.u64()?).map_err(|_| Malformed { what: "32-bit number" })
    }

    /// Reads a text, without copying it.
    ///
    /// # Errors
    /// [`Malformed`] when it is cut short or not UTF-8.
    pub fn text(&mut self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.text_bytes()?).map_err(|_| Malformed { what: "text" })
    }

    fn text_bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = usize::try_from(self.u64()?).map_err(|_| Malformed { what: "text" })?;
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Malformed { what: "text" })?;
        self.rest = rest;
        Ok(bytes)
    }

    /// Reads a byte of flags, all of them among `known`.
    fn flags(&mut self, known: u8) -> Result<u8, Malformed> {
        let flags = self.u8()?;
        if flags & !known == 0 { Ok(flags) } else { Err(Malformed { what: "flags" }) }
    }
}

/// Bytes of the longest number: 64 bits in sevens.
const NUMBER_BYTES_MAX: usize = 10;

#[cfg(test)]
mod tests;
