//! The ticket that an edge holds while its events become durable. A unary call takes one for its batch, a stream one
//! for its life.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use playhead_store::hot::Verdict;
use tokio::sync::Notify;

use crate::admission::Rejection;

/// Settles as the events offered under it end. Clones are the same ticket.
///
/// Settling is the commit's work; an edge only waits and reads. Dropping a ticket loses nothing but the answer.
#[derive(Debug, Clone, Default)]
pub struct Ticket(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    settled: Mutex<Settlement>,
    changed: Notify,
}

/// How far the events offered under a ticket have ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settlement {
    /// Events taken and not ended.
    pub outstanding: u64,
    /// Events that are new and durable.
    pub stored: u64,
    /// Events that had been taken before and are durable.
    pub duplicate: u64,
    /// Events taken and turned away after all, since the journal's disk was full.
    pub turned_away: u64,
    /// The highest number among the events that have ended, busy ones left out; 0 before any has.
    ///
    /// A session's events end in the order in which they were offered, so when they are offered in rising order,
    /// every one up to this number has its ending, and each that is not in `refused` is durable.
    pub settled_through_seq: u64,
    /// The events refused since the ticket was last read.
    pub refused: Vec<Refused>,
    /// The lowest number that was not taken, until it is offered again.
    pub repeat_from_seq: Option<u64>,
    /// Whether the session may play; `None` before the first commit.
    pub verdict: Option<Verdict>,
    /// True when the engine stopped before the outstanding events became durable: they will never be acknowledged.
    pub abandoned: bool,
}

/// An event that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its number; 0 when it could not be read.
    pub seq: u64,
    /// Its place in its batch, from 0.
    pub index: u32,
    /// Why.
    pub rejection: Rejection,
}

impl Ticket {
    /// Waits until every event taken so far has ended, and reads the settlement. Refusals are handed out once.
    pub async fn finished(&self) -> Settlement {
        loop {
            let changed = self.0.changed.notified();
            {
                let mut settled = self.lock();
                if settled.outstanding == 0 || settled.abandoned {
                    return settled.read();
                }
            }
            changed.await;
        }
    }

    /// Waits until the ticket has changed since it was last waited for, and reads the settlement. Safe to cancel: a
    /// change that was not read is not forgotten.
    pub async fn changed(&self) -> Settlement {
        self.0.changed.notified().await;
        self.lock().read()
    }

    /// Reads the settlement now. Refusals are handed out once.
    #[must_use]
    pub fn read(&self) -> Settlement {
        self.lock().read()
    }

    /// Notes events taken, with those of their numbers that are known.
    ///
    /// # Errors
    /// The number from which the stream must offer again before these: a gap would make
    /// [`Settlement::settled_through_seq`] say too much. Then nothing is taken.
    pub(crate) fn take_unless_waiting(
        &self,
        events: u64,
        seqs: impl Iterator<Item = u64> + Clone,
    ) -> Result<(), u64> {
        let mut settled = self.lock();
        if let Some(from_seq) = settled.repeat_from_seq {
            if seqs.clone().min().is_some_and(|lowest_seq| from_seq < lowest_seq) {
                return Err(from_seq);
            }
            if seqs.into_iter().any(|seq| seq == from_seq) {
                settled.repeat_from_seq = None;
            }
        }
        settled.outstanding += events;
        Ok(())
    }

    /// Notes one event taken that has no number.
    pub(crate) fn take_one(&self) {
        self.lock().outstanding += 1;
    }

    /// True when the other is the same ticket.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Notes events that were not taken, with the lowest of their numbers that is known, and why if not for want of
    /// room.
    pub(crate) fn repeat_from(&self, lowest_seq: Option<u64>, refused: Option<Refused>) {
        let mut settled = self.lock();
        settled.repeat_from(lowest_seq);
        settled.refused.extend(refused);
        drop(settled);
        self.0.changed.notify_one();
    }

    /// Notes events that were taken and cannot be kept, with the lowest of their numbers that is known.
    pub(crate) fn turn_away(&self, events: u64, lowest_seq: Option<u64>) {
        let mut settled = self.lock();
        settled.outstanding = settled.outstanding.saturating_sub(events);
        settled.turned_away += events;
        settled.repeat_from(lowest_seq);
        drop(settled);
        self.0.changed.notify_one();
    }

    /// Settles events of one commit.
    pub(crate) fn settle(&self, outcome: Outcome) {
        let mut settled = self.lock();
        let ended = outcome.stored + outcome.duplicate + outcome.refused.len() as u64;
        settled.outstanding = settled.outstanding.saturating_sub(ended);
        settled.stored += outcome.stored;
        settled.duplicate += outcome.duplicate;
        settled.settled_through_seq = settled.settled_through_seq.max(outcome.highest_seq);
        settled.refused.extend(outcome.refused);
        settled.verdict = Some(outcome.verdict);
        drop(settled);
        self.0.changed.notify_one();
    }

    /// Says that outstanding events will never be acknowledged.
    pub(crate) fn abandon(&self) {
        self.lock().abandoned = true;
        self.0.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Settlement> {
        self.0.settled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one commit did to the events of one frame.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) stored: u64,
    pub(crate) duplicate: u64,
    pub(crate) refused: Vec<Refused>,
    pub(crate) highest_seq: u64,
    pub(crate) verdict: Verdict,
}

impl Settlement {
    fn repeat_from(&mut self, lowest_seq: Option<u64>) {
        self.repeat_from_seq = match (self.repeat_from_seq, lowest_seq) {
            (Some(before), Some(now)) => Some(before.min(now)),
            (before, now) => before.or(now),
        };
    }

    fn read(&mut self) -> Self {
        let refused = std::mem::take(&mut self.refused);
        let copy = Self { refused: Vec::new(), ..self.clone() };
        Self { refused, ..copy }
    }
}
