//! What pressing the play button takes of the engine, before there is a session: a stream's slot, and the place to begin
//! at.
//!
//! Beside an engine it asks the engine. Without one, on a node that serves the catalog alone, it asks the stores that the
//! nodes share: slots are in the hot store anyway, and where users are is [`Places`]'.

mod places;

use std::{sync::Arc, time::Duration};

use playhead_store::{
    AccountId, DeviceId, ItemId, ItemKind, SessionKey, StoreError, UserId,
    durable::Durable,
    hot::Hot,
    lease::{Stop, Terms},
    position::PositionRow,
};

pub use self::places::{Places, Played};
use crate::{edge::Doors, leases::Leases, live::Live, settings::Settings};

/// Asks for a slot, and for the place to begin at.
#[derive(Clone)]
pub struct PlayButton {
    leases: Arc<Leases>,
    places: Places,
    next_beat_ms: u32,
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
            places: Places::of_engine(doors),
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
            places: Places::of_stores(durable, hot, hot_patience),
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
        self.places.place(user, item).await
    }

    /// Where users are in items, and what they played.
    #[must_use]
    pub fn places(&self) -> &Places {
        &self.places
    }

    /// How often players beat, ms.
    #[must_use]
    pub fn next_beat_ms(&self) -> u32 {
        self.next_beat_ms
    }
}
