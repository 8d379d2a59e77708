//! What a stream's client holds until it is acknowledged, and what an acknowledgement does to it.
//!
//! Acknowledgements are cumulative, so after `busy` and after a reconnect the client goes back: what lies above the
//! acknowledgement is sent again, oldest first, before anything newer.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use playhead_proto::ingest::v1 as proto;

/// Events without an ending, oldest first.
#[derive(Debug, Default)]
pub struct Tail {
    held: VecDeque<Held>,
    /// How many from the front are on their way on the present stream.
    in_flight: usize,
    acked_through: u64,
}

/// An event without an ending.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// It.
    pub event: proto::Event,
    /// When it was to be sent.
    pub due: Instant,
    /// When it was sent last.
    pub sent: Option<Instant>,
}

/// How an event ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It is durable.
    Acked,
    /// It was refused for good.
    Rejected,
}

/// The server had no room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Busy {
    /// How long to wait before sending again.
    pub retry_after: Duration,
    /// When each event that was on its way and was not taken had been sent.
    pub refused: Vec<Instant>,
}

impl Tail {
    /// Holds an event, whose number is above all before it.
    pub fn push(&mut self, event: proto::Event, due: Instant) {
        self.held.push_back(Held { event, due, sent: None });
    }

    /// How many events are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// True when everything has its ending.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// True when something is held that is not on its way.
    #[must_use]
    pub fn has_waiting(&self) -> bool {
        self.in_flight < self.held.len()
    }

    /// Every event up to this number has its ending.
    #[must_use]
    pub fn acked_through(&self) -> u64 {
        self.acked_through
    }

    /// What is held, oldest first.
    pub fn held(&self) -> impl Iterator<Item = &Held> {
        self.held.iter()
    }

    /// The oldest events that are not on their way, at most `most`; they are not yet on their way by this.
    #[must_use]
    pub fn waiting(&self, most: usize) -> Vec<proto::Event> {
        self.held.iter().skip(self.in_flight).take(most).map(|held| held.event.clone()).collect()
    }

    /// Notes that the oldest `events` of those that waited are on their way.
    pub fn sent(&mut self, events: usize, now: Instant) {
        for held in self.held.iter_mut().skip(self.in_flight).take(events) {
            held.sent = Some(now);
        }
        self.in_flight = (self.in_flight + events).min(self.held.len());
    }

    /// Nothing is on its way any more: the stream broke, or all has to be sent again.
    pub fn go_back(&mut self) {
        self.in_flight = 0;
    }

    /// Hears an acknowledgement: hands out each event that it ends, and says whether the server was busy.
    pub fn hear(&mut self, ack: &proto::Ack, mut ended: impl FnMut(Held, Ending)) -> Option<Busy> {
        while let Some(held) = self.held.pop_front_if(|held| held.event.seq <= ack.acked_through_seq) {
            self.in_flight = self.in_flight.saturating_sub(1);
            self.acked_through = held.event.seq;
            let is_refused = ack.rejected.iter().any(|rejection| rejection.seq == held.event.seq);
            ended(held, if is_refused { Ending::Rejected } else { Ending::Acked });
        }
        let busy = ack.busy.as_ref()?;
        let kept = self.held.iter().take_while(|held| held.event.seq < busy.from_seq).count();
        let back = self.held.iter().take(self.in_flight).skip(kept);
        let refused = back.filter_map(|held| held.sent).collect();
        self.in_flight = self.in_flight.min(kept);
        Some(Busy { retry_after: Duration::from_millis(busy.retry_after_ms.into()), refused })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(events: u64) -> Tail {
        let mut tail = Tail::default();
        for seq in 1..=events {
            tail.push(proto::Event { seq, ..Default::default() }, Instant::now());
        }
        tail
    }

    fn ack(acked_through_seq: u64, rejected: &[u64], busy_from: Option<u64>) -> proto::Ack {
        let rejected = rejected.iter().map(|&seq| proto::Rejection { seq, ..Default::default() }).collect();
        let busy = busy_from.map(|from_seq| proto::Busy { retry_after_ms: 250, from_seq });
        proto::Ack { acked_through_seq, rejected, busy, ..Default::default() }
    }

    fn seqs(events: &[proto::Event]) -> Vec<u64> {
        events.iter().map(|event| event.seq).collect()
    }

    #[test]
    fn an_ack_ends_what_it_covers_and_says_how() {
        let mut tail = tail(5);
        tail.sent(5, Instant::now());
        let mut endings = Vec::new();
        let busy = tail.hear(&ack(3, &[2], None), |held, ending| endings.push((held.event.seq, ending)));
        assert_eq!(busy, None);
        assert_eq!(endings, [(1, Ending::Acked), (2, Ending::Rejected), (3, Ending::Acked)]);
        assert_eq!((tail.len(), tail.acked_through(), tail.has_waiting()), (2, 3, false));
    }

    #[test]
    fn after_busy_it_goes_back_to_where_the_server_says_and_counts_each_refusal_once() {
        let mut tail = tail(5);
        tail.sent(4, Instant::now());
        let busy = tail.hear(&ack(1, &[], Some(3)), |_, _| {}).unwrap();
        assert_eq!((busy.retry_after, busy.refused.len()), (Duration::from_millis(250), 2));
        assert_eq!(seqs(&tail.waiting(10)), [3, 4, 5], "2 is still on its way");
        let again = tail.hear(&ack(1, &[], Some(3)), |_, _| {}).unwrap();
        assert_eq!(again.refused.len(), 0, "the same refusal, told of a later frame");
    }

    #[test]
    fn after_a_break_everything_is_sent_again_in_order() {
        let mut tail = tail(3);
        tail.sent(2, Instant::now());
        assert_eq!(seqs(&tail.waiting(10)), [3]);
        tail.go_back();
        assert_eq!(seqs(&tail.waiting(2)), [1, 2]);
        assert_eq!(seqs(&tail.waiting(10)), [1, 2, 3]);
    }
}
