//! What the clients know: what was offered, what was acknowledged, what was marked and erased. It is what reads
//! are held against, in `reading`.

use std::collections::BTreeMap;

use playhead_ingest::{live::Playing, ticket::Ticket};
use playhead_store::{
    Event, ItemId, SessionKey, UserId,
    position::{PositionRow, PositionRuleBook},
};

/// All that the clients know.
#[derive(Default)]
pub struct Ledger {
    pub sessions: BTreeMap<SessionKey, Session>,
    pub marks: BTreeMap<(UserId, ItemId), Vec<Mark>>,
    pub erasures: BTreeMap<UserId, Erasure>,
    next_mark: u64,
    /// Of the engine that runs now.
    pub counts: Counts,
    /// Of the engine that runs now.
    pub tickets: Vec<Ticket>,
}

/// What a session was offered.
#[derive(Default)]
pub struct Session {
    pub events: BTreeMap<u64, Offers>,
}

/// All offers of one event.
#[derive(Default)]
pub struct Offers {
    /// What may have been stored: more than one where a time was corrected differently.
    pub copies: Vec<Copy>,
    /// Offers that were not refused. Any of them may have been stored.
    open: u32,
    /// A client was told that it is durable.
    pub is_acked: bool,
}

#[derive(PartialEq, Eq)]
pub struct Copy {
    pub event: Event,
    pub item: ItemId,
    pub row: Option<PositionRow>,
}

pub struct Mark {
    number: u64,
    pub row: PositionRow,
    pub is_acked: bool,
}

#[derive(Clone, Copy)]
pub struct Erasure {
    pub begun_ms: i64,
    pub done_ms: i64,
}

/// What the engine was offered and turned away, as the clients counted it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Counts {
    pub offered: u64,
    pub busy: u64,
    pub shed: u64,
}

impl Ledger {
    /// Notes the good events of a frame that was taken, with their corrected times.
    pub fn taken(&mut self, key: &SessionKey, playing: &Playing, events: &[Event]) {
        let rules = PositionRuleBook::default().of(playing.playable.kind);
        let session = self.sessions.entry(key.clone()).or_default();
        for event in events {
            let row = PositionRow::from_event(event, &key.session, &playing.playable, rules);
            let copy = Copy { event: event.clone(), item: playing.playable.item.clone(), row };
            let offers = session.events.entry(event.seq).or_default();
            offers.open += 1;
            if !offers.copies.contains(&copy) {
                offers.copies.push(copy);
            }
        }
    }

    /// Notes that a client was told that an event is durable. What it was never offered as is noted too: then the
    /// client was told too much, and the checks will miss the event.
    pub fn acked(&mut self, key: &SessionKey, seq: u64) {
        let session = self.sessions.entry(key.clone()).or_default();
        session.events.entry(seq).or_default().is_acked = true;
    }

    /// Notes that an offer of an event was refused.
    pub fn refused(&mut self, key: &SessionKey, seq: u64) {
        if let Some(offers) = self.sessions.get_mut(key).and_then(|session| session.events.get_mut(&seq)) {
            offers.open = offers.open.saturating_sub(1);
        }
    }

    /// True if so many events of a session were offered that it may be full.
    pub fn may_be_full(&self, key: &SessionKey, events_max: usize) -> bool {
        self.sessions.get(key).is_some_and(|session| session.events.len() >= events_max)
    }

    /// Notes a mark that was taken, and gives it a number.
    pub fn mark(&mut self, user: &UserId, item: &ItemId, row: PositionRow) -> u64 {
        self.next_mark += 1;
        let mark = Mark { number: self.next_mark, row, is_acked: false };
        self.marks.entry((user.clone(), item.clone())).or_default().push(mark);
        self.next_mark
    }

    /// Notes that a mark was made.
    pub fn mark_acked(&mut self, number: u64) {
        let marks = self.marks.values_mut().flatten();
        marks.filter(|mark| mark.number == number).for_each(|mark| mark.is_acked = true);
    }

    pub fn erasing(&mut self, user: &UserId, through_ms: i64) {
        let never = Erasure { begun_ms: i64::MIN, done_ms: i64::MIN };
        let erasure = self.erasures.entry(user.clone()).or_insert(never);
        erasure.begun_ms = erasure.begun_ms.max(through_ms);
    }

    pub fn erased(&mut self, user: &UserId, through_ms: i64) {
        if let Some(erasure) = self.erasures.get_mut(user) {
            erasure.done_ms = erasure.done_ms.max(through_ms);
        }
    }

    /// Up to when a user may have been erased.
    pub fn erasing_through_ms(&self, user: &UserId) -> i64 {
        self.erasures.get(user).map_or(i64::MIN, |erasure| erasure.begun_ms)
    }
}

impl Offers {
    pub fn is_possible(&self) -> bool {
        self.is_acked || self.open > 0
    }

    /// What the event said of a position, when it is certain how it was stored.
    pub fn only_row(&self) -> Option<(&ItemId, &PositionRow)> {
        match self.copies.as_slice() {
            [Copy { item, row: Some(row), .. }] => Some((item, row)),
            _ => None,
        }
    }
}
