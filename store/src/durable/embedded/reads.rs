//! Reading on threads that may wait for the disk, and few of them: a thread that has read goes on with what waits behind
//! it. Waking one costs as much as some reads of what is in memory, so the first is woken when all who can run have queued
//! theirs, and others come to its help when much still waits a moment later: then the disk holds it up.

use super::{fault, opened::Opened};
use crate::StoreError;
use std::{
    collections::VecDeque,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::{Semaphore, oneshot},
    task, time,
};

/// What is to be read, and the readers that are at it. When it is dropped, nobody reads any more.
pub(super) struct Reads {
    opened: Arc<Opened>,
    shared: Arc<Shared>,
    room: Arc<Semaphore>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    left: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Read>,
    /// True while a reader is about to begin.
    is_beginning: bool,
    /// Readers that read.
    readers: usize,
    /// Readers that read no more, and have not let go of the tables.
    leaving: usize,
    /// True while somebody looks whether readers need help.
    is_watched: bool,
    /// True once no reader is to begin any more.
    is_closed: bool,
}

type Read = Box<dyn FnOnce(&Opened) + Send>;

impl Reads {
    pub(super) fn new(opened: Arc<Opened>) -> Self {
        Self { opened, shared: Arc::default(), room: Arc::new(Semaphore::new(QUEUED_MAX)) }
    }

    /// Reads, and waits for it. A read that nobody waits for any more when its turn comes is left out.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Opened) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        // Nobody closes it, so there always is one, sooner or later.
        let room = Arc::clone(&self.room).acquire_owned().await;
        let (answer, answered) = oneshot::channel();
        let read: Read = Box::new(move |opened| {
            let _room = room;
            if !answer.is_closed() {
                let found = catch_unwind(AssertUnwindSafe(|| read(opened)));
                // Whoever does not wait any longer will ask again.
                drop(answer.send(found.unwrap_or_else(|_| Err(fault::panicked()))));
            }
        });
        if self.shared.queue().push(read) {
            self.begin();
        }
        answered.await.map_err(|_| fault::unread())?
    }

    /// Starts a reader, and sees to it that it is not left alone.
    fn begin(&self) {
        let (opened, shared) = (Arc::downgrade(&self.opened), Some(Arc::clone(&self.shared)));
        let beginning = Beginning { opened, shared };
        let watch = Watch::begin(&self.opened, &self.shared);
        // A runtime of one thread may be held up by what its thread does.
        if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
            beginning.end();
            watch.map(|watch| task::spawn(watch.keep()));
            return;
        }
        task::spawn(async move {
            // Whoever can run now queues its read first.
            task::yield_now().await;
            beginning.end();
            if let Some(watch) = watch {
                watch.keep().await;
            }
        });
    }

    /// What is read.
    #[cfg(test)]
    pub(super) fn opened(&self) -> &Opened {
        &self.opened
    }
}

impl Drop for Reads {
    fn drop(&mut self) {
        let mut queue = self.shared.queue();
        // One that is about to begin may wait for this very thread.
        queue.is_closed = true;
        while queue.readers + queue.leaving > 0 {
            queue = self.shared.left.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// A reader is about to begin. It keeps no tables open.
struct Beginning {
    opened: Weak<Opened>,
    /// None once it has begun.
    shared: Option<Arc<Shared>>,
}

impl Beginning {
    /// It begins, unless nobody is to read any more.
    fn end(mut self) {
        let Some(shared) = self.shared.take() else { return };
        // Counted first: then the tables stay open.
        if !shared.queue().begin() {
            return;
        }
        if let Some(opened) = self.opened.upgrade() {
            Reader::new(opened, &shared).begin();
        }
    }
}

impl Drop for Beginning {
    /// One that never began, as its runtime shuts down: what waits for it is told.
    fn drop(&mut self) {
        let untold = self.shared.as_ref().map(|shared| shared.queue().give_up());
        drop(untold);
    }
}

/// Somebody looks whether readers need help. One does at a time.
struct Watch {
    opened: Weak<Opened>,
    /// None once it is over.
    shared: Option<Arc<Shared>>,
}

impl Watch {
    /// A watch, unless there is one.
    fn begin(opened: &Arc<Opened>, shared: &Arc<Shared>) -> Option<Self> {
        let is_watched = mem::replace(&mut shared.queue().is_watched, true);
        (!is_watched).then(|| Self { opened: Arc::downgrade(opened), shared: Some(Arc::clone(shared)) })
    }

    /// Sends others to the help of those that read, until none does.
    async fn keep(mut self) {
        loop {
            time::sleep(HELP_AFTER).await;
            let Some(shared) = &self.shared else { return };
            let Some(more) = shared.queue().help() else {
                self.shared = None;
                return;
            };
            // Those that were counted keep the tables open.
            let Some(opened) = self.opened.upgrade() else { return };
            (0..more).for_each(|_| Reader::new(Arc::clone(&opened), shared).begin());
        }
    }
}

impl Drop for Watch {
    /// One that was not over, as its runtime shuts down.
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            shared.queue().is_watched = false;
        }
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// True where a reader is to begin, since there is none.
    fn push(&mut self, read: Read) -> bool {
        self.waiting.push_back(read);
        let begins = self.readers == 0 && !self.is_beginning;
        self.is_beginning |= begins;
        begins
    }

    /// True where the reader that was about to begin does, which is counted.
    fn begin(&mut self) -> bool {
        let begins = mem::take(&mut self.is_beginning) && !self.is_closed;
        self.readers += usize::from(begins);
        begins
    }

    /// What waits for nobody, where no reader began.
    fn give_up(&mut self) -> VecDeque<Read> {
        self.is_beginning = false;
        if self.readers == 0 { mem::take(&mut self.waiting) } else { VecDeque::new() }
    }

    /// How many more are to read, which are counted; `None` where none reads or is about to, and the watch is over.
    fn help(&mut self) -> Option<usize> {
        if self.readers == 0 {
            self.is_watched = self.is_beginning;
            return self.is_beginning.then_some(0);
        }
        let wanted = self.waiting.len().div_ceil(WAITING_PER_READER) + self.readers;
        let more = wanted.min(READERS_MAX).saturating_sub(self.readers);
        self.readers += more;
        Some(more)
    }

    /// The next read; where there is none, a reader leaves.
    fn next(&mut self) -> Option<Read> {
        let next = self.waiting.pop_front();
        self.readers -= usize::from(next.is_none());
        self.leaving += usize::from(next.is_none());
        next
    }
}

/// A thread that reads.
struct Reader {
    /// None once it leaves.
    opened: Option<Arc<Opened>>,
    shared: Arc<Shared>,
}

impl Reader {
    /// One that was counted.
    fn new(opened: Arc<Opened>, shared: &Arc<Shared>) -> Self {
        Self { opened: Some(opened), shared: Arc::clone(shared) }
    }

    fn begin(self) {
        drop(task::spawn_blocking(move || self.run()));
    }

    fn run(mut self) {
        let Some(opened) = self.opened.take() else { return };
        loop {
            let next = self.shared.queue().next();
            let Some(read) = next else { break };
            read(&opened);
        }
        drop(opened);
        self.shared.queue().leaving -= 1;
        self.shared.left.notify_all();
    }
}

impl Drop for Reader {
    /// One that never ran, as the runtime shuts down: what waits for it is told.
    fn drop(&mut self) {
        if self.opened.take().is_some() {
            let mut queue = self.shared.queue();
            queue.readers -= 1;
            let untold = if queue.readers == 0 { mem::take(&mut queue.waiting) } else { VecDeque::new() };
            drop(queue);
            drop(untold);
            self.shared.left.notify_all();
        }
    }
}

/// More would only queue at the disk, and each holds a thread.
const READERS_MAX: usize = 32;
/// So many reads are queued, those of callers who have left among them; further callers wait for room.
const QUEUED_MAX: usize = 1_024;
/// When reads still wait after so long, others come to the readers' help.
const HELP_AFTER: Duration = Duration::from_millis(1);
/// So many reads each of them is there for.
const WAITING_PER_READER: usize = 4;

#[cfg(test)]
mod tests;
