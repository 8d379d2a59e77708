//! What was read lately: bounded, for a time, and read once for all who wait. That there is nothing is remembered too.

use std::{
    hash::Hash,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use quick_cache::{
    Equivalent, Weighter,
    sync::{Cache as Bounded, DefaultLifecycle},
};

/// A bounded cache with a time to live. What is written here is forgotten here, at once; on other nodes it is known when
/// its time is over.
pub struct Cache<K, V> {
    values: Bounded<K, Cached<V>, ByWeight, ahash::RandomState>,
    /// How often something was forgotten since it was written.
    writes: AtomicU64,
}

/// A value with what the cache needs to know of it.
#[derive(Debug)]
struct Cached<V> {
    value: Arc<V>,
    read_at_ms: i64,
    bytes: u64,
}

impl<V> Clone for Cached<V> {
    fn clone(&self) -> Self {
        Self { value: Arc::clone(&self.value), ..*self }
    }
}

/// What was read, and how large it is, bytes.
pub struct Loaded<V> {
    /// It.
    pub value: V,
    /// Its size at rest, bytes.
    pub bytes: usize,
}

/// How old an answer may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// What was read at this time or later, Unix ms.
    Since(i64),
    /// Read now.
    Fresh,
}

impl<K: Hash + Eq + Clone, V> Cache<K, V> {
    /// A cache that takes about so many bytes.
    #[must_use]
    pub fn new(bytes_max: u64) -> Self {
        let usual = usize::try_from(bytes_max / BYTES_USUAL).unwrap_or(usize::MAX);
        let lifecycle = DefaultLifecycle::default();
        let values = Bounded::with(usual, bytes_max, ByWeight, ahash::RandomState::new(), lifecycle);
        Self { values, writes: AtomicU64::new(0) }
    }

    /// The value of a key, if it is here and young enough.
    pub fn peek<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q, age: Age) -> Option<Arc<V>> {
        let Age::Since(since_ms) = age else { return None };
        self.values.get(key).filter(|cached| cached.read_at_ms >= since_ms).map(|cached| cached.value)
    }

    /// The value of a key, read where it is not here or too old. However many ask at once, one reads, and whoever asks
    /// for what is fresh gets what was begun to be read after it asked.
    ///
    /// # Errors
    /// The reader's. Nothing is remembered then, and the next who waits reads.
    pub async fn get<E>(
        &self,
        key: &K,
        age: Age,
        now_ms: i64,
        load: impl Future<Output = Result<Loaded<V>, E>>,
    ) -> Result<Arc<V>, E> {
        match age {
            // Taking away what is being read as well: it may have been read before the caller asked.
            Age::Fresh => drop(self.values.remove(key)),
            Age::Since(since_ms) => drop(self.values.remove_if(key, |cached| cached.read_at_ms < since_ms)),
        }
        let load = async { load.await.map(|loaded| Cached::new(loaded, now_ms)) };
        self.values.get_or_insert_async(key, load).await.map(|cached| cached.value)
    }

    /// How many writes there were, to be asked before something is read for [`Self::insert_unless_written`].
    pub fn writes(&self) -> u64 {
        self.writes.load(Ordering::SeqCst)
    }

    /// Remembers what was read since there were so many writes, unless there was one meanwhile.
    pub fn insert_unless_written(&self, key: &K, loaded: Loaded<V>, now_ms: i64, writes: u64) {
        if self.writes() != writes {
            return;
        }
        self.values.insert(K::clone(key), Cached::new(loaded, now_ms));
        // A writer counts first and forgets then, so one that was not seen above is seen here.
        if self.writes() != writes {
            self.values.remove(key);
        }
    }

    /// Forgets a key that was written, and what is being read for it.
    pub fn forget<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) {
        self.writes.fetch_add(1, Ordering::SeqCst);
        self.values.remove(key);
    }
}

impl<V> Cached<V> {
    fn new(Loaded { value, bytes }: Loaded<V>, read_at_ms: i64) -> Self {
        let bytes = (bytes as u64).saturating_mul(BYTES_PER_BYTE) + BYTES_BESIDE;
        Self { value: Arc::new(value), read_at_ms, bytes }
    }
}

#[derive(Clone)]
struct ByWeight;

impl<K, V> Weighter<K, Cached<V>> for ByWeight {
    fn weight(&self, _: &K, cached: &Cached<V>) -> u64 {
        cached.bytes
    }
}

/// What a usual document takes.
const BYTES_USUAL: u64 = 3_072;
/// What a byte of JSON takes in memory, about: texts with their capacities, lists, maps.
const BYTES_PER_BYTE: u64 = 3;
/// What a value takes besides itself: its key, its place, its count.
const BYTES_BESIDE: u64 = 128;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::{Notify, oneshot};

    use super::*;

    fn loaded(value: &str) -> Result<Loaded<String>, ()> {
        Ok(Loaded { value: value.to_owned(), bytes: value.len() })
    }

    async fn get(cache: &Cache<u8, String>, age: Age, now_ms: i64, value: &str) -> String {
        cache.get(&1, age, now_ms, async { loaded(value) }).await.unwrap().to_string()
    }

    #[tokio::test]
    async fn a_value_is_kept_for_its_time() {
        let cache = Cache::new(1 << 20);
        assert_eq!(cache.peek(&1, Age::Since(0)), None);
        assert_eq!(get(&cache, Age::Since(0), 100, "a").await, "a");
        assert_eq!(get(&cache, Age::Since(100), 200, "b").await, "a");
        assert_eq!(cache.peek(&1, Age::Since(100)).unwrap().as_str(), "a");
        assert_eq!(cache.peek(&1, Age::Since(101)), None);
        assert_eq!(get(&cache, Age::Since(101), 200, "b").await, "b");
        assert_eq!(get(&cache, Age::Fresh, 200, "c").await, "c");
        cache.forget(&1);
        assert_eq!(get(&cache, Age::Since(0), 300, "d").await, "d");
    }

    #[tokio::test]
    async fn a_failure_is_not_remembered() {
        let cache: Cache<u8, String> = Cache::new(1 << 20);
        assert_eq!(cache.get(&1, Age::Since(0), 0, async { Err("down") }).await.unwrap_err(), "down");
        assert_eq!(get(&cache, Age::Since(0), 0, "up").await, "up");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_thousand_who_ask_at_once_read_once() {
        let cache: Arc<Cache<u8, String>> = Arc::new(Cache::new(1 << 20));
        let (reads, go) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let askers: Vec<_> = (0..1_000)
            .map(|_| {
                let (cache, reads, go) = (Arc::clone(&cache), Arc::clone(&reads), Arc::clone(&go));
                tokio::spawn(async move {
                    let load = async {
                        reads.fetch_add(1, Ordering::SeqCst);
                        go.notified().await;
                        loaded("once")
                    };
                    cache.get(&1, Age::Since(0), 0, load).await.unwrap().to_string()
                })
            })
            .collect();
        while reads.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        go.notify_one();
        for asker in askers {
            assert_eq!(asker.await.unwrap(), "once");
        }
        assert_eq!(reads.load(Ordering::SeqCst), 1);
    }

    /// A read that began before a write must not bring back what was before it.
    #[tokio::test]
    async fn what_is_forgotten_while_it_is_read_is_not_kept() {
        let cache: Arc<Cache<u8, String>> = Arc::new(Cache::new(1 << 20));
        let (answer, answered) = oneshot::channel();
        let reading = {
            let cache = Arc::clone(&cache);
            tokio::spawn(async move {
                let load = async {
                    let value: &str = answered.await.unwrap();
                    loaded(value)
                };
                cache.get(&1, Age::Since(0), 0, load).await.unwrap().to_string()
            })
        };
        tokio::task::yield_now().await;
        cache.forget(&1);
        answer.send("before").unwrap();
        assert_eq!(reading.await.unwrap(), "before", "who asked before the write may see it so");
        assert_eq!(get(&cache, Age::Since(0), 0, "after").await, "after");
    }

    #[tokio::test]
    async fn what_was_read_before_a_write_is_not_kept() {
        let cache: Cache<u8, String> = Cache::new(1 << 20);
        let read = cache.writes();
        cache.insert_unless_written(&1, loaded("a").unwrap(), 0, read);
        assert_eq!(cache.peek(&1, Age::Since(0)).unwrap().as_str(), "a");
        cache.forget(&2);
        cache.insert_unless_written(&2, loaded("b").unwrap(), 0, read);
        assert_eq!(cache.peek(&2, Age::Since(0)), None);
    }

    #[tokio::test]
    async fn the_bound_holds() {
        let cache: Cache<u32, String> = Cache::new(300_000);
        for key in 0..1_000 {
            let load = async { loaded(&"x".repeat(1_000)) };
            cache.get(&key, Age::Since(0), 0, load).await.unwrap();
        }
        assert!(cache.values.weight() <= 300_000, "{}", cache.values.weight());
        assert!(cache.values.len() > 40, "{}", cache.values.len());
    }
}
