//! The keys in use, and how they stay up to date: read from their source again and again, and at once when a token names
//! a key that nobody knows. While the source is away, the keys that were read last go on being used.

use std::{
    error::Error,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use prometheus_client::metrics::counter::Counter;
use tokio::{
    sync::{Notify, Semaphore, watch},
    time::{sleep, timeout},
};

use super::keys::{JwksError, KeySet};

/// Where keys come from: a file or a URL.
#[async_trait]
pub trait KeySource: Send + Sync + 'static {
    /// Reads the JWK Set, no more than [`JWKS_BYTES_MAX`](super::keys::JWKS_BYTES_MAX) and a little of it. Safe to
    /// cancel.
    ///
    /// # Errors
    /// When it cannot be had.
    async fn read(&self) -> Result<Vec<u8>, KeysUnavailable>;

    /// Its name in logs and errors.
    fn name(&self) -> String;
}

/// The source cannot be read.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct KeysUnavailable(Box<dyn Error + Send + Sync>);

impl KeysUnavailable {
    /// For this reason.
    pub fn new(reason: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(reason.into())
    }
}

/// Why the keys could not be brought up to date. Those that there were go on being used.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// The source did not answer.
    #[error("{0}")]
    Unavailable(#[from] KeysUnavailable),
    /// It took too long.
    #[error("did not come within {} s", READ_MAX.as_secs())]
    TooSlow,
    /// What it answered gives no keys.
    #[error("{0}")]
    Jwks(#[from] JwksError),
}

/// The keys in use.
pub struct Keyring {
    current: RwLock<Arc<KeySet>>,
    /// The current set's; read without the lock.
    generation: AtomicU64,
    source: Option<Arc<dyn KeySource>>,
    /// What was read last: the same again changes nothing.
    text: Mutex<Vec<u8>>,
    every: Duration,
    wanted: Notify,
    rounds: watch::Sender<Rounds>,
    waiting: Semaphore,
    /// Readings that failed since the last that did not.
    failures: AtomicU64,
    failed: Counter,
}

/// How often the source was read.
#[derive(Debug, Clone, Copy, Default)]
struct Rounds {
    begun: u64,
    ended: u64,
}

impl Keyring {
    /// Keys that never change.
    #[must_use]
    pub fn fixed(keys: KeySet) -> Self {
        Self::new(keys, None, Duration::MAX)
    }

    /// Keys that are read from a source every so often. There are none until [`Keyring::refresh`] or [`Keyring::run`].
    #[must_use]
    pub fn of_source(source: Arc<dyn KeySource>, every: Duration) -> Self {
        Self::new(KeySet::default(), Some(source), every)
    }

    fn new(keys: KeySet, source: Option<Arc<dyn KeySource>>, every: Duration) -> Self {
        Self {
            generation: AtomicU64::new(keys.generation()),
            current: RwLock::new(Arc::new(keys)),
            source,
            text: Mutex::default(),
            every,
            wanted: Notify::new(),
            rounds: watch::Sender::new(Rounds::default()),
            waiting: Semaphore::new(WAITERS_MAX),
            failures: AtomicU64::new(0),
            failed: Counter::default(),
        }
    }

    /// The keys in use.
    #[must_use]
    pub fn current(&self) -> Arc<KeySet> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Which set is in use: a number that changes with every change of the keys.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Counts readings that failed.
    #[must_use]
    pub fn failed(&self) -> Counter {
        self.failed.clone()
    }

    /// Keeps the keys up to date, for ever. Between two readings lies at least [`DISTANCE`], whoever asks.
    pub async fn run(&self) {
        if self.source.is_none() {
            return;
        }
        loop {
            let is_away = self.failures.load(Ordering::Relaxed) > 0;
            let pause = if is_away { self.every.min(RETRY) } else { self.every };
            tokio::select! {
                () = sleep(pause) => {}
                () = self.wanted.notified() => {}
            }
            // It is logged where it happens, and those who wait see what came of it.
            let _ = self.refresh().await;
            sleep(DISTANCE).await;
        }
    }

    /// Reads the source once, for at most [`READ_MAX`].
    ///
    /// # Errors
    /// [`RefreshError`]; then the keys stay as they are.
    pub async fn refresh(&self) -> Result<(), RefreshError> {
        let Some(source) = &self.source else { return Ok(()) };
        self.rounds.send_modify(|rounds| rounds.begun += 1);
        let read = self.read(&**source).await;
        self.note(&read, &**source);
        self.rounds.send_modify(|rounds| rounds.ended = rounds.begun);
        read
    }

    /// Waits, for at most [`WAIT_MAX`], for a reading that begins after now, the same one for all who wait. With more
    /// than [`WAITERS_MAX`] waiting, returns at once. Safe to cancel.
    pub async fn refreshed(&self) {
        let Ok(_place) = self.waiting.try_acquire() else { return };
        if self.source.is_none() {
            return;
        }
        let mut rounds = self.rounds.subscribe();
        let begun = rounds.borrow().begun;
        self.wanted.notify_one();
        // Whether it came in time shows when the token is looked at again.
        let _ = timeout(WAIT_MAX, rounds.wait_for(|rounds| rounds.ended > begun)).await;
    }

    async fn read(&self, source: &dyn KeySource) -> Result<(), RefreshError> {
        let text = timeout(READ_MAX, source.read()).await.map_err(|_| RefreshError::TooSlow)??;
        if *self.text.lock().unwrap_or_else(PoisonError::into_inner) == text {
            return Ok(());
        }
        let (keys, unusable) = KeySet::from_jwks(&text)?;
        *self.text.lock().unwrap_or_else(PoisonError::into_inner) = text;
        for key in unusable {
            tracing::warn!(keys = source.name(), index = key.index, problem = key.problem, "key left out");
        }
        self.replace(keys);
        Ok(())
    }

    fn replace(&self, keys: KeySet) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let generation = current.generation() + 1;
        *current = Arc::new(keys.of_generation(generation));
        self.generation.store(generation, Ordering::Release);
    }

    /// Logs a failure, and then ever more rarely while it lasts.
    fn note(&self, read: &Result<(), RefreshError>, source: &dyn KeySource) {
        match read {
            Ok(()) => self.failures.store(0, Ordering::Relaxed),
            Err(error) => {
                self.failed.inc();
                let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
                if failures.is_power_of_two() {
                    let keys = self.current().len();
                    tracing::warn!(source = source.name(), failures, keys, %error, "keys not read, will retry");
                }
            }
        }
    }
}

/// The least time from the end of a reading to the beginning of the next: nobody can make this server ask more often,
/// with however many unknown keys.
pub const DISTANCE: Duration = Duration::from_secs(2);
/// The longest that a reading takes.
pub const READ_MAX: Duration = Duration::from_secs(5);
/// How soon a source that is away is tried again.
pub const RETRY: Duration = Duration::from_secs(10);
/// The longest that a call waits: for the end of a reading that had begun, the distance, and the next one.
pub const WAIT_MAX: Duration = Duration::from_secs(12);
/// The most calls that wait for keys; more are refused at once. A gRPC call holds its message while it waits.
pub const WAITERS_MAX: usize = 256;

#[cfg(test)]
mod tests;
