//! Reading on threads that may wait for the disk, and few of them: a thread that has read goes on with what waits behind
//! it. So where much is read at once, a read that finds its rows in memory wakes no thread of its own.

use super::{fault, opened::Opened};
use crate::StoreError;
use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};
use tokio::{
    sync::{Semaphore, oneshot},
    task,
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
    readers: usize,
    /// Readers that read no more, and have not let go of the tables.
    leaving: usize,
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
            let (opened, shared) = (Some(Arc::clone(&self.opened)), Arc::clone(&self.shared));
            let reader = Reader { opened, shared };
            drop(task::spawn_blocking(move || reader.run()));
        }
        answered.await.map_err(|_| fault::unread())?
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
        while queue.readers + queue.leaving > 0 {
            queue = self.shared.left.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// True where another reader is to begin: there is none, or too much waits for those that there are.
    fn push(&mut self, read: Read) -> bool {
        self.waiting.push_back(read);
        let begins = self.waiting.len() > self.readers * WAITING_PER_READER && self.readers < READERS_MAX;
        self.readers += usize::from(begins);
        begins
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
            let untold =
                if queue.readers == 0 { std::mem::take(&mut queue.waiting) } else { VecDeque::new() };
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
/// So many reads wait for each that the disk holds up, before another thread comes to their help.
const WAITING_PER_READER: usize = 4;

#[cfg(test)]
mod tests;
