//! Catch-up: what waits in the journal alone goes to the durable store, oldest segment first, beside what is flushed from
//! memory. It begins when something spills, and gets on when the store follows again; a rate bounds what it asks of it.
//!
//! A piece is read, gathered into one write per session, written, and only then forgotten, so a read finds it here or in
//! the store, and a crash finds it in the journal. Writes are joins: what was written and not yet forgotten may be
//! written again.

use std::sync::Arc;

use tokio::time::{Duration, Instant};

use crate::{
    backlog::Backlog,
    flush::{REFUSED_RETRY, Writing},
    gathered::Gathered,
    journal::{PlaceReader, SegmentId, Segments},
    meters::Meters,
    record,
    settings::Settings,
    spill::{Entry, Piece, Spill},
};

/// The loop, and what it works with.
pub(crate) struct CatchUp {
    pub(crate) spill: Arc<Spill>,
    pub(crate) backlog: Arc<Backlog>,
    pub(crate) segments: Arc<Segments>,
    pub(crate) reader: PlaceReader,
    pub(crate) meters: Arc<Meters>,
    pub(crate) settings: Settings,
    pub(crate) writing: Writing,
}

impl CatchUp {
    /// Catches up until the engine stops. What is left then stays in the journal for the next start.
    pub(crate) async fn run(mut self) {
        let backlog = Arc::clone(&self.backlog);
        tokio::select! {
            biased;
            () = backlog.stopped() => {}
            () = backlog.given_up() => {}
            () = self.catch_up() => {}
        }
    }

    async fn catch_up(&mut self) {
        loop {
            let began = Instant::now();
            match self.spill.oldest(self.settings.flush_events_max, began) {
                Some(piece) => {
                    let events = self.take_back(&piece).await;
                    tokio::time::sleep_until(began + self.least_time(events)).await;
                }
                None => {
                    self.reader.unload();
                    self.wait().await;
                }
            }
        }
    }

    /// Waits until something is due.
    async fn wait(&self) {
        let retry = async {
            match self.spill.retry_at() {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.spill.arrived.notified() => {}
            () = retry => {}
        }
    }

    /// How long so many events take at least.
    fn least_time(&self, events: usize) -> Duration {
        match self.settings.spill.catch_up_events_s_max {
            0 => Duration::ZERO,
            events_s_max => Duration::from_secs_f64(events as f64 / events_s_max as f64),
        }
    }

    /// Takes as much of a piece to the store as one write holds. Returns how many events that were.
    async fn take_back(&mut self, piece: &Piece) -> usize {
        let (entries, gathered) = self.gather(piece);
        let events = gathered.events();
        match self.writing.write(&gathered.into_batch()).await {
            Ok(()) => self.let_go(piece.segment, &entries, events),
            Err(_) => self.take_back_singly(piece.segment, &entries).await,
        }
        events
    }

    /// One of them was refused for good: writes each alone, so that it does not hold up the others.
    async fn take_back_singly(&mut self, segment: SegmentId, entries: &[Entry]) {
        for entry in entries {
            let (entry, alone) = (std::slice::from_ref(entry), self.read(segment, *entry));
            let mut gathered = Gathered::new(&self.settings);
            gathered.extend(alone);
            let events = gathered.events();
            match self.writing.write(&gathered.into_batch()).await {
                Ok(()) => self.let_go(segment, entry, events),
                Err(error) => {
                    self.meters.flush_refused.inc();
                    tracing::error!(%error, %segment, "store refused this for good, it stays in the journal");
                    self.spill.put_off(segment, entry, Instant::now() + REFUSED_RETRY);
                }
            }
        }
    }

    fn gather(&mut self, piece: &Piece) -> (Vec<Entry>, Gathered) {
        let last = piece.entries.iter().map(|entry| entry.place()).max();
        last.into_iter().for_each(|last| self.reader.load(piece.segment, last));
        let (mut entries, mut gathered) = (Vec::new(), Gathered::new(&self.settings));
        for &entry in &piece.entries {
            gathered.extend(self.read(piece.segment, entry));
            entries.push(entry);
            if gathered.events() >= self.settings.flush_events_max {
                break;
            }
        }
        (entries, gathered)
    }

    /// A record; none if it cannot be read any more, as at a start: the rest is served, and the file is kept aside.
    fn read(&self, segment: SegmentId, entry: Entry) -> Option<record::Record> {
        let payload = self.reader.record(segment, entry.place());
        let record = payload.and_then(|payload| record::read(&payload).ok());
        if record.is_none() {
            tracing::error!(%segment, "journal record cannot be read any more, it is left out");
            self.segments.damaged(segment);
        }
        record
    }

    fn let_go(&self, segment: SegmentId, entries: &[Entry], events: usize) {
        self.spill.let_go(segment, entries, events);
        self.meters.caught_up.inc_by(events as u64);
        self.backlog.flushed.notify_waiters();
    }
}
