//! One session on the client's side: what is next, what is sent and not acknowledged, what the server said.

use std::time::{Duration, Instant};

use playhead_load::{
    tail::{Ending, Tail},
    viewer::{Watching, tells_position},
    wire::{self, BATCH_EVENTS_MAX},
};
use playhead_proto::ingest::v1 as proto;
use playhead_store::{Event, EventKind, PlayerState};
use proto::server_frame::Frame as Heard;

use super::figures::Figures;

/// A session that is being played. It outlives its streams: whatever is unacknowledged is sent again on the next one.
pub(super) struct Session {
    /// Its id.
    pub(super) id: String,
    /// The item's id.
    pub(super) item: String,
    /// When it began, Unix ms.
    pub(super) started_at_ms: i64,
    watching: Watching,
    next: Option<Event>,
    tail: Tail,
    ended: Ended,
    has_position: bool,
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
        Self { id, item, started_at_ms, watching, next, tail: Tail::default(), ended, has_position: false }
    }

    /// When the next event happens, ms after the start; `None` when the viewer is done.
    pub(super) fn next_ms(&self) -> Option<i64> {
        self.next.as_ref().map(|event| event.at_ms)
    }

    /// True when everything sent has its ending.
    pub(super) fn is_settled(&self) -> bool {
        self.tail.is_empty()
    }

    /// What opens a stream.
    pub(super) fn hello(&self, now_ms: i64) -> proto::ClientFrame {
        let session = wire::session(&self.id, &self.item, self.watching.duration_ms);
        wire::hello(session, self.tail.acked_through(), now_ms)
    }

    /// Takes what has happened until `until_ms` after the start; it waits to be sent.
    pub(super) fn happen(&mut self, until_ms: i64, figures: &Figures) {
        let (now, before) = (Instant::now(), self.ended.offered);
        for _ in 0..BATCH_EVENTS_MAX {
            let Some(event) = self.next.take_if(|event| event.at_ms <= until_ms) else { break };
            self.next = self.watching.next();
            self.ended.offered += 1;
            self.ended.last_ms = event.at_ms;
            self.tail.push(wire::event(&event, self.started_at_ms), now);
        }
        figures.count(|figures| figures.offered += self.ended.offered - before);
    }

    /// All that has no ending waits to be sent again, before anything newer: an acknowledgement speaks for every event
    /// up to it.
    pub(super) fn go_back(&mut self) {
        self.tail.go_back();
    }

    /// The next frame of what waits to be sent, if anything does.
    pub(super) fn send(&mut self, now_ms: i64) -> Option<proto::ClientFrame> {
        let events = self.tail.waiting(BATCH_EVENTS_MAX);
        self.tail.sent(events.len(), Instant::now());
        (!events.is_empty()).then(|| wire::batch(events, now_ms))
    }

    /// Hears what the server says. After `busy`, how long to wait before sending again.
    pub(super) fn hear(&mut self, frame: proto::ServerFrame, figures: &Figures) -> Option<Duration> {
        let Some(Heard::Ack(ack)) = frame.frame else { return None };
        let refused = ack.rejected.iter().map(|rejection| rejection.seq).filter(|&seq| seq > 0);
        self.ended.refused.extend(refused);
        figures.count(|figures| figures.refused += ack.rejected.len() as u64);
        let (ended, has_position) = (&mut self.ended, &mut self.has_position);
        let busy = self.tail.hear(&ack, |held, ending| {
            ended.acked_through = held.event.seq;
            if ending == Ending::Rejected || ended.refused.contains(&held.event.seq) {
                return;
            }
            figures.acked(held.due.elapsed());
            if says_position(&held.event) && !*has_position {
                *has_position = true;
                figures.count(|figures| figures.positions += 1);
            }
        });
        let busy = busy?;
        figures.count(|figures| figures.busy += 1);
        Some(busy.retry_after)
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

    fn session() -> Session {
        Session::new("s".into(), "m".into(), 1_000, Viewer::new(1, 1).begin())
    }

    fn ack(acked_through_seq: u64, rejected: &[u64], busy: Option<u32>) -> proto::ServerFrame {
        let rejected = rejected.iter().map(|&seq| proto::Rejection { seq, ..Default::default() }).collect();
        let busy = busy.map(|retry_after_ms| proto::Busy { retry_after_ms, from_seq: 1 });
        let ack = proto::Ack { acked_through_seq, rejected, busy, ..Default::default() };
        proto::ServerFrame { frame: Some(Heard::Ack(ack)) }
    }

    fn seqs(frame: Option<proto::ClientFrame>) -> Vec<u64> {
        let Some(proto::client_frame::Frame::Events(batch)) = frame.and_then(|frame| frame.frame) else {
            return Vec::new();
        };
        batch.events.iter().map(|event| event.seq).collect()
    }

    #[test]
    fn an_ack_settles_what_it_covers_and_the_rest_is_sent_again() {
        let (mut session, figures) = (session(), Figures::default());
        session.happen(60_000, &figures);
        let sent = seqs(session.send(0)).len() as u64;
        assert!(sent > 4, "{sent}");
        assert_eq!(session.hear(ack(3, &[2], None), &figures), None);
        assert!(seqs(session.send(0)).is_empty(), "nothing new");
        session.go_back();
        assert_eq!(seqs(session.send(0)), (4..=sent).collect::<Vec<_>>());
        let now = figures.now();
        assert_eq!((now.offered, now.acked, now.refused), (sent, 2, 1));
        assert_eq!(session.hear(ack(3, &[], Some(250)), &figures), Some(Duration::from_millis(250)));
        let ended = session.end();
        assert_eq!((ended.acked_through, ended.refused), (3, vec![2]));
    }
}
