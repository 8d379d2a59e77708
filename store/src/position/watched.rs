//! Whether an item was watched.

/// Whether an item was watched: completions join by or, and only an explicit mark newer than them unsets it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Watched {
    /// The first completion seen in telemetry, Unix ms.
    pub first_ms: Option<i64>,
    /// The last one.
    pub last_ms: Option<i64>,
    /// The latest explicit mark: when, and whether it says watched.
    pub mark: Option<(i64, bool)>,
}

impl Watched {
    /// Joins what another row knows.
    pub fn merge(&mut self, other: Self) {
        self.first_ms = match (self.first_ms, other.first_ms) {
            (Some(mine), Some(theirs)) => Some(mine.min(theirs)),
            (mine, theirs) => mine.or(theirs),
        };
        self.last_ms = self.last_ms.max(other.last_ms);
        self.mark = self.mark.max(other.mark);
    }

    /// When the item was watched, as far as no newer mark unsets it: the first completion or the mark that says so.
    /// Of completions on both sides of an unsetting mark only the last one is known, and given.
    #[must_use]
    pub fn since_ms(&self) -> Option<i64> {
        let newer_than = |limit_ms: i64, at_ms: Option<i64>| at_ms.filter(|&at_ms| at_ms > limit_ms);
        match self.mark {
            None => self.first_ms,
            Some((marked_ms, true)) => {
                Some(self.first_ms.map_or(marked_ms, |first_ms| first_ms.min(marked_ms)))
            }
            Some((unmarked_ms, false)) => {
                newer_than(unmarked_ms, self.first_ms).or_else(|| newer_than(unmarked_ms, self.last_ms))
            }
        }
    }
}
