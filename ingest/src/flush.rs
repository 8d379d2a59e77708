//! Flush: what is committed waits per session until it is old enough or there is enough of it, then goes to the durable
//! store in one write. Nothing is dropped: a store that cannot take it now is asked again, later and later; journal
//! segments are removed only behind what the store holds for good.

mod again;
mod backoff;
mod settling;
mod writing;

use std::sync::Arc;

use playhead_store::{
    StoreError,
    durable::{Durable, WriteBatch},
};
use tokio::time::{Duration, Instant, timeout};

pub(crate) use self::{again::Again, backoff::Backoff, writing::Writing};
use self::{again::Records, settling::Settling};
use crate::{
    backlog::{Backlog, Due, Unflushed},
    edge::Now,
    journal::Segments,
    live::Live,
    meters::Meters,
    settings::Settings,
    spill::Spill,
};

/// How long data that the store refused for good waits before it is tried again: the cause must be mended by hand.
pub(crate) const REFUSED_RETRY: Duration = Duration::from_secs(30);
/// The longest sleep between two looks at the backlog.
const LOOK_MAX: Duration = Duration::from_secs(1);
/// How often idle sessions leave memory.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

/// The flush loop and what it works with.
pub(crate) struct Flush {
    pub(crate) backlog: Arc<Backlog>,
    pub(crate) spill: Arc<Spill>,
    pub(crate) durable: Arc<dyn Durable>,
    pub(crate) segments: Arc<Segments>,
    pub(crate) live: Arc<Live>,
    pub(crate) meters: Arc<Meters>,
    pub(crate) settings: Settings,
    pub(crate) now: Now,
    pub(crate) writing: Writing,
}

/// What one write takes, and whose it is.
#[derive(Default)]
struct Round {
    owners: Vec<Due>,
    batch: WriteBatch,
}

impl Flush {
    /// Flushes until the backlog is stopped and empty, or abandoned. Returns true when nothing is left.
    pub(crate) async fn run(mut self) -> bool {
        let backlog = Arc::clone(&self.backlog);
        let (live, now) = (Arc::clone(&self.live), Arc::clone(&self.now));
        let swept = sweep(&live, now, self.settings.session_idle_ms);
        tokio::select! {
            biased;
            // Whatever is cut short here is as good as a write of unknown outcome: it is still in the journal.
            () = backlog.given_up() => false,
            is_empty = self.flush_until_stopped() => is_empty,
            () = swept => false,
        }
    }

    async fn flush_until_stopped(&mut self) -> bool {
        self.durable.expire((self.now)());
        let mut trimmed = Instant::now();
        let mut settling = Settling::new(Duration::from_millis(self.durable.settles_in_ms()));
        loop {
            let is_stopping = self.backlog.is_stopping();
            let round = self.take_round(is_stopping);
            if !round.owners.is_empty() {
                self.flush(round).await;
                self.write_again(&mut settling).await;
            } else if is_stopping {
                return self.finish(&mut settling).await;
            } else {
                self.wait().await;
            }
            if trimmed.elapsed() >= Duration::from_millis(self.settings.trim_every_ms) {
                trimmed = Instant::now();
                self.durable.expire((self.now)());
                self.write_again(&mut settling).await;
                self.trim(&mut settling).await;
            }
        }
    }

    /// Takes what is due: what is old enough, or the oldest when there is too much of it.
    fn take_round(&self, is_stopping: bool) -> Round {
        let is_enough = is_stopping || self.backlog.events() >= self.settings.backlog_events_enough();
        let age = if is_enough { Duration::ZERO } else { self.flush_age() };
        let now = Instant::now();
        let before = now.checked_sub(age).unwrap_or(now);
        let mut round = Round::default();
        let mut events = 0;
        while events < self.settings.flush_events_max {
            let Some(due) = self.backlog.take_due(before) else { break };
            events += round.add(due, self.settings.flush_events_max);
        }
        round
    }

    /// Sleeps until the oldest is due, there is too much to wait for it, or a look is due anyway.
    async fn wait(&self) {
        let Some(oldest) = self.backlog.oldest() else {
            // Nothing waits: whatever comes first sets the time.
            return drop(timeout(LOOK_MAX, self.backlog.arrived.notified()).await);
        };
        let left = self.flush_age().saturating_sub(oldest.elapsed());
        tokio::select! {
            biased;
            () = tokio::time::sleep(left.clamp(Duration::from_millis(1), LOOK_MAX)) => {}
            () = self.backlog.is_enough.notified() => {}
            () = self.backlog.stopped() => {}
        }
    }

    fn flush_age(&self) -> Duration {
        Duration::from_millis(self.settings.flush_age_ms)
    }

    /// Writes a round, however long it takes. What the store refuses for good is put back for much later.
    async fn flush(&mut self, round: Round) {
        let started = Instant::now();
        match self.writing.write(&round.batch).await {
            Ok(()) => self.let_go(round.owners),
            Err(_) => self.flush_singly(round.owners).await,
        }
        self.meters.flush.observe(started.elapsed().as_secs_f64());
    }

    /// One of them was refused: writes each alone, so that it does not hold up the others.
    async fn flush_singly(&mut self, owners: Vec<Due>) {
        for due in owners {
            due.not_written();
            let mut alone = Round::default();
            alone.add(due, self.settings.flush_events_max);
            match self.writing.write(&alone.batch).await {
                Ok(()) => self.let_go(alone.owners),
                Err(error) => self.put_back(alone.owners, &error),
            }
        }
    }

    /// Behind an outage, writes again what the store may have lost in it. That has to settle anew.
    async fn write_again(&mut self, settling: &mut Settling) {
        loop {
            let segments = self.writing.again.take();
            if segments.is_empty() {
                return;
            }
            for id in segments {
                let Ok(mut records) = Records::of(&self.segments, id).inspect_err(
                    |error| tracing::error!(%error, segment = %id, "journal cannot be read again"),
                ) else {
                    continue;
                };
                while let Some((batch, events)) = records.next(&self.settings) {
                    // What is refused for good now was so before, and is told of there.
                    let _ = self.writing.write(&batch).await;
                    self.meters.flush_repeated.inc_by(events as u64);
                }
            }
            settling.begin_again(Instant::now());
        }
    }

    fn let_go(&self, owners: Vec<Due>) {
        let now = Instant::now();
        let mut gone = 0;
        for due in owners {
            let (written, has_more) = due.written();
            gone += written;
            if has_more {
                self.backlog.add(Due { since: now, what: due.what });
            }
        }
        self.backlog.shrink(gone);
    }

    fn put_back(&self, owners: Vec<Due>, error: &StoreError) {
        for due in owners {
            due.not_written();
            self.meters.flush_refused.inc();
            tracing::error!(%error, owner = %due.what, "store refused this for good, it stays in the journal");
            let since = Instant::now() + REFUSED_RETRY;
            self.backlog.add_refused(Due { since, what: due.what });
        }
    }

    /// Removes the journal segments that the store holds for good. The order matters: first see what nobody needs any
    /// more, then give the store its time and make it lasting, then remove.
    async fn trim(&self, settling: &mut Settling) -> bool {
        if self.writing.again.is_open() {
            return true;
        }
        let settled = settling.note(self.segments.trimmable(), Instant::now());
        let Some(through) = settled else { return true };
        if let Err(error) = self.durable.persist().await {
            tracing::warn!(%error, "store could not persist, journal is kept");
            return false;
        }
        match self.segments.trim(through) {
            Ok(_) => true,
            Err(error) => {
                tracing::warn!(%error, "journal could not be trimmed");
                false
            }
        }
    }

    async fn finish(&self, settling: &mut Settling) -> bool {
        let is_empty = self.backlog.events() == 0 && self.spill.is_empty();
        let is_lasting = self.durable.persist().await.is_ok();
        self.trim(settling).await && is_empty && is_lasting
    }
}

/// Lets idle sessions leave memory, also while a store that is away holds the flush up. Does not end.
async fn sweep(live: &Live, now: Now, session_idle_ms: i64) {
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        live.sweep(now() - session_idle_ms);
    }
}

impl Round {
    /// Adds what is due to the write. Returns how many events that are.
    fn add(&mut self, due: Due, events_max: usize) -> usize {
        let events = match &due.what {
            Unflushed::Session(session) => {
                let write = session.begin_write(events_max);
                let events = write.as_ref().map_or(0, |write| write.events.len());
                self.batch.sessions.extend(write);
                events
            }
            Unflushed::Viewer(viewer) => {
                let writes = viewer.begin_write();
                let positions = writes.len();
                self.batch.positions.extend(writes);
                positions
            }
        };
        self.owners.push(due);
        events
    }
}

impl Due {
    fn written(&self) -> (usize, bool) {
        match &self.what {
            Unflushed::Session(session) => session.written(),
            Unflushed::Viewer(viewer) => viewer.written(),
        }
    }

    fn not_written(&self) {
        match &self.what {
            Unflushed::Session(session) => session.not_written(),
            Unflushed::Viewer(viewer) => viewer.not_written(),
        }
    }
}
