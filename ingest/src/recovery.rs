//! Recovery: at start, what the journal holds goes the same way that it would have gone had the process not ended. It
//! becomes live again, where reads see it, and waits for its flush; what the durable store has already is left out. What is
//! too much for that is left where it is (`spill`).

use std::sync::Arc;

use playhead_store::{Clock, Description, SessionKey, lease::Terms};
use tokio::time::{Duration, Instant};

use crate::{
    backlog::Backlog,
    commit::{Durable, position_of},
    edge::Now,
    journal::{Hold, Journal, JournalError, Place, Report},
    live::{Live, Opening, Playing, Session},
    opener::Opener,
    record::{self, Record},
    settings::Settings,
    spill::Spill,
};

/// Takes journal records back.
pub(crate) struct Recovery {
    pub(crate) live: Arc<Live>,
    pub(crate) opener: Opener,
    pub(crate) backlog: Arc<Backlog>,
    pub(crate) spill: Arc<Spill>,
    pub(crate) settings: Settings,
    pub(crate) now: Now,
    /// When it began.
    pub(crate) begun: Option<Instant>,
    pub(crate) recovered: Recovered,
}

/// What a start found in the journal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Events that the durable store lacked.
    pub events: u64,
    /// Events that it had already, or that were erased since.
    pub known: u64,
    /// Explicit marks.
    pub marks: u64,
    /// Events and marks that were left where they are, to be caught up.
    pub spilled: u64,
    /// Records whose checksum is right and that mean nothing to this version.
    pub unreadable: u64,
}

/// A record on its way back, and where it rests.
struct Found {
    payload: Vec<u8>,
    hold: Hold,
    place: Place,
}

impl Recovery {
    /// Takes all records back, a segment at a time, and says what state the files were in.
    ///
    /// Where what does not fit into memory may wait in the journal, nobody waits for a store: what is looked up in it
    /// takes [`LOOK_UPS_MAX`] at most, and what is left is noted where it is, to be caught up beside what comes next.
    pub(crate) async fn run(&mut self, journal: &mut Journal) -> Result<Report, JournalError> {
        self.begun = Some(Instant::now());
        let mut replay = journal.take_replay();
        loop {
            let mut records = Vec::new();
            let has_more = replay.next_segment(|payload, hold, place| {
                records.push(Found { payload: payload.to_vec(), hold: hold.clone(), place });
                Ok::<(), JournalError>(())
            })?;
            if !has_more {
                return Ok(replay.report());
            }
            for found in records {
                self.take(&found).await;
            }
        }
    }

    /// Takes one record back.
    async fn take(&mut self, found: &Found) {
        let record = match record::read(&found.payload) {
            Ok(record) => record,
            Err(error) => {
                tracing::error!(%error, "journal record cannot be read, it is left out");
                self.recovered.unreadable += 1;
                return;
            }
        };
        if self.must_spill() {
            return self.spill(&record, found);
        }
        let hold = &found.hold;
        match record {
            Record::Events { ref key, clock, ref description, .. } => {
                match self.open(key.clone(), clock, description).await {
                    Some(session) => self.take_events(&session, record, hold),
                    None => return self.spill(&record, found),
                }
            }
            Record::Mark { user, item, row } => {
                let viewer = &self.live.viewer_or_new(&user);
                self.recovered.marks += 1;
                let row = &row;
                self.backlog.keep(Durable::Mark { viewer, item, row }, hold, Instant::now());
            }
        }
        if !self.spill.is_allowed() {
            self.wait_for_the_flush().await;
        }
    }

    fn must_spill(&self) -> bool {
        let is_late = self.begun.is_some_and(|begun| begun.elapsed() >= LOOK_UPS_MAX);
        self.spill.is_allowed() && (is_late || self.backlog.events() >= self.settings.backlog_events_max)
    }

    /// Leaves a record where it is, for the catch-up.
    fn spill(&mut self, record: &Record, found: &Found) {
        self.spill.add(&found.hold, Instant::now()).record(record.user(), found.place, record.events());
        self.recovered.spilled += record.events() as u64;
        // What earlier records made live knows these numbers too.
        if let Record::Events { key, events, .. } = record
            && let Some(session) = self.live.session(key)
        {
            session.with(|state| {
                for event in events {
                    if !state.is_erased(event.at_ms) {
                        state.seen.insert(event.seq);
                    }
                }
            });
        }
    }

    fn take_events(&mut self, session: &Arc<Session>, record: Record, hold: &Hold) {
        let Record::Events { description, mut events, .. } = record else { return };
        let offered = events.len();
        session.with(|state| events.retain(|event| !state.is_erased(event.at_ms)));
        let playing = session.playing(playing(&description));
        // Also what events say that the store has already: a crash may have kept them and not their position.
        let position = position_of(&events, session, &playing, &self.settings);
        session.with(|state| events.retain(|event| state.seen.insert(event.seq)));
        self.recovered.events += events.len() as u64;
        self.recovered.known += (offered - events.len()) as u64;
        if events.is_empty() {
            let (viewer, item) = (&session.viewer, playing.playable.item.clone());
            if let Some(row) = &position {
                self.backlog.keep(Durable::Mark { viewer, item, row }, hold, Instant::now());
            }
            return;
        }
        let (events, description, position) = (&*events, &description, position.as_ref());
        let durable = Durable::Events { session, playing: &playing, description, events, position };
        self.backlog.keep(durable, hold, Instant::now());
    }

    /// Makes the session live. When there is no room, waits until what is live is flushed and lets go of it; none where
    /// nobody has to wait.
    async fn open(&self, key: SessionKey, clock: Clock, description: &Description) -> Option<Arc<Session>> {
        let opening = Opening { key, order: description.order, playing: playing(description) };
        loop {
            let now_ms = (self.now)();
            let look_up = self.opener.look_up(&opening.key, clock);
            if let Ok(session) = self.live.session_or_open(opening.clone(), now_ms, look_up).await {
                return Some(session);
            }
            if self.spill.is_allowed() {
                return None;
            }
            self.wait_below(1).await;
            self.live.sweep(i64::MAX);
        }
    }

    async fn wait_for_the_flush(&self) {
        self.wait_below(self.settings.backlog_events_max).await;
    }

    async fn wait_below(&self, events_max: usize) {
        loop {
            let flushed = self.backlog.flushed.notified();
            if self.backlog.events() < events_max {
                return;
            }
            flushed.await;
        }
    }
}

/// How long sessions are looked up in a store that may be away: half of a start's ten seconds go to connecting and to
/// reading the journal.
const LOOK_UPS_MAX: Duration = Duration::from_secs(2);

fn playing(description: &Description) -> Playing {
    Playing {
        playable: description.playable.clone(),
        account: description.account.clone(),
        device: description.device.clone(),
        terms: Terms::unlimited(),
    }
}
