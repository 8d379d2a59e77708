//! What was written, until whoever has to know of it does: the other nodes of what was written here, the search here of
//! what was written elsewhere (ADR 19).
//!
//! Nobody who writes waits for that. What cannot be told is told later; where there is too much of it, all is stale.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ahash::HashSet;
use playhead_store::{
    StoreError, StoreErrorKind,
    hot::{Hot, NOTICE_MAX, Notice, Stale},
};
use tokio::{
    sync::{
        Notify,
        broadcast::{Receiver, error::RecvError},
    },
    time::{sleep, timeout},
};

/// Where writes are noted for somebody. Clones are the same.
#[derive(Clone, Default)]
pub struct Noted(Arc<Shared>);

#[derive(Default)]
struct Shared {
    pending: Mutex<Pending>,
    noted: Notify,
}

#[derive(Default)]
struct Pending {
    stale: HashSet<Stale>,
    /// False where there is nobody to take it.
    is_open: bool,
}

impl Noted {
    /// Keeps what is noted from now on. Until then nothing is kept: there is nobody to take it.
    pub fn open(&self) {
        self.pending().is_open = true;
    }

    /// Notes that this was written.
    pub fn note(&self, stale: Stale) {
        if self.pending().note(stale) {
            self.0.noted.notify_one();
        }
    }

    /// Tells all nodes of what is noted, by this number. Does not end.
    pub async fn tell(&self, hot: &dyn Hot, from: u64) {
        let mut pause = PAUSE_MIN;
        loop {
            let notice = Notice { from, stale: self.next().await.into() };
            let told = timeout(TELL_WITHIN, hot.tell_stale(&notice)).await;
            let Err(error) = told.unwrap_or_else(|_| Err(late())) else {
                if pause > PAUSE_MIN {
                    tracing::info!("other nodes are told again of what is written");
                }
                pause = PAUSE_MIN;
                continue;
            };
            if pause == PAUSE_MIN {
                tracing::warn!(%error, "other nodes cannot be told of what is written, will go on trying");
            }
            notice.stale.iter().for_each(|stale| self.note(stale.clone()));
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// Waits until something is noted and takes as much as one notice says. Who stops waiting takes nothing.
    pub async fn next(&self) -> Vec<Stale> {
        loop {
            let taken = self.pending().take();
            if !taken.is_empty() {
                return taken;
            }
            self.0.noted.notified().await;
        }
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.0.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pending {
    /// True where there is somebody to take it.
    fn note(&mut self, stale: Stale) -> bool {
        let is_news = self.is_open && !self.stale.contains(&Stale::All);
        if is_news {
            if self.stale.len() >= NOTED_MAX || stale == Stale::All {
                self.stale = HashSet::from_iter([Stale::All]);
            } else {
                self.stale.insert(stale);
            }
        }
        self.is_open
    }

    fn take(&mut self) -> Vec<Stale> {
        let taken: Vec<Stale> = self.stale.iter().take(NOTICE_MAX).cloned().collect();
        for stale in &taken {
            self.stale.remove(stale);
        }
        taken
    }
}

/// Hands on what others than this one tell; that anything may be stale, where some of it was missed. Ends with the hot
/// store.
pub async fn hear(mut notices: Receiver<Notice>, from: u64, forget: impl Fn(&Stale)) {
    loop {
        match notices.recv().await {
            // What was written here was forgotten when it was written.
            Ok(notice) if notice.from == from => {}
            Ok(notice) => notice.stale.iter().for_each(&forget),
            Err(RecvError::Lagged(_)) => forget(&Stale::All),
            Err(RecvError::Closed) => return,
        }
    }
}

fn late() -> StoreError {
    StoreError { kind: StoreErrorKind::Unknown, what: "tell of what is stale", source: None }
}

/// Does this when it is dropped: for what has to be done whatever becomes of a write, also when nobody waits for it any
/// more.
pub(crate) struct Finally<F: FnMut()>(pub(crate) F);

impl<F: FnMut()> Drop for Finally<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Names that wait to be told, a hundred bytes each.
const NOTED_MAX: usize = 4_096;
/// How long telling may take.
const TELL_WITHIN: Duration = Duration::from_millis(500);
/// Between two tries to tell: at first, and in the end.
const PAUSE_MIN: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use playhead_store::{ItemId, contract::StillHot};

    use super::*;

    fn item(number: usize) -> Stale {
        Stale::Item(ItemId::new(&number.to_string()).unwrap())
    }

    fn noted(outbox: &Noted) -> HashSet<Stale> {
        outbox.pending().stale.clone()
    }

    #[test]
    fn where_nobody_listens_nothing_is_kept() {
        let outbox = Noted::default();
        outbox.note(item(1));
        assert_eq!(noted(&outbox), HashSet::default());
        outbox.open();
        outbox.note(item(1));
        outbox.note(item(1));
        assert_eq!(noted(&outbox), HashSet::from_iter([item(1)]));
    }

    #[test]
    fn too_much_is_all() {
        let outbox = Noted::default();
        outbox.open();
        (0..NOTED_MAX).for_each(|number| outbox.note(item(number)));
        assert_eq!(noted(&outbox).len(), NOTED_MAX);
        let taken = outbox.pending().take();
        assert_eq!((taken.len(), noted(&outbox).len()), (NOTICE_MAX, NOTED_MAX - NOTICE_MAX));
        (0..=NOTED_MAX).for_each(|number| outbox.note(item(number)));
        assert_eq!(outbox.pending().take(), [Stale::All]);
        assert_eq!(noted(&outbox), HashSet::default());
    }

    /// A hot store that stands still is told when it goes on, and of everything.
    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_told_is_told_later() {
        let (hot, outbox) = (Arc::new(StillHot::default()), Noted::default());
        let mut notices = hot.stale();
        outbox.open();
        hot.stand_still(true);
        let telling = {
            let (hot, outbox) = (Arc::clone(&hot), outbox.clone());
            tokio::spawn(async move { outbox.tell(&*hot, 7).await })
        };
        for number in 0..1_000 {
            outbox.note(item(number));
            sleep(Duration::from_millis(10)).await;
        }
        assert!(notices.try_recv().is_err(), "it stands still");
        hot.stand_still(false);
        let mut told = HashSet::default();
        while told.len() < 1_000 {
            let notice = notices.recv().await.unwrap();
            assert!(notice.from == 7 && notice.stale.len() <= NOTICE_MAX);
            told.extend(notice.stale.iter().cloned());
        }
        assert_eq!(told, (0..1_000).map(item).collect::<HashSet<_>>());
        telling.abort();
    }

    #[tokio::test]
    async fn who_missed_something_forgets_all() {
        let (tell, notices) = tokio::sync::broadcast::channel(2);
        for (from, number) in [(1, 1), (2, 2), (2, 3), (1, 4)] {
            tell.send(Notice { from, stale: [item(number)].into() }).unwrap();
        }
        drop(tell);
        let heard = Mutex::new(Vec::new());
        hear(notices, 1, |stale| heard.lock().unwrap().push(stale.clone())).await;
        assert_eq!(*heard.lock().unwrap(), [Stale::All, item(3)]);
    }
}
