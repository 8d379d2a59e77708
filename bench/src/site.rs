//! An engine to measure.

use std::{sync::Arc, time::Duration};

use playhead_ingest::{
    admission::RawEvent,
    edge::Doors,
    engine::{Engine, Parts, Threads},
    identity::Development,
    intake::{Admitted, Offered},
    journal::{self, Disk},
    live::Session,
    settings::{Limits, Settings},
    ticket::Ticket,
};
use playhead_store::{durable::Durable, hot::embedded::EmbeddedHot};
use tokio::runtime::{Builder, Runtime};

use crate::sample;

/// An engine, and sessions that are open on it.
pub struct Site {
    /// The engine.
    pub engine: Engine,
    /// Its doors.
    pub doors: Doors,
    players: Vec<Player>,
}

/// A session, the ticket of its stream, and the number of its last event.
struct Player {
    session: Arc<Session>,
    ticket: Ticket,
    seq: u64,
}

impl Site {
    /// An engine with the embedded hot store. With [`Threads::Shared`] in a runtime of [`one_room_at_a_time`], what is
    /// offered waits until the caller awaits something.
    ///
    /// # Panics
    /// When it cannot start.
    pub async fn start(
        settings: Settings,
        disk: Arc<dyn Disk>,
        durable: Arc<dyn Durable>,
        threads: Threads,
    ) -> Self {
        let parts = Parts {
            durable,
            hot: Arc::new(EmbeddedHot::default()),
            disk: Some(disk),
            journal: journal::Settings::default(),
            verifier: Arc::new(Development),
            now: Arc::new(sample::now_ms),
            seed: 7,
            threads,
        };
        let engine = Engine::start(settings, parts).await.expect("settings in range, a journal of our own");
        let doors = engine.doors();
        Self { engine, doors, players: Vec::new() }
    }

    /// Opens so many sessions, each of a viewer of its own.
    ///
    /// # Panics
    /// When there are more than the engine takes.
    pub async fn open(&mut self, sessions: usize) {
        for index in 0..sessions {
            let session = self.doors.intake.open(sample::opening(index), None, sample::now_ms()).await;
            let session = session.expect("room for a session");
            self.players.push(Player { session, ticket: Ticket::default(), seq: 0 });
        }
    }

    /// Offers one frame, of session number `index`, with its next events.
    ///
    /// # Panics
    /// When it is not taken.
    pub fn offer(&mut self, index: usize, events: impl ExactSizeIterator<Item = RawEvent>, now_ms: i64) {
        let index = index % self.players.len();
        let Some(Player { session, ticket, seq }) = self.players.get_mut(index) else { return };
        let numbered = events.map(|event| -> Offered {
            *seq += 1;
            Ok(RawEvent { seq: *seq, ..event })
        });
        let admitted = self.doors.intake.offer(session, &session.playing, numbered, now_ms, ticket);
        assert_eq!(admitted, Admitted::Taken, "a bench stays within the shard's bound");
    }

    /// Waits until everything offered is durable.
    ///
    /// # Panics
    /// When something was refused.
    pub async fn committed(&self) {
        for player in &self.players {
            let settled = player.ticket.finished().await;
            assert!(settled.refused.is_empty() && !settled.abandoned, "{:?}", settled.refused);
        }
    }

    /// Waits until everything durable is flushed. Polls without a pause: it takes this thread's core, and is exact.
    pub async fn flushed(&self) {
        while self.engine.levels().backlog_events > 0 {
            tokio::task::yield_now().await;
        }
    }

    /// Stops the engine in order.
    ///
    /// # Panics
    /// When anything is left behind, or any event has no ending.
    pub async fn stop(self) {
        assert!(self.engine.stop(STOP_MAX).await, "nothing is left");
        assert_eq!(self.engine.tally().count().held(), 0, "every event has its ending");
    }
}

/// Settings in which no session is ever full, and what is committed is flushed at once.
#[must_use]
pub fn settings() -> Settings {
    let limits = Limits { session_events_max: 10_000_000, ..Limits::default() };
    Settings { limits, flush_age_ms: 0, ..Settings::default() }
}

/// A runtime on this thread that looks at its caller after every step of every task: when a room settles what the
/// caller waits for, the clock stops before the next room begins.
///
/// # Panics
/// When the system has no resources for it.
#[must_use]
pub fn one_room_at_a_time() -> Runtime {
    Builder::new_current_thread().enable_all().event_interval(1).build().expect("a runtime")
}

const STOP_MAX: Duration = Duration::from_secs(30);
