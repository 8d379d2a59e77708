//! What users think of items: each user's rating, and what all of them come to.
//!
//! A rating is written in three steps, each a join that may be repeated: the user's own record, the votes of the item's
//! part that the user is in, the item's summary. Whoever is broken off in between writes again, and it is as if nothing
//! had been.

use std::sync::Arc;

use ahash::RandomState;
use playhead_store::{
    ItemId, UserId,
    catalog::opinion::{Opinion, Rating, Summary, Vote, Votes},
};
use tokio::sync::Semaphore;

use crate::{
    CatalogError,
    items::{Items, View},
    records::{
        Records, Stored,
        opinion::{self as rest, Rated},
    },
};

/// Keeps ratings.
pub struct Opinions {
    records: Records,
    items: Arc<Items>,
    /// Raters of one item take turns in this node, so that they race other nodes only.
    turns: Vec<Semaphore>,
    hasher: RandomState,
}

impl Opinions {
    /// Of these records, about these items.
    #[must_use]
    pub fn new(records: Records, items: Arc<Items>) -> Self {
        let turns = (0..TURNS).map(|_| Semaphore::new(1)).collect();
        Self { records, items, turns, hasher: RandomState::new() }
    }

    /// Writes what a user thinks of an item, and says what all think of it now. What says the same stays as it was given.
    ///
    /// # Errors
    /// `Bad`, `Absent` for an item that is not there or not for this viewer, `Changed`, and the store's.
    pub async fn rate(
        &self,
        rating: Rating,
        version: Option<u64>,
        view: View,
    ) -> Result<(Stored<Rating>, Opinion), CatalogError> {
        rating.check()?;
        self.items.get(&rating.item, view).await?;
        let said = |present: &Rating| (present.stars, present.comment.clone());
        let change = |present: Option<Rated>| {
            let rater = present.as_ref().map_or_else(rand::random, |present| present.rater);
            let same =
                present.and_then(|present| present.rating).filter(|present| said(present) == said(&rating));
            Ok(Rated { rater, rating: Some(same.unwrap_or_else(|| rating.clone())) })
        };
        let key = rest::rating_key(&rating.user, &rating.item);
        let Stored { value: Rated { rater, rating: written }, version } =
            self.records.revise(key, version, change).await?.stored;
        let summary = self.count(&rating.item, rater, Vote(version, rating.stars)).await?;
        Ok((Stored { value: written.unwrap_or(rating), version }, summary))
    }

    /// What a user thinks of an item, be it there or not.
    ///
    /// # Errors
    /// `Absent` where the user did not rate it, and the store's.
    pub async fn rating(&self, user: &UserId, item: &ItemId) -> Result<Stored<Rating>, CatalogError> {
        let stored = self.records.get_one::<Rated>(&rest::rating_key(user, item)).await?;
        let Stored { value, version } = stored.ok_or(NO_RATING)?.value;
        Ok(Stored { value: value.rating.ok_or(NO_RATING)?, version })
    }

    /// Takes a user's rating back. A user without one is as wanted.
    ///
    /// # Errors
    /// `Changed`, and the store's.
    pub async fn take_back(
        &self,
        user: &UserId,
        item: &ItemId,
        version: Option<u64>,
    ) -> Result<(), CatalogError> {
        let key = rest::rating_key(user, item);
        if self.records.get_one::<Rated>(&key).await?.is_none() {
            return Ok(());
        }
        let change = |present: Option<Rated>| {
            let Rated { rater, .. } = present.ok_or(NO_RATING)?;
            Ok(Rated { rater, rating: None })
        };
        let Stored { value, version } = self.records.revise(key, version, change).await?.stored;
        self.count(item, value.rater, Vote(version, 0)).await.map(drop)
    }

    /// What all users think of an item.
    ///
    /// # Errors
    /// `Absent` for an item that is not there or not for this viewer, and the store's.
    pub async fn summary(&self, item: &ItemId, view: View) -> Result<Opinion, CatalogError> {
        self.items.get(item, view).await?;
        let stored = self.records.get_one::<Summary>(&rest::summary_key(item)).await?;
        Ok(stored.map(|loaded| loaded.value.value.opinion()).unwrap_or_default())
    }

    /// Counts a vote, once.
    async fn count(&self, item: &ItemId, rater: u64, vote: Vote) -> Result<Opinion, CatalogError> {
        let at = usize::try_from(self.hasher.hash_one(item) % TURNS).unwrap_or_default();
        let _turn = match self.turns.get(at) {
            // Nobody closes it, so there always is one.
            Some(turns) => turns.acquire().await.ok(),
            None => None,
        };
        let part = Rated::part(rater);
        let cast = |present: Option<Votes>| {
            let mut votes = present.unwrap_or_default();
            votes.join(rater, vote);
            Ok(votes)
        };
        let votes = self.records.revise(rest::votes_key(item, part), None, cast).await?.stored;
        let sum = |present: Option<Summary>| {
            let mut summary = present.unwrap_or_default();
            summary.join(part, votes.version, votes.value.opinion());
            Ok(summary)
        };
        let summary = self.records.revise(rest::summary_key(item), None, sum).await?.stored;
        Ok(summary.value.opinion())
    }
}

/// Items whose raters take turns apart from each other, as a rule.
const TURNS: u64 = 64;
const NO_RATING: CatalogError = CatalogError::Absent("rating");
