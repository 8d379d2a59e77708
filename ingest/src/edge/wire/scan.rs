//! Protobuf's wire format: a walk over the fields of one message, without copies.

use crate::admission::{RejectReason, Rejection};

/// Walks over a message's fields, in the order in which they come. Ends after the first that makes no sense.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

/// A field's value, as far as the wire tells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
}

/// The bytes end within a field, or begin none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoField;

impl<'a> Fields<'a> {
    #[inline]
    pub(super) fn of(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    #[inline]
    fn take(&mut self) -> Option<(u32, Value<'a>)> {
        let key = u32::try_from(self.varint()?).ok()?;
        let number = key >> 3;
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Value::Bytes(self.bytes(length)?)
            }
            5 => Value::Fixed32(u32::from_le_bytes(self.array()?)),
            _ => return None,
        };
        (number > 0).then_some((number, value))
    }

    #[inline]
    fn varint(&mut self) -> Option<u64> {
        match self.rest {
            [byte, rest @ ..] if *byte < 0x80 => {
                self.rest = rest;
                Some(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    /// Reads up to eight bytes at once; times and positions have three to six.
    fn long_varint(&mut self) -> Option<u64> {
        let Some(bytes) = self.rest.first_chunk() else { return self.longest_varint() };
        let word = u64::from_le_bytes(*bytes);
        let ends = !word & CONTINUES;
        if ends == 0 {
            return self.longest_varint();
        }
        let bits = ends.trailing_zeros() + 1;
        self.rest = self.rest.get(bits as usize / 8..)?;
        Some(join_sevens(word & (u64::MAX >> (64 - bits))))
    }

    /// Reads byte by byte: near the end, and numbers above 56 bits.
    fn longest_varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for (index, &byte) in self.rest.iter().take(VARINT_BYTES_MAX).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                self.rest = self.rest.get(index + 1..)?;
                // The tenth byte has room for one more bit.
                return (index + 1 < VARINT_BYTES_MAX || byte <= 1).then_some(value);
            }
        }
        None
    }

    #[inline]
    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(bytes)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*bytes)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Value<'a>), NoField>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.take().ok_or(NoField);
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

/// How many of a message's fields have this number, as far as the message can be read.
pub(super) fn count(message: &[u8], number: u32) -> usize {
    Fields::of(message).filter(|field| matches!(field, Ok((found, _)) if *found == number)).count()
}

/// Each verb reads the value as what the field called `field` is, or refuses it.
impl<'a> Value<'a> {
    #[inline]
    pub(super) fn number(self, field: &'static str) -> Result<u64, Rejection> {
        match self {
            Self::Varint(number) => Ok(number),
            _ => Err(self.is_not(field, "a varint (wire type 0)")),
        }
    }

    #[inline]
    pub(super) fn signed(self, field: &'static str) -> Result<i64, Rejection> {
        self.number(field).map(u64::cast_signed)
    }

    #[inline]
    pub(super) fn short(self, field: &'static str) -> Result<u32, Rejection> {
        let number = self.number(field)?;
        u32::try_from(number)
            .map_err(|_| Rejection::new(RejectReason::Malformed, field, number, "0 to 4294967295"))
    }

    #[inline]
    pub(super) fn double(self, field: &'static str) -> Result<f64, Rejection> {
        match self {
            Self::Fixed64(bits) => Ok(f64::from_bits(bits)),
            _ => Err(self.is_not(field, "a double (wire type 1)")),
        }
    }

    #[inline]
    pub(super) fn bytes(self, field: &'static str) -> Result<&'a [u8], Rejection> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(self.is_not(field, "bytes with their length (wire type 2)")),
        }
    }

    #[inline]
    pub(super) fn text(self, field: &'static str) -> Result<&'a str, Rejection> {
        let bytes = self.bytes(field)?;
        std::str::from_utf8(bytes).map_err(|_| {
            let shown = String::from_utf8_lossy(bytes);
            Rejection::new(RejectReason::Malformed, field, shown, "UTF-8 text")
        })
    }

    #[cold]
    fn is_not(self, field: &'static str, allowed: &'static str) -> Rejection {
        let wire_type = match self {
            Self::Varint(_) => 0,
            Self::Fixed64(_) => 1,
            Self::Bytes(_) => 2,
            Self::Fixed32(_) => 5,
        };
        Rejection::new(RejectReason::Malformed, field, format!("wire type {wire_type}"), allowed)
    }
}

/// Joins the low seven bits of eight bytes to one number, in pairs, then pairs of pairs.
fn join_sevens(word: u64) -> u64 {
    let sevens = word & !CONTINUES;
    let pairs = (sevens & 0x7f00_7f00_7f00_7f00) >> 1 | (sevens & 0x007f_007f_007f_007f);
    let fours = (pairs & 0x3fff_0000_3fff_0000) >> 2 | (pairs & 0x0000_3fff_0000_3fff);
    (fours & 0x0fff_ffff_0000_0000) >> 4 | (fours & 0x0000_0000_0fff_ffff)
}

/// The bit of each byte that says that another one follows.
const CONTINUES: u64 = 0x8080_8080_8080_8080;
/// Ten times seven bits hold a 64-bit number.
const VARINT_BYTES_MAX: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use prost::encoding::{decode_varint, encode_varint};

    fn fields(message: &[u8]) -> Vec<Result<(u32, Value<'_>), NoField>> {
        Fields::of(message).collect()
    }

    #[test]
    fn each_wire_type_is_read() {
        let message = [0x08, 0x96, 0x01, 0x12, 2, b'h', b'i', 0x1d, 1, 0, 0, 0, 0x21, 2, 0, 0, 0, 0, 0, 0, 0];
        let expect = [
            Ok((1, Value::Varint(150))),
            Ok((2, Value::Bytes(b"hi"))),
            Ok((3, Value::Fixed32(1))),
            Ok((4, Value::Fixed64(2))),
        ];
        assert_eq!(fields(&message), expect);
        assert_eq!(count(&message, 2), 1);
    }

    #[test]
    fn what_makes_no_sense_ends_the_walk() {
        for (message, readable) in [
            (&[0x08_u8, 0x01, 0x08][..], 1),
            (&[0x08, 0x01, 0x12, 5, b'h'], 1),
            // A group, a wire type that is none, and field number 0.
            (&[0x08, 0x01, 0x0b, 0x08, 0x01], 1),
            (&[0x0f, 0x08, 0x01], 0),
            (&[0x00, 0x01], 0),
            (&[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02], 0),
            (&[0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], 0),
        ] {
            let found = fields(message);
            assert_eq!(found.len(), readable + 1, "{message:?}");
            assert_eq!(found.last(), Some(&Err(NoField)), "{message:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]
        #[test]
        fn a_varint_is_read_as_prost_reads_it(number: u64, noise in prop::collection::vec(0x70_u8..=0xff, 0..12)) {
            let mut encoded = Vec::new();
            encode_varint(number, &mut encoded);
            prop_assert_eq!(Fields::of(&encoded).varint(), Some(number));
            let short = number >> (number % 64);
            let behind = [noise.as_slice(), &[0; 9]].concat();
            let (mut encoded, length) = (Vec::new(), prost::encoding::encoded_len_varint(short));
            encode_varint(short, &mut encoded);
            encoded.extend(&behind);
            let mut fields = Fields::of(&encoded);
            prop_assert_eq!((fields.varint(), fields.rest.len()), (Some(short), encoded.len() - length));
            let theirs = decode_varint(&mut noise.as_slice()).ok();
            prop_assert_eq!(Fields::of(&noise).varint(), theirs);
        }
    }
}
