//! How far a session's numbers have ended without a gap, where its events may come in any order or not at all.
//!
//! A stream's ticket says how many of the events taken are still outstanding, and a session's events end in the order in
//! which they were taken. So what has to be kept is only how far the run reached when so many had been taken: once that
//! many have ended, so has the run. See ADR 8.

use std::collections::VecDeque;

use playhead_store::seqs::SeqSet;

/// The unbroken run of a session's numbers: what is taken, and how much of it has ended. Bounded, whatever comes.
#[derive(Debug)]
pub(super) struct Run {
    /// Where the run begins.
    first_seq: u64,
    /// The numbers taken, from there on.
    taken_seqs: SeqSet,
    /// How many events were ever taken.
    taken: u64,
    /// How far the run reached when so many had been taken; both rise.
    marks: VecDeque<Mark>,
    /// The end of the run that has ended.
    through_seq: u64,
    /// Events turned away after they had been taken, as far as is known here.
    turned_away: u64,
}

#[derive(Debug)]
struct Mark {
    taken: u64,
    through_seq: u64,
}

impl Run {
    /// A run of a client that still holds everything from this number on; 0 means 1.
    pub(super) fn from(unacked_from_seq: u64) -> Self {
        let first_seq = unacked_from_seq.max(1);
        Self {
            first_seq,
            taken_seqs: SeqSet::default(),
            taken: 0,
            marks: VecDeque::new(),
            through_seq: first_seq - 1,
            turned_away: 0,
        }
    }

    /// The lowest number that is missing.
    pub(super) fn next_seq(&self) -> u64 {
        self.taken_seqs.run_from(self.first_seq).map_or(self.first_seq, |last| last.saturating_add(1))
    }

    /// True if none of these numbers is so far above the missing one that it cannot be kept in mind.
    pub(super) fn reaches(&self, mut seqs: impl Iterator<Item = u64>) -> bool {
        let end = self.next_seq().saturating_add(SEQS_AHEAD_MAX);
        seqs.all(|seq| seq < end)
    }

    /// Notes `count` events that were taken, with those of their numbers that are known.
    pub(super) fn take(&mut self, count: u64, seqs: impl Iterator<Item = u64>) {
        let before = self.next_seq();
        for seq in seqs.filter(|&seq| seq >= self.first_seq) {
            self.taken_seqs.insert(seq);
        }
        self.taken += count;
        let next_seq = self.next_seq();
        if next_seq > before {
            self.marks.push_back(Mark { taken: self.taken, through_seq: next_seq - 1 });
        }
    }

    /// Hears how many events are outstanding, and how many were ever turned away after all. False when some were turned
    /// away since: which ones is not known, so the client must send again all that is not acknowledged.
    pub(super) fn settle(&mut self, outstanding: u64, turned_away: u64) -> bool {
        let is_kept = turned_away == self.turned_away;
        if !is_kept {
            self.turned_away = turned_away;
            self.first_seq = self.through_seq + 1;
            self.taken_seqs = SeqSet::default();
            self.marks.clear();
        }
        let ended = self.taken.saturating_sub(outstanding);
        while let Some(mark) = self.marks.pop_front_if(|mark| mark.taken <= ended) {
            self.through_seq = mark.through_seq;
        }
        is_kept
    }

    /// The end of the run that has ended: what is acknowledged.
    pub(super) fn through_seq(&self) -> u64 {
        self.through_seq
    }
}

/// How far a number may be above the lowest missing one: two whole batches; at worst 1 000 ranges of 16 bytes.
pub(super) const SEQS_AHEAD_MAX: u64 = 2_000;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Takes these numbers, one by one.
    fn take(run: &mut Run, seqs: impl IntoIterator<Item = u64>) {
        seqs.into_iter().for_each(|seq| run.take(1, [seq].into_iter()));
    }

    #[test]
    fn a_gap_holds_the_acknowledgement_until_it_is_filled() {
        let mut run = Run::from(0);
        take(&mut run, [1, 2, 4, 5]);
        assert!(run.settle(0, 0));
        assert_eq!((run.through_seq(), run.next_seq()), (2, 3));
        take(&mut run, [3]);
        run.settle(1, 0);
        assert_eq!(run.through_seq(), 2, "the third is not durable yet");
        run.settle(0, 0);
        assert_eq!(run.through_seq(), 5);
    }

    #[test]
    fn what_was_acknowledged_before_is_below_the_run() {
        let mut run = Run::from(8);
        assert_eq!(run.through_seq(), 7);
        take(&mut run, [3, 8, 0]);
        run.settle(0, 0);
        assert_eq!(run.through_seq(), 8);
    }

    #[test]
    fn numbers_far_above_a_gap_are_not_kept() {
        let mut run = Run::from(1);
        assert!(run.reaches([SEQS_AHEAD_MAX, 0, 1].into_iter()));
        assert!(!run.reaches([1, SEQS_AHEAD_MAX + 1].into_iter()));
        take(&mut run, [1]);
        assert!(run.reaches([SEQS_AHEAD_MAX + 1].into_iter()));
        assert!(!run.reaches([u64::MAX].into_iter()));
    }

    #[test]
    fn what_was_turned_away_must_come_again() {
        let mut run = Run::from(1);
        take(&mut run, 1..=4);
        run.settle(2, 0);
        assert_eq!(run.through_seq(), 2);
        // The disk is full: 3 and 4 end busy.
        assert!(!run.settle(0, 2));
        assert_eq!((run.through_seq(), run.next_seq()), (2, 3));
        take(&mut run, [4]);
        assert!(run.settle(0, 2));
        assert_eq!(run.through_seq(), 2);
        take(&mut run, [3]);
        run.settle(0, 2);
        assert_eq!(run.through_seq(), 4);
    }

    /// What a datagram session goes through, as its ticket tells it.
    #[derive(Debug, Clone)]
    enum Step {
        /// Events come together.
        Offer(Vec<u64>),
        /// So many of the outstanding ones become durable, in the order in which they were taken.
        End(usize),
        /// All that are outstanding are turned away.
        TurnAway,
        /// The ticket is read.
        Read,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => prop::collection::vec(1_u64..60, 1..6).prop_map(Step::Offer),
            3 => (0_usize..8).prop_map(Step::End),
            1 => Just(Step::TurnAway),
            3 => Just(Step::Read),
        ]
    }

    proptest! {
        /// Against a model that knows of each number whether it is durable: an acknowledgement covers durable numbers
        /// only, takes nothing back, and what is offered and ends undisturbed is acknowledged.
        #[test]
        fn only_durable_numbers_are_acknowledged(steps in prop::collection::vec(step(), 1..80)) {
            let mut run = Run::from(1);
            let (mut outstanding, mut durable) = (VecDeque::new(), BTreeSet::new());
            let (mut turned_away, mut acked) = (0, 0);
            for step in steps {
                match step {
                    Step::Offer(seqs) if run.reaches(seqs.iter().copied()) => {
                        outstanding.extend(seqs.iter().copied());
                        run.take(seqs.len() as u64, seqs.into_iter());
                    }
                    Step::Offer(_) => {}
                    Step::End(count) => durable.extend(outstanding.drain(..count.min(outstanding.len()))),
                    Step::TurnAway => {
                        turned_away += outstanding.len() as u64;
                        outstanding.clear();
                    }
                    Step::Read => {
                        run.settle(outstanding.len() as u64, turned_away);
                        prop_assert!(run.through_seq() >= acked, "an acknowledgement takes nothing back");
                        acked = run.through_seq();
                        prop_assert!((1..=acked).all(|seq| durable.contains(&seq)), "{acked} of {durable:?}");
                    }
                }
                prop_assert!(run.marks.len() as u64 <= run.taken && run.taken_seqs.len() as u64 <= SEQS_AHEAD_MAX);
            }
            // Everything comes again, and ends.
            run.settle(0, turned_away);
            take(&mut run, 1..60);
            run.settle(0, turned_away);
            prop_assert_eq!(run.through_seq(), 59);
        }
    }
}
