//! Playback reads and explicit marks. A read joins what waits in the journal alone, what is live on this node, what the
//! hot store remembers and what the durable store holds, so it sees every event that was acknowledged before it, flushed
//! or not. It looks in this order, in which data moves. Of what was joined it leaves out what was erased with its item.

mod reading;
mod rows;
mod waiting;
mod whole;

use std::{collections::HashMap, slice, sync::Arc, time::Duration};

use futures_util::future::try_join;
use playhead_store::{
    ItemId, SessionId, SessionKey, StoreError, UserId,
    durable::{Durable, SessionRow},
    fold::{SessionSummary, fold, sort_events},
    hot::Hot,
    position::{PositionRow, PositionRules},
};

pub use self::reading::Reading;
pub(crate) use self::{reading::Readings, waiting::Waiting};
use self::{
    rows::{join_rows, unflushed},
    waiting::Records,
};
use crate::{
    erased,
    eraser::Eraser,
    intake::{Admitted, Intake},
    live::{Live, Viewer},
    page::{Page, PageRequest},
    ticket::Ticket,
};

/// Answers where viewers are and what they watched.
pub struct Playback {
    pub(crate) live: Arc<Live>,
    pub(crate) waiting: Waiting,
    pub(crate) durable: Arc<dyn Durable>,
    pub(crate) hot: Arc<dyn Hot>,
    pub(crate) intake: Arc<Intake>,
    pub(crate) eraser: Eraser,
    pub(crate) hot_ms_max: u64,
    pub(crate) readings: Readings,
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
    /// Where a user is in an item: `None` when nothing is known.
    ///
    /// # Errors
    /// The durable store's.
    pub async fn position(&self, user: &UserId, item: &ItemId) -> Result<Option<PositionRow>, PlaybackError> {
        // What is here is read first: what it lets go of meanwhile is in the durable store by then.
        let live = self.positions_here(user).await?.remove(item);
        let hot = self.ask_hot(self.hot.position(user, item)).await.flatten();
        let erasures = self.durable.item_erasures(slice::from_ref(item));
        let (durable, erasures) = try_join(self.durable.position(user, item), erasures).await?;
        let mut known = [live, hot, durable].into_iter().flatten();
        let Some(mut row) = known.next() else { return Ok(None) };
        known.for_each(|other| row.merge(&other));
        Ok(erased::left_of_position(&erasures, item, row))
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
        let mut known = self.all_positions(user).await?;
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
        let mut rows = self.all_sessions(user).await?;
        rows.retain(|row| item.is_none_or(|item| row.description.playable.item == *item));
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
        let (waiting, _) = self.here(&key.user).await?;
        let live = self.live.session(key);
        let here = [waiting.session(key), live.as_ref().and_then(|session| unflushed(session))];
        let stored = self.durable.session(key).await?;
        let joined =
            here.into_iter().chain([stored]).flatten().reduce(|(mut row, mut events), (other, more)| {
                join_rows(&mut row, &other);
                events.extend(more);
                (row, events)
            });
        let Some((row, events)) = joined else { return Ok(None) };
        let left = erased::left_of_session(&*self.durable, row, events).await?;
        let Some((mut row, mut events)) = left else { return Ok(None) };
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

    async fn positions_here(&self, user: &UserId) -> Result<HashMap<ItemId, PositionRow>, StoreError> {
        let (waiting, viewer) = self.here(user).await?;
        let mut known = viewer.map(|viewer| viewer.unflushed()).unwrap_or_default();
        waiting.join_positions(&mut known);
        Ok(known)
    }

    /// What waits of a user in the journal alone, and the viewer, if anything of theirs is live here; without what was
    /// erased before they became live: a recovered mark, or a session that was opened without an answer of the durable
    /// store, knows nothing of that.
    async fn here(&self, user: &UserId) -> Result<(Records, Option<Arc<Viewer>>), StoreError> {
        let mut waiting = self.waiting.of(user);
        let viewer = match waiting.is_empty() {
            true => self.live.viewer(user),
            false => Some(self.live.viewer_or_new(user)),
        };
        let Some(viewer) = viewer else { return Ok((waiting, None)) };
        // What is known of any session says it, whether there is such a session or not; a user's id is as good an id.
        if let Ok(session) = SessionId::new(user.as_str())
            && !viewer.is_erasure_known()
        {
            let key = SessionKey { user: user.clone(), session };
            viewer.erase_through(self.durable.open_session(&key).await?.erased_through_ms);
        }
        waiting.erase_through(viewer.erased_through_ms());
        Ok((waiting, Some(viewer)))
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
