//! What pressing the play button takes of the engine, before there is a session: a stream's slot, and the place to begin
//! at.
//!
//! Beside an engine it asks the engine. Without one, on a node that serves the catalog alone, it asks the stores that the
//! nodes share: slots are in the hot store anyway, and of places it sees what is committed there or flushed, which is all
//! but what an engine keeps for itself while the hot store is away.

use std::{sync::Arc, time::Duration};

use playhead_store::{
    AccountId, DeviceId, ItemId, ItemKind, SessionKey, StoreError, StoreErrorKind, UserId,
    durable::Durable,
    hot::Hot,
    lease::{Stop, Terms},
    position::PositionRow,
};

use crate::{
    edge::Doors,
    leases::Leases,
    live::Live,
    playback::{Playback, PlaybackError},
    settings::Settings,
};

/// Asks for a slot, and for the place to begin at.
#[derive(Clone)]
pub struct PlayButton {
    leases: Arc<Leases>,
    places: Places,
    next_beat_ms: u32,
}

/// Where places are looked up.
#[derive(Clone)]
enum Places {
    Engine(Arc<Playback>),
    Stores { durable: Arc<dyn Durable>, hot: Arc<dyn Hot>, hot_patience: Duration },
}

/// A session that is about to begin.
#[derive(Debug, Clone)]
pub struct Beginning {
    /// The session.
    pub key: SessionKey,
    /// Who pays.
    pub account: AccountId,
    /// Where.
    pub device: DeviceId,
    /// What it plays.
    pub item: ItemId,
    /// What kind of item.
    pub kind: ItemKind,
    /// What it is held to, as far as that is known; where it says no rules, the settings' count.
    pub terms: Arc<Terms>,
}

/// What came of asking for a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Slot {
    /// There is one: until three beats are missing, if no beat comes.
    Held,
    /// Nobody could say in time, and the settings let it begin. Its beats ask again.
    Unanswered,
    /// There is none, or the session was stopped for good.
    Refused(Arc<Stop>),
}

impl PlayButton {
    /// Of an engine.
    #[must_use]
    pub fn of_engine(doors: &Doors) -> Self {
        Self {
            leases: Arc::clone(&doors.leases),
            places: Places::Engine(Arc::clone(&doors.playback)),
            next_beat_ms: doors.intake.limits().next_beat_ms,
        }
    }

    /// Of the stores that an engine elsewhere shares, with the settings that it has.
    #[must_use]
    pub fn of_stores(durable: Arc<dyn Durable>, hot: Arc<dyn Hot>, settings: &Settings) -> Self {
        let hot_patience = Duration::from_millis(settings.hot_ms_max);
        let nobody = Arc::new(Live::new(1));
        let leases = Leases::new(nobody, Arc::clone(&hot), settings.leases.clone(), hot_patience);
        Self {
            leases: Arc::new(leases),
            places: Places::Stores { durable, hot, hot_patience },
            next_beat_ms: settings.limits.next_beat_ms,
        }
    }

    /// Asks for a slot, within the time that the settings give the hot store. Asking again for a session that has one
    /// changes nothing.
    pub async fn ask(&self, beginning: &Beginning, now_ms: i64) -> Slot {
        self.leases.ask(beginning, now_ms).await
    }

    /// Where a user is in an item, as far as it was acknowledged; `None` when nothing is known.
    ///
    /// # Errors
    /// The durable store's. It has no bound of its own.
    pub async fn place(&self, user: &UserId, item: &ItemId) -> Result<Option<PositionRow>, StoreError> {
        match &self.places {
            Places::Engine(playback) => playback.position(user, item).await.map_err(store_error),
            Places::Stores { durable, hot, hot_patience } => {
                // The durable store last: what leaves the hot store meanwhile is there by then.
                let hot = tokio::time::timeout(*hot_patience, hot.position(user, item)).await;
                let hot = hot.ok().and_then(Result::ok).flatten();
                let known = [hot, durable.position(user, item).await?];
                Ok(known.into_iter().flatten().reduce(|mut row, other| {
                    row.merge(&other);
                    row
                }))
            }
        }
    }

    /// How often players beat, ms.
    #[must_use]
    pub fn next_beat_ms(&self) -> u32 {
        self.next_beat_ms
    }
}

/// A read fails by the store alone.
fn store_error(error: PlaybackError) -> StoreError {
    match error {
        PlaybackError::Store(error) => error,
        other => StoreError::new(StoreErrorKind::Unavailable, "read a position", other),
    }
}
