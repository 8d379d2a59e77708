//! Commit: as soon as the previous commit is done, take all that waits in the shards, append it to the journal with one
//! fsync, tell the hot store beside it, then settle the tickets. Batches grow under load by themselves, and a little
//! more since commits then keep their distance ([`pace`]); an idle server adds no delay.
//!
//! The loop blocks its thread while it writes, so it has one of its own. It is the only place where events become
//! durable, and the only one that says so.

mod pace;
mod work;

use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use playhead_store::{
    StoreError,
    hot::{Hot, HotUpdate, Verdict},
};
use tokio::{runtime::Handle, task::JoinHandle, time::Instant};

pub(crate) use self::work::{Durable, position_of};
use self::work::{Settled, Work};
use crate::{
    backlog::Backlog,
    edge::Now,
    intake::Intake,
    journal::{Batch, Hold, Journal, JournalError},
    leases::Leases,
    meters::Meters,
    settings::Settings,
    shard::Pending,
    tally::{Ending, LostCause, Tally},
    tap::Tap,
};

/// How long nothing is taken after the journal's disk was full: then the next commit tries again.
const FULL_RETRY: Duration = Duration::from_millis(250);

/// The commit loop and what it works with.
pub(crate) struct Commit {
    pub(crate) intake: Arc<Intake>,
    pub(crate) journal: Journal,
    pub(crate) hot: Arc<dyn Hot>,
    pub(crate) leases: Arc<Leases>,
    /// Where the hot store's connections live.
    pub(crate) runtime: Handle,
    pub(crate) backlog: Arc<Backlog>,
    pub(crate) tally: Arc<Tally>,
    pub(crate) tap: Tap,
    pub(crate) meters: Arc<Meters>,
    pub(crate) settings: Settings,
    pub(crate) now: Now,
    pub(crate) memory: Memory,
}

/// Memory that is used again from commit to commit.
#[derive(Default)]
pub(crate) struct Memory {
    /// What each shard continues on while its events are committed.
    spare: Vec<Pending>,
    /// The records of the commit.
    batch: Batch,
    /// What the commit does.
    work: Work,
    /// What the hot store is told of it.
    hot_updates: Vec<HotUpdate>,
    next_shard: usize,
    /// When the last commit began, and how many frames it had.
    last: Option<(Instant, usize)>,
}

impl Commit {
    /// Commits until the intake is closed and everything taken is settled.
    ///
    /// # Errors
    /// The journal is broken: nothing was acknowledged since its last good commit, and the process must stop.
    pub(crate) async fn run(mut self) -> Result<(), JournalError> {
        loop {
            let is_closed = self.intake.is_closed();
            self.keep_distance().await;
            if self.take() {
                self.wait_for_the_flush().await;
                self.commit().await.inspect_err(|_| self.abandon())?;
            } else if is_closed {
                return Ok(());
            } else {
                self.intake.wake_commit().notified().await;
            }
        }
    }

    /// Waits until the next commit may begin. One that is full gains nothing by waiting.
    async fn keep_distance(&self) {
        let Some((began, frames)) = self.memory.last else { return };
        if self.intake.holds(self.settings.commit_events_max) {
            return;
        }
        let distance = Duration::from_millis(self.settings.commit_distance_ms);
        let wait = pace::wait(distance, began.elapsed(), frames);
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }

    /// Takes what waits, shard by shard, up to a bound. False when nothing did.
    fn take(&mut self) -> bool {
        let shards = self.intake.shards();
        for _ in 0..shards.len() {
            if self.memory.work.events() >= self.settings.commit_events_max {
                break;
            }
            // The next commit goes on where this one stops, so no shard waits for ever.
            self.memory.next_shard = (self.memory.next_shard + 1) % shards.len();
            let Some(shard) = shards.get(self.memory.next_shard) else { break };
            if shard.with(|pending| pending.is_empty()) {
                continue;
            }
            let spare = self.memory.spare.pop().unwrap_or_else(|| self.intake.empty_pending());
            let mut pending = shard.take(spare);
            self.memory.work.add(&mut pending, &self.settings);
            self.memory.spare.push(pending);
        }
        !self.memory.work.is_empty()
    }

    /// The durable store is behind: commits wait, then shards fill, then intake is busy.
    async fn wait_for_the_flush(&self) {
        loop {
            let flushed = self.backlog.flushed.notified();
            if self.backlog.events() < self.settings.backlog_events_max || self.intake.is_closed() {
                return;
            }
            tokio::select! {
                () = flushed => {}
                () = self.intake.closed() => return,
            }
        }
    }

    async fn commit(&mut self) -> Result<(), JournalError> {
        let started = Instant::now();
        self.memory.last = Some((started, self.memory.work.frames()));
        let now_ms = (self.now)();
        self.memory.work.encode(&mut self.memory.batch)?;
        let asked = self.ask_hot(now_ms);
        let hold = match self.append(now_ms) {
            Err(error @ JournalError::Full(_)) => {
                self.turn_away(&error);
                self.rest().await;
                return Ok(());
            }
            appended => appended?,
        };
        let verdicts = self.hear_hot(asked).await;
        self.meters.commit.observe(started.elapsed().as_secs_f64());
        self.settle(hold.as_ref(), &verdicts, started);
        Ok(())
    }

    fn append(&mut self, now_ms: i64) -> Result<Option<Hold>, JournalError> {
        if self.memory.batch.is_empty() {
            return Ok(None);
        }
        let started = Instant::now();
        let hold = self.journal.commit(&mut self.memory.batch, now_ms)?;
        self.meters.append.observe(started.elapsed().as_secs_f64());
        self.memory.batch.clear();
        Ok(Some(hold))
    }

    /// The disk is full, and nothing of this commit counts: all that is held ends busy, and so does what comes now.
    ///
    /// The doors are shut first, so that this comes to an end and whoever knocks is answered at once. What a stream sent
    /// behind a frame that is turned away goes with it, now or at the door: its ticket asks for that frame first.
    fn turn_away(&mut self, error: &JournalError) {
        tracing::warn!(%error, "journal full, nothing is taken for a while");
        self.meters.journal_full.inc();
        self.intake.shut_doors();
        self.memory.batch.clear();
        loop {
            self.memory.work.turn_away(|ending, events| self.tally.end(ending, events));
            if !self.take() {
                return;
            }
        }
    }

    /// Takes nothing for a while.
    async fn rest(&self) {
        tokio::select! {
            () = tokio::time::sleep(FULL_RETRY) => {}
            () = self.intake.closed() => {}
        }
        self.intake.open_doors();
    }

    /// Begins telling the hot store. An embedded one answers at once; another works beside the fsync.
    fn ask_hot(&mut self, now_ms: i64) -> Asked {
        let mut updates = std::mem::take(&mut self.memory.hot_updates);
        self.memory.work.put_hot_updates(&self.leases, now_ms, &mut updates);
        let hot = Arc::clone(&self.hot);
        let mut answer: BoxFuture<'static, _> = async move {
            let verdicts =
                if updates.is_empty() { Ok(Vec::new()) } else { hot.apply(&updates, now_ms).await };
            updates.clear();
            (updates, verdicts)
        }
        .boxed();
        match (&mut answer).now_or_never() {
            Some(answer) => Asked::Answered(answer),
            None => Asked::Waiting(self.runtime.spawn(answer)),
        }
    }

    /// The hot store's verdicts. Without an answer in time everybody goes on as before: it never fails an acknowledgement.
    async fn hear_hot(&mut self, asked: Asked) -> Vec<Verdict> {
        let patience = Duration::from_millis(self.settings.hot_ms_max);
        let answer = match asked {
            Asked::Answered(answer) => Some(answer),
            Asked::Waiting(task) => tokio::time::timeout(patience, task).await.ok().and_then(Result::ok),
        };
        let verdicts = answer.and_then(|(updates, verdicts)| {
            self.memory.hot_updates = updates;
            verdicts.ok()
        });
        verdicts.unwrap_or_else(|| {
            self.meters.hot_failed.inc();
            Vec::new()
        })
    }

    /// Shows reads, the flush and the tap what is durable now, then answers.
    fn settle(&mut self, hold: Option<&Hold>, verdicts: &[Verdict], now: Instant) {
        self.memory.work.hear(verdicts, &self.leases);
        let sum = self.memory.work.settle(|durable| {
            if let Some(hold) = hold {
                self.backlog.keep(durable, hold, now, &self.tap);
            }
        });
        sum.count(&self.tally);
    }

    /// The journal is broken: what is held will never be acknowledged, and its holders are told. Whether it is on the
    /// disk, nobody knows.
    fn abandon(&mut self) {
        self.intake.close();
        while self.take() {
            self.tally.end(Ending::Lost(LostCause::JournalBroken), self.memory.work.abandon());
        }
    }
}

enum Asked {
    Answered(HotAnswer),
    Waiting(JoinHandle<HotAnswer>),
}

/// The memory of the updates, emptied, and the verdicts.
type HotAnswer = (Vec<HotUpdate>, Result<Vec<Verdict>, StoreError>);

impl Settled {
    fn count(&self, tally: &Tally) {
        tally.end(Ending::Stored, self.stored);
        tally.end(Ending::Duplicate, self.duplicate);
        for &reason in &self.refused {
            tally.end(Ending::Rejected(reason), 1);
        }
    }
}
