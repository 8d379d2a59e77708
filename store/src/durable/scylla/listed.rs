//! Which sessions need not be listed again: their line in their user's list was written a moment ago.
//!
//! A line that an erasure took, asked for on another node, comes back with the session's next event that is no beat, or
//! after [`LISTED_FOR_MS`] of beats.

use std::sync::{Mutex, MutexGuard, PoisonError};

use ahash::HashMap;

use crate::{
    EventKind, SessionKey, UserId,
    durable::{SessionWrite, WriteBatch},
};

/// When each session was last listed: the time of its event, Unix ms.
#[derive(Default)]
pub(super) struct Listed(Mutex<HashMap<SessionKey, i64>>);

impl Listed {
    /// True when a write has to list its session.
    pub(super) fn is_needed(&self, write: &SessionWrite) -> bool {
        let is_beat = |kind: EventKind| kind == EventKind::Beat;
        let listed_ms = self.lock().get(&write.key).copied();
        let is_old = |listed_ms: i64| write.description.as_of_ms.saturating_sub(listed_ms) >= LISTED_FOR_MS;
        listed_ms.is_none_or(is_old) || !write.events.iter().all(|event| is_beat(event.kind))
    }

    /// Notes that a batch was written.
    pub(super) fn note(&self, batch: &WriteBatch) {
        for write in batch.sessions.iter().filter(|write| self.is_needed(write)) {
            let mut listed = self.lock();
            if listed.len() >= SESSIONS_MAX {
                listed.clear();
            }
            let at_ms = listed.entry(write.key.clone()).or_insert(i64::MIN);
            *at_ms = (*at_ms).max(write.description.as_of_ms);
        }
    }

    /// Forgets a user's sessions, whose lines an erasure takes.
    pub(super) fn forget(&self, user: &UserId) {
        self.lock().retain(|key, _| key.user != *user);
    }

    /// Whoever panicked while it held the lock left no half-made change.
    fn lock(&self) -> MutexGuard<'_, HashMap<SessionKey, i64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Five minutes: one more write in thirty beats of ten seconds.
const LISTED_FOR_MS: i64 = 300_000;
/// Some 10 MB with ids of a UUID's length.
const SESSIONS_MAX: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Event, contract::Dice};

    #[test]
    fn beats_list_a_session_once_in_a_while() {
        let mut dice = Dice::new();
        let user = dice.user();
        let key = dice.session(&user);
        let listed = Listed::default();
        let mut is_listed = |kind, at_ms| {
            let (clock, description) = (dice.clock(), dice.description(at_ms));
            let events = vec![Event::new(EventKind::Beat, 1, at_ms), Event::new(kind, 2, at_ms)].into();
            let write = SessionWrite { key: key.clone(), clock, description, events };
            let is_needed = listed.is_needed(&write);
            listed.note(&WriteBatch { sessions: vec![write], positions: Vec::new() });
            is_needed
        };
        let (beat, stop) = (EventKind::Beat, EventKind::Stop);
        let steps = [(beat, 0), (beat, 10_000), (stop, 20_000), (beat, 319_999), (beat, 320_000), (beat, 0)];
        assert_eq!(
            steps.map(|(kind, at_ms)| is_listed(kind, at_ms)),
            [true, false, true, false, true, false]
        );
        listed.forget(&user);
        assert!(is_listed(beat, 320_001));
    }
}
