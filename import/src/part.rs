//! A part at rest: its key says what it is part of and in which order, so that sorting brings together what belongs together
//! and writes what others need before them.

use crate::{mapping::shape::NounKind, noun::Noun};

/// Where a part comes from, and where it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) stage: u16,
    /// Among the parts of its noun, lowest first.
    pub(crate) order: i64,
    pub(crate) rule: usize,
    pub(crate) file: usize,
    pub(crate) row: u64,
}

/// A part that came back.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    pub(crate) place: Place,
    pub(crate) line: u64,
    pub(crate) is_gone: bool,
    pub(crate) body: &'a [u8],
}

/// A part as a record: `stage, name, 0, order, rule, file, row` and `gone, line, body`.
pub(crate) fn record(noun: &Noun, place: &Place, line: u64) -> (Vec<u8>, Vec<u8>) {
    let mut key = place.stage.to_be_bytes().to_vec();
    // No name has the byte of the end in it: the API takes no control characters, and neither does the key.
    key.extend(noun.name().bytes().map(|byte| if byte == END { b'?' } else { byte }));
    key.push(END);
    // Below zero comes first, so the sign's bit is turned.
    key.extend((place.order ^ i64::MIN).to_be_bytes());
    for number in [place.rule, place.file] {
        key.extend(u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes());
    }
    key.extend(place.row.to_be_bytes());
    let mut value = vec![u8::from(matches!(noun, Noun::Gone(_)))];
    value.extend(line.to_be_bytes());
    value.extend(noun.encode());
    (key, value)
}

/// What of a key names the noun: its stage and its name.
pub(crate) fn name_of(key: &[u8]) -> &[u8] {
    key.len().checked_sub(BEHIND_NAME).and_then(|length| key.get(..length)).unwrap_or_default()
}

/// Reads a record; `None` where it is none of [`record`]'s.
pub(crate) fn read<'a>(key: &[u8], value: &'a [u8]) -> Option<Part<'a>> {
    let (stage, _) = key.split_first_chunk::<2>()?;
    let behind = key.get(key.len().checked_sub(BEHIND_NAME)? + 1..)?;
    let (order, behind) = behind.split_first_chunk::<8>()?;
    let (rule, behind) = behind.split_first_chunk::<4>()?;
    let (file, behind) = behind.split_first_chunk::<4>()?;
    let (row, _) = behind.split_first_chunk::<8>()?;
    let (gone, value) = value.split_first()?;
    let (line, body) = value.split_first_chunk::<8>()?;
    let place = Place {
        stage: u16::from_be_bytes(*stage),
        order: i64::from_be_bytes(*order) ^ i64::MIN,
        rule: usize::try_from(u32::from_be_bytes(*rule)).ok()?,
        file: usize::try_from(u32::from_be_bytes(*file)).ok()?,
        row: u64::from_be_bytes(*row),
    };
    Some(Part { place, line: u64::from_be_bytes(*line), is_gone: *gone == 1, body })
}

/// The empty noun of a part.
pub(crate) fn empty(kind: NounKind, part: &Part<'_>) -> Noun {
    match part.is_gone {
        true => Noun::Gone(String::from_utf8_lossy(part.body).into_owned()),
        false => Noun::empty(kind),
    }
}

const END: u8 = 0;
/// The end, the order, two numbers and the row.
const BEHIND_NAME: usize = 1 + 8 + 4 + 4 + 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_by_stage_name_order_and_row() {
        let key = |stage, name: &str, order, row| {
            let place = Place { stage, order, rule: 3, file: 4, row };
            let (key, value) = record(&Noun::Gone(name.into()), &place, 9);
            let part = read(&key, &value).unwrap();
            assert_eq!((part.place, part.line, part.is_gone, part.body), (place, 9, true, name.as_bytes()));
            key
        };
        let sorted = [
            key(0, "a", -1, 1),
            key(0, "a", 0, 1),
            key(0, "a", 0, 2),
            key(0, "a", 300, 1),
            key(0, "ab", -5, 1),
            key(0, "b", 0, 0),
            key(1, "a", 0, 0),
        ];
        assert!(sorted.is_sorted());
        assert_eq!(name_of(&sorted[0]), name_of(&sorted[3]));
        assert_ne!(name_of(&sorted[3]), name_of(&sorted[4]));
    }
}
