//! Playback reads and explicit marks. A read joins what is live on this node, what the hot store remembers and what
//! the durable store holds, so it sees every event that was acknowledged before it, flushed or not.

mod reading;

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
    time::Duration,
};

use playhead_store::{
    Event, ItemId, SessionId, SessionKey, StoreError, UserId,
    durable::{Durable, SessionRow},
    fold::{SessionSummary, fold, sort_events},
    hot::Hot,
    position::{PositionRow, PositionRules},
};

pub use self::reading::Reading;
use self::reading::Readings;
use crate::{
    eraser::Eraser,
    intake::{Admitted, Intake},
    live::{Live, Session, Viewer},
    page::{Page, PageRequest},
    ticket::Ticket,
};

/// Answers where viewers are and what they watched.
pub struct Playback {
    live: Arc<Live>,
    durable: Arc<dyn Durable>,
    hot: Arc<dyn Hot>,
    intake: Arc<Intake>,
    eraser: Eraser,
    hot_ms_max: u64,
    readings: Readings,
}

/// A session and what it came to.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionView {
    /// Its row.
    pub row: SessionRow,
    /// The fold of its events.
    pub summary: SessionSummary,
}

/// Why a read or a mark did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum PlaybackError {
    /// The durable store could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There was no room for the mark: try again after this long.
    #[error("busy, retry after {retry_after_ms} ms")]
    Busy {
        /// Milliseconds to wait.
        retry_after_ms: u32,
    },
    /// The engine stopped before the mark was durable; it may or may not be there.
    #[error("the engine is stopping")]
    Stopping,
}

impl Playback {
    pub(crate) fn new(
        live: Arc<Live>,
        durable: Arc<dyn Durable>,
        hot: Arc<dyn Hot>,
        intake: Arc<Intake>,
        eraser: Eraser,
        hot_ms_max: u64,
    ) -> Self {
        Self { live, durable, hot, intake, eraser, hot_ms_max, readings: Readings::default() }
    }

    /// Where a user is in an item: `None` when nothing is known.
    ///
    /// # Errors
    /// The durable store's.
    pub async fn position(&self, user: &UserId, item: &ItemId) -> Result<Option<PositionRow>, PlaybackError> {
        // The live view is read first: what it lets go of meanwhile is in the durable store by then.
        let live = self.live_positions(user).await?.remove(item);
        let hot = self.ask_hot(self.hot.position(user, item)).await.flatten();
        let durable = self.durable.position(user, item).await?;
        let mut known = [live, hot, durable].into_iter().flatten();
        let Some(mut row) = known.next() else { return Ok(None) };
        known.for_each(|other| row.merge(&other));
        Ok(Some(row))
    }

    /// Where a user is in several items, in the order asked; items of which nothing is known are left out.
    ///
    /// # Errors
    /// The durable store's.
    pub async fn positions(
        &self,
        user: &UserId,
        items: Vec<ItemId>,
    ) -> Result<Vec<(ItemId, PositionRow)>, PlaybackError> {
        let mut found = Vec::new();
        for item in items {
            if let Some(row) = self.position(user, &item).await? {
                found.push((item, row));
            }
        }
        Ok(found)
    }

    /// What a user has begun and not finished, latest first.
    ///
    /// # Errors
    /// The durable store's.
    pub async fn continue_watching(
        &self,
        user: &UserId,
        page: &PageRequest,
    ) -> Result<Page<(ItemId, PositionRow)>, PlaybackError> {
        let mut known = self.live_positions(user).await?;
        let hot = self.ask_hot(self.hot.positions(user)).await.unwrap_or_default();
        for (item, row) in hot.into_iter().chain(self.durable.positions(user).await?) {
            known.entry(item).or_default().merge(&row);
        }
        known.retain(|_, row| row.is_in_progress());
        let at_ms = |row: &PositionRow| row.current().map_or(0, |(register, _)| register.at_ms);
        Ok(page.take(known.into_iter().collect(), |(item, row)| (at_ms(row), item.as_str().to_owned())))
    }

    /// A user's sessions, latest start first; of one item only, when asked.
    ///
    /// # Errors
    /// The durable store's.
    pub async fn sessions(
        &self,
        user: &UserId,
        item: Option<&ItemId>,
        page: &PageRequest,
    ) -> Result<Page<SessionView>, PlaybackError> {
        let live = self.live_viewer(user).await?.map(|viewer| viewer.sessions()).unwrap_or_default();
        let mut rows: HashMap<SessionKey, SessionRow> = live
            .iter()
            .filter_map(|session| unflushed(session))
            .map(|(row, _)| (row.key.clone(), row))
            .collect();
        for stored in self.durable.sessions(user).await? {
            match rows.entry(stored.key.clone()) {
                Entry::Occupied(mut row) => join_rows(row.get_mut(), &stored),
                Entry::Vacant(row) => {
                    row.insert(stored);
                }
            }
        }
        rows.retain(|_, row| item.is_none_or(|item| row.description.playable.item == *item));
        let rows: Vec<SessionRow> = rows.into_values().collect();
        let page = page.take(rows, |row| (row.first_at_ms, row.key.session.as_str().to_owned()));
        let mut views = Vec::with_capacity(page.entries.len());
        for row in page.entries {
            views.extend(self.session(&row.key).await?.map(|reading| reading.view));
        }
        Ok(Page { entries: views, next: page.next })
    }

    /// A session and its events in order: `None` when nothing is known of it. Waits while as many are being read as may be.
    ///
    /// # Errors
    /// The durable store's.
    pub async fn session(&self, key: &SessionKey) -> Result<Option<Reading>, PlaybackError> {
        let room = self.readings.room().await;
        self.live_viewer(&key.user).await?;
        let live = self.live.session(key);
        let unflushed = live.as_ref().and_then(|session| unflushed(session));
        let stored = self.durable.session(key).await?;
        let (mut row, mut events) = match (unflushed, stored) {
            (None, None) => return Ok(None),
            (Some(one), None) | (None, Some(one)) => one,
            (Some((mut row, mut events)), Some((stored, stored_events))) => {
                join_rows(&mut row, &stored);
                events.extend(stored_events);
                (row, events)
            }
        };
        sort_events(row.description.order, &mut events);
        let summary = fold(row.description.order, &events);
        row.event_count = events.len() as u64;
        Ok(Some(Reading { view: SessionView { row, summary }, events, _room: room }))
    }

    /// Sets a position by hand, as of `now_ms`, and returns what counts now. Durable when it returns.
    ///
    /// # Errors
    /// [`PlaybackError::Busy`] and [`PlaybackError::Stopping`], when it was not done, and the durable store's.
    pub async fn set_position(
        &self,
        user: &UserId,
        item: &ItemId,
        position_ms: i64,
        now_ms: i64,
    ) -> Result<Option<PositionRow>, PlaybackError> {
        let known = self.position(user, item).await?.unwrap_or_default();
        let duration_ms = known.current().and_then(|(register, _)| register.duration_ms);
        let row = PositionRow::set(position_ms, after(&known, now_ms))
            .in_item_of(duration_ms, PositionRules::default());
        self.mark(user, item, row).await?;
        self.position(user, item).await
    }

    /// Marks an item watched or not, as of `now_ms`. Durable when it returns.
    ///
    /// # Errors
    /// [`PlaybackError::Busy`] and [`PlaybackError::Stopping`], when it was not done, and the durable store's.
    pub async fn mark_watched(
        &self,
        user: &UserId,
        item: &ItemId,
        watched: bool,
        now_ms: i64,
    ) -> Result<(), PlaybackError> {
        let known = self.position(user, item).await?.unwrap_or_default();
        self.mark(user, item, PositionRow::mark_watched(watched, after(&known, now_ms))).await
    }

    /// Forgets where a user is in an item, as of `now_ms`. Durable when it returns.
    ///
    /// # Errors
    /// [`PlaybackError::Busy`] and [`PlaybackError::Stopping`], when it was not done, and the durable store's.
    pub async fn forget(&self, user: &UserId, item: &ItemId, now_ms: i64) -> Result<(), PlaybackError> {
        let known = self.position(user, item).await?.unwrap_or_default();
        self.mark(user, item, PositionRow::forget(after(&known, now_ms))).await
    }

    /// Erases all of a user up to `now_ms`, everywhere. Durable when it returns, and safe to repeat.
    ///
    /// # Errors
    /// The durable store's, and [`PlaybackError::Stopping`]: then it must be asked again.
    pub async fn erase(&self, user: &UserId, now_ms: i64) -> Result<(), PlaybackError> {
        self.eraser.erase(user, now_ms).await
    }

    async fn mark(&self, user: &UserId, item: &ItemId, row: PositionRow) -> Result<(), PlaybackError> {
        let ticket = Ticket::default();
        let admitted = self.intake.offer_mark(user, item.clone(), row, &ticket);
        let settled = ticket.finished().await;
        match settled.abandoned {
            true => Err(PlaybackError::Stopping),
            false if admitted == Admitted::Taken && settled.turned_away == 0 => Ok(()),
            false => Err(PlaybackError::Busy { retry_after_ms: self.intake.limits().retry_after_ms }),
        }
    }

    async fn live_positions(&self, user: &UserId) -> Result<HashMap<ItemId, PositionRow>, StoreError> {
        let viewer = self.live_viewer(user).await?;
        Ok(viewer.map(|viewer| viewer.unflushed()).unwrap_or_default())
    }

    /// The viewer, if anything of theirs is live here, without what was erased before they became live: a recovered
    /// mark, or a session that was opened without an answer of the durable store, knows nothing of that.
    async fn live_viewer(&self, user: &UserId) -> Result<Option<Arc<Viewer>>, StoreError> {
        let Some(viewer) = self.live.viewer(user) else { return Ok(None) };
        // What is known of any session says it, whether there is such a session or not; a user's id is as good an id.
        if let Ok(session) = SessionId::new(user.as_str())
            && !viewer.is_erasure_known()
        {
            let key = SessionKey { user: user.clone(), session };
            viewer.erase_through(self.durable.open_session(&key).await?.erased_through_ms);
        }
        Ok(Some(viewer))
    }

    /// The hot store's answer, or none: reads do without it when it fails or is slow.
    async fn ask_hot<T>(&self, answer: impl Future<Output = Result<T, StoreError>>) -> Option<T> {
        tokio::time::timeout(Duration::from_millis(self.hot_ms_max), answer).await.ok()?.ok()
    }
}

/// The time of an explicit mark: now, or just behind what is known. A phone's clock may have put telemetry up to a minute
/// ahead, and what the viewer says by hand must not lose to what was there when they said it.
fn after(known: &PositionRow, now_ms: i64) -> i64 {
    known.newest_ms().map_or(now_ms, |newest_ms| now_ms.max(newest_ms.saturating_add(1)))
}

/// A session's unflushed events and the row that they amount to, or `None` when it has none.
fn unflushed(session: &Session) -> Option<(SessionRow, Vec<Event>)> {
    let (description, events) = session.unflushed()?;
    let row = SessionRow {
        key: session.key.clone(),
        clock: session.clock,
        description,
        first_at_ms: events.iter().map(|event| event.at_ms).min()?,
        last_at_ms: events.iter().map(|event| event.at_ms).max()?,
        event_count: events.len() as u64,
    };
    Some((row, events))
}

/// Joins the stored row into the unflushed one. The count is left to whoever has the events.
fn join_rows(row: &mut SessionRow, stored: &SessionRow) {
    row.clock.merge(stored.clock);
    row.description.merge(&stored.description);
    row.first_at_ms = row.first_at_ms.min(stored.first_at_ms);
    row.last_at_ms = row.last_at_ms.max(stored.last_at_ms);
}
