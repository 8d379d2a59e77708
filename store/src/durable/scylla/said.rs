//! What was said of a session: its clock, and its description without the time. Each thing that was said is an element of
//! a map, and its value the latest time that said so, so that elements join by themselves and with a TTL: of one element
//! two writes with equal timestamps have equal values. A session has one, as a rule; a page that goes on to a second item
//! makes another.

use std::collections::BTreeMap;

use crate::{
    Clock, Description,
    codec::{self, FormatError, Malformed, Reader},
    durable::SessionWrite,
};

/// The element of a write: its key.
pub(super) fn put(write: &SessionWrite) -> Vec<u8> {
    let mut out = Vec::with_capacity(BYTES_USUAL);
    codec::put_format(&mut out);
    codec::put_clock(&mut out, write.clock);
    codec::put_description(&mut out, &Description { as_of_ms: 0, ..write.description.clone() });
    out
}

/// What all elements that are later than the floor say together: the earliest clock and the latest description.
pub(super) fn read(
    said: &BTreeMap<Vec<u8>, i64>,
    floor_ms: i64,
) -> Result<Option<(Clock, Description)>, FormatError> {
    let mut joined: Option<(Clock, Description)> = None;
    for (key, &as_of_ms) in said.iter().filter(|&(_, &as_of_ms)| as_of_ms > floor_ms) {
        let mut reader = Reader::new(key);
        reader.format()?;
        let clock = reader.clock()?;
        let description = Description { as_of_ms, ..reader.description()? };
        if !reader.is_empty() {
            return Err(Malformed { what: "end of what was said" }.into());
        }
        match &mut joined {
            None => joined = Some((clock, description)),
            Some((earliest, latest)) => {
                earliest.merge(clock);
                latest.merge(&description);
            }
        }
    }
    Ok(joined)
}

/// With ids of a UUID's length.
const BYTES_USUAL: usize = 132;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SessionKey, contract::Dice};

    #[test]
    fn elements_join_like_sessions() {
        let mut dice = Dice::new();
        for _ in 0..1_000 {
            let user = dice.user();
            let key: SessionKey = dice.session(&user);
            let mut writes = Vec::new();
            for _ in 0..4 {
                let as_of_ms = dice.ms_below(4);
                let (clock, description) = (dice.clock(), dice.description(as_of_ms));
                writes.push(SessionWrite { key: key.clone(), clock, description, events: Vec::new().into() });
            }
            let floor_ms = dice.ms_below(4) - 1;
            // As CQL joins an element: the greater of two values, which are their own timestamps.
            let mut said = BTreeMap::new();
            for write in &writes {
                let as_of_ms = said.entry(put(write)).or_insert(i64::MIN);
                *as_of_ms = (*as_of_ms).max(write.description.as_of_ms);
            }
            let later = || writes.iter().filter(|write| write.description.as_of_ms > floor_ms);
            let clock = later().map(|write| write.clock).min();
            let description = later().map(|write| write.description.clone()).max();
            assert_eq!(read(&said, floor_ms), Ok(clock.zip(description)));
        }
    }
}
