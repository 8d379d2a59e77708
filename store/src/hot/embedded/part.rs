//! One part of the map: everything of the users who fall to it. Single-threaded; whoever holds its lock has it alone.

use super::{EmbeddedHotSettings, aging::Aging};
use crate::{Clock, ItemId, SessionKey, UserId, hot::HotUpdate, position::PositionRow};
use ahash::HashMap;

pub(super) struct Part {
    sessions: Aging<SessionKey, Session>,
    positions: Aging<(UserId, ItemId), PositionRow>,
    /// The items of which a user has a position above. No user's list is empty.
    items: HashMap<UserId, Vec<ItemId>>,
    /// Up to when users were erased, Unix ms.
    erasures: Aging<UserId, i64>,
    /// Updates since the last look at what has expired.
    unlooked: u32,
}

struct Session {
    clock: Clock,
    last_at_ms: i64,
}

impl Part {
    /// One of so many parts that share the bounds.
    pub(super) fn new(settings: &EmbeddedHotSettings, parts: usize) -> Self {
        Self {
            sessions: Aging::new(settings.sessions_max.div_ceil(parts), settings.session_ttl_ms),
            positions: Aging::new(settings.positions_max.div_ceil(parts), settings.position_ttl_ms),
            items: HashMap::default(),
            erasures: Aging::new(settings.erasures_max.div_ceil(parts), settings.position_ttl_ms),
            unlooked: 0,
        }
    }

    pub(super) fn fix_clock(&mut self, key: &SessionKey, proposed: Clock) -> Clock {
        let now_ms = proposed.fixed_at_ms;
        if let Some(session) = self.sessions.touch(key, now_ms) {
            return session.clock;
        }
        self.sessions.insert(key.clone(), Session { clock: proposed, last_at_ms: now_ms }, now_ms);
        self.forget_sessions(now_ms);
        proposed
    }

    pub(super) fn apply(&mut self, update: &HotUpdate, now_ms: i64) {
        let erased_through_ms = self.erasures.get(&update.key.user).copied().unwrap_or(i64::MIN);
        if update.last_at_ms > erased_through_ms {
            self.renew(update, now_ms);
        }
        if let Some((item, row)) = &update.position {
            let mut row = row.clone();
            if !row.erase_through(erased_through_ms) {
                self.merge(&update.key.user, item, row, now_ms);
            }
        }
        self.forget_now_and_then(now_ms);
    }

    pub(super) fn position(&self, user: &UserId, item: &ItemId) -> Option<PositionRow> {
        self.positions.get(&(user.clone(), item.clone())).cloned()
    }

    pub(super) fn positions(&self, user: &UserId) -> Vec<(ItemId, PositionRow)> {
        let items = self.items.get(user).map(Vec::as_slice).unwrap_or_default();
        items.iter().filter_map(|item| Some((item.clone(), self.position(user, item)?))).collect()
    }

    pub(super) fn erase(&mut self, user: &UserId, through_ms: i64) {
        self.remember_erasure(user, through_ms);
        self.sessions.retain(|key, session| key.user != *user || session.last_at_ms > through_ms);
        for item in self.items.remove(user).unwrap_or_default() {
            let key = (user.clone(), item);
            if self.positions.get_mut(&key).is_some_and(|row| row.erase_through(through_ms)) {
                self.positions.remove(&key);
            } else {
                self.items.entry(key.0).or_default().push(key.1);
            }
        }
    }

    fn remember_erasure(&mut self, user: &UserId, through_ms: i64) {
        match self.erasures.touch(user, through_ms) {
            Some(known_ms) => *known_ms = through_ms.max(*known_ms),
            None => self.erasures.insert(user.clone(), through_ms, through_ms),
        }
        // An erasure names no time of its own, so only too many make room here; `apply` knows the time.
        self.erasures.expire(i64::MIN);
    }

    fn renew(&mut self, update: &HotUpdate, now_ms: i64) {
        let HotUpdate { key, clock, last_at_ms, .. } = update;
        match self.sessions.touch(key, now_ms) {
            Some(session) => {
                session.clock.merge(*clock);
                session.last_at_ms = session.last_at_ms.max(*last_at_ms);
            }
            None => {
                let session = Session { clock: *clock, last_at_ms: *last_at_ms };
                self.sessions.insert(key.clone(), session, now_ms);
                self.forget_sessions(now_ms);
            }
        }
    }

    fn merge(&mut self, user: &UserId, item: &ItemId, row: PositionRow, now_ms: i64) {
        let key = (user.clone(), item.clone());
        if let Some(merged) = self.positions.touch(&key, now_ms) {
            merged.merge(&row);
            return;
        }
        self.positions.insert(key, row, now_ms);
        self.items.entry(user.clone()).or_default().push(item.clone());
        self.forget_positions(now_ms);
    }

    /// What comes in anew makes room for itself; what only expires waits for one look in so many updates.
    fn forget_now_and_then(&mut self, now_ms: i64) {
        self.unlooked += 1;
        if self.unlooked >= UPDATES_PER_LOOK {
            self.unlooked = 0;
            self.forget_sessions(now_ms);
            self.forget_positions(now_ms);
            self.erasures.expire(now_ms);
        }
    }

    fn forget_sessions(&mut self, now_ms: i64) {
        self.sessions.expire(now_ms);
    }

    fn forget_positions(&mut self, now_ms: i64) {
        for ((user, item), _) in self.positions.expire(now_ms) {
            let Some(items) = self.items.get_mut(&user) else {
                continue;
            };
            items.retain(|kept| *kept != item);
            if items.is_empty() {
                self.items.remove(&user);
            }
        }
    }
}

/// A look takes up to four entries to the back of each queue, a tenth of an update's cost each.
pub(super) const UPDATES_PER_LOOK: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AccountId, DeviceId, SessionId};

    #[test]
    fn nothing_is_left_of_what_is_forgotten() {
        let settings = EmbeddedHotSettings { positions_max: 3, position_ttl_ms: 100, ..Default::default() };
        let mut part = Part::new(&settings, 1);
        for now_ms in 0..20_i64 {
            let text = (now_ms / 2).to_string();
            let user = UserId::new(&text).unwrap();
            let update = HotUpdate {
                key: SessionKey { user, session: SessionId::new("s").unwrap() },
                account: AccountId::new("a").unwrap(),
                device: DeviceId::new("d").unwrap(),
                clock: Clock { fixed_at_ms: 0, offset_ms: 0 },
                last_at_ms: now_ms,
                position: Some((ItemId::new(&now_ms.to_string()).unwrap(), PositionRow::set(1, now_ms))),
                beat: None,
            };
            part.apply(&update, now_ms);
            assert_eq!(part.items.values().map(Vec::len).sum::<usize>(), 3.min(part.positions.len()));
        }
        assert_eq!((part.positions.len(), part.items.len()), (3, 2));
        part.forget_positions(1_000);
        assert_eq!((part.positions.len(), part.items.len()), (0, 0));
    }
}
