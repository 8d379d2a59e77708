//! What events say of a session's stream.

use playhead_store::{Clock, Event, EventKind, PlayerState, lease::Doing};

use crate::{admission::RawEvent, intake::Offered};

/// What a session says of its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Said {
    /// What its player does.
    pub(crate) doing: Doing,
    /// Where the playhead is, ms.
    pub(crate) position_ms: Option<i64>,
    /// The corrected time of its latest event, Unix ms.
    pub(crate) as_of_ms: i64,
}

impl Said {
    /// What a stream says that opens. Whatever its events say is later.
    pub(crate) fn by_opening() -> Self {
        Self { doing: Doing::Playing, position_ms: None, as_of_ms: 0 }
    }

    /// What these events say that are becoming durable; `None` for none.
    pub(crate) fn by(events: &[Event]) -> Option<Self> {
        let mut events = events.iter();
        let first = events.next()?;
        let (mut latest, mut placed, mut telling) = (first, first, first);
        for event in events {
            if is_later(event, latest) {
                latest = event;
            }
            if event.position_ms.is_some() && (placed.position_ms.is_none() || is_later(event, placed)) {
                placed = event;
            }
            if tells(event).is_some() && (tells(telling).is_none() || is_later(event, telling)) {
                telling = event;
            }
        }
        // What is not said counts as playing, as it does for positions.
        let doing = tells(telling).unwrap_or(Doing::Playing);
        Some(Self { doing, position_ms: placed.position_ms, as_of_ms: latest.at_ms })
    }

    /// What a batch says that was not admitted yet, as far as it can be read.
    pub(crate) fn by_offered(events: &[Offered], clock: Clock, received_at_ms: i64) -> Option<Self> {
        let read: Vec<Event> = events
            .iter()
            .flatten()
            .filter_map(|RawEvent { kind, seq, at_ms, position_ms, state, .. }| {
                let kind = *kind.as_ref().ok()?;
                let at_ms = clock.correct(at_ms.unwrap_or(received_at_ms), received_at_ms);
                let state = state.as_ref().ok().copied().flatten();
                Some(Event { position_ms: *position_ms, state, ..Event::new(kind, *seq, at_ms) })
            })
            .collect();
        Self::by(&read)
    }
}

fn is_later(event: &Event, than: &Event) -> bool {
    (event.at_ms, event.seq) > (than.at_ms, than.seq)
}

/// What an event says of its player, if anything.
fn tells(event: &Event) -> Option<Doing> {
    match (event.kind, event.state) {
        (EventKind::Stop | EventKind::Ended, _) => Some(Doing::Ended),
        (EventKind::Pause, _) | (_, Some(PlayerState::Paused)) => Some(Doing::Paused),
        (_, Some(PlayerState::Playing | PlayerState::Stalled)) => Some(Doing::Playing),
        (EventKind::Start | EventKind::Beat | EventKind::Resume, None) => Some(Doing::Playing),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: EventKind, seq: u64, position_ms: Option<i64>) -> Event {
        Event { position_ms, ..Event::new(kind, seq, seq.cast_signed() * 1_000) }
    }

    #[test]
    fn the_latest_that_tells_counts_in_whatever_order_they_come() {
        use Doing::{Ended, Paused, Playing};
        for (kinds, doing) in [
            (&[EventKind::Start][..], Playing),
            (&[EventKind::Start, EventKind::Pause], Paused),
            (&[EventKind::Pause, EventKind::Quality], Paused),
            (&[EventKind::Pause, EventKind::Resume], Playing),
            (&[EventKind::Beat, EventKind::Stop], Ended),
            (&[EventKind::Ended, EventKind::Meta], Ended),
            (&[EventKind::Meta], Playing),
        ] {
            let events: Vec<_> =
                (1..).zip(kinds).map(|(seq, &kind)| event(kind, seq, (seq == 1).then_some(7))).collect();
            let expect =
                Said { doing, position_ms: Some(7), as_of_ms: kinds.len().cast_signed() as i64 * 1_000 };
            assert_eq!(Said::by(&events), Some(expect), "{kinds:?}");
            let backwards: Vec<_> = events.into_iter().rev().collect();
            assert_eq!(Said::by(&backwards), Some(expect), "{kinds:?} backwards");
        }
        assert_eq!(Said::by(&[]), None);
    }

    #[test]
    fn a_paused_beat_is_paused() {
        let paused = Event { state: Some(PlayerState::Paused), ..event(EventKind::Beat, 1, None) };
        assert_eq!(Said::by(&[paused]).map(|said| said.doing), Some(Doing::Paused));
    }
}
