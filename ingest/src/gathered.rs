//! Records on their way to the durable store: one write per session, one per position.

use std::{
    collections::{BTreeMap, btree_map},
    sync::Arc,
};

use playhead_store::{
    Clock, Description, Event, ItemId, SessionKey, UserId,
    durable::{PositionWrite, SessionWrite, WriteBatch},
    position::{PositionRow, PositionRuleBook},
    seqs::SeqSet,
};

use crate::{record::Record, settings::Settings};

/// Records, gathered by session and by position.
pub(crate) struct Gathered {
    rules: PositionRuleBook,
    sessions: BTreeMap<SessionKey, Session>,
    positions: BTreeMap<(UserId, ItemId), PositionRow>,
    events: usize,
}

struct Session {
    clock: Clock,
    description: Description,
    /// The journal may hold an event twice, where a crash came between.
    seen: SeqSet,
    events: Vec<Event>,
}

impl Gathered {
    pub(crate) fn new(settings: &Settings) -> Self {
        let (sessions, positions) = (BTreeMap::new(), BTreeMap::new());
        Self { rules: settings.rules, sessions, positions, events: 0 }
    }

    /// How many events and marks the records had.
    pub(crate) fn events(&self) -> usize {
        self.events
    }

    /// What one write takes.
    pub(crate) fn into_batch(self) -> WriteBatch {
        let session = |(key, session): (SessionKey, Session)| {
            let Session { clock, description, events, .. } = session;
            SessionWrite { key, clock, description, events: Arc::new(events) }
        };
        let position = |((user, item), row)| PositionWrite { user, item, row };
        WriteBatch {
            sessions: self.sessions.into_iter().map(session).collect(),
            positions: self.positions.into_iter().map(position).collect(),
        }
    }

    fn add(&mut self, record: Record) {
        self.events += record.events();
        if let Some((item, row)) = record.position(&self.rules) {
            self.positions.entry((record.user().clone(), item.clone())).or_default().merge(&row);
        }
        if let Record::Events { key, clock, description, events } = record {
            match self.sessions.entry(key) {
                btree_map::Entry::Vacant(entry) => entry
                    .insert(Session { clock, description, seen: SeqSet::default(), events: Vec::new() })
                    .add(events),
                btree_map::Entry::Occupied(entry) => {
                    let session = entry.into_mut();
                    session.clock.merge(clock);
                    session.description.merge(&description);
                    session.add(events);
                }
            }
        }
    }
}

impl Extend<Record> for Gathered {
    fn extend<T: IntoIterator<Item = Record>>(&mut self, records: T) {
        records.into_iter().for_each(|record| self.add(record));
    }
}

impl Session {
    fn add(&mut self, events: Vec<Event>) {
        self.events.extend(events.into_iter().filter(|event| self.seen.insert(event.seq)));
    }
}
