//! How many requests are under way: as many as the cluster can follow, up to a bound. Each request that tells of strain
//! halves the number, at most once for all that were under way together; each round without grows it by one.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Lets requests go.
pub(super) struct Pace {
    state: Mutex<State>,
    freed: Notify,
}

#[derive(Debug)]
struct State {
    most: usize,
    allowed: usize,
    under_way: usize,
    /// Ended well since the last step up.
    good: usize,
    /// Were under way at the last step down; their strain counts no more.
    before_step: usize,
}

/// A request under way. Dropped without a word, it counts neither way.
pub(super) struct Going<'a> {
    pace: &'a Pace,
}

impl Pace {
    pub(super) fn new(most: usize) -> Self {
        let most = most.max(1);
        let state = State { most, allowed: most, under_way: 0, good: 0, before_step: 0 };
        Self { state: Mutex::new(state), freed: Notify::new() }
    }

    /// How many may be under way at present.
    pub(super) fn allowed(&self) -> usize {
        self.lock().allowed
    }

    /// How many may be under way at best.
    pub(super) fn most(&self) -> usize {
        self.lock().most
    }

    /// Waits until one more may go.
    pub(super) async fn go(&self) -> Going<'_> {
        loop {
            // Whoever is freed from here on wakes us, even before we wait.
            let freed = self.freed.notified();
            if self.lock().start() {
                return Going { pace: self };
            }
            freed.await;
        }
    }

    /// Whoever panicked while it held the lock left no half-made change.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Going<'_> {
    /// It ended; under strain, when the cluster could not follow.
    pub(super) fn ended(self, is_strained: bool) {
        self.pace.lock().ended(is_strained);
    }
}

impl Drop for Going<'_> {
    fn drop(&mut self) {
        let more = {
            let mut state = self.pace.lock();
            state.under_way -= 1;
            state.allowed.saturating_sub(state.under_way)
        };
        // Two, where a step up made room for one more.
        for _ in 0..more.min(2) {
            self.pace.freed.notify_one();
        }
    }
}

impl State {
    fn start(&mut self) -> bool {
        let is_free = self.under_way < self.allowed;
        self.under_way += usize::from(is_free);
        is_free
    }

    fn ended(&mut self, is_strained: bool) {
        let is_of_before = self.before_step > 0;
        self.before_step = self.before_step.saturating_sub(1);
        match is_strained {
            true if is_of_before => {}
            true => {
                self.allowed = (self.allowed / 2).max(1);
                self.good = 0;
                self.before_step = self.under_way.saturating_sub(1);
            }
            false => {
                self.good += 1;
                if self.good >= self.allowed && self.allowed < self.most {
                    self.allowed += 1;
                    self.good = 0;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{sync::Arc, time::Duration};
    use tokio::time::timeout;

    async fn go_all(pace: &Pace, count: usize, is_strained: bool) {
        let mut going = Vec::new();
        for _ in 0..count {
            going.push(pace.go().await);
        }
        for going in going {
            going.ended(is_strained);
        }
    }

    #[tokio::test]
    async fn strain_halves_once_for_all_that_were_under_way() {
        let pace = Pace::new(64);
        go_all(&pace, 64, true).await;
        assert_eq!(pace.allowed(), 32);
        for _ in 0..10 {
            let count = pace.allowed();
            go_all(&pace, count, true).await;
        }
        assert_eq!(pace.allowed(), 1);
    }

    #[tokio::test]
    async fn rounds_without_strain_bring_it_back_to_the_bound() {
        let pace = Pace::new(4);
        go_all(&pace, 4, true).await;
        go_all(&pace, 2, true).await;
        assert_eq!(pace.allowed(), 1);
        let mut rounds = Vec::new();
        for _ in 0..5 {
            let count = pace.allowed();
            go_all(&pace, count, false).await;
            rounds.push(pace.allowed());
        }
        assert_eq!(rounds, [2, 3, 4, 4, 4]);
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_go_than_are_allowed_and_a_dropped_one_makes_room() {
        let pace = Arc::new(Pace::new(2));
        let (first, second) = (pace.go().await, pace.go().await);
        assert!(timeout(Duration::from_secs(1), pace.go()).await.is_err());
        drop(first);
        let third = timeout(Duration::from_secs(1), pace.go()).await.unwrap();
        drop((second, third));
        let waiting: Vec<_> = (0..20)
            .map(|_| {
                let pace = pace.clone();
                tokio::spawn(async move { pace.go().await.ended(false) })
            })
            .collect();
        for task in waiting {
            timeout(Duration::from_secs(1), task).await.unwrap().unwrap();
        }
    }
}
