//! The one thread that writes. It owns every read-merge-write, so joins are atomic without locks, and where fjall holds
//! a writer up (its buffers are full, its files want compacting) it holds up this thread and no runtime's.

use super::{
    change, documents, erasing, fault, opened::Opened, recent::Recent, retention::Horizon, tables::Tables,
};
use crate::{
    ItemId, StoreError, StoreErrorKind, UserId,
    durable::{
        WriteBatch,
        documents::{Change, Own, Partition, Put},
    },
    erasure::ItemErasure,
};
use fjall::PersistMode;
use std::{
    sync::Arc,
    thread::{self, JoinHandle},
};
use tokio::sync::{mpsc, oneshot};

/// Hands work to the thread. Dropping it waits for what was handed over to be done.
pub(super) struct Writer {
    commands: Option<mpsc::Sender<Command>>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread can do, each with where its answer goes.
pub(super) enum Command {
    Write(WriteBatch, Answer),
    Persist(Answer),
    Erase(UserId, i64, Answer),
    EraseItems(Vec<(ItemId, ItemErasure)>, Answer),
    Put(Vec<Change>, Answer<Vec<Put>>),
    Purge(Partition, Answer),
}

/// Documents to be put, and whoever waits for that.
type Putting = (Vec<Change>, Answer<Vec<Put>>);

type Answer<T = ()> = oneshot::Sender<Result<T, StoreError>>;

impl Writer {
    pub(super) fn start(opened: Arc<Opened>, session_cache_bytes: usize) -> Result<Self, StoreError> {
        let (commands, received) = mpsc::channel(COMMANDS_MAX);
        let recent = Recent::new(session_cache_bytes);
        let state = State { opened, recent, session_cache_bytes, has_failed: false };
        let thread = thread::Builder::new().name("store-writer".into()).spawn(move || state.run(received));
        let thread = thread.map_err(|error| {
            StoreError::new(StoreErrorKind::Unavailable, "starting the embedded store's writer", error)
        })?;
        Ok(Self { commands: Some(commands), thread: Some(thread) })
    }

    /// Has something done, and waits for it. Whoever stops waiting after the command was taken cannot take it back.
    pub(super) async fn run<T>(&self, command: impl FnOnce(Answer<T>) -> Command) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let commands = self.commands.as_ref().ok_or_else(fault::stopped)?;
        commands.send(command(answer)).await.map_err(|_| fault::stopped())?;
        answered.await.map_err(|_| fault::unanswered())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been told to all who waited for it.
            let _ = thread.join();
        }
    }
}

struct State {
    opened: Arc<Opened>,
    recent: Recent,
    session_cache_bytes: usize,
    /// True after a failure that fjall does not get over by itself.
    has_failed: bool,
}

impl State {
    fn run(mut self, mut received: mpsc::Receiver<Command>) {
        let mut next = None;
        while let Some(command) = next.take().or_else(|| received.blocking_recv()) {
            // Whoever does not wait any longer will ask again.
            match command {
                Command::Write(batch, answer) => drop(answer.send(self.write(batch))),
                Command::Persist(answer) => drop(answer.send(self.change(|_, tables, _| persist(tables)))),
                Command::Erase(user, through_ms, answer) => drop(answer.send(self.erase(&user, through_ms))),
                Command::EraseItems(erasures, answer) => drop(answer.send(self.erase_items(&erasures))),
                Command::Put(changes, answer) => next = self.put_all((changes, answer), &mut received),
                Command::Purge(partition, answer) => drop(answer.send(self.purge(&partition))),
            }
        }
    }

    /// Puts this and what waits to be put behind it, with one fsync for all of it. Hands back the command that came behind.
    fn put_all(&mut self, first: Putting, received: &mut mpsc::Receiver<Command>) -> Option<Command> {
        let (mut all, mut behind) = (vec![first], None);
        while all.len() < PUTS_TOGETHER_MAX && behind.is_none() {
            match received.try_recv() {
                Ok(Command::Put(changes, answer)) => all.push((changes, answer)),
                Ok(other) => behind = Some(other),
                Err(_) => break,
            }
        }
        let put = self.change(|_, tables, _| {
            let mut outcomes = Vec::with_capacity(all.len());
            for (changes, _) in &all {
                match documents::put(tables, changes) {
                    // Those before it may be lost with it, when the tables are opened again.
                    Err(error) if error.is_retryable() => {
                        return Err(StoreError { kind: StoreErrorKind::Unknown, ..error });
                    }
                    outcome => outcomes.push(outcome),
                }
            }
            persist(tables).map(|()| outcomes)
        });
        let answers = all.into_iter().map(|(_, answer)| answer);
        match put {
            Ok(outcomes) => answers.zip(outcomes).for_each(|(answer, outcome)| drop(answer.send(outcome))),
            Err(StoreError { kind, what, source }) => {
                let mut source = source;
                answers.for_each(|answer| {
                    drop(answer.send(Err(StoreError { kind, what, source: source.take() })));
                });
            }
        }
        behind
    }

    fn purge(&mut self, partition: &Partition) -> Result<(), StoreError> {
        self.change(|_, tables, _| {
            documents::purge(tables, partition)?;
            persist(tables)
        })
    }

    fn write(&mut self, batch: WriteBatch) -> Result<(), StoreError> {
        self.change(|recent, tables, horizon| change::write(tables, &tables.view(horizon), recent, batch))
    }

    fn erase(&mut self, user: &UserId, through_ms: i64) -> Result<(), StoreError> {
        self.change(|_, tables, horizon| {
            erasing::mark(tables, &tables.view(horizon), user, through_ms)?;
            erasing::remove(tables, horizon, user)?;
            Own::ALL.iter().try_for_each(|own| documents::purge(tables, &own.of(user)))?;
            persist(tables)
        })
    }

    fn erase_items(&mut self, erasures: &[(ItemId, ItemErasure)]) -> Result<(), StoreError> {
        self.change(|_, tables, horizon| {
            erasing::mark_items(tables, &tables.view(horizon), erasures)?;
            persist(tables)
        })
    }

    /// Changes what is stored, on a disk that has room and tables that have not failed.
    fn change<T>(
        &mut self,
        change: impl FnOnce(&mut Recent, &Tables, &Horizon) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.opened.has_room()?;
        self.mend()?;
        let recent = &mut self.recent;
        let outcome = self.opened.with(|tables, horizon| change(recent, tables, horizon));
        self.has_failed = outcome.as_ref().is_err_and(StoreError::is_retryable);
        outcome
    }

    fn mend(&mut self) -> Result<(), StoreError> {
        if self.has_failed {
            self.opened.reopen()?;
            self.recent = Recent::new(self.session_cache_bytes);
            self.has_failed = false;
        }
        Ok(())
    }
}

fn persist(tables: &Tables) -> Result<(), StoreError> {
    let persisted = tables.database.persist(PersistMode::SyncAll);
    persisted.map_err(fault::in_writing("persisting the embedded store"))
}

/// Callers beyond this wait. Flush loops come a few at a time, each with a batch of bounded size; who writes documents comes
/// with a few of them.
const COMMANDS_MAX: usize = 64;
/// How many puts share an fsync at most.
const PUTS_TOGETHER_MAX: usize = 64;
