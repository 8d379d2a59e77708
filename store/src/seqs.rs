//! Which events of a session have been seen: a set of sequence numbers, kept as ranges.

/// A set of numbers that is small where they are dense: a native session that lost nothing is one range, 16 bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeqSet {
    /// Inclusive ranges, sorted, with gaps between them.
    ranges: Vec<(u64, u64)>,
    len: usize,
}

impl SeqSet {
    /// Adds a number; false if it was there already.
    pub fn insert(&mut self, seq: u64) -> bool {
        // The next event of a native session extends the last range: no search.
        if let Some((_, last)) = self.ranges.last_mut()
            && last.checked_add(1) == Some(seq)
        {
            *last = seq;
            self.len += 1;
            return true;
        }
        let after = self.ranges.partition_point(|&(first, _)| first <= seq);
        if self.before(after).is_some_and(|(_, last)| seq <= last) {
            return false;
        }
        self.len += 1;
        self.add_between(after, seq);
        true
    }

    /// Takes a number out; false if it was not there.
    pub fn remove(&mut self, seq: u64) -> bool {
        let after = self.ranges.partition_point(|&(first, _)| first <= seq);
        let Some((first, last)) = self.before(after).filter(|&(_, last)| seq <= last) else { return false };
        let left = (first < seq).then(|| (first, seq - 1));
        let right = (seq < last).then(|| (seq + 1, last));
        self.ranges.splice(after - 1..after, left.into_iter().chain(right));
        self.len -= 1;
        true
    }

    /// True if the number is in the set.
    #[must_use]
    pub fn contains(&self, seq: u64) -> bool {
        let after = self.ranges.partition_point(|&(first, _)| first <= seq);
        self.before(after).is_some_and(|(_, last)| seq <= last)
    }

    /// How many numbers it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The end of the unbroken run that begins at `from`, or `None` if `from` itself is missing.
    #[must_use]
    pub fn run_from(&self, from: u64) -> Option<u64> {
        let after = self.ranges.partition_point(|&(first, _)| first <= from);
        self.before(after).filter(|&(_, last)| from <= last).map(|(_, last)| last)
    }

    /// The memory behind it, bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.ranges.capacity() * size_of::<(u64, u64)>()
    }

    fn before(&self, index: usize) -> Option<(u64, u64)> {
        index.checked_sub(1).and_then(|index| self.ranges.get(index)).copied()
    }

    /// Adds a number that is in no range; `after` is the first range beyond it. Joins what it now connects.
    fn add_between(&mut self, after: usize, seq: u64) {
        let joins_before = self.before(after).is_some_and(|(_, last)| last.checked_add(1) == Some(seq));
        let joins_after = self.ranges.get(after).is_some_and(|&(first, _)| seq.checked_add(1) == Some(first));
        match (joins_before, joins_after) {
            (true, true) => {
                let (_, last) = self.ranges.remove(after);
                self.set_last(after - 1, last);
            }
            (true, false) => self.set_last(after - 1, seq),
            (false, true) => {
                if let Some(range) = self.ranges.get_mut(after) {
                    range.0 = seq;
                }
            }
            (false, false) => self.ranges.insert(after, (seq, seq)),
        }
    }

    fn set_last(&mut self, index: usize, last: u64) {
        if let Some(range) = self.ranges.get_mut(index) {
            range.1 = last;
        }
    }
}

impl FromIterator<u64> for SeqSet {
    fn from_iter<I: IntoIterator<Item = u64>>(seqs: I) -> Self {
        let mut set = Self::default();
        seqs.into_iter().for_each(|seq| {
            set.insert(seq);
        });
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn it_agrees_with_a_plain_set(
            steps in prop::collection::vec((any::<bool>(), prop_oneof![0_u64..40, u64::MAX - 20..=u64::MAX]), 0..90),
        ) {
            let mut set = SeqSet::default();
            let mut plain = BTreeSet::new();
            for (is_added, seq) in steps {
                match is_added {
                    true => prop_assert_eq!(set.insert(seq), plain.insert(seq)),
                    false => prop_assert_eq!(set.remove(seq), plain.remove(&seq)),
                }
                prop_assert_eq!(set.len(), plain.len());
                prop_assert!(set.ranges.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0), "{:?}", set);
            }
            for seq in (0..42).chain(u64::MAX - 22..=u64::MAX) {
                prop_assert_eq!(set.contains(seq), plain.contains(&seq));
                let run = (seq..=u64::MAX).take_while(|seq| plain.contains(seq)).last();
                prop_assert_eq!(set.run_from(seq), run);
            }
        }
    }
}
