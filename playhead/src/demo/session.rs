//! One session on the viewer's side: what is next, what was handed to the client and has no ending, what became of it.

use std::{collections::VecDeque, time::Instant};

use playhead_client::{Progress, Rejection, SessionInfo};
use playhead_load::{
    viewer::{Watching, tells_position},
    wire::{self, BATCH_EVENTS_MAX},
};
use playhead_proto::ingest::v1 as proto;
use playhead_store::{Event, EventKind, PlayerState};

use super::figures::Figures;

/// A session that is being played.
pub(super) struct Session {
    /// Its id.
    pub(super) id: String,
    /// The item's id.
    pub(super) item: String,
    watching: Watching,
    next: Option<Event>,
    held: VecDeque<Held>,
    ended: Ended,
    has_position: bool,
    /// What was counted so far of what the client counts.
    counted: (u64, u64),
}

/// An event without an ending.
struct Held {
    seq: u64,
    sent: Instant,
    says_position: bool,
}

/// What became of a session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ended {
    /// When it began, Unix ms.
    pub(super) started_at_ms: i64,
    /// Events sent.
    pub(super) offered: u64,
    /// Every event up to this number has its ending.
    pub(super) acked_through: u64,
    /// Those among them that were refused.
    pub(super) refused: Vec<u64>,
    /// When the last event happened, ms after the start.
    pub(super) last_ms: i64,
}

impl Session {
    pub(super) fn new(id: String, item: String, started_at_ms: i64, mut watching: Watching) -> Self {
        let next = watching.next();
        let ended = Ended { started_at_ms, ..Ended::default() };
        let (held, has_position, counted) = (VecDeque::new(), false, (0, 0));
        Self { id, item, watching, next, held, ended, has_position, counted }
    }

    /// What is played, by which session.
    pub(super) fn info(&self) -> SessionInfo {
        SessionInfo {
            item_kind: proto::ItemKind::Movie,
            duration_ms: Some(self.watching.duration_ms),
            ..SessionInfo::new(&self.id, &self.item)
        }
    }

    /// When the next event happens, ms after the start; `None` when the viewer is done.
    pub(super) fn next_ms(&self) -> Option<i64> {
        self.next.as_ref().map(|event| event.at_ms)
    }

    /// Hands out what has happened until `until_ms` after the start, to be sent.
    pub(super) fn happen(&mut self, until_ms: i64, figures: &Figures) -> Vec<proto::Event> {
        let (sent, before) = (Instant::now(), self.ended.offered);
        let mut events = Vec::new();
        while events.len() < BATCH_EVENTS_MAX {
            let Some(event) = self.next.take_if(|event| event.at_ms <= until_ms) else { break };
            self.next = self.watching.next();
            self.ended.offered += 1;
            self.ended.last_ms = event.at_ms;
            let event = wire::event(&event, self.ended.started_at_ms);
            self.held.push_back(Held { seq: event.seq, sent, says_position: says_position(&event) });
            events.push(event);
        }
        figures.count(|figures| figures.offered += self.ended.offered - before);
        events
    }

    /// Hears how far the client is, and what was refused since it was heard last.
    pub(super) fn hear(&mut self, progress: &Progress, rejected: &[Rejection], figures: &Figures) {
        self.ended.refused.extend(rejected.iter().map(|rejection| rejection.seq).filter(|&seq| seq > 0));
        let (busy, reconnects) = self.counted;
        figures.count(|figures| {
            figures.refused += rejected.len() as u64;
            figures.busy += progress.busy - busy;
            figures.reconnects += progress.reconnects - reconnects;
        });
        self.counted = (progress.busy, progress.reconnects);
        while let Some(held) = self.held.pop_front_if(|held| held.seq <= progress.acked_through) {
            self.ended.acked_through = held.seq;
            if self.ended.refused.contains(&held.seq) {
                continue;
            }
            figures.acked(held.sent.elapsed());
            if held.says_position && !self.has_position {
                self.has_position = true;
                figures.count(|figures| figures.positions += 1);
            }
        }
    }

    /// What became of it.
    pub(super) fn end(self) -> Ended {
        self.ended
    }
}

fn says_position(event: &proto::Event) -> bool {
    let kind = EventKind::from_number(event.kind.into());
    kind.is_some_and(|kind| tells_position(kind, PlayerState::from_number(event.state.into())))
}

#[cfg(test)]
mod tests {
    use playhead_load::viewer::Viewer;

    use super::*;

    #[test]
    fn an_acknowledgement_settles_what_it_covers_and_refusals_are_not_counted_as_acked() {
        let figures = Figures::default();
        let mut session = Session::new("s".into(), "m".into(), 1_000, Viewer::new(1, 1).begin());
        let events = session.happen(60_000, &figures);
        let sent = events.len() as u64;
        assert_eq!(events.iter().map(|event| event.seq).collect::<Vec<_>>(), (1..=sent).collect::<Vec<_>>());
        assert!(sent > 4, "{sent}");
        let progress = Progress { acked_through: 3, busy: 2, reconnects: 1, ..Progress::default() };
        session.hear(&progress, &[Rejection { seq: 2, ..Rejection::default() }], &figures);
        session.hear(&progress, &[], &figures);
        let now = figures.now();
        assert_eq!((now.offered, now.acked, now.refused, now.busy, now.reconnects), (sent, 2, 1, 2, 1));
        let ended = session.end();
        assert_eq!((ended.acked_through, ended.refused), (3, vec![2]));
    }
}
