//! Commit: as soon as the previous commit is done, take all that waits in the shards, append it to the journal with one
//! fsync, tell the hot store beside it, then settle the tickets. Batches grow under load by themselves, and a little
//! more since commits then keep their distance ([`pace`]); an idle server adds no delay.
//!
//! The loop blocks its thread while it writes, so it has one of its own. It is the only place where events become
//! durable, and the only one that says so.

mod asking;
mod log;
mod pace;
mod work;

use std::{sync::Arc, time::Duration};

use playhead_store::hot::{Hot, HotUpdate, Verdict};
use tokio::{runtime::Handle, time::Instant};

pub(crate) use self::{
    log::Log,
    work::{Durable, position_of},
};
use self::{
    log::{NotDurable, Rest},
    work::Work,
};
use crate::{
    backlog::Backlog,
    edge::Now,
    intake::Intake,
    journal::{Batch, JournalError, Place},
    leases::Leases,
    meters::Meters,
    settings::Settings,
    shard::Pending,
    spill::Spill,
    tally::{Ending, LostCause, Tally},
    tap::Tap,
};

/// How long nothing is taken after the journal's disk was full: then the next commit tries again.
const FULL_RETRY: Duration = Duration::from_millis(250);

/// With a store that follows slowly every commit waits; the log hears of it this often.
const TELL_FULL_EVERY: Duration = Duration::from_secs(10);
/// How long the durable store may take for what was taken before the intake closed, where there is no journal. What is not
/// stored by then ends busy.
const LAST_WRITES: Duration = Duration::from_secs(2);

/// The commit loop and what it works with.
pub(crate) struct Commit {
    pub(crate) intake: Arc<Intake>,
    pub(crate) log: Log,
    pub(crate) hot: Arc<dyn Hot>,
    pub(crate) leases: Arc<Leases>,
    /// Where the hot store's connections live.
    pub(crate) runtime: Handle,
    pub(crate) backlog: Arc<Backlog>,
    pub(crate) spill: Arc<Spill>,
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
    /// When it was last told that there is no room for more of a backlog.
    told_full: Option<Instant>,
    /// When the intake was found closed.
    closed_at: Option<Instant>,
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
                self.wait_for_room().await;
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

    /// The durable store is behind, and neither memory nor the journal has room for more of a backlog: commits wait, then
    /// shards fill, then intake is busy.
    async fn wait_for_room(&mut self) {
        if self.has_room() {
            return;
        }
        self.meters.backlog_full.inc();
        if self.memory.told_full.is_none_or(|at| at.elapsed() >= TELL_FULL_EVERY) {
            self.memory.told_full = Some(Instant::now());
            tracing::warn!(waiting = ?self.spill.stats(), "store is too far behind, nothing is taken until it follows");
        }
        loop {
            let flushed = self.backlog.flushed.notified();
            if self.has_room() {
                return;
            }
            tokio::select! {
                () = flushed => {}
                () = self.intake.closed() => return,
            }
        }
    }

    fn has_room(&self) -> bool {
        !self.is_memory_full() || self.spill.has_room() || self.intake.is_closed()
    }

    fn is_memory_full(&self) -> bool {
        self.backlog.events() >= self.settings.backlog_events_max
    }

    async fn commit(&mut self) -> Result<(), JournalError> {
        let started = Instant::now();
        self.memory.last = Some((started, self.memory.work.frames()));
        let now_ms = (self.now)();
        let asked = self.ask_hot(now_ms);
        let rest = match self.append(now_ms).await {
            Ok(rest) => rest,
            Err(NotDurable::Journal(error)) if !matches!(error, JournalError::Full(_)) => return Err(error),
            Err(error) => {
                self.turn_away(&error);
                self.rest().await;
                return Ok(());
            }
        };
        let verdicts = self.hear_hot(asked).await;
        self.meters.commit.observe(started.elapsed().as_secs_f64());
        self.settle(&rest, &verdicts, started);
        Ok(())
    }

    async fn append(&mut self, now_ms: i64) -> Result<Rest, NotDurable> {
        let started = Instant::now();
        let Memory { work, batch, closed_at, .. } = &mut self.memory;
        batch.clear();
        let (is_spilling, with) = (!self.spill.is_empty(), (&self.settings, &*self.meters));
        let rest = tokio::select! {
            biased;
            rest = self.log.append(work, batch, now_ms, is_spilling, with) => rest?,
            () = out_of_time(&self.intake, closed_at) => return Err(NotDurable::Stopping),
        };
        if !batch.is_empty() {
            self.meters.append.observe(started.elapsed().as_secs_f64());
        }
        Ok(rest)
    }

    /// The disk is full, or without a journal the store is away, and nothing of this commit counts: all that is held ends
    /// busy, and so does what comes now.
    ///
    /// The doors are shut first, so that this comes to an end and whoever knocks is answered at once. What a stream sent
    /// behind a frame that is turned away goes with it, now or at the door: its ticket asks for that frame first.
    fn turn_away(&mut self, error: &NotDurable) {
        tracing::warn!(%error, "nothing can be made durable, nothing is taken for a while");
        self.meters.journal_full.inc_by(u64::from(matches!(error, NotDurable::Journal(_))));
        self.intake.shut_doors();
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

    /// Shows reads, the flush and the tap what is durable now, then counts it and answers. What memory has no room for
    /// waits in the journal alone.
    fn settle(&mut self, rest: &Rest, verdicts: &[Verdict], now: Instant) {
        let spills = self.is_memory_full() && self.spill.is_allowed();
        let Memory { work, batch, .. } = &mut self.memory;
        work.hear(verdicts, &self.leases);
        let (mut begins, mut spilling) = (batch.begins(), None);
        let keep = |durable: Durable<'_>| {
            durable.show(&self.tap);
            let Rest::Journal(hold, at) = rest else { return };
            let begin = begins.next().filter(|_| spills);
            let Some(begin) = begin else { return self.backlog.keep(durable, hold, now) };
            let events = durable.events();
            let adding = spilling.get_or_insert_with(|| self.spill.add(hold, now));
            adding.record(durable.user(), Place::at(at + begin), events);
            self.meters.spilled.inc_by(events as u64);
        };
        work.settle(keep, |ending, events| self.tally.end(ending, events));
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

/// Resolves when the last writes have had their time. An append to the journal does not wait, and is never cut off.
async fn out_of_time(intake: &Intake, closed_at: &mut Option<Instant>) {
    intake.closed().await;
    let closed_at = *closed_at.get_or_insert_with(Instant::now);
    tokio::time::sleep_until(closed_at + LAST_WRITES).await;
}
