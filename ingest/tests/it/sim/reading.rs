//! What a read must find, given what the clients know, and whether it did.

use std::collections::{BTreeMap, BTreeSet};

use playhead_ingest::tally::Count;
use playhead_store::{Event, ItemId, SessionKey, UserId, position::PositionRow};

use super::{
    ledger::{Counts, Ledger, Offers, Session},
    world::World,
};

/// What must be there at least when a read begins.
pub struct Before {
    user: UserId,
    erased_ms: i64,
    acked: BTreeMap<SessionKey, BTreeSet<u64>>,
    rows: BTreeMap<ItemId, Vec<PositionRow>>,
}

impl Ledger {
    /// What must be there at least for a read of a user's that begins now.
    pub fn before(&self, user: &UserId) -> Before {
        let mut before = Before {
            user: user.clone(),
            erased_ms: self.erasures.get(user).map_or(i64::MIN, |erasure| erasure.done_ms),
            acked: BTreeMap::new(),
            rows: BTreeMap::new(),
        };
        for (key, session) in self.sessions.iter().filter(|(key, _)| key.user == *user) {
            let acked = session.events.iter().filter(|(_, offers)| offers.is_acked);
            before.acked.insert(key.clone(), acked.clone().map(|(&seq, _)| seq).collect());
            for (item, row) in acked.filter_map(|(_, offers)| offers.only_row()) {
                before.rows.entry(item.clone()).or_default().push(row.clone());
            }
        }
        for ((_, item), marks) in self.marks.iter().filter(|((of, _), _)| of == user) {
            let acked = marks.iter().filter(|mark| mark.is_acked).map(|mark| mark.row.clone());
            before.rows.entry(item.clone()).or_default().extend(acked);
        }
        before
    }

    /// Everything that may have been said of a position.
    fn possible_rows(&self, user: &UserId, item: &ItemId) -> Vec<&PositionRow> {
        let sessions = self.sessions.iter().filter(|(key, _)| key.user == *user);
        let offers = sessions.flat_map(|(_, session)| session.events.values());
        let copies = offers.filter(|offers| offers.is_possible()).flat_map(|offers| &offers.copies);
        let of_item = copies.filter(|copy| copy.item == *item).filter_map(|copy| copy.row.as_ref());
        let marks = self.marks.get(&(user.clone(), item.clone())).into_iter().flatten();
        of_item.chain(marks.map(|mark| &mark.row)).collect()
    }

    /// Holds a position that was read against what is known: at least the join of what was acknowledged before, at most
    /// the join of all that was offered, and every part of it said by somebody.
    pub fn check_position(&self, world: &World, before: &Before, item: &ItemId, found: Option<&PositionRow>) {
        let user = &before.user;
        let fail = |why: &str, other: &PositionRow| {
            world.fail(format!("position of {user} in {item} {why}\n  found {found:?}\n  other {other:?}"));
        };
        let begun_ms = self.erasing_through_ms(user);
        let possible = self.possible_rows(user, item);
        let least = join(before.rows.get(item).into_iter().flatten(), begun_ms);
        let most = join(possible.iter().copied(), before.erased_ms);
        let mut found = found.cloned().unwrap_or_default();
        let mut left = found.clone();
        left.erase_through(before.erased_ms);
        if left != found {
            return fail("is from before the erasure", &left);
        }
        // An erasure between two completions keeps the last one only.
        let is_first_known = begun_ms == i64::MIN;
        let (mut least, mut most) = (least, most);
        if !is_first_known {
            [&mut found, &mut least, &mut most].into_iter().for_each(|row| row.watched.first_ms = None);
        }
        if merged(&found, &least) != found {
            return fail("is less than what was acknowledged", &least);
        }
        if merged(&most, &found) != most {
            return fail("is more than what was offered", &most);
        }
        let said = |register: Option<&_>, of: fn(&PositionRow) -> Option<&_>| {
            register.is_none() || possible.iter().any(|row| of(row) == register)
        };
        let is_said = said(found.settled.as_ref(), |row| row.settled.as_ref())
            && said(found.opening.as_ref(), |row| row.opening.as_ref());
        if !is_said {
            fail("was said by nobody", &found);
        }
    }

    /// Holds a session's events against what is known: every acknowledged one is there once, with a value that it was
    /// offered with, and nothing that was refused, erased or never offered.
    pub fn check_events(&self, world: &World, before: &Before, key: &SessionKey, events: &[Event]) {
        let begun_ms = self.erasing_through_ms(&key.user);
        let none = BTreeMap::new();
        let offered = self.sessions.get(key).map_or(&none, |session| &session.events);
        let mut found = BTreeSet::new();
        for event in events {
            let name = format!("event {} of {} of {}", event.seq, key.session, key.user);
            world.expect(found.insert(event.seq), || format!("{name} is there twice"));
            world.expect(event.at_ms > before.erased_ms, || {
                format!("{name} was erased and is back: {event:?}")
            });
            let is_known = |offers: &Offers| {
                offers.is_possible() && offers.copies.iter().any(|copy| copy.event == *event)
            };
            world.expect(offered.get(&event.seq).is_some_and(is_known), || {
                format!("{name} was never taken: {event:?}")
            });
        }
        for seq in before.acked.get(key).into_iter().flatten().filter(|seq| !found.contains(seq)) {
            let offers = &offered[seq];
            let may_be_erased = offers.copies.iter().any(|copy| copy.event.at_ms <= begun_ms);
            world.expect(may_be_erased, || {
                let events: Vec<_> = offers.copies.iter().map(|copy| &copy.event).collect();
                format!(
                    "event {seq} of {} of {} was acknowledged and is lost: {events:?}",
                    key.session, key.user
                )
            });
        }
    }

    /// True if the session's row can be told from its events: no copies, nothing erased.
    pub fn is_plain(&self, key: &SessionKey) -> bool {
        let has_copies = |session: &Session| session.events.values().any(|offers| offers.copies.len() > 1);
        self.erasing_through_ms(&key.user) == i64::MIN && !self.sessions.get(key).is_some_and(has_copies)
    }

    /// Sessions of a user of which something was acknowledged that cannot have been erased.
    pub fn sessions_for_sure(&self, before: &Before) -> BTreeSet<SessionKey> {
        let begun_ms = self.erasing_through_ms(&before.user);
        let is_sure = |key: &SessionKey, seq: &u64| {
            let offers = self.sessions.get(key).and_then(|session| session.events.get(seq));
            offers.is_some_and(|offers| offers.copies.iter().all(|copy| copy.event.at_ms > begun_ms))
        };
        let sure = before.acked.iter().filter(|(key, seqs)| seqs.iter().any(|seq| is_sure(key, seq)));
        sure.map(|(key, _)| key.clone()).collect()
    }

    /// The law of endings, and that the engine counts as the clients do. Where the disk was full, some of what was taken
    /// was turned away later, and not all clients waited to hear it.
    pub fn check_law(&self, world: &World, count: &Count, may_lose: bool, was_full: bool) {
        let Counts { offered, busy, shed } = self.counts;
        world.expect(count.held() >= 0, || format!("more endings than events: {count:?}"));
        world.expect(may_lose || count.lost() == 0, || format!("lost: {count:?}"));
        let is_same = (count.offered, count.busy, count.shed()) == (offered, busy, shed);
        let is_more = count.offered == offered && count.busy >= busy && count.shed() >= shed;
        world.expect(is_same || (was_full && is_more), || {
            format!("counted {count:?}, the clients {:?}", self.counts)
        });
    }
}

impl Before {
    /// Whose.
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// Counts what was read as if it had been acknowledged: what is there stays there.
    pub fn add_found(&mut self, key: &SessionKey, events: &[Event], ledger: &Ledger) {
        let Some(session) = ledger.sessions.get(key) else { return };
        for offers in events.iter().filter_map(|event| session.events.get(&event.seq)) {
            if let Some((item, row)) = offers.only_row() {
                self.rows.entry(item.clone()).or_default().push(row.clone());
            }
        }
    }
}

fn join<'a>(rows: impl IntoIterator<Item = &'a PositionRow>, erased_through_ms: i64) -> PositionRow {
    rows.into_iter().fold(PositionRow::default(), |mut all, row| {
        let mut row = row.clone();
        row.erase_through(erased_through_ms);
        all.merge(&row);
        all
    })
}

fn merged(a: &PositionRow, b: &PositionRow) -> PositionRow {
    let mut both = a.clone();
    both.merge(b);
    both
}
