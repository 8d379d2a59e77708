//! What was read lately: bounded, for a time, and read once for all who wait. That there is nothing is remembered too.

use std::{
    hash::Hash,
    sync::atomic::{AtomicU64, Ordering},
};

use quick_cache::{
    Equivalent, Weighter,
    sync::{Cache as Bounded, DefaultLifecycle},
};

/// A bounded cache with a time to live. What is written here is forgotten here, at once; what other nodes write, when they
/// tell of it, and in any case when its time is over. Values are handed out as clones, so they are cheap to clone.
pub struct Cache<K, V> {
    values: Bounded<K, Cached<V>, ByWeight, ahash::RandomState>,
    /// How often something was forgotten since it was written.
    writes: AtomicU64,
    /// How often keys were forgotten by a rule, which finds none that is being read.
    sweeps: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
    told: AtomicU64,
}

/// What a cache counts from its start on, and what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// Answers without a read of one's own: what was here, and what another asker was reading.
    pub hits: u64,
    /// Values that were read: not here, too old, or wanted fresh.
    pub misses: u64,
    /// How often it forgot since another node wrote, or may have.
    pub told: u64,
    /// Values that it holds.
    pub entries: u64,
    /// What they take, about, bytes.
    pub bytes: u64,
}

/// Who wrote what is forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writer {
    /// This node.
    Here,
    /// Another one, which told of it.
    Elsewhere,
}

/// A value with what the cache needs to know of it.
#[derive(Debug, Clone)]
struct Cached<V> {
    value: V,
    read_at_ms: i64,
    bytes: u64,
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

impl<K: Hash + Eq + Clone, V: Clone> Cache<K, V> {
    /// A cache that takes about so many bytes.
    #[must_use]
    pub fn new(bytes_max: u64) -> Self {
        let usual = usize::try_from(bytes_max / BYTES_USUAL).unwrap_or(usize::MAX);
        let lifecycle = DefaultLifecycle::default();
        let values = Bounded::with(usual, bytes_max, ByWeight, ahash::RandomState::new(), lifecycle);
        let [writes, sweeps, hits, misses, told] = [0; 5].map(AtomicU64::new);
        Self { values, writes, sweeps, hits, misses, told }
    }

    /// The value of a key, if it is here and young enough.
    pub fn peek<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q, age: Age) -> Option<V> {
        let found = self.young(key, age)?;
        self.hits.fetch_add(1, Ordering::Relaxed);
        Some(found)
    }

    /// True where [`Self::peek`] finds something, which counts as no answer.
    pub fn has<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q, age: Age) -> bool {
        self.young(key, age).is_some()
    }

    fn young<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q, age: Age) -> Option<V> {
        let Age::Since(since_ms) = age else { return None };
        self.values.get(key).filter(|cached| cached.read_at_ms >= since_ms).map(|cached| cached.value)
    }

    /// The value of a key, read where it is not here or too old: however many ask at once, one reads. Who asks for what is
    /// fresh reads, whatever is here; that stays where it cannot be read.
    ///
    /// # Errors
    /// The reader's. Nothing is remembered then, and the next who waits reads.
    pub async fn get<E>(
        &self,
        key: &K,
        age: Age,
        now_ms: i64,
        load: impl Future<Output = Result<Loaded<V>, E>>,
    ) -> Result<V, E> {
        let mut is_read = false;
        let load = async {
            is_read = true;
            self.misses.fetch_add(1, Ordering::Relaxed);
            load.await.map(|loaded| Cached::new(loaded, now_ms))
        };
        let Age::Since(since_ms) = age else {
            let writes = self.writes();
            let cached = load.await?;
            self.remember(key, cached.clone(), writes);
            return Ok(cached.value);
        };
        self.values.remove_if(key, |cached| cached.read_at_ms < since_ms);
        let sweeps = self.sweeps.load(Ordering::SeqCst);
        let found = self.values.get_or_insert_async(key, load).await?.value;
        if !is_read {
            self.hits.fetch_add(1, Ordering::Relaxed);
        } else if self.sweeps.load(Ordering::SeqCst) != sweeps {
            // It may have been read before what was written. A sweep counts first, so one that missed it is seen here.
            self.values.remove(key);
        }
        Ok(found)
    }

    /// How many writes there were, to be asked before something is read for [`Self::insert_unless_written`].
    pub fn writes(&self) -> u64 {
        self.writes.load(Ordering::SeqCst)
    }

    /// Remembers what was read since there were so many writes; where there was one meanwhile, nothing.
    pub fn insert_unless_written(&self, key: &K, loaded: Loaded<V>, now_ms: i64, writes: u64) {
        self.misses.fetch_add(1, Ordering::Relaxed);
        self.remember(key, Cached::new(loaded, now_ms), writes);
    }

    fn remember(&self, key: &K, cached: Cached<V>, writes: u64) {
        if self.writes() == writes {
            self.values.insert(K::clone(key), cached);
        }
        // A writer counts first and forgets then, so one that was not seen above is seen here.
        if self.writes() != writes {
            self.values.remove(key);
        }
    }

    /// Forgets a key that was written, and what is being read for it.
    pub fn forget<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q, by: Writer) {
        self.count_write(by);
        self.values.remove(key);
    }

    /// Forgets the keys that this is true of, likewise. Looks at all of them.
    pub fn forget_where(&self, is_written: impl Fn(&K) -> bool, by: Writer) {
        self.count_write(by);
        self.sweeps.fetch_add(1, Ordering::SeqCst);
        self.values.retain(|key, _| !is_written(key));
    }

    /// Forgets everything, and all that is being read: anything may have been written.
    pub fn forget_all(&self, by: Writer) {
        self.count_write(by);
        self.values.clear();
    }

    fn count_write(&self, by: Writer) {
        self.writes.fetch_add(1, Ordering::SeqCst);
        if by == Writer::Elsewhere {
            self.told.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What it counts and holds at the moment.
    pub fn figures(&self) -> Figures {
        let [hits, misses, told] =
            [&self.hits, &self.misses, &self.told].map(|count| count.load(Ordering::Relaxed));
        Figures { hits, misses, told, entries: self.values.len() as u64, bytes: self.values.weight() }
    }
}

impl<V> Cached<V> {
    fn new(Loaded { value, bytes }: Loaded<V>, read_at_ms: i64) -> Self {
        let bytes = (bytes as u64).saturating_mul(BYTES_PER_BYTE) + BYTES_BESIDE;
        Self { value, read_at_ms, bytes }
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
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use tokio::sync::{Notify, oneshot};

    use super::*;

    fn loaded(value: &str) -> Result<Loaded<String>, ()> {
        Ok(Loaded { value: value.to_owned(), bytes: value.len() })
    }

    async fn get(cache: &Cache<u8, String>, age: Age, now_ms: i64, value: &str) -> String {
        cache.get(&1, age, now_ms, async { loaded(value) }).await.unwrap()
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
        assert_eq!(get(&cache, Age::Since(200), 300, "d").await, "c", "what was read fresh is remembered");
        cache.forget(&1, Writer::Here);
        assert_eq!(get(&cache, Age::Since(0), 300, "d").await, "d");
    }

    #[tokio::test]
    async fn what_is_read_while_keys_are_forgotten_by_a_rule_is_not_remembered() {
        let cache: Cache<u8, String> = Cache::new(1 << 20);
        assert_eq!(get(&cache, Age::Since(0), 0, "kept").await, "kept");
        cache.forget_where(|key| *key == 2, Writer::Here);
        assert_eq!(cache.peek(&1, Age::Since(0)).unwrap().as_str(), "kept");
        cache.forget_where(|key| *key == 1, Writer::Here);
        assert_eq!(cache.peek(&1, Age::Since(0)), None);
        let (read, is_read) = oneshot::channel();
        let reading = cache.get(&1, Age::Since(0), 0, async {
            is_read.await.unwrap();
            loaded("of before")
        });
        let writing = async {
            cache.forget_where(|key| *key == 1, Writer::Here);
            read.send(()).unwrap();
        };
        let (found, ()) = tokio::join!(reading, writing);
        assert_eq!(found.unwrap().as_str(), "of before", "who asked before is told so");
        assert_eq!(cache.peek(&1, Age::Since(0)), None);
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
                    cache.get(&1, Age::Since(0), 0, load).await.unwrap()
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

    #[tokio::test]
    async fn what_cannot_be_read_anew_stays() {
        let cache: Cache<u8, String> = Cache::new(1 << 20);
        get(&cache, Age::Since(0), 0, "a").await;
        assert_eq!(cache.get(&1, Age::Fresh, 0, async { Err("down") }).await.unwrap_err(), "down");
        assert_eq!(get(&cache, Age::Since(0), 0, "b").await, "a");
        // What is read anew while something is written may be from before that.
        let written = async {
            cache.forget(&2, Writer::Here);
            loaded("c")
        };
        assert_eq!(cache.get(&1, Age::Fresh, 0, written).await.unwrap().as_str(), "c");
        assert_eq!(get(&cache, Age::Since(0), 0, "d").await, "d");
    }

    /// A read that began before a write must not bring back what was before it.
    #[tokio::test]
    async fn what_is_forgotten_while_it_is_read_is_not_kept() {
        let ways: [fn(&Cache<u8, String>); 2] =
            [|cache| cache.forget(&1, Writer::Here), |cache| cache.forget_all(Writer::Elsewhere)];
        for forget in ways {
            let cache: Arc<Cache<u8, String>> = Arc::new(Cache::new(1 << 20));
            let (answer, answered) = oneshot::channel();
            let reading = {
                let cache = Arc::clone(&cache);
                tokio::spawn(async move {
                    let load = async {
                        let value: &str = answered.await.unwrap();
                        loaded(value)
                    };
                    cache.get(&1, Age::Since(0), 0, load).await.unwrap()
                })
            };
            tokio::task::yield_now().await;
            forget(&cache);
            answer.send("before").unwrap();
            assert_eq!(reading.await.unwrap(), "before", "who asked before the write may see it so");
            assert_eq!(get(&cache, Age::Since(0), 0, "after").await, "after");
        }
    }

    #[tokio::test]
    async fn all_is_forgotten_and_counted() {
        let cache: Cache<u8, String> = Cache::new(1 << 20);
        let figures = |cache: &Cache<u8, String>| {
            let Figures { hits, misses, told, entries, bytes } = cache.figures();
            (hits, misses, told, entries, bytes > 0)
        };
        get(&cache, Age::Since(0), 0, "a").await;
        get(&cache, Age::Since(0), 0, "a").await;
        assert!(cache.peek(&1, Age::Since(0)).is_some() && cache.has(&1, Age::Since(0)));
        assert!(cache.peek(&2, Age::Since(0)).is_none());
        assert_eq!(figures(&cache), (2, 1, 0, 1, true));
        let read = cache.writes();
        cache.forget_all(Writer::Elsewhere);
        assert_eq!(figures(&cache), (2, 1, 1, 0, false));
        cache.insert_unless_written(&2, loaded("b").unwrap(), 0, read);
        assert!(!cache.has(&2, Age::Since(0)), "it was read before");
        get(&cache, Age::Since(0), 0, "b").await;
        get(&cache, Age::Fresh, 0, "c").await;
        cache.forget(&1, Writer::Elsewhere);
        cache.forget(&1, Writer::Here);
        assert_eq!(figures(&cache), (2, 4, 2, 0, false));
    }

    #[tokio::test]
    async fn what_was_read_before_a_write_is_not_kept() {
        let cache: Cache<u8, String> = Cache::new(1 << 20);
        let read = cache.writes();
        cache.insert_unless_written(&1, loaded("a").unwrap(), 0, read);
        assert_eq!(cache.peek(&1, Age::Since(0)).unwrap().as_str(), "a");
        cache.forget(&2, Writer::Here);
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
