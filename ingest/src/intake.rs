//! The doorway that all edges share: a frame of events goes in, and either waits in a bounded shard for its commit or
//! is answered at once. Between decoding and the verdict there is no await and no I/O.

mod admit;

use std::sync::Arc;

use playhead_store::{Clock, ItemId, SessionKey, UserId, position::PositionRow};
use tokio::sync::Notify;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use self::admit::{admit, lowest_seq};
pub use crate::shard::Sender;
use crate::{
    admission::{RawEvent, RejectReason, Rejection},
    flag::Flag,
    live::{Live, Opening, Playing, Session, TooManySessions},
    opener::Opener,
    settings::Limits,
    shard::{Frame, Pending, Shard},
    tally::{Ending, ShedReason, Tally},
    ticket::{Refused, Ticket},
};

/// The doorway.
pub struct Intake {
    shards: Vec<Shard>,
    /// Which session falls to which shard is nobody's to guess, and the same for the same seed.
    shard_seed: u64,
    wake_commit: Notify,
    closed: Flag,
    live: Arc<Live>,
    opener: Opener,
    tally: Arc<Tally>,
    limits: Limits,
}

/// An event as an edge offers it: read, or refused already because it could not be.
pub type Offered = Result<RawEvent, Unreadable>;

/// An event that an edge could not read.
#[derive(Debug, Clone, PartialEq)]
pub struct Unreadable {
    /// Its number, or 0 when even that could not be read.
    pub seq: u64,
    /// Why.
    pub rejection: Rejection,
}

/// What became of a frame at the door. The rest is told by its ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admitted {
    /// All of it that could be admitted waits for its commit.
    Taken,
    /// There was no room: nothing of it was taken, and it should come again after this long.
    Busy {
        /// Milliseconds to wait.
        retry_after_ms: u32,
    },
}

/// The node cannot take a new session now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no room for a new session, retry after {retry_after_ms} ms")]
pub struct NoRoom {
    /// Milliseconds to wait.
    pub retry_after_ms: u32,
}

impl Intake {
    /// A doorway before these rooms.
    pub(crate) fn new(
        live: Arc<Live>,
        opener: Opener,
        tally: Arc<Tally>,
        limits: Limits,
        shard_seed: u64,
    ) -> Self {
        let shards = (0..limits.shards).map(|_| Shard::new(limits.shard_events_max)).collect();
        let (wake_commit, closed) = (Notify::new(), Flag::default());
        Self { shards, shard_seed, wake_commit, closed, live, opener, tally, limits }
    }

    /// Makes a session live on this node, or finds it. `sent_at_ms` is when its frame was sent by the player's clock;
    /// it fixes the clock of a session that no store knows.
    ///
    /// Stores that do not answer within [`Limits::open_ms_max`] are gone on without: the clock is then fixed here, and
    /// events that the stores already hold are written again, which changes nothing.
    ///
    /// # Errors
    /// [`NoRoom`] when the node holds as many live sessions as it may.
    pub async fn open(
        &self,
        opening: Opening,
        sent_at_ms: Option<i64>,
        now_ms: i64,
    ) -> Result<Arc<Session>, NoRoom> {
        let key = opening.key.clone();
        let look_up = self.opener.look_up(&key, Clock::fix(sent_at_ms, now_ms));
        let no_room = |TooManySessions| NoRoom { retry_after_ms: self.limits.retry_after_ms };
        self.live.session_or_open(opening, now_ms, look_up).await.map_err(no_room)
    }

    /// Offers a frame's events under a ticket. `received_at_ms` is the edge's one clock reading for the frame.
    ///
    /// Every event ends exactly once, with the frame's commit; a frame that finds no room, or that leaves out what its
    /// stream must repeat first, ends busy as a whole.
    pub fn offer(
        &self,
        session: &Arc<Session>,
        playing: &Arc<Playing>,
        events: impl ExactSizeIterator<Item = Offered>,
        received_at_ms: i64,
        ticket: &Ticket,
    ) -> Admitted {
        let is_of_singles = events.len() == 1;
        let sender = Sender { session, playing, ticket, no_room: Ending::Busy, is_of_singles };
        self.offer_as(sender, events, received_at_ms)
    }

    /// Offers events whose protocol cannot carry an honest answer: what finds no room is shed, and counted so.
    pub fn offer_or_shed(
        &self,
        session: &Arc<Session>,
        playing: &Arc<Playing>,
        events: impl ExactSizeIterator<Item = Offered>,
        received_at_ms: i64,
    ) -> Admitted {
        let (ticket, no_room) = (&Ticket::default(), Ending::Shed(ShedReason::Overload));
        let sender = Sender { session, playing, ticket, no_room, is_of_singles: false };
        self.offer_as(sender, events, received_at_ms)
    }

    /// Offers events as this sender does: [`Intake::offer`] and [`Intake::offer_or_shed`] are the usual ways.
    pub fn offer_as(
        &self,
        sender: Sender<'_>,
        events: impl ExactSizeIterator<Item = Offered>,
        received_at_ms: i64,
    ) -> Admitted {
        let (offered, session) = (events.len(), sender.session);
        self.tally.offer(offered as u64);
        session.touch(received_at_ms);
        if offered > self.limits.batch_events_max {
            return self.refuse_batch(offered, lowest_seq(events), sender.ticket);
        }
        let not_taken_from = self.shard_of(session).with(|pending| {
            if !pending.has_room_for(offered) {
                return Some(lowest_seq(events));
            }
            let (count, refused) =
                admit(pending, events, session.clock, received_at_ms, sender.is_of_singles);
            pending.push_or_undo(sender, count, refused).map(Some)
        });
        match not_taken_from {
            Some(from_seq) => self.turn_away(sender.no_room, sender.ticket, from_seq, offered),
            None => {
                self.wake_commit.notify_one();
                Admitted::Taken
            }
        }
    }

    /// Offers an explicit mark on a position, which counts as one event.
    pub fn offer_mark(&self, user: &UserId, item: ItemId, row: PositionRow, ticket: &Ticket) -> Admitted {
        self.tally.offer(1);
        let viewer = self.live.viewer_or_new(user);
        let shard = self.shard_at(hash(user.as_str(), self.shard_seed));
        let taken = shard.with(|pending| {
            let has_room = pending.has_room_for(1);
            if has_room {
                ticket.take_one();
                pending.frames.push(Frame::mark(viewer, item, row, ticket.clone()));
            }
            has_room
        });
        if !taken {
            return self.turn_away(Ending::Busy, ticket, None, 1);
        }
        self.wake_commit.notify_one();
        Admitted::Taken
    }

    /// Counts events that a front drops by policy, because its protocol cannot carry an honest answer.
    pub fn shed(&self, reason: ShedReason, events: u64) {
        self.tally.offer(events);
        self.tally.end(Ending::Shed(reason), events);
    }

    /// Counts events that a front answers as busy because their session could not be opened.
    pub fn turn_away_unopened(&self, events: u64) {
        self.tally.offer(events);
        self.tally.end(Ending::Busy, events);
    }

    /// Counts events that a front refuses before they have a session, and that it tells the caller of itself.
    pub fn reject(&self, reason: RejectReason, events: u64) {
        self.tally.offer(events);
        self.tally.end(Ending::Rejected(reason), events);
    }

    /// How many more events of this session find room now: what a front goes by that sheds what is worth least first.
    #[must_use]
    pub fn room(&self, session: &Session) -> usize {
        self.shard_of(session).with(|pending| pending.room())
    }

    /// The limits that frames are held against.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Takes no more: whatever is offered from now on ends busy.
    pub(crate) fn close(&self) {
        for shard in &self.shards {
            shard.with(Pending::close);
        }
        self.closed.set();
        self.wake_commit.notify_one();
    }

    /// Takes nothing for now: whatever is offered ends busy, until [`Intake::open_doors`].
    pub(crate) fn shut_doors(&self) {
        self.shards.iter().for_each(|shard| shard.with(Pending::shut));
    }

    /// Takes frames again, unless the intake was closed.
    pub(crate) fn open_doors(&self) {
        self.shards.iter().for_each(|shard| shard.with(Pending::open));
    }

    /// True once nothing more is taken.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.is_set()
    }

    /// Waits until nothing more is taken.
    pub(crate) async fn closed(&self) {
        self.closed.wait().await;
    }

    pub(crate) fn shards(&self) -> &[Shard] {
        &self.shards
    }

    /// True when so many events or more wait in the shards together.
    pub(crate) fn holds(&self, events: usize) -> bool {
        let mut held = 0;
        self.shards.iter().any(|shard| {
            held += shard.with(|pending| pending.held());
            held >= events
        })
    }

    /// A buffer for a shard to go on with.
    pub(crate) fn empty_pending(&self) -> Pending {
        Pending::new(self.limits.shard_events_max)
    }

    /// Notified whenever a shard has something to commit.
    pub(crate) fn wake_commit(&self) -> &Notify {
        &self.wake_commit
    }

    fn shard_of(&self, session: &Session) -> &Shard {
        let SessionKey { user, session: id } = &session.key;
        self.shard_at(session.shard_hash(|| hash(id.as_str(), hash(user.as_str(), self.shard_seed))))
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "the remainder is below the length, and there is at least one"
    )]
    fn shard_at(&self, hash: u64) -> &Shard {
        let shards = self.shards.len() as u64;
        &self.shards[usize::try_from(hash % shards).unwrap_or(0)]
    }

    fn turn_away(&self, ending: Ending, ticket: &Ticket, from_seq: Option<u64>, events: usize) -> Admitted {
        self.tally.end(ending, events as u64);
        ticket.repeat_from(from_seq, None);
        Admitted::Busy { retry_after_ms: self.limits.retry_after_ms }
    }

    /// Refuses a batch as a whole: its events were not taken, and must come again in smaller ones before any later.
    fn refuse_batch(&self, offered: usize, from_seq: Option<u64>, ticket: &Ticket) -> Admitted {
        let reason = RejectReason::BatchTooLarge;
        self.tally.end(Ending::Rejected(reason), offered as u64);
        let allowed = format!("1 to {} events", self.limits.batch_events_max);
        let rejection = Rejection::new(reason, "events", offered, allowed);
        ticket.repeat_from(from_seq, Some(Refused { seq: 0, index: 0, rejection }));
        Admitted::Taken
    }
}

fn hash(text: &str, seed: u64) -> u64 {
    xxh3_64_with_seed(text.as_bytes(), seed)
}

#[cfg(test)]
mod tests;
