//! Recovery: at start, what the journal holds goes the same way that it would have gone had the process not ended. It
//! becomes live again, where reads see it, and waits for its flush; what the durable store has already is left out.

use std::sync::Arc;

use playhead_store::{Clock, Description, Event, SessionKey, lease::Terms};
use tokio::time::Instant;

use crate::{
    backlog::Backlog,
    commit::{Durable, position_of},
    edge::Now,
    journal::{Hold, Journal, JournalError, Report},
    live::{Live, Opening, Playing, Session},
    opener::Opener,
    record::{self, Record},
    settings::Settings,
    tap::Tap,
};

/// Takes journal records back.
pub(crate) struct Recovery {
    pub(crate) live: Arc<Live>,
    pub(crate) opener: Opener,
    pub(crate) backlog: Arc<Backlog>,
    pub(crate) settings: Settings,
    pub(crate) now: Now,
    /// Nobody watches yet.
    pub(crate) tap: Tap,
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
    /// Records whose checksum is right and that mean nothing to this version.
    pub unreadable: u64,
}

impl Recovery {
    /// Takes all records back, a segment at a time, and says what state the files were in.
    pub(crate) async fn run(&mut self, journal: &mut Journal) -> Result<Report, JournalError> {
        let mut replay = journal.take_replay();
        loop {
            let mut records: Vec<(Vec<u8>, Hold)> = Vec::new();
            let has_more = replay.next_segment(|payload, hold| {
                records.push((payload.to_vec(), hold.clone()));
                Ok::<(), JournalError>(())
            })?;
            if !has_more {
                return Ok(replay.report());
            }
            for (payload, hold) in records {
                self.take(&payload, &hold).await;
            }
        }
    }

    /// Takes one record back.
    async fn take(&mut self, payload: &[u8], hold: &Hold) {
        match record::read(payload) {
            Ok(Record::Events { key, clock, description, events }) => {
                self.take_events(key, clock, description, events, hold).await;
            }
            Ok(Record::Mark { user, item, row }) => {
                let viewer = &self.live.viewer_or_new(&user);
                self.recovered.marks += 1;
                let row = &row;
                self.backlog.keep(Durable::Mark { viewer, item, row }, hold, Instant::now(), &self.tap);
            }
            Err(error) => {
                tracing::error!(%error, "journal record cannot be read, it is left out");
                self.recovered.unreadable += 1;
            }
        }
        self.wait_for_the_flush().await;
    }

    async fn take_events(
        &mut self,
        key: SessionKey,
        clock: Clock,
        description: Description,
        mut events: Vec<Event>,
        hold: &Hold,
    ) {
        let session = self.open(key, clock, &description).await;
        let offered = events.len();
        session.with(|state| events.retain(|event| !state.is_erased(event.at_ms)));
        let playing = session.playing(playing(&description));
        // Also what events say that the store has already: a crash may have kept them and not their position.
        let position = position_of(&events, &session, &playing, &self.settings);
        session.with(|state| events.retain(|event| state.seen.insert(event.seq)));
        self.recovered.events += events.len() as u64;
        self.recovered.known += (offered - events.len()) as u64;
        if events.is_empty() {
            let (viewer, item) = (&session.viewer, playing.playable.item.clone());
            if let Some(row) = &position {
                self.backlog.keep(Durable::Mark { viewer, item, row }, hold, Instant::now(), &self.tap);
            }
            return;
        }
        let (events, description, position) = (&*events, &description, position.as_ref());
        let durable = Durable::Events { session: &session, playing: &playing, description, events, position };
        self.backlog.keep(durable, hold, Instant::now(), &self.tap);
    }

    /// Makes the session live. When there is no room, waits until what is live is flushed and lets go of it.
    async fn open(&self, key: SessionKey, clock: Clock, description: &Description) -> Arc<Session> {
        let opening = Opening { key, order: description.order, playing: playing(description) };
        loop {
            let now_ms = (self.now)();
            let look_up = self.opener.look_up(&opening.key, clock);
            if let Ok(session) = self.live.session_or_open(opening.clone(), now_ms, look_up).await {
                return session;
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

fn playing(description: &Description) -> Playing {
    Playing {
        playable: description.playable.clone(),
        account: description.account.clone(),
        device: description.device.clone(),
        terms: Terms::unlimited(),
    }
}
