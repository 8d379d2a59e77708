//! All that is known of a user: every position, and every session's row.

use std::collections::HashMap;

use playhead_store::{ItemId, SessionKey, StoreError, UserId, durable::SessionRow, position::PositionRow};

use super::{
    Playback,
    rows::{join_rows, unflushed},
};
use crate::erased;

impl Playback {
    /// All positions of a user.
    ///
    /// # Errors
    /// The durable store's.
    pub async fn all_positions(&self, user: &UserId) -> Result<HashMap<ItemId, PositionRow>, StoreError> {
        let mut known = self.positions_here(user).await?;
        let hot = self.ask_hot(self.hot.positions(user)).await.unwrap_or_default();
        for (item, row) in hot.into_iter().chain(self.durable.positions(user).await?) {
            known.entry(item).or_default().merge(&row);
        }
        erased::leave_out_positions(&*self.durable, &mut known).await?;
        Ok(known)
    }

    /// The rows of all sessions of a user. How many events one holds is told by the session itself.
    ///
    /// # Errors
    /// The durable store's.
    pub async fn all_sessions(&self, user: &UserId) -> Result<Vec<SessionRow>, StoreError> {
        let (waiting, viewer) = self.here(user).await?;
        let live = viewer.map(|viewer| viewer.sessions()).unwrap_or_default();
        let live = live.iter().filter_map(|session| unflushed(session)).map(|(row, _)| row);
        let here: Vec<SessionRow> = waiting.sessions().into_iter().chain(live).collect();
        let mut rows: HashMap<SessionKey, SessionRow> = HashMap::new();
        for row in here.into_iter().chain(self.durable.sessions(user).await?) {
            match rows.get_mut(&row.key) {
                Some(known) => join_rows(known, &row),
                None => drop(rows.insert(row.key.clone(), row)),
            }
        }
        let mut rows = rows.into_values().collect();
        erased::leave_out_sessions(&*self.durable, &mut rows).await?;
        Ok(rows)
    }
}
