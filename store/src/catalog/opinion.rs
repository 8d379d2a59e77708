//! What users think of an item, and where in it they want to be again.

use serde::{Deserialize, Serialize};

use crate::{ItemId, UserId};

/// The most stars.
pub const STARS_MAX: u8 = 5;

/// What a user thinks of an item. A user has one opinion of an item: the latest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rating {
    /// The user.
    pub user: UserId,
    /// The item.
    pub item: ItemId,
    /// 1 to [`STARS_MAX`]; more is better.
    pub stars: u8,
    /// In words; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// Whether the words may be shown.
    pub approved: bool,
    /// When it was given, Unix ms.
    pub rated_at_ms: i64,
}

/// What all users think of an item: a fold of their ratings, so repeating one cannot count it twice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Opinion {
    /// How many gave 1, 2, 3, 4 and 5 stars.
    pub counts: [u64; STARS_MAX as usize],
}

impl Opinion {
    /// Of these ratings, one for each user.
    #[must_use]
    pub fn of(stars: impl IntoIterator<Item = u8>) -> Self {
        let mut opinion = Self::default();
        for stars in stars {
            if let Some(count) = stars.checked_sub(1).and_then(|at| opinion.counts.get_mut(usize::from(at))) {
                *count += 1;
            }
        }
        opinion
    }

    /// The mean, 1 to 5; `None` where nobody rated.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "nobody counts 2^53 ratings")]
    pub fn mean(&self) -> Option<f64> {
        let users: u64 = self.counts.iter().sum();
        let stars: u64 = self.counts.iter().zip(1..).map(|(count, stars): (_, u64)| count * stars).sum();
        (users > 0).then(|| stars as f64 / users as f64)
    }
}

/// A place in an item that a user wants to find again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bookmark {
    /// Names it within its user.
    pub id: String,
    /// The user.
    pub user: UserId,
    /// The item.
    pub item: ItemId,
    /// The place, ms.
    pub position_ms: i64,
    /// A name for it; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// A note; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// When it was made, Unix ms.
    pub created_at_ms: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_of_one_rating_for_each_user() {
        for (stars, counts, mean) in [
            (&[][..], [0; 5], None),
            (&[5], [0, 0, 0, 0, 1], Some(5.0)),
            (&[1, 2, 2, 5], [1, 2, 0, 0, 1], Some(2.5)),
            (&[0, 6, 3], [0, 0, 1, 0, 0], Some(3.0)),
        ] {
            let opinion = Opinion::of(stars.iter().copied());
            assert_eq!((opinion.counts, opinion.mean()), (counts, mean), "{stars:?}");
        }
    }
}
