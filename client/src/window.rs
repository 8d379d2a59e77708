//! What has no ending yet: bounded, in order, free of clock and I/O.
//!
//! Acknowledgements are cumulative, so after `busy` and after a reconnect the client goes back: what lies above the
//! acknowledgement is sent again, oldest first, before anything newer. An event that went as a datagram may be lost
//! alone: it is overdue after a while and then goes again on the stream.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use playhead_proto::ingest::v1::{Ack, Event, Rejection};
use prost::Message;

/// How much may be held without an ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Events.
    pub events_max: usize,
    /// Their encoded bytes.
    pub bytes_max: usize,
}

impl Default for Bounds {
    /// More than a day offline at a beat every ten seconds, and a megabyte.
    fn default() -> Self {
        Self { events_max: 10_000, bytes_max: 1 << 20 }
    }
}

impl Bounds {
    /// Bounds for a caller who keeps count of its own.
    pub const NONE: Self = Self { events_max: usize::MAX, bytes_max: usize::MAX };
}

/// Events without an ending, oldest first, each with a note of the caller's.
#[derive(Debug)]
pub struct Window<N = ()> {
    bounds: Bounds,
    held: VecDeque<Held<N>>,
    /// How many from the front are on their way on the present stream.
    in_flight: usize,
    bytes: usize,
    acked_through: u64,
    /// What was refused and is not covered by an acknowledgement yet.
    refused: BTreeMap<u64, Rejection>,
}

/// An event without an ending.
#[derive(Debug, Clone, PartialEq)]
pub struct Held<N> {
    /// It.
    pub event: Event,
    /// What the caller wants to remember of it.
    pub note: N,
    /// When it was sent last, and how; across streams.
    pub sent: Option<(Instant, Way)>,
    bytes: usize,
}

/// How an event travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// In order, and again by itself when it is lost.
    Stream,
    /// Once.
    Datagram,
}

/// How an event ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    /// It is durable.
    Acked,
    /// It was refused for good.
    Rejected(Rejection),
}

/// The server had no room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Busy {
    /// How long to wait before sending again.
    pub retry_after: Duration,
    /// When each event that was on its way and was not taken had been sent.
    pub refused: Vec<Instant>,
}

/// The window holds as much as it may; here is the event again.
#[derive(Debug, Clone, PartialEq)]
pub struct Full<N> {
    /// It.
    pub event: Box<Event>,
    /// Its note.
    pub note: N,
}

impl<N> Window<N> {
    /// An empty window.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        let (held, refused) = (VecDeque::new(), BTreeMap::new());
        Self { bounds, held, in_flight: 0, bytes: 0, acked_through: 0, refused }
    }

    /// Goes on where an earlier one was left: everything up to a number has its ending, and these events have none. They
    /// are held whatever the bounds say, for they were taken before.
    #[must_use]
    pub fn resumed(bounds: Bounds, acked_through: u64, events: Vec<Event>, note: impl Fn() -> N) -> Self {
        let mut window = Self { acked_through, ..Self::new(bounds) };
        for event in events {
            window.hold(event, note());
        }
        window
    }

    /// Holds an event, whose number is above all before it, or hands it back if there is no room. One event always has
    /// room in an empty window.
    ///
    /// # Errors
    /// [`Full`].
    pub fn push(&mut self, event: Event, note: N) -> Result<(), Full<N>> {
        let bytes = self.bytes + event.encoded_len();
        let fits = self.held.len() < self.bounds.events_max && bytes <= self.bounds.bytes_max;
        if !fits && !self.held.is_empty() {
            return Err(Full { event: event.into(), note });
        }
        self.hold(event, note);
        Ok(())
    }

    fn hold(&mut self, event: Event, note: N) {
        let bytes = event.encoded_len();
        self.bytes += bytes;
        self.held.push_back(Held { event, note, sent: None, bytes });
        self.invariants();
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

    /// How many encoded bytes are held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Every event up to this number has its ending.
    #[must_use]
    pub fn acked_through(&self) -> u64 {
        self.acked_through
    }

    /// What is held, oldest first.
    pub fn held(&self) -> impl Iterator<Item = &Held<N>> {
        self.held.iter()
    }

    /// True when something is held that is not on its way.
    #[must_use]
    pub fn has_waiting(&self) -> bool {
        self.in_flight < self.held.len()
    }

    /// True when exactly one event waits, and it was never sent: it may go as a datagram, if it is small and of little
    /// consequence.
    #[must_use]
    pub fn has_one_fresh(&self) -> bool {
        let is_fresh = |held: &Held<N>| held.sent.is_none();
        self.in_flight + 1 == self.held.len() && self.held.back().is_some_and(is_fresh)
    }

    /// The oldest events that are not on their way, at most `most`; they are not yet on their way by this.
    #[must_use]
    pub fn waiting(&self, most: usize) -> Vec<Event> {
        self.held.iter().skip(self.in_flight).take(most).map(|held| held.event.clone()).collect()
    }

    /// Notes that the oldest `events` of those that waited are on their way.
    pub fn sent(&mut self, events: usize, now: Instant, way: Way) {
        for held in self.held.iter_mut().skip(self.in_flight).take(events) {
            held.sent = Some((now, way));
        }
        self.in_flight = (self.in_flight + events).min(self.held.len());
    }

    /// Nothing is on its way any more: the stream broke.
    pub fn go_back(&mut self) {
        self.in_flight = 0;
    }

    /// When the first datagram on its way is overdue, if one is on its way.
    #[must_use]
    pub fn overdue_at(&self, patience: Duration) -> Option<Instant> {
        self.on_their_own().map(|(_, sent)| sent + patience).min()
    }

    /// The datagrams that are overdue by now, at most `most`, as events that go on the stream from now on.
    #[must_use]
    pub fn take_overdue(&mut self, now: Instant, patience: Duration, most: usize) -> Vec<Event> {
        let late = self.on_their_own().filter(|&(_, sent)| sent + patience <= now).map(|(at, _)| at);
        let late: Vec<usize> = late.take(most).collect();
        let mut events = Vec::with_capacity(late.len());
        for at in late {
            if let Some(held) = self.held.get_mut(at) {
                held.sent = Some((now, Way::Stream));
                events.push(held.event.clone());
            }
        }
        events
    }

    /// Where datagrams on their way are, and when they were sent.
    fn on_their_own(&self) -> impl Iterator<Item = (usize, Instant)> {
        self.held.iter().take(self.in_flight).enumerate().filter_map(|(at, held)| match held.sent {
            Some((sent, Way::Datagram)) => Some((at, sent)),
            _ => None,
        })
    }

    /// Hears an acknowledgement: hands out each event that it ends, oldest first and once, and says whether the server
    /// was busy. A refusal of an event above the acknowledgement is told when that covers it.
    pub fn hear(&mut self, ack: &Ack, mut ended: impl FnMut(Held<N>, Ending)) -> Option<Busy> {
        for rejection in &ack.rejected {
            if self.holds(rejection.seq) {
                self.refused.entry(rejection.seq).or_insert_with(|| rejection.clone());
            }
        }
        while let Some(held) = self.held.pop_front_if(|held| held.event.seq <= ack.acked_through_seq) {
            self.in_flight = self.in_flight.saturating_sub(1);
            self.bytes = self.bytes.saturating_sub(held.bytes);
            self.acked_through = held.event.seq;
            let refused = self.refused.remove(&held.event.seq);
            ended(held, refused.map_or(Ending::Acked, Ending::Rejected));
        }
        self.invariants();
        let busy = ack.busy.as_ref()?;
        let kept = self.held.iter().take_while(|held| held.event.seq < busy.from_seq).count();
        let back = self.held.iter().take(self.in_flight).skip(kept);
        let refused = back.filter_map(|held| held.sent.map(|(sent, _)| sent)).collect();
        self.in_flight = self.in_flight.min(kept);
        Some(Busy { retry_after: Duration::from_millis(busy.retry_after_ms.into()), refused })
    }

    fn holds(&self, seq: u64) -> bool {
        self.held.front().is_some_and(|first| first.event.seq <= seq)
            && self.held.back().is_some_and(|last| seq <= last.event.seq)
    }

    /// Costs a pass over what is held, so only debug builds look.
    fn invariants(&self) {
        debug_assert!(self.in_flight <= self.held.len());
        debug_assert!(self.refused.len() <= self.held.len());
        debug_assert!(
            self.held.len() > INVARIANTS_EVENTS_MAX
                || self.bytes == self.held.iter().map(|held| held.bytes).sum()
        );
    }
}

/// A larger window is not summed up on every change.
const INVARIANTS_EVENTS_MAX: usize = 64;

#[cfg(test)]
mod tests;
