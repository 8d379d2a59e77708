//! A shard: a bounded in-memory buffer between the edges and the commit. Edges push, the commit takes all there is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use playhead_store::{Event, ItemId, position::PositionRow};

use crate::{
    live::{Playing, Session, Viewer},
    tally::Ending,
    ticket::{Refused, Ticket},
};

/// A handle around a lock around [`Pending`].
#[derive(Debug)]
pub struct Shard(Mutex<Pending>);

/// What waits in a shard: the events of all frames in one row, and what frame they belong to in another, so that an
/// event costs no allocation of its own.
#[derive(Debug)]
pub struct Pending {
    /// The events of all frames, in the order of the frames.
    pub events: Vec<Event>,
    /// The frames, in the order of arrival.
    pub frames: Vec<Frame>,
    events_max: usize,
    door: Door,
}

/// Whether a shard takes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    Open,
    /// Not now.
    Shut,
    /// Never again.
    Closed,
}

/// Events of one session that came together, or an explicit mark.
#[derive(Debug)]
pub struct Frame {
    /// Whose ending it awaits.
    pub ticket: Ticket,
    /// What it carries.
    pub load: Load,
    /// The events of the frame that admission refused. They end with its commit, not before: an answer must not run
    /// ahead of the events before it.
    pub refused: Vec<Refused>,
    /// How its events end if it is turned away after all.
    pub no_room: Ending,
    /// True when its events came one by one: the place of each in its batch is 0.
    pub is_of_singles: bool,
}

/// Whose events are offered, and who hears how they end.
#[derive(Debug, Clone, Copy)]
pub struct Sender<'a> {
    /// The session.
    pub session: &'a Arc<Session>,
    /// What is played, who pays, where.
    pub playing: &'a Arc<Playing>,
    /// Who hears how they end.
    pub ticket: &'a Ticket,
    /// How they end if there is no room.
    pub no_room: Ending,
    /// True when each is a batch of its own.
    pub is_of_singles: bool,
}

/// What a frame carries.
#[derive(Debug)]
pub enum Load {
    /// Events of a session: the next `count` of [`Pending::events`].
    Events {
        /// The session.
        session: Arc<Session>,
        /// What is played, who pays, where.
        playing: Arc<Playing>,
        /// How many.
        count: usize,
    },
    /// An explicit mark on a position. It counts as one event.
    Mark {
        /// Whose position.
        viewer: Arc<Viewer>,
        /// In what.
        item: ItemId,
        /// The mark.
        row: Box<PositionRow>,
    },
}

impl Frame {
    fn new(sender: Sender<'_>, count: usize, refused: Vec<Refused>) -> Self {
        let Sender { session, playing, ticket, no_room, is_of_singles } = sender;
        let load = Load::Events { session: Arc::clone(session), playing: Arc::clone(playing), count };
        Self { ticket: ticket.clone(), load, refused, no_room, is_of_singles }
    }

    /// An explicit mark. It counts as one event.
    #[must_use]
    pub fn mark(viewer: Arc<Viewer>, item: ItemId, row: PositionRow, ticket: Ticket) -> Self {
        let load = Load::Mark { viewer, item, row: Box::new(row) };
        Self { ticket, load, refused: Vec::new(), no_room: Ending::Busy, is_of_singles: false }
    }

    /// True when more events that come alone may end with this frame's: players send beat after beat, and what they share
    /// is then kept once.
    fn goes_on_with(&self, sender: &Sender<'_>, more: usize) -> bool {
        let Load::Events { session, playing, count } = &self.load else { return false };
        (self.is_of_singles && sender.is_of_singles)
            && count + more <= SINGLES_MAX
            && Arc::ptr_eq(session, sender.session)
            && Arc::ptr_eq(playing, sender.playing)
            && self.ticket.is(sender.ticket)
    }

    fn add(&mut self, more: usize) {
        if let Load::Events { count, .. } = &mut self.load {
            *count += more;
        }
    }

    /// How many admitted events of its shard belong to it.
    #[must_use]
    pub fn event_count(&self) -> usize {
        match self.load {
            Load::Events { count, .. } => count,
            Load::Mark { .. } => 0,
        }
    }
}

impl Shard {
    /// An empty shard that holds at most `events_max` events.
    #[must_use]
    pub fn new(events_max: usize) -> Self {
        Self(Mutex::new(Pending::new(events_max)))
    }

    /// Runs a short piece of work under the lock. It must not wait for anything.
    pub fn with<T>(&self, work: impl FnOnce(&mut Pending) -> T) -> T {
        let mut pending = self.lock();
        let result = work(&mut pending);
        pending.invariants();
        result
    }

    /// Takes all that waits and leaves `empty` in its place, whose memory is used again.
    pub fn take(&self, empty: Pending) -> Pending {
        debug_assert!(empty.is_empty(), "a shard continues on an empty buffer");
        let mut pending = self.lock();
        let door = pending.door;
        let taken = std::mem::replace(&mut *pending, empty);
        pending.door = door;
        taken
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pending {
    /// An empty buffer for at most `events_max` events.
    #[must_use]
    pub fn new(events_max: usize) -> Self {
        Self { events: Vec::new(), frames: Vec::new(), events_max, door: Door::Open }
    }

    /// True if so many more events fit.
    #[must_use]
    pub fn has_room_for(&self, events: usize) -> bool {
        // Frames are counted too, so that marks and empty frames cannot grow without bound.
        self.door == Door::Open
            && self.events.len() + events <= self.events_max
            && self.frames.len() < self.events_max
    }

    /// How many more events fit, if they come in one frame.
    #[must_use]
    pub fn room(&self) -> usize {
        match self.has_room_for(0) {
            true => self.events_max.saturating_sub(self.events.len()),
            false => 0,
        }
    }

    /// Adds a frame whose events are the last `count`. When its stream must repeat earlier ones first, takes the events
    /// out again and says from which number the stream must go on.
    pub fn push_or_undo(&mut self, sender: Sender<'_>, count: usize, refused: Vec<Refused>) -> Option<u64> {
        let start = self.events.len().saturating_sub(count);
        let admitted = self.events.iter().skip(start).map(|event| event.seq);
        // What came without a number can neither be missing nor be repeated.
        let seqs = admitted.chain(refused.iter().map(|refused| refused.seq)).filter(|&seq| seq != 0);
        if let Err(from_seq) = sender.ticket.take_unless_waiting((count + refused.len()) as u64, seqs) {
            self.events.truncate(start);
            return Some(from_seq);
        }
        let is_plain = refused.is_empty();
        match self.frames.last_mut() {
            Some(last) if is_plain && last.goes_on_with(&sender, count) => last.add(count),
            _ => self.frames.push(Frame::new(sender, count, refused)),
        }
        None
    }

    /// Takes no more.
    pub fn close(&mut self) {
        self.door = Door::Closed;
    }

    /// Takes no more until [`Pending::open`].
    pub fn shut(&mut self) {
        if self.door == Door::Open {
            self.door = Door::Shut;
        }
    }

    /// Takes frames again, unless it was closed.
    pub fn open(&mut self) {
        if self.door == Door::Shut {
            self.door = Door::Open;
        }
    }

    /// How much waits: events, or frames where those are more, since a mark is a frame without events.
    #[must_use]
    pub fn held(&self) -> usize {
        self.events.len().max(self.frames.len())
    }

    /// True when nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    fn invariants(&self) {
        debug_assert!(
            self.events.len() <= self.events_max && self.frames.len() <= self.events_max,
            "bounded"
        );
        debug_assert_eq!(
            self.frames.iter().map(Frame::event_count).sum::<usize>(),
            self.events.len(),
            "every event belongs to a frame"
        );
    }
}

/// The most events that come alone and end together, so that their journal record stays far below its bound.
const SINGLES_MAX: usize = 256;
