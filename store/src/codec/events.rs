//! A session's events at rest, 8 to 12 bytes for a usual beat.
//!
//! ```text
//! chunk = count event*
//! event = head flags seq at [from] [position] [rate] [bitrate] [startup] [stall] [duration] [error]
//! head  = kind in bits 0 to 3, state in bits 4 and 5 (0: unknown), bits 6 and 7 are 0
//! flags = one bit for each optional part, in the order above, which is present
//! ```
//! `seq` and `at` are differences to the event before, `from` and `position` to the last known position before.

use super::{Malformed, Reader, put_i64, put_text, put_u64};
use crate::{Event, EventKind, PlayerState, Rate, seqs::SeqSet};
use std::borrow::Borrow;

/// Writes events, in the order given, which is kept. Near ones in a row are the shortest.
pub fn put_events<E: Borrow<Event>>(out: &mut Vec<u8>, events: &[E]) {
    put_u64(out, events.len() as u64);
    let mut before = Before::default();
    for event in events {
        put_event(out, event.borrow(), &mut before);
    }
}

impl Reader<'_> {
    /// Reads events, in the order in which they were written.
    ///
    /// # Errors
    /// [`Malformed`] when any of them cannot be read.
    pub fn events(&mut self) -> Result<Vec<Event>, Malformed> {
        let count = self.event_count()?;
        let mut events = Vec::with_capacity(count);
        let mut before = Before::default();
        for _ in 0..count {
            events.push(self.event(&mut before)?);
        }
        Ok(events)
    }

    /// Reads events for their identities alone: nothing is built but the set, and of the rest only the lengths matter.
    ///
    /// # Errors
    /// [`Malformed`] when any of them cannot be read; those before it are in the set then.
    pub fn seqs(&mut self, into: &mut SeqSet) -> Result<(), Malformed> {
        let mut before = Before::default();
        for _ in 0..self.event_count()? {
            let (_, flags) = (self.u8()?, self.u8()?);
            into.insert(self.seq(&mut before)?);
            self.skip_event(flags)?;
        }
        Ok(())
    }

    /// The count is no reason to allocate what the bytes cannot hold.
    fn event_count(&mut self) -> Result<usize, Malformed> {
        let count = self.u64()?;
        usize::try_from(count)
            .ok()
            .filter(|&count| count <= self.rest.len() / EVENT_BYTES_MIN)
            .ok_or(Malformed { what: "event count" })
    }

    fn event(&mut self, before: &mut Before) -> Result<Event, Malformed> {
        let (kind, state) = read_head(self.u8()?)?;
        let flags = self.u8()?;
        let seq = self.seq(before)?;
        before.at_ms = before.at_ms.wrapping_add(self.i64()?);
        let mut event = Event::new(kind, seq, before.at_ms);
        event.state = state;
        if flags != 0 {
            self.optional_parts(&mut event, flags, before)?;
        }
        Ok(event)
    }

    fn seq(&mut self, before: &mut Before) -> Result<u64, Malformed> {
        before.seq = before.seq.wrapping_add_signed(self.i64()?);
        Ok(before.seq)
    }

    fn optional_parts(&mut self, event: &mut Event, flags: u8, before: &mut Before) -> Result<(), Malformed> {
        let has = |flag: u8| flags & flag != 0;
        event.from_ms = has(FROM).then(|| self.position(before)).transpose()?;
        event.position_ms = has(POSITION).then(|| self.position(before)).transpose()?;
        before.position_ms = event.position_ms.unwrap_or(before.position_ms);
        event.rate = has(RATE).then(|| self.rate()).transpose()?;
        event.bitrate_kbps = has(BITRATE).then(|| self.u32()).transpose()?;
        event.startup_ms = has(STARTUP).then(|| self.u32()).transpose()?;
        event.stall_ms = has(STALL).then(|| self.u32()).transpose()?;
        event.duration_ms = has(DURATION).then(|| self.i64()).transpose()?;
        event.error_code = has(ERROR).then(|| self.text().map(Box::from)).transpose()?;
        Ok(())
    }

    fn position(&mut self, before: &Before) -> Result<i64, Malformed> {
        Ok(before.position_ms.wrapping_add(self.i64()?))
    }

    fn rate(&mut self) -> Result<Rate, Malformed> {
        let thousandths = u16::try_from(self.u64()?).ok();
        thousandths.and_then(Rate::from_thousandths).ok_or(Malformed { what: "rate" })
    }

    /// Passes over the time and the optional parts.
    fn skip_event(&mut self, flags: u8) -> Result<(), Malformed> {
        for _ in 0..=(flags & !ERROR).count_ones() {
            self.u64()?;
        }
        if flags & ERROR != 0 {
            self.text_bytes()?;
        }
        Ok(())
    }
}

fn put_event(out: &mut Vec<u8>, event: &Event, before: &mut Before) {
    let flags = flags_of(event);
    out.push(event.kind.number() | event.state.map_or(0, PlayerState::number) << STATE_SHIFT);
    out.push(flags);
    put_i64(out, event.seq.wrapping_sub(before.seq).cast_signed());
    put_i64(out, event.at_ms.wrapping_sub(before.at_ms));
    if flags != 0 {
        put_optional_parts(out, event, before.position_ms);
    }
    before.seq = event.seq;
    before.at_ms = event.at_ms;
    before.position_ms = event.position_ms.unwrap_or(before.position_ms);
}

fn put_optional_parts(out: &mut Vec<u8>, event: &Event, position_before_ms: i64) {
    for position_ms in [event.from_ms, event.position_ms].into_iter().flatten() {
        put_i64(out, position_ms.wrapping_sub(position_before_ms));
    }
    if let Some(rate) = event.rate {
        put_u64(out, rate.thousandths().into());
    }
    for number in [event.bitrate_kbps, event.startup_ms, event.stall_ms].into_iter().flatten() {
        put_u64(out, number.into());
    }
    if let Some(duration_ms) = event.duration_ms {
        put_i64(out, duration_ms);
    }
    if let Some(error_code) = &event.error_code {
        put_text(out, error_code);
    }
}

fn flags_of(event: &Event) -> u8 {
    let flag = |present: bool, flag: u8| if present { flag } else { 0 };
    flag(event.from_ms.is_some(), FROM)
        | flag(event.position_ms.is_some(), POSITION)
        | flag(event.rate.is_some(), RATE)
        | flag(event.bitrate_kbps.is_some(), BITRATE)
        | flag(event.startup_ms.is_some(), STARTUP)
        | flag(event.stall_ms.is_some(), STALL)
        | flag(event.duration_ms.is_some(), DURATION)
        | flag(event.error_code.is_some(), ERROR)
}

fn read_head(head: u8) -> Result<(EventKind, Option<PlayerState>), Malformed> {
    let kind = EventKind::from_number(i64::from(head & KIND_BITS)).ok_or(Malformed { what: "event kind" })?;
    let state = match head >> STATE_SHIFT {
        0 => None,
        number => Some(PlayerState::from_number(number.into()).ok_or(Malformed { what: "player state" })?),
    };
    Ok((kind, state))
}

/// What the differences refer to.
#[derive(Default)]
struct Before {
    seq: u64,
    at_ms: i64,
    position_ms: i64,
}

const KIND_BITS: u8 = 0x0f;
const STATE_SHIFT: u32 = 4;

const FROM: u8 = 1;
const POSITION: u8 = 1 << 1;
const RATE: u8 = 1 << 2;
const BITRATE: u8 = 1 << 3;
const STARTUP: u8 = 1 << 4;
const STALL: u8 = 1 << 5;
const DURATION: u8 = 1 << 6;
const ERROR: u8 = 1 << 7;

/// Head, flags, `seq` and `at`, a byte each.
const EVENT_BYTES_MIN: usize = 4;
