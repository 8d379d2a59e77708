//! Erasing a user: the mark first, so that nothing is visible from then on and no later write brings anything back; then
//! the rows. A deletion's timestamp is the end of what was erased, so it takes what is not later, whenever that is written.
//!
//! Erasing what everybody did in an item writes what is said of the item, and takes no row: nobody knows whose they are.

use futures_util::{StreamExt, TryStreamExt, stream};
use scylla::{serialize::row::SerializeRow, statement::prepared::PreparedStatement};

use super::{
    connection::Connection, fault, pace::Pace, plan::NEVER_ERASED, read::PositionCells, row::Row, stamp,
};
use crate::{ItemId, SessionKey, StoreError, UserId, erasure::ItemErasure};

impl Connection {
    pub(super) async fn erase(&self, pace: &Pace, user: &UserId, through_ms: i64) -> Result<(), StoreError> {
        self.run(pace, &self.statements.erasure, (user.as_str(), through_ms)).await?;
        // It may be an earlier one, made again.
        let through_ms = self.erased_through_ms(user).await?.unwrap_or(through_ms);
        let cells = self.position_cells(user).await?;
        let positions = stream::iter(cells).map(Ok);
        let most = pace.most();
        positions
            .try_for_each_concurrent(most, async |cells| {
                self.erase_position(pace, user, &cells, through_ms).await
            })
            .await?;
        let sessions = stream::iter(self.listed(user).await?).map(Ok);
        sessions
            .try_for_each_concurrent(most, async |key| self.erase_session(pace, key, through_ms).await)
            .await
    }

    pub(super) async fn erase_items(
        &self,
        pace: &Pace,
        erasures: &[(ItemId, ItemErasure)],
    ) -> Result<(), StoreError> {
        let said = stream::iter(erasures.to_vec()).map(Ok);
        said.try_for_each_concurrent(pace.most(), async |(item, ItemErasure { at_ms, through_ms })| {
            let values = (stamp::of(at_ms), at_ms, through_ms, item.as_str());
            self.run(pace, &self.statements.item_erasure, values).await
        })
        .await
    }

    /// Takes the registers that are not later. The first completion is another matter: where it is gone, the last one is
    /// the first of what is left, and it begins a generation of its own.
    async fn erase_position(
        &self,
        pace: &Pace,
        user: &UserId,
        cells: &PositionCells,
        through_ms: i64,
    ) -> Result<(), StoreError> {
        let item = cells.item()?;
        let mut left = cells.row_since(NEVER_ERASED)?;
        left.erase_through(through_ms);
        if let Some(at_ms) = left.watched.first_ms {
            let (user, item) = (user.clone(), item.clone());
            let first = Row::CompletedFirst { user, item, generation: through_ms, at_ms };
            self.run(pace, self.statements.of(&first), first).await?;
        }
        let (user, item) = (user.as_str(), item.as_str());
        let erased = (stamp::through(through_ms), user, item);
        self.run(pace, &self.statements.erase_position, erased).await?;
        for generation in cells.generations_before(through_ms) {
            let first = (generation, stamp::EARLIEST_MAX, user, item);
            self.run(pace, &self.statements.erase_completed_first, first).await?;
        }
        Ok(())
    }

    /// Takes the events that are not later, and the session's line when none is left.
    async fn erase_session(&self, pace: &Pace, key: SessionKey, through_ms: i64) -> Result<(), StoreError> {
        let values = (stamp::through(through_ms), key.user.as_str(), key.session.as_str());
        self.run(pace, &self.statements.erase_session, values).await?;
        match self.summary(key.clone(), Some(through_ms)).await? {
            Some(_) => Ok(()),
            None => self.run(pace, &self.statements.erase_listed, values).await,
        }
    }

    async fn run(
        &self,
        pace: &Pace,
        statement: &PreparedStatement,
        values: impl SerializeRow,
    ) -> Result<(), StoreError> {
        let going = pace.go().await;
        let answer = self.session.execute_unpaged(statement, values).await;
        going.ended(answer.as_ref().err().is_some_and(fault::is_strain));
        answer.map(drop).map_err(fault::in_writing("erasing"))
    }
}
