//! Which events move a position, and what each says of it.

use super::{Place, PositionRules, Register, Watched};
use crate::{Event, EventKind, Playable, PlayerState, SessionId};

/// A register in the making, of a session that all candidates share. The order is that of registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    at_ms: i64,
    position_ms: i64,
    seq: u64,
    duration_ms: Option<i64>,
    finished: bool,
    pub(super) is_opening: bool,
}

impl Candidate {
    pub(super) fn new(event: &Event, playable: &Playable, rules: PositionRules) -> Option<Self> {
        let &Event { kind, at_ms, seq, .. } = event;
        let position_ms = event.position_ms.filter(|_| moves_the_position(event))?;
        let duration_ms = event.duration_ms.or(playable.duration_ms).filter(|&duration_ms| duration_ms > 0);
        let finished = is_finished(kind, position_ms, duration_ms, playable.credits_ms, rules);
        let is_opening = position_ms < rules.opening_ms && kind != EventKind::Seek && !finished;
        Some(Self { at_ms, position_ms, seq, duration_ms, finished, is_opening })
    }

    pub(super) fn watched(self) -> Watched {
        let completed_ms = self.finished.then_some(self.at_ms);
        Watched { first_ms: completed_ms, last_ms: completed_ms, mark: None }
    }

    pub(super) fn register(self, session: &SessionId) -> Register {
        let Self { at_ms, position_ms, seq, duration_ms, finished, .. } = self;
        let (place, session) = (Place::At(position_ms), Some(session.clone()));
        Register { at_ms, place, seq, session, duration_ms, finished }
    }
}

fn moves_the_position(event: &Event) -> bool {
    match event.kind {
        EventKind::Beat => event.state.is_none_or(|state| state == PlayerState::Playing),
        EventKind::Seek
        | EventKind::Pause
        | EventKind::Resume
        | EventKind::StallStart
        | EventKind::StallEnd
        | EventKind::Stop
        | EventKind::Ended => true,
        EventKind::Start | EventKind::Quality | EventKind::Rate | EventKind::Error | EventKind::Meta => false,
    }
}

/// Reached the threshold, or the credits; where the length is unknown, the player's word that it ended must do.
pub(super) fn is_finished(
    kind: EventKind,
    position_ms: i64,
    duration_ms: Option<i64>,
    credits_ms: Option<i64>,
    rules: PositionRules,
) -> bool {
    let reached = duration_ms.map(|duration_ms| {
        i128::from(position_ms) * 100 >= i128::from(duration_ms) * i128::from(rules.watched_percent)
    });
    let in_credits = credits_ms.is_some_and(|credits_ms| credits_ms > 0 && position_ms >= credits_ms);
    in_credits || reached.unwrap_or(kind == EventKind::Ended)
}
