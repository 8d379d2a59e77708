//! Everything but events at rest.

use super::{Malformed, Reader, put_i64, put_text, put_u64};
use crate::{
    AccountId, Clock, Description, DeviceId, IdError, ItemId, ItemKind, Playable, SeqOrder, SessionId,
    SessionKey, UserId,
    position::{Place, PositionRow, Register, Watched},
};

/// Writes a session's clock.
pub fn put_clock(out: &mut Vec<u8>, clock: Clock) {
    put_i64(out, clock.fixed_at_ms);
    put_i64(out, clock.offset_ms);
}

/// Writes a session's key.
pub fn put_session_key(out: &mut Vec<u8>, key: &SessionKey) {
    put_text(out, key.user.as_str());
    put_text(out, key.session.as_str());
}

/// Writes what is known of a session.
pub fn put_description(out: &mut Vec<u8>, description: &Description) {
    let Description { as_of_ms, playable, account, device, order } = description;
    let flags = [
        (playable.duration_ms.is_some(), HAS_DURATION),
        (playable.credits_ms.is_some(), HAS_CREDITS),
        (*order == SeqOrder::Foreign, IS_FOREIGN),
    ];
    out.push(flags_of(&flags));
    put_i64(out, *as_of_ms);
    out.push(playable.kind.number());
    put_text(out, playable.item.as_str());
    put_text(out, account.as_str());
    put_text(out, device.as_str());
    put_present(out, &[playable.duration_ms, playable.credits_ms]);
}

/// Writes where a user is in an item.
pub fn put_position_row(out: &mut Vec<u8>, row: &PositionRow) {
    let Watched { first_ms, last_ms, mark } = row.watched;
    let flags = [
        (row.settled.is_some(), HAS_SETTLED),
        (row.opening.is_some(), HAS_OPENING),
        (first_ms.is_some(), HAS_FIRST),
        (last_ms.is_some(), HAS_LAST),
        (mark.is_some(), HAS_MARK),
        (matches!(mark, Some((_, true))), MARK_IS_WATCHED),
    ];
    out.push(flags_of(&flags));
    for register in [&row.settled, &row.opening].into_iter().flatten() {
        put_register(out, register);
    }
    put_present(out, &[first_ms, last_ms, mark.map(|(marked_ms, _)| marked_ms)]);
}

fn put_register(out: &mut Vec<u8>, register: &Register) {
    let Register { at_ms, place, seq, session, duration_ms, finished } = register;
    let position_ms = match *place {
        Place::At(position_ms) => Some(position_ms),
        Place::Forgotten => None,
    };
    let flags = [
        (position_ms.is_some(), HAS_POSITION),
        (session.is_some(), HAS_SESSION),
        (duration_ms.is_some(), HAS_LENGTH),
        (*finished, IS_FINISHED),
    ];
    out.push(flags_of(&flags));
    put_i64(out, *at_ms);
    put_u64(out, *seq);
    if let Some(session) = session {
        put_text(out, session.as_str());
    }
    put_present(out, &[position_ms, *duration_ms]);
}

fn flags_of(flags: &[(bool, u8)]) -> u8 {
    flags.iter().filter(|(present, _)| *present).fold(0, |all, (_, flag)| all | flag)
}

fn put_present(out: &mut Vec<u8>, numbers: &[Option<i64>]) {
    for number in numbers.iter().flatten() {
        put_i64(out, *number);
    }
}

impl Reader<'_> {
    /// Reads a session's clock.
    ///
    /// # Errors
    /// [`Malformed`] when it cannot be read.
    pub fn clock(&mut self) -> Result<Clock, Malformed> {
        Ok(Clock { fixed_at_ms: self.i64()?, offset_ms: self.i64()? })
    }

    /// Reads a session's key.
    ///
    /// # Errors
    /// [`Malformed`] when it cannot be read.
    pub fn session_key(&mut self) -> Result<SessionKey, Malformed> {
        Ok(SessionKey { user: self.id(UserId::new)?, session: self.id(SessionId::new)? })
    }

    /// Reads what is known of a session.
    ///
    /// # Errors
    /// [`Malformed`] when it cannot be read.
    pub fn description(&mut self) -> Result<Description, Malformed> {
        let flags = self.flags(HAS_DURATION | HAS_CREDITS | IS_FOREIGN)?;
        let as_of_ms = self.i64()?;
        let kind = ItemKind::from_number(self.u8()?.into()).ok_or(Malformed { what: "item kind" })?;
        let item = self.id(ItemId::new)?;
        let account = self.id(AccountId::new)?;
        let device = self.id(DeviceId::new)?;
        let duration_ms = self.present(flags, HAS_DURATION)?;
        let credits_ms = self.present(flags, HAS_CREDITS)?;
        let order = if flags & IS_FOREIGN != 0 { SeqOrder::Foreign } else { SeqOrder::Native };
        Ok(Description {
            as_of_ms,
            playable: Playable { item, kind, duration_ms, credits_ms },
            account,
            device,
            order,
        })
    }

    /// Reads where a user is in an item.
    ///
    /// # Errors
    /// [`Malformed`] when it cannot be read.
    pub fn position_row(&mut self) -> Result<PositionRow, Malformed> {
        let flags =
            self.flags(HAS_SETTLED | HAS_OPENING | HAS_FIRST | HAS_LAST | HAS_MARK | MARK_IS_WATCHED)?;
        let has = |flag: u8| flags & flag != 0;
        let settled = has(HAS_SETTLED).then(|| self.register()).transpose()?;
        let opening = has(HAS_OPENING).then(|| self.register()).transpose()?;
        let first_ms = self.present(flags, HAS_FIRST)?;
        let last_ms = self.present(flags, HAS_LAST)?;
        let mark = self.present(flags, HAS_MARK)?.map(|marked_ms| (marked_ms, has(MARK_IS_WATCHED)));
        Ok(PositionRow { settled, opening, watched: Watched { first_ms, last_ms, mark } })
    }

    fn register(&mut self) -> Result<Register, Malformed> {
        let flags = self.flags(HAS_POSITION | HAS_SESSION | HAS_LENGTH | IS_FINISHED)?;
        let at_ms = self.i64()?;
        let seq = self.u64()?;
        let session = (flags & HAS_SESSION != 0).then(|| self.id(SessionId::new)).transpose()?;
        let place = self.present(flags, HAS_POSITION)?.map_or(Place::Forgotten, Place::At);
        let duration_ms = self.present(flags, HAS_LENGTH)?;
        Ok(Register { at_ms, place, seq, session, duration_ms, finished: flags & IS_FINISHED != 0 })
    }

    fn present(&mut self, flags: u8, flag: u8) -> Result<Option<i64>, Malformed> {
        (flags & flag != 0).then(|| self.i64()).transpose()
    }

    fn id<T>(&mut self, new: impl FnOnce(&str) -> Result<T, IdError>) -> Result<T, Malformed> {
        new(self.text()?).map_err(|_| Malformed { what: "id" })
    }
}

const HAS_DURATION: u8 = 1;
const HAS_CREDITS: u8 = 1 << 1;
const IS_FOREIGN: u8 = 1 << 2;

const HAS_SETTLED: u8 = 1;
const HAS_OPENING: u8 = 1 << 1;
const HAS_FIRST: u8 = 1 << 2;
const HAS_LAST: u8 = 1 << 3;
const HAS_MARK: u8 = 1 << 4;
const MARK_IS_WATCHED: u8 = 1 << 5;

const HAS_POSITION: u8 = 1;
const HAS_SESSION: u8 = 1 << 1;
const HAS_LENGTH: u8 = 1 << 2;
const IS_FINISHED: u8 = 1 << 3;
