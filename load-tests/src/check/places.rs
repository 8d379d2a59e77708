//! Where a viewer's positions should be, by what a ledger knows.

use playhead_proto::ingest::v1::Event;
use playhead_store::{EventKind, PlayerState};

use crate::{readback::Need, viewer::tells_position};

/// Where a user is in an item, by what the ledger knows.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// True when something may have moved the position that the ledger is not sure of.
    pub(super) is_unknown: bool,
    pub(super) last: Option<Place>,
}

/// What one session says of it.
#[derive(Debug, Clone, Copy)]
pub(super) enum SessionPlace {
    Unknown,
    Known(Option<Place>),
}

/// A place that counts, in the order in which places count: one within an item's first seconds that was not sought to
/// gives way to every other; then the latest, then the furthest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    is_settled: bool,
    at_ms: i64,
    pub(super) position_ms: i64,
}

impl Places {
    pub(super) fn add(&mut self, place: SessionPlace) {
        match place {
            SessionPlace::Unknown => self.is_unknown = true,
            SessionPlace::Known(place) => self.last = self.last.max(place),
        }
    }
}

/// The place of a session's acknowledged events that counts.
pub(super) fn last_place(sent: &[(Event, Need)], offset_ms: i64) -> Option<Place> {
    let acked = sent.iter().filter(|(_, need)| *need == Need::There).map(|(event, _)| event);
    let places = acked.filter_map(|event| {
        let kind = EventKind::from_number(event.kind.into())?;
        let state = PlayerState::from_number(event.state.into());
        let position_ms = event.position_ms.filter(|_| tells_position(kind, state))?;
        let is_settled = position_ms >= OPENING_MS || kind == EventKind::Seek;
        Some(Place { is_settled, at_ms: event.at_ms + offset_ms, position_ms })
    });
    places.max()
}

/// An item's opening, as documented.
const OPENING_MS: i64 = 10_000;
