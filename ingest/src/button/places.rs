//! Where users are in items, and what they played: asked of the engine beside, or of the stores that engines share. There
//! it sees what is committed in the hot store or flushed, which is all but what an engine keeps for itself: events that wait
//! for their flush, and positions while the hot store is away.

use std::{
    collections::{HashMap, HashSet},
    slice,
    sync::Arc,
    time::Duration,
};

use futures_util::future::{try_join, try_join_all};
use playhead_store::{
    ItemId, SessionKey, StoreError, StoreErrorKind, UserId,
    durable::{Durable, SessionRow},
    fold::{SessionSummary, fold},
    hot::Hot,
    position::PositionRow,
    progress::Playing,
};

use crate::{
    edge::Doors,
    erased,
    playback::{Playback, PlaybackError},
};

/// Looks up where users are, and what they played.
#[derive(Clone)]
pub struct Places(Of);

#[derive(Clone)]
enum Of {
    Engine(Arc<Playback>),
    Stores { durable: Arc<dyn Durable>, hot: Arc<dyn Hot>, hot_patience: Duration },
}

/// What a user played of some items.
#[derive(Debug, Clone, PartialEq)]
pub enum Played {
    /// All of it, one entry per session, in no order.
    All(Vec<(ItemId, Playing)>),
    /// Nobody looked: it is so many sessions.
    TooMany(usize),
}

impl Places {
    /// Of an engine.
    pub(super) fn of_engine(doors: &Doors) -> Self {
        Self(Of::Engine(Arc::clone(&doors.playback)))
    }

    /// Of the stores that engines elsewhere share.
    pub(super) fn of_stores(durable: Arc<dyn Durable>, hot: Arc<dyn Hot>, hot_patience: Duration) -> Self {
        Self(Of::Stores { durable, hot, hot_patience })
    }

    /// Where a user is in an item, as far as it was acknowledged; `None` when nothing is known.
    ///
    /// # Errors
    /// The durable store's. It has no bound of its own.
    pub async fn place(&self, user: &UserId, item: &ItemId) -> Result<Option<PositionRow>, StoreError> {
        match &self.0 {
            Of::Engine(playback) => playback.position(user, item).await.map_err(store_error),
            Of::Stores { durable, hot, hot_patience } => {
                // The durable store last: what leaves the hot store meanwhile is there by then.
                let hot = tokio::time::timeout(*hot_patience, hot.position(user, item)).await;
                let hot = hot.ok().and_then(Result::ok).flatten();
                let erasures = durable.item_erasures(slice::from_ref(item));
                let (durable, erasures) = try_join(durable.position(user, item), erasures).await?;
                let known = [hot, durable].into_iter().flatten().reduce(|mut row, other| {
                    row.merge(&other);
                    row
                });
                Ok(known.and_then(|row| erased::left_of_position(&erasures, item, row)))
            }
        }
    }

    /// Where a user is in all items of which anything is known, in no order.
    ///
    /// # Errors
    /// The durable store's. It has no bound of its own.
    pub async fn all(&self, user: &UserId) -> Result<Vec<(ItemId, PositionRow)>, StoreError> {
        match &self.0 {
            Of::Engine(playback) => Ok(playback.all_positions(user).await?.into_iter().collect()),
            Of::Stores { durable, hot, hot_patience } => {
                let hot = tokio::time::timeout(*hot_patience, hot.positions(user)).await;
                let hot = hot.ok().and_then(Result::ok).unwrap_or_default();
                let mut known: HashMap<ItemId, PositionRow> = hot.into_iter().collect();
                for (item, row) in durable.positions(user).await? {
                    known.entry(item).or_default().merge(&row);
                }
                erased::leave_out_positions(&**durable, &mut known).await?;
                Ok(known.into_iter().collect())
            }
        }
    }

    /// What a user played of these items, if it is not more than so many sessions.
    ///
    /// # Errors
    /// The durable store's. It has no bound of its own.
    pub async fn played(
        &self,
        user: &UserId,
        items: &HashSet<ItemId>,
        sessions_max: usize,
    ) -> Result<Played, StoreError> {
        let rows: Vec<SessionRow> = match &self.0 {
            Of::Engine(playback) => playback.all_sessions(user).await?,
            Of::Stores { durable, .. } => {
                let mut rows = durable.sessions(user).await?;
                erased::leave_out_sessions(&**durable, &mut rows).await?;
                rows
            }
        };
        let of_these = rows.into_iter().filter(|row| items.contains(&row.description.playable.item));
        let keys: Vec<SessionKey> = of_these.map(|row| row.key).collect();
        if keys.len() > sessions_max {
            return Ok(Played::TooMany(keys.len()));
        }
        let mut played = Vec::with_capacity(keys.len());
        for some in keys.chunks(SESSIONS_AT_ONCE) {
            let found = try_join_all(some.iter().map(|key| self.session(key))).await?;
            played.extend(found.into_iter().flatten());
        }
        Ok(Played::All(played))
    }

    async fn session(&self, key: &SessionKey) -> Result<Option<(ItemId, Playing)>, StoreError> {
        match &self.0 {
            Of::Engine(playback) => {
                let reading = playback.session(key).await.map_err(store_error)?;
                Ok(reading.map(|reading| playing(&reading.view.row, reading.view.summary)))
            }
            Of::Stores { durable, .. } => {
                let Some((row, events)) = durable.session(key).await? else { return Ok(None) };
                let left = erased::left_of_session(&**durable, row, events).await?;
                Ok(left.map(|(row, events)| playing(&row, fold(row.description.order, &events))))
            }
        }
    }
}

fn playing(row: &SessionRow, summary: SessionSummary) -> (ItemId, Playing) {
    let playable = &row.description.playable;
    let playing = Playing {
        first_at_ms: summary.started_at_ms,
        last_at_ms: summary.last_event_at_ms,
        duration_ms: summary.duration_ms.or(playable.duration_ms),
        intervals: summary.intervals,
    };
    (playable.item.clone(), playing)
}

/// A read fails by the store alone.
fn store_error(error: PlaybackError) -> StoreError {
    match error {
        PlaybackError::Store(error) => error,
        other => StoreError::new(StoreErrorKind::Unavailable, "read a position", other),
    }
}

/// As many as the engine lets be read as a whole.
const SESSIONS_AT_ONCE: usize = 4;
