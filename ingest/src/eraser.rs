//! Erases a viewer everywhere, for good.

use std::sync::Arc;

use playhead_store::{
    UserId,
    durable::Durable,
    hot::{Hot, Notice, Stale},
};

use crate::{live::Live, playback::PlaybackError};

/// Erases viewers.
pub(crate) struct Eraser {
    live: Arc<Live>,
    durable: Arc<dyn Durable>,
    hot: Arc<dyn Hot>,
}

impl Eraser {
    pub(crate) fn new(live: Arc<Live>, durable: Arc<dyn Durable>, hot: Arc<dyn Hot>) -> Self {
        Self { live, durable, hot }
    }

    /// Erases all of a user up to `through_ms`. Durable when it returns; then whoever remembers what was the user's own,
    /// on whatever node, this one too, is told.
    ///
    /// What is live is hidden first and what the durable store remembers of the erasure keeps every later write out,
    /// also one that is on its way, so nothing comes back in whatever order they meet. Events of the user that the
    /// journal still holds meet the same memory when it is replayed.
    pub(crate) async fn erase(&self, user: &UserId, through_ms: i64) -> Result<(), PlaybackError> {
        self.live.erase(user, through_ms);
        self.durable.erase(user, through_ms).await?;
        // A session may have been opened between the two, before the durable store knew.
        self.live.erase(user, through_ms);
        self.hot.erase(user, through_ms).await?;
        let stale = [Stale::Grants(user.clone()), Stale::Limits(user.clone())];
        self.hot.tell_stale(&Notice { from: Notice::NOBODY, stale: stale.into() }).await?;
        Ok(())
    }
}
