//! What waits in the journal alone, as reads see it: each asks the journal for the records of its user.

use std::{collections::HashMap, sync::Arc};

use playhead_store::{
    Event, ItemId, SessionKey, UserId,
    durable::SessionRow,
    position::{PositionRow, PositionRuleBook},
};

use super::rows::{join_rows, row_of};
use crate::{record::Record, spill::Spill};

/// Reads what waits in the journal alone.
pub(crate) struct Waiting {
    pub(crate) spill: Arc<Spill>,
    pub(crate) rules: PositionRuleBook,
}

/// A user's records that wait, as they were when they were read.
pub(super) struct Records {
    records: Vec<Record>,
    rules: PositionRuleBook,
}

impl Waiting {
    /// All that waits of a user. It is asked before anything else is: what has gone on meanwhile is found there.
    pub(super) fn of(&self, user: &UserId) -> Records {
        Records { records: self.spill.of_user(user), rules: self.rules }
    }
}

impl Records {
    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Leaves out what was erased.
    pub(super) fn erase_through(&mut self, through_ms: Option<i64>) {
        if let Some(through_ms) = through_ms {
            self.records.retain_mut(|record| record.erase_through(through_ms));
        }
    }

    /// Joins what they say of positions.
    pub(super) fn join_positions(&self, known: &mut HashMap<ItemId, PositionRow>) {
        for (item, row) in self.records.iter().filter_map(|record| record.position(&self.rules)) {
            known.entry(item.clone()).or_default().merge(&row);
        }
    }

    /// A session's row and events, if any wait.
    pub(super) fn session(&self, key: &SessionKey) -> Option<(SessionRow, Vec<Event>)> {
        let mut found: Option<(SessionRow, Vec<Event>)> = None;
        for record in &self.records {
            let Record::Events { key: of, clock, description, events } = record else { continue };
            let Some(row) = row_of(of, *clock, description, events).filter(|_| of == key) else { continue };
            match &mut found {
                None => found = Some((row, events.clone())),
                Some((known, all)) => {
                    join_rows(known, &row);
                    all.extend_from_slice(events);
                }
            }
        }
        found
    }

    /// The rows of all sessions of which any wait.
    pub(super) fn sessions(&self) -> Vec<SessionRow> {
        let of_record = |record: &Record| match record {
            Record::Events { key, clock, description, events } => row_of(key, *clock, description, events),
            Record::Mark { .. } => None,
        };
        self.records.iter().filter_map(of_record).collect()
    }
}
