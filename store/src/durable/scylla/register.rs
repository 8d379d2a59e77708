//! Registers at rest. CQL settles equal write timestamps on the greater value, compared byte by byte; these bytes compare
//! like the registers themselves, so it settles on the one that [`PositionRow::merge`] would keep.
//!
//! ```text
//! register = format at place seq session duration finished
//! mark     = format at (0 | 1)
//! place    = 0 position | 1            forgotten is beyond every position
//! session  = 0 | 1 text 0              no text has a zero byte, so a shorter one is less
//! duration = 0 | 1 number
//! ```
//! Numbers are 8 bytes, the greatest byte first; signed ones with the sign bit turned.
//!
//! [`PositionRow::merge`]: crate::position::PositionRow::merge

use crate::{
    SessionId,
    codec::{self, FormatError, Malformed, Reader},
    position::{Place, Register},
};

pub(super) fn put(register: &Register) -> Vec<u8> {
    let Register { at_ms, place, seq, session, duration_ms, finished } = register;
    let mut out = Vec::with_capacity(BYTES_USUAL);
    codec::put_format(&mut out);
    put_signed(&mut out, *at_ms);
    match place {
        Place::At(position_ms) => {
            out.push(0);
            put_signed(&mut out, *position_ms);
        }
        Place::Forgotten => out.push(1),
    }
    out.extend_from_slice(&seq.to_be_bytes());
    out.push(session.is_some().into());
    if let Some(session) = session {
        out.extend_from_slice(session.as_str().as_bytes());
        out.push(0);
    }
    out.push(duration_ms.is_some().into());
    if let Some(duration_ms) = duration_ms {
        put_signed(&mut out, *duration_ms);
    }
    out.push((*finished).into());
    out
}

pub(super) fn read(bytes: &[u8]) -> Result<Register, FormatError> {
    let mut rest = after_format(bytes)?;
    let at_ms = signed(&mut rest)?;
    let place = if flag(&mut rest)? { Place::Forgotten } else { Place::At(signed(&mut rest)?) };
    let seq = u64::from_be_bytes(take(&mut rest)?);
    let session = if flag(&mut rest)? { Some(session(&mut rest)?) } else { None };
    let duration_ms = if flag(&mut rest)? { Some(signed(&mut rest)?) } else { None };
    let finished = flag(&mut rest)?;
    ended(rest)?;
    Ok(Register { at_ms, place, seq, session, duration_ms, finished })
}

pub(super) fn put_mark((at_ms, watched): (i64, bool)) -> Vec<u8> {
    let mut out = Vec::with_capacity(MARK_BYTES);
    codec::put_format(&mut out);
    put_signed(&mut out, at_ms);
    out.push(watched.into());
    out
}

pub(super) fn read_mark(bytes: &[u8]) -> Result<(i64, bool), FormatError> {
    let mut rest = after_format(bytes)?;
    let mark = (signed(&mut rest)?, flag(&mut rest)?);
    ended(rest)?;
    Ok(mark)
}

fn put_signed(out: &mut Vec<u8>, number: i64) {
    out.extend_from_slice(&(number ^ i64::MIN).to_be_bytes());
}

fn after_format(bytes: &[u8]) -> Result<&[u8], FormatError> {
    let mut reader = Reader::new(bytes);
    reader.format()?;
    Ok(reader.rest())
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Malformed> {
    let (bytes, after) = rest.split_first_chunk().ok_or(Malformed { what: "register" })?;
    *rest = after;
    Ok(*bytes)
}

fn signed(rest: &mut &[u8]) -> Result<i64, Malformed> {
    take(rest).map(|bytes| i64::from_be_bytes(bytes) ^ i64::MIN)
}

fn flag(rest: &mut &[u8]) -> Result<bool, Malformed> {
    match take(rest)? {
        [0] => Ok(false),
        [1] => Ok(true),
        [_] => Err(Malformed { what: "flag" }),
    }
}

fn session(rest: &mut &[u8]) -> Result<SessionId, Malformed> {
    let malformed = Malformed { what: "session" };
    let length = rest.iter().position(|&byte| byte == 0).ok_or(malformed)?;
    let (text, after) = rest.split_at(length);
    *rest = after.get(1..).unwrap_or_default();
    let text = std::str::from_utf8(text).map_err(|_| malformed)?;
    SessionId::new(text).map_err(|_| malformed)
}

fn ended(rest: &[u8]) -> Result<(), Malformed> {
    if rest.is_empty() { Ok(()) } else { Err(Malformed { what: "end of a register" }) }
}

/// With a session of a UUID's length.
const BYTES_USUAL: usize = 76;
const MARK_BYTES: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number() -> impl Strategy<Value = i64> {
        prop_oneof![Just(i64::MIN), Just(i64::MAX), -2_i64..3, any::<i64>()]
    }

    fn registers() -> impl Strategy<Value = Register> {
        let place = prop_oneof![3 => number().prop_map(Place::At), 1 => Just(Place::Forgotten)];
        let session = prop::option::of("[ab \u{a0}\u{10ffff}영]{1,3}");
        (
            number(),
            place,
            prop_oneof![0_u64..3, any::<u64>()],
            session,
            prop::option::of(number()),
            any::<bool>(),
        )
            .prop_map(|(at_ms, place, seq, session, duration_ms, finished)| Register {
                at_ms,
                place,
                seq,
                session: session.map(|text| SessionId::new(&text).unwrap()),
                duration_ms,
                finished,
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]
        #[test]
        fn bytes_compare_like_registers(a in registers(), b in registers(), cut in 0_usize..40) {
            // Two that agree up to a part, so that each part decides now and then.
            let mut near = a.clone();
            for (part, step) in [1, 2, 4, 8, 16].into_iter().enumerate() {
                if cut & step != 0 {
                    match part {
                        0 => near.place = b.place,
                        1 => near.seq = b.seq,
                        2 => near.session.clone_from(&b.session),
                        3 => near.duration_ms = b.duration_ms,
                        _ => near.finished = b.finished,
                    }
                }
            }
            for other in [&b, &near] {
                prop_assert_eq!(put(&a).cmp(&put(other)), a.cmp(other), "{:?} {:?}", a, other);
            }
            prop_assert_eq!(read(&put(&a)), Ok(a));
        }

        #[test]
        fn bytes_compare_like_marks(a in (number(), any::<bool>()), b in (number(), any::<bool>())) {
            prop_assert_eq!(put_mark(a).cmp(&put_mark(b)), a.cmp(&b));
            prop_assert_eq!(read_mark(&put_mark(a)), Ok(a));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(register) = read(&bytes) {
                prop_assert_eq!(put(&register), bytes.clone());
            }
            if let Ok(mark) = read_mark(&bytes) {
                prop_assert_eq!(put_mark(mark), bytes);
            }
        }
    }
}
