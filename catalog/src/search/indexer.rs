//! The thread that makes items findable: behind all others who want the processor, since nobody waits for it. A search
//! that comes before it is done does the rest itself.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak, mpsc},
    thread,
    time::Duration,
};

use playhead_store::catalog::Item;
use tantivy::TantivyError;
use tokio::sync::Notify;

use super::Search;
use crate::records::Stored;

/// Items that were put into an index, in that order.
#[derive(Default)]
pub(super) struct Waiting {
    items: Mutex<VecDeque<Arc<Stored<Item>>>>,
    come: Condvar,
    taken: Notify,
}

impl Waiting {
    /// Lets an item wait. Returns how many do.
    pub(super) fn push(&self, item: Arc<Stored<Item>>) -> usize {
        let mut items = self.items();
        items.push_back(item);
        self.come.notify_one();
        items.len()
    }

    /// The first that wait.
    pub(super) fn take(&self, count_max: usize) -> Vec<Arc<Stored<Item>>> {
        let mut items = self.items();
        let count = items.len().min(count_max);
        self.taken.notify_waiters();
        items.drain(..count).collect()
    }

    /// Waits until no more than so many wait.
    pub(super) async fn at_most(&self, count_max: usize) {
        loop {
            let taken = self.taken.notified();
            if self.items().len() <= count_max {
                return;
            }
            taken.await;
        }
    }

    fn wait(&self) {
        let items = self.items();
        // Whoever comes for nothing looks again.
        drop(self.come.wait_timeout_while(items, LOOK_EVERY, |items| items.is_empty()));
    }

    fn items(&self) -> MutexGuard<'_, VecDeque<Arc<Stored<Item>>>> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Search {
    /// An index without items, with a thread that looks at what is put into it. The thread ends behind the index.
    ///
    /// # Errors
    /// When its threads cannot be started.
    pub fn start() -> Result<Arc<Self>, TantivyError> {
        let (made, is_made) = mpsc::sync_channel(1);
        let indexer = thread::Builder::new().name("search-indexer".into());
        // The library's threads are as patient as the one that starts them.
        indexer.spawn(move || {
            be_patient();
            let search = Self::new().map(|search| Arc::new(Self { has_indexer: true, ..search }));
            let work =
                search.as_ref().ok().map(|search| (Arc::downgrade(search), Arc::clone(&search.waiting)));
            // Nobody waits for it any more.
            let _ = made.send(search);
            if let Some((search, waiting)) = work {
                run(&search, &waiting);
            }
        })?;
        is_made.recv().unwrap_or_else(|_| Err(io::Error::other("the indexer ended as it began").into()))
    }

    /// Looks at some of what waits.
    fn take_some(&self) -> Result<(), TantivyError> {
        let mut pending = self.pending();
        self.waiting.take(TAKEN_AT_ONCE).iter().try_for_each(|item| pending.take(self.fields, item))
    }
}

fn run(search: &Weak<Search>, waiting: &Waiting) {
    loop {
        waiting.wait();
        let Some(search) = search.upgrade() else { return };
        if let Err(error) = search.take_some() {
            tracing::error!(%error, "the search cannot take items");
        }
    }
}

/// Lets all other threads have the processor first, where that can be.
fn be_patient() {
    if !cfg!(target_os = "linux") {
        return;
    }
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::warn!(%error, "the search's threads take as much of the processor as others");
    }
}

/// A third of the weight that other threads have.
const NICE: i32 = 5;
/// Short, since a search that comes meanwhile waits for it.
const TAKEN_AT_ONCE: usize = 32;
/// How soon it sees that there is no index any more.
const LOOK_EVERY: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use playhead_store::{
        ItemId,
        catalog::{Kind, Language, Text},
    };

    use super::*;

    fn item(number: usize) -> Arc<Stored<Item>> {
        let mut item = Item::new(ItemId::new(&format!("i-{number}")).unwrap(), Kind::Movie);
        let (title, language) = (format!("Number {number}"), Language::new("en").unwrap());
        let [subtitle, description, image_url] = Default::default();
        item.texts.push(Text { language, title, subtitle, description, image_url });
        Arc::new(Stored { value: item, version: 1 })
    }

    #[tokio::test]
    async fn it_takes_what_waits_and_a_search_finds_all_that_was_put() {
        let search = Search::start().unwrap();
        for number in 0..3 * super::super::WAITING_MAX {
            search.put(item(number)).unwrap();
            if number == super::super::WAITING_MAX {
                search.commit().unwrap();
            }
        }
        search.complete().unwrap();
        let parts = search.pending().writer.index().searchable_segment_ids().unwrap();
        assert_eq!(parts.len(), 1, "a search looks into one part");
        let last = 3 * super::super::WAITING_MAX - 1;
        for number in [0, last] {
            let found = search.find(&format!("{number}"), 0, 1).unwrap();
            assert_eq!(found.first().map(ItemId::as_str), Some(&*format!("i-{number}")));
        }
        search.put(item(last + 1)).unwrap();
        let all_taken = search.waiting.at_most(0);
        tokio::time::timeout(Duration::from_secs(30), all_taken).await.expect("it goes on");
    }

    #[tokio::test]
    async fn its_threads_are_patient_and_end_with_the_index() {
        let search = Search::start().unwrap();
        let threads = |name: &str| {
            let tasks = std::fs::read_dir("/proc/self/task").unwrap();
            let stats =
                tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("stat")).ok());
            stats.filter(|stat| stat.contains(name)).collect::<Vec<_>>()
        };
        // A thread's name has 15 bytes, its nice value is the 17th number behind it. Other tests start such threads too,
        // which are patient a moment later.
        let nice = |stat: &String| stat.rsplit(')').next().unwrap().split(' ').nth(17).unwrap().to_owned();
        let are_patient = || {
            let [ours, theirs] = [threads("(search-indexer)"), threads("(thrd-tantivy-in")];
            let is_patient = |stat: &String| nice(stat) == NICE.to_string();
            !ours.is_empty() && ours.iter().all(is_patient) && theirs.iter().any(is_patient)
        };
        let begun = Instant::now();
        while cfg!(target_os = "linux") && !are_patient() {
            assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", threads("(search-indexer)"));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let weak = Arc::downgrade(&search);
        drop(search);
        let begun = Instant::now();
        while weak.strong_count() > 0 {
            assert!(begun.elapsed() < 10 * LOOK_EVERY, "somebody has it still");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
