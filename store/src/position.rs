//! Where a user is in an item, and how two opinions about that are merged.
//!
//! The merge is a join (commutative, associative, idempotent): a [`PositionRow`] holds registers, each keeps the
//! greatest candidate under one total order, so neither the order nor the repetition of arrival can matter.
//!
//! Only some events are candidates. An unknown position, a START, a beat while paused or stalled never moves a
//! position, so that a tab left paused does not fight the television; the event that pauses, stalls, seeks, stops or
//! ends does. A beat whose state is unknown counts as playing.

mod candidate;
mod watched;

use self::candidate::{Candidate, is_finished};
pub use self::watched::Watched;
use crate::{Event, EventKind, ItemKind, Playable, SessionId};

/// The thresholds of one kind of item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PositionRules {
    /// A position below this, ms, that was not sought to is *opening*: it gives way to any settled one, however old,
    /// so that an early exit does not erase fifty minutes.
    pub opening_ms: i64,
    /// The item counts as watched from this share of its duration on, per cent, 1 to 100.
    pub watched_percent: u8,
}

impl Default for PositionRules {
    fn default() -> Self {
        Self { opening_ms: 10_000, watched_percent: 95 }
    }
}

/// The thresholds of all kinds of items.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PositionRuleBook {
    /// One per kind, by its number.
    by_kind: [PositionRules; ItemKind::ALL.len()],
}

impl PositionRuleBook {
    /// The rules of a kind.
    #[must_use]
    pub fn of(&self, kind: ItemKind) -> PositionRules {
        self.by_kind.get(usize::from(kind.number())).copied().unwrap_or_default()
    }

    /// Sets the rules of a kind.
    pub fn set(&mut self, kind: ItemKind, rules: PositionRules) {
        if let Some(slot) = self.by_kind.get_mut(usize::from(kind.number())) {
            *slot = rules;
        }
    }
}

/// All that is known of where a user is in an item. Merging two rows keeps the greater of each part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct PositionRow {
    /// The latest settled candidate.
    pub settled: Option<Register>,
    /// The latest opening candidate; it counts only where nothing is settled.
    pub opening: Option<Register>,
    /// Whether the item was watched to its end.
    pub watched: Watched,
}

/// A candidate. The order of the fields is the order of the candidates: newer wins, equal times go to the furthest
/// place, and the rest makes the order total.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Register {
    /// When the playhead was there, corrected Unix ms.
    pub at_ms: i64,
    /// Where it was.
    pub place: Place,
    /// The event's number; 0 for an explicit mark.
    pub seq: u64,
    /// The session that says so; `None` for an explicit mark.
    pub session: Option<SessionId>,
    /// The item's length as known then, ms.
    pub duration_ms: Option<i64>,
    /// True when this place is the end of the item.
    pub finished: bool,
}

/// Where a playhead is. "Forgotten" is a value like any other, so late telemetry cannot revive what is older than it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// At this position, ms.
    At(i64),
    /// The user had it forgotten.
    Forgotten,
}

impl PositionRow {
    /// What events of one session say of the position in what it plays, or `None` when none of them is a candidate.
    #[must_use]
    pub fn from_events<'a>(
        events: impl IntoIterator<Item = &'a Event>,
        session: &SessionId,
        playable: &Playable,
        rules: PositionRules,
    ) -> Option<Self> {
        let (mut settled, mut opening, mut watched) = (None, None, Watched::default());
        for candidate in events.into_iter().filter_map(|event| Candidate::new(event, playable, rules)) {
            watched.merge(candidate.watched());
            let latest = if candidate.is_opening { &mut opening } else { &mut settled };
            *latest = (*latest).max(Some(candidate));
        }
        let register = |candidate: Candidate| candidate.register(session);
        let (settled, opening) = (settled.map(register), opening.map(register));
        (settled.is_some() || opening.is_some()).then_some(Self { settled, opening, watched })
    }

    /// What one event says of the position, or `None` when it is no candidate.
    #[must_use]
    pub fn from_event(
        event: &Event,
        session: &SessionId,
        playable: &Playable,
        rules: PositionRules,
    ) -> Option<Self> {
        Self::from_events([event], session, playable, rules)
    }

    /// An explicit position, set at `now_ms` by the server's clock.
    #[must_use]
    pub fn set(position_ms: i64, now_ms: i64) -> Self {
        Self::marked(Place::At(position_ms), now_ms, Watched::default())
    }

    /// The same explicit position, in an item of this length: at its end the item is finished and watched.
    #[must_use]
    pub fn in_item_of(mut self, duration_ms: Option<i64>, rules: PositionRules) -> Self {
        if let Some(Register {
            at_ms, place: Place::At(position_ms), duration_ms: length_ms, finished, ..
        }) = &mut self.settled
        {
            *length_ms = duration_ms;
            *finished =
                duration_ms.is_some() && is_finished(EventKind::Seek, *position_ms, duration_ms, None, rules);
            let completed_ms = finished.then_some(*at_ms);
            self.watched = Watched { first_ms: completed_ms, last_ms: completed_ms, ..self.watched };
        }
        self
    }

    /// The newest time that any part of the row bears, Unix ms. An explicit mark has to be newer to count.
    #[must_use]
    pub fn newest_ms(&self) -> Option<i64> {
        let register = |register: &Option<Register>| register.as_ref().map(|register| register.at_ms);
        let mark = self.watched.mark.map(|(at_ms, _)| at_ms);
        register(&self.settled).max(register(&self.opening)).max(self.watched.last_ms).max(mark)
    }

    /// An explicit mark, watched or not, made at `now_ms` by the server's clock. It moves no position.
    #[must_use]
    pub fn mark_watched(watched: bool, now_ms: i64) -> Self {
        let watched = Watched { mark: Some((now_ms, watched)), ..Watched::default() };
        Self { watched, ..Self::default() }
    }

    /// Forgets position and watched mark as of `now_ms` by the server's clock.
    #[must_use]
    pub fn forget(now_ms: i64) -> Self {
        let watched = Watched { mark: Some((now_ms, false)), ..Watched::default() };
        Self::marked(Place::Forgotten, now_ms, watched)
    }

    fn marked(place: Place, at_ms: i64, watched: Watched) -> Self {
        let register = Register { at_ms, place, seq: 0, session: None, duration_ms: None, finished: false };
        Self { settled: Some(register), opening: None, watched }
    }

    /// Joins another row of the same user and item into this one.
    pub fn merge(&mut self, other: &Self) {
        merge_register(&mut self.settled, other.settled.as_ref());
        merge_register(&mut self.opening, other.opening.as_ref());
        self.watched.merge(other.watched);
    }

    /// Takes out everything not later than `through_ms`, as an erasure does. True when nothing is left.
    pub fn erase_through(&mut self, through_ms: i64) -> bool {
        let is_later = |at_ms: i64| at_ms > through_ms;
        self.settled.take_if(|register| !is_later(register.at_ms));
        self.opening.take_if(|register| !is_later(register.at_ms));
        let Watched { first_ms, last_ms, mark } = self.watched;
        let last_ms = last_ms.filter(|&at_ms| is_later(at_ms));
        // Where the first completion is gone and a later one stays, that one is the first of what is left.
        let first_ms = first_ms.filter(|&at_ms| is_later(at_ms)).or(last_ms);
        self.watched = Watched { first_ms, last_ms, mark: mark.filter(|&(at_ms, _)| is_later(at_ms)) };
        *self == Self::default()
    }

    /// The candidate that counts, and its position: the settled one where there is one. `None` when it was forgotten,
    /// unless the viewer has begun again since.
    #[must_use]
    pub fn current(&self) -> Option<(&Register, i64)> {
        match (&self.settled, &self.opening) {
            (Some(Register { place: Place::Forgotten, at_ms, .. }), Some(opening))
                if opening.at_ms > *at_ms =>
            {
                opening.at_a_position()
            }
            (settled, opening) => settled.as_ref().or(opening.as_ref()).and_then(Register::at_a_position),
        }
    }

    /// True when the viewer is at the end and has not begun again: the item was finished where the settled position
    /// is, or marked watched since, and not unmarked since. Opening it again is not yet beginning again.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        let settled_ms = self.settled.as_ref().map_or(i64::MIN, |settled| settled.at_ms);
        match self.watched.mark.filter(|&(marked_ms, _)| marked_ms >= settled_ms) {
            Some((_, watched)) => watched,
            None => self.settled.as_ref().is_some_and(|settled| settled.finished),
        }
    }

    /// True when the item belongs under "continue watching": begun past its opening, and not finished.
    #[must_use]
    pub fn is_in_progress(&self) -> bool {
        self.settled.as_ref().is_some_and(|settled| settled.at_a_position().is_some()) && !self.is_finished()
    }
}

impl Register {
    fn at_a_position(&self) -> Option<(&Self, i64)> {
        match self.place {
            Place::At(position_ms) => Some((self, position_ms)),
            Place::Forgotten => None,
        }
    }
}

fn merge_register(mine: &mut Option<Register>, theirs: Option<&Register>) {
    if let Some(theirs) = theirs
        && mine.as_ref().is_none_or(|mine| theirs > mine)
    {
        *mine = Some(theirs.clone());
    }
}

#[cfg(test)]
mod tests;
