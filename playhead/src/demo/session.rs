//! One session on the client's side: what is next, what is sent and not acknowledged, what the server said.

use std::{collections::VecDeque, time::Duration};

use playhead_proto::ingest::v1 as wire;
use playhead_store::Event;
use tokio::time::Instant;
use wire::{client_frame::Frame as Said, server_frame::Frame as Heard};

use super::{figures::Figures, viewer::Watching};

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
    unacked: VecDeque<Sent>,
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

struct Sent {
    event: Event,
    at: Instant,
}

impl Session {
    pub(super) fn new(id: String, item: String, started_at_ms: i64, mut watching: Watching) -> Self {
        let next = watching.next();
        let ended = Ended { started_at_ms, ..Ended::default() };
        Self { id, item, started_at_ms, watching, next, unacked: VecDeque::new(), ended, has_position: false }
    }

    /// When the next event happens, ms after the start; `None` when the viewer is done.
    pub(super) fn next_ms(&self) -> Option<i64> {
        self.next.as_ref().map(|event| event.at_ms)
    }

    /// True when everything sent has its ending.
    pub(super) fn is_settled(&self) -> bool {
        self.unacked.is_empty()
    }

    /// What opens a stream.
    pub(super) fn hello(&self, now_ms: i64) -> wire::ClientFrame {
        frame(Said::Hello(wire::Hello {
            protocol_version: 1,
            session: Some(wire::Session {
                session_id: self.id.clone(),
                item_id: self.item.clone(),
                item_kind: wire::ItemKind::Movie.into(),
                duration_ms: Some(self.watching.duration_ms),
                credits_ms: None,
            }),
            sent_at_ms: now_ms,
            unacked_from_seq: self.ended.acked_through + 1,
        }))
    }

    /// Takes what has happened until `until_ms` after the start, and remembers it as sent.
    pub(super) fn happen(&mut self, until_ms: i64, now: Instant, figures: &Figures) -> Vec<Event> {
        let mut happened = Vec::new();
        while happened.len() < BATCH_EVENTS_MAX {
            let Some(event) = self.next.take_if(|event| event.at_ms <= until_ms) else { break };
            self.next = self.watching.next();
            self.ended.offered += 1;
            self.ended.last_ms = event.at_ms;
            self.unacked.push_back(Sent { event: event.clone(), at: now });
            happened.push(event);
        }
        figures.count(|figures| figures.offered += happened.len() as u64);
        happened
    }

    /// What was sent and has no ending, oldest first, in batches. All of it has to be sent before anything newer: an
    /// acknowledgement speaks for every event up to it.
    pub(super) fn unacked(&self) -> Vec<Vec<Event>> {
        let events: Vec<Event> = self.unacked.iter().map(|sent| sent.event.clone()).collect();
        events.chunks(BATCH_EVENTS_MAX).map(<[Event]>::to_vec).collect()
    }

    /// Events as a frame.
    pub(super) fn batch(&self, events: &[Event], now_ms: i64) -> wire::ClientFrame {
        let events = events.iter().map(|event| to_wire(event, self.started_at_ms)).collect();
        frame(Said::Events(wire::EventBatch { sent_at_ms: now_ms, events }))
    }

    /// Hears what the server says. After `busy`, how long to wait before sending again.
    pub(super) fn hear(&mut self, frame: wire::ServerFrame, figures: &Figures) -> Option<Duration> {
        let Some(Heard::Ack(ack)) = frame.frame else { return None };
        let refused =
            ack.rejected.iter().filter(|rejection| rejection.seq > 0).map(|rejection| rejection.seq);
        self.ended.refused.extend(refused);
        figures.count(|figures| figures.refused += ack.rejected.len() as u64);
        self.settle(ack.acked_through_seq, figures);
        let busy = ack.busy?;
        figures.count(|figures| figures.busy += 1);
        Some(Duration::from_millis(busy.retry_after_ms.into()))
    }

    /// What became of it.
    pub(super) fn end(self) -> Ended {
        self.ended
    }

    fn settle(&mut self, through: u64, figures: &Figures) {
        while let Some(sent) = self.unacked.pop_front_if(|sent| sent.event.seq <= through) {
            self.ended.acked_through = sent.event.seq;
            if self.ended.refused.contains(&sent.event.seq) {
                continue;
            }
            figures.acked(sent.at.elapsed());
            let says_position = super::viewer::expected_position_ms(std::iter::once(&sent.event)).is_some();
            if says_position && !self.has_position {
                self.has_position = true;
                figures.count(|figures| figures.positions += 1);
            }
        }
    }
}

fn frame(said: Said) -> wire::ClientFrame {
    wire::ClientFrame { frame: Some(said) }
}

/// An event as it goes over the wire, with the time that the player's clock shows.
fn to_wire(event: &Event, started_at_ms: i64) -> wire::Event {
    wire::Event {
        kind: event.kind.number().into(),
        seq: event.seq,
        at_ms: started_at_ms + event.at_ms,
        position_ms: event.position_ms,
        from_ms: event.from_ms,
        state: event.state.map_or(0, |state| state.number().into()),
        rate: event.rate.map(|rate| rate.factor()),
        bitrate_kbps: event.bitrate_kbps,
        startup_ms: event.startup_ms,
        stall_ms: event.stall_ms,
        error_code: event.error_code.as_deref().unwrap_or_default().to_owned(),
        duration_ms: event.duration_ms,
    }
}

/// Well below what a server takes in one frame.
const BATCH_EVENTS_MAX: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::viewer::Viewer;

    fn session() -> Session {
        Session::new("s".into(), "m".into(), 1_000, Viewer::new(1, 1).begin())
    }

    fn ack(acked_through_seq: u64, rejected: &[u64], busy: Option<u32>) -> wire::ServerFrame {
        let rejected = rejected.iter().map(|&seq| wire::Rejection { seq, ..Default::default() }).collect();
        let busy = busy.map(|retry_after_ms| wire::Busy { retry_after_ms, from_seq: 1 });
        let ack = wire::Ack { acked_through_seq, rejected, busy, ..Default::default() };
        wire::ServerFrame { frame: Some(Heard::Ack(ack)) }
    }

    #[tokio::test]
    async fn an_ack_settles_what_it_covers_and_the_rest_is_sent_again() {
        let (mut session, figures) = (session(), Figures::default());
        let sent = session.happen(60_000, Instant::now(), &figures);
        assert!(sent.len() > 4, "{sent:?}");
        assert_eq!(session.hear(ack(3, &[2], None), &figures), None);
        let left: Vec<u64> = session.unacked().concat().iter().map(|event| event.seq).collect();
        assert_eq!(left, (4..=sent.len() as u64).collect::<Vec<_>>());
        let now = figures.now();
        assert_eq!((now.offered, now.acked, now.refused), (sent.len() as u64, 2, 1));
        assert_eq!(session.hear(ack(3, &[], Some(250)), &figures), Some(Duration::from_millis(250)));
        let ended = session.end();
        assert_eq!((ended.acked_through, ended.refused), (3, vec![2]));
    }
}
