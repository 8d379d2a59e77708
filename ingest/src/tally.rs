//! One ending for every event: the law, and the counters that prove it.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::admission::RejectReason;

/// How an event ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It is new, and durable.
    Stored,
    /// It had been taken before, and is durable.
    Duplicate,
    /// It was refused for good.
    Rejected(RejectReason),
    /// There was no room; the caller was told to try again.
    Busy,
    /// There was no room, and the caller could not be told: it was dropped by policy.
    Shed(ShedReason),
    /// It was taken and then lost, which never happens unless the disk under the journal fails.
    Lost(LostCause),
}

/// Why an event was dropped by policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ShedReason {
    /// The engine was full, and the protocol has no way to say so.
    Overload = 0,
    /// The protocol's event says nothing that is kept.
    NotKept = 1,
}

/// How an event was lost. None of them may happen; each has its count so that nobody needs to believe it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum LostCause {
    /// The journal broke while it was held; it was never acknowledged.
    JournalBroken = 0,
}

impl ShedReason {
    /// All reasons.
    pub const ALL: [Self; 2] = [Self::Overload, Self::NotKept];

    /// Its name in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Overload => "OVERLOAD",
            Self::NotKept => "NOT_KEPT",
        }
    }
}

impl LostCause {
    /// All causes.
    pub const ALL: [Self; 1] = [Self::JournalBroken];

    /// Its name in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::JournalBroken => "JOURNAL_BROKEN",
        }
    }
}

const REASONS: usize = RejectReason::ALL.len() + 1;

/// Counts every event once when it is offered and once when it ends.
#[derive(Debug, Default)]
pub struct Tally {
    offered: AtomicU64,
    stored: AtomicU64,
    duplicate: AtomicU64,
    rejected: [AtomicU64; REASONS],
    busy: AtomicU64,
    shed: [AtomicU64; ShedReason::ALL.len()],
    lost: [AtomicU64; LostCause::ALL.len()],
}

/// The tally at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// Events offered to the engine.
    pub offered: u64,
    /// New and durable.
    pub stored: u64,
    /// Taken before.
    pub duplicate: u64,
    /// Refused for good, by reason.
    pub rejected: Vec<(RejectReason, u64)>,
    /// Not taken for want of room.
    pub busy: u64,
    /// Dropped by policy, by reason.
    pub shed: Vec<(ShedReason, u64)>,
    /// Lost, by cause.
    pub lost: Vec<(LostCause, u64)>,
}

impl Tally {
    /// Counts events that are offered.
    pub fn offer(&self, events: u64) {
        self.offered.fetch_add(events, Ordering::Relaxed);
    }

    /// Counts events that end.
    pub fn end(&self, ending: Ending, events: u64) {
        let counter = match ending {
            Ending::Stored => Some(&self.stored),
            Ending::Duplicate => Some(&self.duplicate),
            Ending::Rejected(reason) => self.rejected.get(usize::from(reason.number())),
            Ending::Busy => Some(&self.busy),
            Ending::Shed(reason) => self.shed.get(reason as usize),
            Ending::Lost(cause) => self.lost.get(cause as usize),
        };
        if let Some(counter) = counter {
            counter.fetch_add(events, Ordering::Relaxed);
        }
    }

    /// The counts now. Endings are read before offers, so that what is still held is never negative.
    #[must_use]
    pub fn count(&self) -> Count {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let by = |counters: &[AtomicU64], index: usize| counters.get(index).map_or(0, read);
        let rejected = |&reason: &RejectReason| (reason, by(&self.rejected, usize::from(reason.number())));
        Count {
            stored: read(&self.stored),
            duplicate: read(&self.duplicate),
            rejected: RejectReason::ALL.iter().map(rejected).collect(),
            busy: read(&self.busy),
            shed: ShedReason::ALL.map(|reason| (reason, by(&self.shed, reason as usize))).into(),
            lost: LostCause::ALL.map(|cause| (cause, by(&self.lost, cause as usize))).into(),
            offered: read(&self.offered),
        }
    }
}

impl Count {
    /// Events that were offered and have not ended.
    ///
    /// The law: `offered == stored + duplicate + rejected + busy + shed + lost + held`, always. An engine at rest
    /// holds none.
    #[must_use]
    pub fn held(&self) -> i128 {
        let ended = self.stored + self.duplicate + self.busy + self.rejected() + self.shed() + self.lost();
        i128::from(self.offered) - i128::from(ended)
    }

    /// Refused for good, for whatever reason.
    #[must_use]
    pub fn rejected(&self) -> u64 {
        self.rejected.iter().map(|&(_, events)| events).sum()
    }

    /// Dropped by policy, for whatever reason.
    #[must_use]
    pub fn shed(&self) -> u64 {
        self.shed.iter().map(|&(_, events)| events).sum()
    }

    /// Lost, for whatever cause.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.iter().map(|&(_, events)| events).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ending_has_a_counter_and_only_one() {
        let tally = Tally::default();
        let rejected = RejectReason::ALL.iter().copied().map(Ending::Rejected);
        let shed = ShedReason::ALL.into_iter().map(Ending::Shed);
        let lost = LostCause::ALL.into_iter().map(Ending::Lost);
        let plain = [Ending::Stored, Ending::Duplicate, Ending::Busy];
        for (before, ending) in (0..).zip(plain.into_iter().chain(rejected).chain(shed).chain(lost)) {
            tally.offer(2);
            assert_eq!(tally.count().held(), 2 + before, "{ending:?}");
            tally.end(ending, 1);
            assert_eq!(tally.count().held(), 1 + before, "{ending:?}");
        }
        assert_eq!(tally.count().rejected(), RejectReason::ALL.len() as u64);
    }
}
