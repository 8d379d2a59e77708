//! What users think of an item, and where in it they want to be again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Fault,
    check::{bytes, length, media},
};
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

impl Rating {
    /// Checks all that can be seen of a rating by itself.
    ///
    /// # Errors
    /// The first [`Fault`].
    pub fn check(&self) -> Result<(), Fault> {
        match self.stars {
            1..=STARS_MAX => bytes("comment", &self.comment, 0, WORDS_BYTES_MAX),
            stars => Err(Fault::new("stars", stars, "1 to 5")),
        }
    }
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

/// The stars that one rater gives, as of a version of the rater's own record; none where the rating was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Vote(pub u64, pub u8);

/// What some of an item's raters give, each under a number that the rater's own record alone knows. A join: of one rater
/// the latest version counts, so neither repeating nor racing counts anybody twice.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Votes(BTreeMap<u64, Vote>);

impl Votes {
    /// Takes a rater's vote, unless a later one is known.
    pub fn join(&mut self, rater: u64, vote: Vote) {
        let known = self.0.entry(rater).or_insert(vote);
        *known = vote.max(*known);
    }

    /// What they come to.
    #[must_use]
    pub fn opinion(&self) -> Opinion {
        Opinion::of(self.0.values().map(|vote| vote.1))
    }
}

/// What all raters of an item give, as the sum of parts. A join: of one part the latest version counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary(BTreeMap<u8, (u64, [u64; STARS_MAX as usize])>);

impl Summary {
    /// Takes what a part came to at this version, unless a later one is known.
    pub fn join(&mut self, part: u8, version: u64, opinion: Opinion) {
        let known = self.0.entry(part).or_default();
        *known = (version, opinion.counts).max(*known);
    }

    /// What they come to.
    #[must_use]
    pub fn opinion(&self) -> Opinion {
        let mut sum = Opinion::default();
        for (_, counts) in self.0.values() {
            sum.counts.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
        sum
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

impl Bookmark {
    /// Checks all that can be seen of a bookmark by itself.
    ///
    /// # Errors
    /// The first [`Fault`].
    pub fn check(&self) -> Result<(), Fault> {
        length("id", &self.id, 1, 128)?;
        media("position_ms", Some(self.position_ms))?;
        length("title", &self.title, 0, 1_024)?;
        bytes("note", &self.note, 0, WORDS_BYTES_MAX)
    }
}

/// The longest comment or note, bytes.
const WORDS_BYTES_MAX: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn votes_count_once_however_they_come() {
        let cast = |order: &[(u64, Vote)]| {
            let mut votes = Votes::default();
            order.iter().for_each(|&(rater, vote)| votes.join(rater, vote));
            votes.opinion().counts
        };
        let (first, changed, back) = (Vote(1, 3), Vote(2, 5), Vote(3, 0));
        for (order, counts) in [
            (&[(7, first), (8, first)][..], [0, 0, 2, 0, 0]),
            (&[(7, first), (7, first), (7, changed)], [0, 0, 0, 0, 1]),
            (&[(7, changed), (7, first)], [0, 0, 0, 0, 1]),
            (&[(7, back), (7, changed), (8, first)], [0, 0, 1, 0, 0]),
        ] {
            assert_eq!(cast(order), counts, "{order:?}");
        }
    }

    #[test]
    fn a_summary_is_the_sum_of_its_latest_parts() {
        let mut summary = Summary::default();
        let of = |stars: &[u8]| Opinion::of(stars.iter().copied());
        for (part, version, stars) in [(1, 2, &[5, 5][..]), (9, 1, &[1]), (1, 1, &[5]), (9, 1, &[1])] {
            summary.join(part, version, of(stars));
        }
        assert_eq!(summary.opinion(), of(&[5, 5, 1]));
        let text = serde_json::to_string(&summary).unwrap();
        assert_eq!(serde_json::from_str::<Summary>(&text).unwrap(), summary);
    }

    #[test]
    fn what_is_out_of_range_is_named() {
        let (user, item) = (UserId::new("ann").unwrap(), ItemId::new("film").unwrap());
        let rating = |stars, comment: String| {
            let rating = Rating {
                user: user.clone(),
                item: item.clone(),
                stars,
                comment,
                approved: false,
                rated_at_ms: 0,
            };
            rating.check().err().map(|fault| fault.field)
        };
        assert_eq!(rating(5, "two\nlines".into()), None);
        assert_eq!(
            (rating(0, String::new()), rating(6, String::new())),
            (Some("stars".into()), Some("stars".into()))
        );
        assert_eq!(rating(1, "x".repeat(4_097)), Some("comment".into()));
        let bookmark = |id: &str, position_ms, title: &str| {
            let bookmark = Bookmark {
                id: id.into(),
                user: user.clone(),
                item: item.clone(),
                position_ms,
                title: title.into(),
                note: String::new(),
                created_at_ms: 0,
            };
            bookmark.check().err().map(|fault| fault.field)
        };
        assert_eq!(bookmark("b", 0, "here"), None);
        assert_eq!(bookmark("", 0, ""), Some("id".into()));
        assert_eq!(bookmark("b", -1, ""), Some("position_ms".into()));
        assert_eq!(bookmark("b", 0, "a\nb"), Some("title".into()));
    }

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
