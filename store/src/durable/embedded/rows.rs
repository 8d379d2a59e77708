//! What the values of the rows look like. Each begins with the format's number; those that expire name the time of
//! their latest event right behind it, so that a compaction can judge them by a glance.
//!
//! ```text
//! chunk    = format last_at first_at events
//! session  = format last_at first_at event_count clock description (0 | 1 first_seq)
//! position = format position_row
//! erasure  = format through
//! item_erasure = format at through
//! ```
//! A session whose events are numbered without a gap, as almost all native ones are, says where the run begins: with
//! the count that is the whole set of its events, and nobody has to read the chunks for it.

use std::borrow::Borrow;

use crate::{
    Event, SessionKey,
    codec::{self, FormatError, Malformed, Reader},
    durable::SessionRow,
    erasure::ItemErasure,
    position::PositionRow,
};

/// The times that a row's events span, Unix ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) last_at_ms: i64,
    pub(super) first_at_ms: i64,
}

impl Span {
    /// The times of these events; `None` where there are none.
    pub(super) fn of<E: Borrow<Event>>(events: &[E]) -> Option<Self> {
        let times = || events.iter().map(|event| event.borrow().at_ms);
        Some(Self { last_at_ms: times().max()?, first_at_ms: times().min()? })
    }

    /// Reads the beginning of a session's or a chunk's value.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, FormatError> {
        reader.format()?;
        Ok(Self { last_at_ms: reader.i64()?, first_at_ms: reader.i64()? })
    }

    fn put(self, out: &mut Vec<u8>) {
        codec::put_format(out);
        codec::put_i64(out, self.last_at_ms);
        codec::put_i64(out, self.first_at_ms);
    }
}

/// Events to be stored in one row; `None` where there are none.
pub(super) fn chunk<E: Borrow<Event>>(events: &[E]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(CHUNK_HEAD_BYTES + events.len() * EVENT_BYTES_USUAL);
    Span::of(events)?.put(&mut out);
    codec::put_events(&mut out, events);
    Some(out)
}

/// Reads all of a chunk.
pub(super) fn read_chunk(value: &[u8]) -> Result<Vec<Event>, FormatError> {
    let mut reader = Reader::new(value);
    Span::read(&mut reader)?;
    let events = reader.events()?;
    ended(&reader)?;
    Ok(events)
}

/// A session, and the first number of its run if it is one run.
pub(super) fn session(row: &SessionRow, run_from: Option<u64>) -> Vec<u8> {
    let mut out = Vec::with_capacity(SESSION_BYTES_USUAL);
    Span { last_at_ms: row.last_at_ms, first_at_ms: row.first_at_ms }.put(&mut out);
    codec::put_u64(&mut out, row.event_count);
    codec::put_clock(&mut out, row.clock);
    codec::put_description(&mut out, &row.description);
    match run_from.filter(|_| row.event_count <= RUN_EVENTS_MAX) {
        None => out.push(0),
        Some(first_seq) => {
            out.push(1);
            codec::put_u64(&mut out, first_seq);
        }
    }
    out
}

pub(super) fn read_session(key: SessionKey, value: &[u8]) -> Result<(SessionRow, Option<u64>), FormatError> {
    let mut reader = Reader::new(value);
    let Span { last_at_ms, first_at_ms } = Span::read(&mut reader)?;
    let event_count = reader.u64()?;
    let clock = reader.clock()?;
    let description = reader.description()?;
    let run_from = match reader.u8()? {
        0 => None,
        1 if event_count <= RUN_EVENTS_MAX => Some(reader.u64()?),
        _ => return Err(Malformed { what: "run" }.into()),
    };
    ended(&reader)?;
    Ok((SessionRow { key, clock, description, first_at_ms, last_at_ms, event_count }, run_from))
}

pub(super) fn position(row: &PositionRow) -> Vec<u8> {
    let mut out = Vec::with_capacity(POSITION_BYTES_USUAL);
    codec::put_format(&mut out);
    codec::put_position_row(&mut out, row);
    out
}

pub(super) fn read_position(value: &[u8]) -> Result<PositionRow, FormatError> {
    let mut reader = Reader::new(value);
    reader.format()?;
    let row = reader.position_row()?;
    ended(&reader)?;
    Ok(row)
}

pub(super) fn erasure(through_ms: i64) -> Vec<u8> {
    let mut out = Vec::new();
    codec::put_format(&mut out);
    codec::put_i64(&mut out, through_ms);
    out
}

pub(super) fn read_erasure(value: &[u8]) -> Result<i64, FormatError> {
    let mut reader = Reader::new(value);
    reader.format()?;
    let through_ms = reader.i64()?;
    ended(&reader)?;
    Ok(through_ms)
}

pub(super) fn item_erasure(erasure: ItemErasure) -> Vec<u8> {
    let mut out = Vec::new();
    codec::put_format(&mut out);
    codec::put_i64(&mut out, erasure.at_ms);
    codec::put_i64(&mut out, erasure.through_ms);
    out
}

pub(super) fn read_item_erasure(value: &[u8]) -> Result<ItemErasure, FormatError> {
    let mut reader = Reader::new(value);
    reader.format()?;
    let erasure = ItemErasure { at_ms: reader.i64()?, through_ms: reader.i64()? };
    ended(&reader)?;
    Ok(erasure)
}

fn ended(reader: &Reader<'_>) -> Result<(), Malformed> {
    if reader.is_empty() { Ok(()) } else { Err(Malformed { what: "end" }) }
}

/// A session row does not name more events than this as a run: whoever reads it makes a set of them, and must not be
/// kept busy by a damaged number.
const RUN_EVENTS_MAX: u64 = 1 << 20;

// Usual sizes, so that a row is written without growing its buffer.
const CHUNK_HEAD_BYTES: usize = 24;
const EVENT_BYTES_USUAL: usize = 12;
const SESSION_BYTES_USUAL: usize = 192;
const POSITION_BYTES_USUAL: usize = 96;
