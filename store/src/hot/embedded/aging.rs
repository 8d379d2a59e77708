//! A map whose entries are forgotten: after a while without a touch, or when there are too many.

use ahash::HashMap;
use std::{collections::VecDeque, hash::Hash};

/// A bounded map. Each key waits in a queue; whoever looks at the front of it sends a key that was touched since to the
/// back, and forgets one that was not, if it is due. So the work of each call is bounded, and what goes first is what
/// was not touched for the longest time, as far as a few looks can tell.
pub(super) struct Aging<K, V> {
    entries: HashMap<K, Entry<V>>,
    queue: VecDeque<Waiting<K>>,
    /// The number of the next entry, so that a key's second life is not taken for its first.
    next_number: u64,
    /// Entries that came since the last look.
    fresh: usize,
    entries_max: usize,
    ttl_ms: i64,
}

struct Entry<V> {
    value: V,
    number: u64,
    seen_ms: i64,
}

struct Waiting<K> {
    key: K,
    number: u64,
    /// When it was last seen, as of its place in the queue.
    seen_ms: i64,
}

impl<K: Hash + Eq + Clone, V> Aging<K, V> {
    pub(super) fn new(entries_max: usize, ttl_ms: i64) -> Self {
        let (entries, queue) = (HashMap::default(), VecDeque::new());
        Self { entries, queue, next_number: 0, fresh: 0, entries_max, ttl_ms }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|entry| &entry.value)
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.entries.get_mut(key).map(|entry| &mut entry.value)
    }

    /// Gets an entry that is seen now.
    pub(super) fn touch(&mut self, key: &K, now_ms: i64) -> Option<&mut V> {
        let entry = self.entries.get_mut(key)?;
        entry.seen_ms = entry.seen_ms.max(now_ms);
        Some(&mut entry.value)
    }

    /// Gets an entry that is seen now, made if need be. There may be too many then, until [`Aging::expire`].
    pub(super) fn touch_or_default(&mut self, key: &K, now_ms: i64) -> &mut V
    where
        V: Default,
    {
        let Self { entries, queue, next_number, fresh, .. } = self;
        let entry = entries.entry(key.clone()).or_insert_with(|| {
            let number = *next_number;
            *next_number += 1;
            *fresh += 1;
            queue.push_back(Waiting { key: key.clone(), number, seen_ms: now_ms });
            Entry { value: V::default(), number, seen_ms: now_ms }
        });
        entry.seen_ms = entry.seen_ms.max(now_ms);
        &mut entry.value
    }

    /// All entries: for rare occasions.
    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.entries.values_mut().map(|entry| &mut entry.value)
    }

    /// Adds an entry, which must not be there yet. There may be too many then, until [`Aging::expire`].
    pub(super) fn insert(&mut self, key: K, value: V, now_ms: i64) {
        let number = self.next_number;
        self.next_number += 1;
        self.fresh += 1;
        self.queue.push_back(Waiting { key: key.clone(), number, seen_ms: now_ms });
        self.entries.insert(key, Entry { value, number, seen_ms: now_ms });
        if self.queue.len() > QUEUE_MIN.max(2 * self.entries_max) {
            self.drop_removed();
        }
    }

    pub(super) fn remove(&mut self, key: &K) {
        self.entries.remove(key);
    }

    /// Looks at every entry: for rare occasions.
    pub(super) fn retain(&mut self, keep: impl Fn(&K, &V) -> bool) {
        self.entries.retain(|key, entry| keep(key, &entry.value));
    }

    /// Forgets what is due, and as much more as there is too much. Returns it. Takes as many looks at the queue
    /// as entries came, twice, and a few more.
    pub(super) fn expire(&mut self, now_ms: i64) -> Vec<(K, V)> {
        let mut forgotten = Vec::new();
        for _ in 0..LOOKS_MIN + 2 * std::mem::take(&mut self.fresh) {
            match self.look(now_ms) {
                Look::Forgot(key, value) => forgotten.push((key, value)),
                Look::Passed => {}
                Look::Done => break,
            }
        }
        while self.entries.len() > self.entries_max
            && let Some(waiting) = self.queue.pop_front()
        {
            if self.is_current(&waiting)
                && let Some(entry) = self.entries.remove(&waiting.key)
            {
                forgotten.push((waiting.key, entry.value));
            }
        }
        forgotten
    }

    /// Forgets the one that was seen the longest ago, and returns it.
    pub(super) fn forget_oldest(&mut self) -> Option<(K, V)> {
        while let Some(mut waiting) = self.queue.pop_front() {
            let entry = self.entries.get(&waiting.key).filter(|entry| entry.number == waiting.number);
            match entry.map(|entry| entry.seen_ms) {
                Some(seen_ms) if seen_ms > waiting.seen_ms => {
                    waiting.seen_ms = seen_ms;
                    self.queue.push_back(waiting);
                }
                Some(_) => {
                    let entry = self.entries.remove(&waiting.key)?;
                    return Some((waiting.key, entry.value));
                }
                None => {}
            }
        }
        None
    }

    /// Looks at the one that waits the longest.
    fn look(&mut self, now_ms: i64) -> Look<K, V> {
        let Some(mut waiting) = self.queue.pop_front() else {
            return Look::Done;
        };
        let Some(entry) = self.entries.get(&waiting.key).filter(|entry| entry.number == waiting.number)
        else {
            return Look::Passed;
        };
        let was_touched = entry.seen_ms > waiting.seen_ms;
        let is_over = entry.seen_ms.saturating_add(self.ttl_ms) <= now_ms;
        if is_over || (!was_touched && self.entries.len() > self.entries_max) {
            let forgotten = self.entries.remove(&waiting.key).map(|entry| entry.value);
            return forgotten.map_or(Look::Passed, |value| Look::Forgot(waiting.key, value));
        }
        if !was_touched {
            self.queue.push_front(waiting);
            return Look::Done;
        }
        waiting.seen_ms = entry.seen_ms;
        self.queue.push_back(waiting);
        Look::Passed
    }

    /// Entries that were removed leave their places in the queue. Half of it at least is such places by then.
    fn drop_removed(&mut self) {
        let Self { entries, queue, .. } = self;
        queue.retain(|waiting| entries.get(&waiting.key).is_some_and(|entry| entry.number == waiting.number));
    }

    fn is_current(&self, waiting: &Waiting<K>) -> bool {
        self.entries.get(&waiting.key).is_some_and(|entry| entry.number == waiting.number)
    }
}

/// What a look at the queue led to.
enum Look<K, V> {
    /// This one is forgotten.
    Forgot(K, V),
    /// On to the next one.
    Passed,
    /// Nobody further back can be due, as far as we can tell.
    Done,
}

/// Looks that a call takes even when nothing came in, so that what has expired goes at last.
const LOOKS_MIN: usize = 4;
/// The queue may always be this long.
const QUEUE_MIN: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(entries_max: usize, keys: std::ops::Range<u64>) -> Aging<u64, u64> {
        let mut aging = Aging::new(entries_max, 1_000);
        for key in keys {
            aging.insert(key, key, i64::try_from(key).unwrap());
            aging.expire(0);
        }
        aging
    }

    fn keys(forgotten: Vec<(u64, u64)>) -> Vec<u64> {
        forgotten.into_iter().map(|(key, _)| key).collect()
    }

    #[test]
    fn the_oldest_goes_when_asked_for() {
        let mut aging = filled(10, 0..4);
        aging.touch(&0, 100);
        aging.remove(&1);
        let order: Vec<_> = std::iter::from_fn(|| aging.forget_oldest()).collect();
        assert_eq!(order, [(2, 2), (3, 3), (0, 0)]);
        assert!(aging.entries.is_empty() && aging.queue.is_empty());
    }

    #[test]
    fn the_oldest_goes_when_there_are_too_many() {
        let aging = filled(10, 0..25);
        let mut kept: Vec<_> = aging.entries.keys().copied().collect();
        kept.sort_unstable();
        assert_eq!(kept, (15..25).collect::<Vec<_>>());
    }

    #[test]
    fn what_was_touched_stays_longer() {
        let mut aging = filled(10, 0..10);
        aging.touch(&0, 100);
        aging.insert(10, 10, 100);
        assert_eq!(keys(aging.expire(0)), [1]);
        assert!(aging.get(&0).is_some());
    }

    #[test]
    fn an_entry_goes_after_its_time() {
        let mut aging = filled(10, 0..3);
        aging.touch(&0, 500);
        assert_eq!(keys(filled(10, 0..3).expire(999)), [0_u64; 0]);
        assert_eq!(keys(aging.expire(1_001)), [1]);
        assert_eq!(keys(aging.expire(1_500)), [2, 0]);
        assert!(aging.entries.is_empty() && aging.queue.is_empty());
    }

    #[test]
    fn a_second_life_is_not_the_first() {
        let mut aging = filled(10, 0..1);
        aging.remove(&0);
        aging.insert(0, 7, 600);
        assert_eq!(keys(aging.expire(1_100)), [0_u64; 0]);
        assert_eq!(aging.get(&0), Some(&7));
        assert_eq!(aging.queue.len(), 1);
    }

    #[test]
    fn removed_entries_do_not_pile_up_behind_one_that_stays() {
        let mut aging = filled(10, 0..1);
        for _ in 0..10_000 {
            aging.insert(1, 1, 1);
            aging.expire(0);
            aging.remove(&1);
        }
        assert!(aging.queue.len() <= QUEUE_MIN + 1, "{}", aging.queue.len());
    }

    #[test]
    fn the_bound_holds_and_the_work_is_bounded_when_all_are_touched() {
        let mut aging = filled(100, 0..100);
        for key in 100..10_000 {
            for touched in key - 100..key {
                aging.touch(&touched, i64::try_from(key).unwrap());
            }
            aging.insert(key, key, i64::try_from(key).unwrap());
            assert_eq!(aging.expire(0).len(), 1, "at {key}");
            assert_eq!(aging.entries.len(), 100);
            assert_eq!(aging.queue.len(), 100);
        }
    }
}
