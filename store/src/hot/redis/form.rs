//! How values look in Redis: bytes whose order is the order of what they say, so that a script joins them by comparing
//! bytes and needs to know nothing of their meaning.
//!
//! Numbers are big-endian, signed ones with their sign turned; what may be missing begins with 0 or 1; a text ends with a
//! zero, which no id contains. A [`Register`] written so, in the order of its fields, sorts as registers do. Parts of a
//! row are its registers and times, each with its length before it. A stored value begins with the time of its last
//! touch by the server's clock, 4 bytes, of which only the scripts know more. Another form needs other keys (`keys.rs`).

use crate::{
    Clock, SessionId,
    codec::Malformed,
    position::{Place, PositionRow, Register, Watched},
};

/// A time or length.
pub(super) fn number(v: i64) -> [u8; 8] {
    (v.cast_unsigned() ^ SIGN).to_be_bytes()
}

/// A session's clock. The lesser is the one that [`Clock::merge`] keeps.
pub(super) fn clock(clock: Clock) -> [u8; 16] {
    let mut bytes = [0; 16];
    let (fixed_at, offset) = bytes.split_at_mut(8);
    fixed_at.copy_from_slice(&number(clock.fixed_at_ms));
    offset.copy_from_slice(&number(clock.offset_ms));
    bytes
}

/// The parts of a row.
pub(super) fn row(row: &PositionRow) -> Vec<u8> {
    let Watched { first_ms, last_ms, mark } = row.watched;
    let mut out = Vec::with_capacity(ROW_BYTES_ABOUT);
    put_part(&mut out, |out| row.settled.iter().for_each(|register| put_register(out, register)));
    put_part(&mut out, |out| row.opening.iter().for_each(|register| put_register(out, register)));
    put_part(&mut out, |out| first_ms.iter().for_each(|&first_ms| out.extend(number(first_ms))));
    put_part(&mut out, |out| last_ms.iter().for_each(|&last_ms| out.extend(number(last_ms))));
    put_part(&mut out, |out| {
        if let Some((marked_ms, is_watched)) = mark {
            out.extend(number(marked_ms));
            out.push(is_watched.into());
        }
    });
    out
}

/// Reads a clock that a script returned.
pub(super) fn read_clock(bytes: &[u8]) -> Result<Clock, Malformed> {
    let mut rest = Rest(bytes);
    let clock = Clock { fixed_at_ms: rest.number()?, offset_ms: rest.number()? };
    rest.end()?;
    Ok(clock)
}

/// Reads a stored row.
pub(super) fn read_stored_row(bytes: &[u8]) -> Result<PositionRow, Malformed> {
    let mut rest = Rest(bytes);
    rest.take(SEEN_BYTES)?;
    rest.row()
}

fn put_part(out: &mut Vec<u8>, part: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend([0; 2]);
    part(out);
    let length = out.len() - start - 2;
    // The longest part is a register, whose id bounds it.
    let length = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
    if let Some(place) = out.get_mut(start..start + 2) {
        place.copy_from_slice(&length);
    }
}

fn put_register(out: &mut Vec<u8>, register: &Register) {
    let Register { at_ms, place, seq, session, duration_ms, finished } = register;
    out.extend(number(*at_ms));
    match *place {
        Place::At(position_ms) => put_some(out, &number(position_ms)),
        // Greater than any position.
        Place::Forgotten => out.push(FORGOTTEN),
    }
    out.extend(seq.to_be_bytes());
    match session {
        Some(session) => {
            put_some(out, session.as_str().as_bytes());
            out.push(0);
        }
        None => out.push(NONE),
    }
    match duration_ms {
        Some(duration_ms) => put_some(out, &number(*duration_ms)),
        None => out.push(NONE),
    }
    out.push((*finished).into());
}

fn put_some(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(SOME);
    out.extend_from_slice(bytes);
}

/// What was not read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn row(&mut self) -> Result<PositionRow, Malformed> {
        let settled = self.part(Self::register)?;
        let opening = self.part(Self::register)?;
        let first_ms = self.part(Self::number)?;
        let last_ms = self.part(Self::number)?;
        let mark = self.part(|part| Ok((part.number()?, part.switch()?)))?;
        self.end()?;
        Ok(PositionRow { settled, opening, watched: Watched { first_ms, last_ms, mark } })
    }

    fn part<T>(
        &mut self,
        read: impl FnOnce(&mut Rest<'a>) -> Result<T, Malformed>,
    ) -> Result<Option<T>, Malformed> {
        let length = self.array().map(u16::from_be_bytes)?;
        let mut part = Rest(self.take(length.into())?);
        if part.0.is_empty() {
            return Ok(None);
        }
        let value = read(&mut part)?;
        part.end()?;
        Ok(Some(value))
    }

    fn register(&mut self) -> Result<Register, Malformed> {
        Ok(Register {
            at_ms: self.number()?,
            place: self.place()?,
            seq: self.array().map(u64::from_be_bytes)?,
            session: self.option(Self::session)?,
            duration_ms: self.option(Self::number)?,
            finished: self.switch()?,
        })
    }

    fn place(&mut self) -> Result<Place, Malformed> {
        match self.byte()? {
            SOME => Ok(Place::At(self.number()?)),
            FORGOTTEN => Ok(Place::Forgotten),
            _ => Err(Malformed { what: "place" }),
        }
    }

    fn session(&mut self) -> Result<SessionId, Malformed> {
        const WRONG: Malformed = Malformed { what: "session" };
        let length = self.0.iter().position(|&byte| byte == 0).ok_or(WRONG)?;
        let text = std::str::from_utf8(self.take(length)?).map_err(|_| WRONG)?;
        self.take(1)?;
        SessionId::new(text).map_err(|_| WRONG)
    }

    fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Option<T>, Malformed> {
        if self.switch()? { read(self).map(Some) } else { Ok(None) }
    }

    fn number(&mut self) -> Result<i64, Malformed> {
        Ok((u64::from_be_bytes(self.array()?) ^ SIGN).cast_signed())
    }

    fn switch(&mut self) -> Result<bool, Malformed> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed { what: "switch" }),
        }
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        self.array().map(|[byte]| byte)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(CUT_SHORT)?;
        self.0 = rest;
        Ok(*bytes)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(CUT_SHORT)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn end(&self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed { what: "end" }) }
    }
}

const CUT_SHORT: Malformed = Malformed { what: "value, cut short" };
/// Turned, negative numbers come before the others.
const SIGN: u64 = 1 << 63;
const NONE: u8 = 0;
const SOME: u8 = 1;
const FORGOTTEN: u8 = 2;
/// The time of the last touch, of which the scripts know more.
const SEEN_BYTES: usize = 4;
/// A row with one register of a session with a UUID for an id.
const ROW_BYTES_ABOUT: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arbitrary::{Dice, position_row};

    fn register_bytes(register: &Register) -> Vec<u8> {
        let mut out = Vec::new();
        put_register(&mut out, register);
        out
    }

    fn stored(row: &[u8]) -> Vec<u8> {
        [&[1, 2, 3, 4], row].concat()
    }

    #[test]
    fn the_order_of_registers_is_that_of_their_bytes() {
        for seed in 0..20_000 {
            let mut dice = Dice::new(seed);
            let (a, b) = (position_row(&mut dice), position_row(&mut dice));
            for (a, b) in a.settled.iter().chain(&a.opening).zip(b.settled.iter().chain(&b.opening)) {
                assert_eq!(register_bytes(a).cmp(&register_bytes(b)), a.cmp(b), "seed {seed}: {a:?}, {b:?}");
            }
        }
    }

    #[test]
    fn sessions_that_begin_each_other_are_in_order() {
        let register = |session: &str, duration_ms| {
            let session = Some(SessionId::new(session).unwrap());
            Register { at_ms: 1, place: Place::At(1), seq: 1, session, duration_ms, finished: false }
        };
        let all = [
            register("a", Some(i64::MAX)),
            register("a b", None),
            register("aa", Some(0)),
            register("오", None),
        ];
        assert!(all.is_sorted());
        assert!(all.iter().map(register_bytes).is_sorted());
    }

    #[test]
    fn the_order_of_clocks_is_that_of_their_bytes() {
        let times = [i64::MIN, -1, 0, 1, i64::MAX];
        let all = times.map(|fixed_at_ms| times.map(|offset_ms| Clock { fixed_at_ms, offset_ms }));
        let all = all.as_flattened();
        assert!(all.is_sorted());
        assert!(all.iter().map(|&one| clock(one)).is_sorted());
        assert!(all.iter().all(|&one| read_clock(&clock(one)) == Ok(one)));
    }

    #[test]
    fn a_row_is_read_as_it_was_written() {
        for seed in 0..20_000 {
            let written = position_row(&mut Dice::new(seed));
            assert_eq!(read_stored_row(&stored(&row(&written))), Ok(written), "seed {seed}");
        }
    }

    #[test]
    fn bytes_that_are_no_row_are_refused() {
        for seed in 0..2_000 {
            let mut dice = Dice::new(seed);
            let bytes = stored(&row(&position_row(&mut dice)));
            for length in 0..bytes.len() {
                assert!(read_stored_row(&bytes[..length]).is_err(), "seed {seed}, cut at {length}");
            }
            assert!(read_stored_row(&[&*bytes, b"x"].concat()).is_err(), "seed {seed}");
        }
    }
}
