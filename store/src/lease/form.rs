//! How an account's leases look at rest, where a backend keeps them outside this process.
//!
//! A format byte, the leases, then the sessions that went, each list with its length before it. Reading gives an error
//! for whatever was not written so; a backend then goes on as if it had forgotten everything, which the next beats mend.

use super::{
    AccountLeases, DeviceType, Lease, Stop, StopReason,
    account::{Gone, Why},
};
use crate::{
    DeviceId, ItemId, ItemKind,
    codec::{Malformed, Reader, put_i64, put_session_key, put_text, put_u64},
};
use std::sync::Arc;

/// The version of the form. Any change to it needs another number.
pub const FORM: u8 = 2;

impl AccountLeases {
    /// Writes the state.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![FORM];
        put_u64(&mut out, self.leases.len() as u64);
        for lease in &self.leases {
            put_lease(&mut out, lease);
        }
        put_u64(&mut out, self.gone.len() as u64);
        for gone in &self.gone {
            put_gone(&mut out, gone);
        }
        out
    }

    /// Reads a state. No bytes are the state of an account of which nothing is known.
    ///
    /// # Errors
    /// [`Malformed`] when these bytes are no such state, or one of another version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let mut reader = Reader::new(bytes);
        if reader.u8()? != FORM {
            return Err(Malformed { what: "form of leases" });
        }
        let mut state = Self::default();
        for _ in 0..reader.u64()? {
            state.leases.push(reader.lease()?);
        }
        for _ in 0..reader.u64()? {
            state.gone.push(reader.gone()?);
        }
        match reader.is_empty() {
            true => Ok(state),
            false => Err(Malformed { what: "end of leases" }),
        }
    }
}

fn put_lease(out: &mut Vec<u8>, lease: &Lease) {
    put_session_key(out, &lease.key);
    put_text(out, lease.device.as_str());
    put_text(out, lease.device_type.as_ref().map_or("", DeviceType::as_str));
    put_text(out, lease.item.as_str());
    out.push(lease.kind.number());
    for ms in [lease.since_ms, lease.seen_ms, lease.as_of_ms, lease.moved_ms] {
        put_i64(out, ms);
    }
    out.push(
        if lease.is_playing { IS_PLAYING } else { 0 }
            | if lease.position_ms.is_some() { HAS_POSITION } else { 0 },
    );
    if let Some(position_ms) = lease.position_ms {
        put_i64(out, position_ms);
    }
}

fn put_gone(out: &mut Vec<u8>, gone: &Gone) {
    put_session_key(out, &gone.key);
    put_i64(out, gone.at_ms);
    put_i64(out, gone.as_of_ms);
    match &gone.why {
        Why::Lapsed => out.push(LAPSED),
        Why::Silent => out.push(SILENT),
        Why::Released => out.push(RELEASED),
        Why::Denied => out.push(DENIED),
        Why::Stopped(stop) => {
            out.push(STOPPED);
            out.push(stop.reason.number());
            put_text(out, stop.by_device.as_ref().map_or("", DeviceId::as_str));
        }
    }
}

impl Reader<'_> {
    fn lease(&mut self) -> Result<Lease, Malformed> {
        let key = self.session_key()?;
        let device = self.named(DeviceId::new)?;
        let device_type = match self.text()? {
            "" => None,
            word => Some(DeviceType::new(word).ok_or(Malformed { what: "device type" })?),
        };
        let item = self.named(ItemId::new)?;
        let kind = ItemKind::from_number(self.u8()?.into()).ok_or(Malformed { what: "item kind" })?;
        let (since_ms, seen_ms, as_of_ms, moved_ms) = (self.i64()?, self.i64()?, self.i64()?, self.i64()?);
        let flags = self.u8()?;
        let is_playing = flags & IS_PLAYING != 0;
        let position_ms = (flags & HAS_POSITION != 0).then(|| self.i64()).transpose()?;
        Ok(Lease {
            key,
            device,
            device_type,
            item,
            kind,
            since_ms,
            seen_ms,
            as_of_ms,
            is_playing,
            position_ms,
            moved_ms,
        })
    }

    fn gone(&mut self) -> Result<Gone, Malformed> {
        let key = self.session_key()?;
        let (at_ms, as_of_ms) = (self.i64()?, self.i64()?);
        let why = match self.u8()? {
            LAPSED => Why::Lapsed,
            SILENT => Why::Silent,
            RELEASED => Why::Released,
            DENIED => Why::Denied,
            STOPPED => Why::Stopped(Arc::new(self.stop()?)),
            _ => return Err(Malformed { what: "why a lease went" }),
        };
        Ok(Gone { key, at_ms, as_of_ms, why })
    }

    fn stop(&mut self) -> Result<Stop, Malformed> {
        let reason = StopReason::from_number(self.u8()?).ok_or(Malformed { what: "stop reason" })?;
        let by_device = match self.text()? {
            "" => None,
            name => Some(DeviceId::new(name).map_err(|_| Malformed { what: "id" })?),
        };
        Ok(Stop { reason, by_device, in_the_way: Vec::new() })
    }

    fn named<T, E>(&mut self, new: impl FnOnce(&str) -> Result<T, E>) -> Result<T, Malformed> {
        new(self.text()?).map_err(|_| Malformed { what: "id" })
    }
}

const IS_PLAYING: u8 = 1;
const HAS_POSITION: u8 = 1 << 1;
const LAPSED: u8 = 1;
const RELEASED: u8 = 2;
const DENIED: u8 = 3;
const STOPPED: u8 = 4;
const SILENT: u8 = 5;
