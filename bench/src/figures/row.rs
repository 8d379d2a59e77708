//! A figure's row: what was measured, and whether that is enough.

use super::spread::Spread;

/// One line of the results.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The figure's number, and what tells its rows apart.
    pub name: String,
    /// What was measured, with its unit.
    pub what: String,
    /// Playhead's runs.
    pub ours: Spread,
    /// What it is held against, and how its runs ended.
    pub limit: Option<(String, Spread)>,
    /// Playhead's runs / the limit's, run by run.
    pub ratio: Option<Spread>,
    /// What is to be reached.
    pub goal: Goal,
    /// Whether the client kept its schedule; else the row shows the client, not the server.
    pub is_valid: bool,
    /// What a reader should know besides.
    pub note: String,
}

/// What is to be reached, by the median.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    /// At least so many times the limit.
    RatioAtLeast(f64),
    /// At most so many times the limit.
    RatioAtMost(f64),
    /// At least this, whatever the limit.
    AtLeast(f64),
    /// At most this, whatever the limit.
    AtMost(f64),
}

impl Row {
    /// A row with a limit; of several limits the one that is hardest to reach.
    #[must_use]
    pub fn against(name: &str, what: &str, ours: &[f64], limits: &[(&str, Vec<f64>)], goal: Goal) -> Self {
        let ratio = |limit: &(&str, Vec<f64>)| Spread::of_ratios(ours, &limit.1);
        let harder = |a: &Spread, b: &Spread| match goal {
            Goal::RatioAtMost(_) | Goal::AtMost(_) => b.median.total_cmp(&a.median),
            Goal::RatioAtLeast(_) | Goal::AtLeast(_) => a.median.total_cmp(&b.median),
        };
        let hardest = limits.iter().min_by(|a, b| harder(&ratio(a), &ratio(b)));
        Self {
            ratio: hardest.map(ratio),
            limit: hardest.map(|(name, runs)| ((*name).to_owned(), Spread::of(runs))),
            ..Self::alone(name, what, ours, goal)
        }
    }

    /// A row that is held against a number.
    #[must_use]
    pub fn alone(name: &str, what: &str, ours: &[f64], goal: Goal) -> Self {
        let (name, what) = (name.to_owned(), what.to_owned());
        let ours = Spread::of(ours);
        Self { name, what, ours, limit: None, ratio: None, goal, is_valid: true, note: String::new() }
    }

    /// The row, with another name for its limit.
    #[must_use]
    pub fn against_name(self, name: &str) -> Self {
        Self { limit: self.limit.map(|(_, runs)| (name.to_owned(), runs)), ..self }
    }

    /// Whether the median reaches the goal. What could not be measured does not.
    #[must_use]
    pub fn is_met(&self) -> bool {
        let ratio = self.ratio.map_or(f64::NAN, |ratio| ratio.median);
        self.is_valid
            && match self.goal {
                Goal::RatioAtLeast(least) => ratio >= least,
                Goal::RatioAtMost(most) => ratio <= most,
                Goal::AtLeast(least) => self.ours.median >= least,
                Goal::AtMost(most) => self.ours.median <= most,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(ours: &[f64], goal: Goal) -> Row {
        let limits = [("slow", vec![10.0, 10.0]), ("fast", vec![20.0, 20.0])];
        Row::against("F0", "x", ours, &limits, goal)
    }

    #[test]
    fn a_row_is_held_against_the_harder_limit() {
        let more = row(&[15.0, 15.0], Goal::RatioAtLeast(0.8));
        assert_eq!(more.limit.as_ref().map(|(name, _)| name.as_str()), Some("fast"));
        assert!(!more.is_met(), "0.75 is below 0.8");
        let less = row(&[15.0, 15.0], Goal::RatioAtMost(1.25));
        assert_eq!(less.limit.as_ref().map(|(name, _)| name.as_str()), Some("slow"));
        assert!(!less.is_met(), "1.5 is above 1.25");
    }

    #[test]
    fn a_goal_is_met_at_its_bound() {
        assert!(row(&[16.0, 16.0], Goal::RatioAtLeast(0.8)).is_met());
        assert!(row(&[12.5, 12.5], Goal::RatioAtMost(1.25)).is_met());
        assert!(Row::alone("F0", "x", &[1.0, 3.0], Goal::AtMost(2.0)).is_met());
        assert!(!Row::alone("F0", "x", &[1.0, 3.0], Goal::AtLeast(2.1)).is_met());
    }

    #[test]
    fn what_was_not_measured_is_not_met() {
        assert!(!Row::alone("F0", "x", &[], Goal::AtMost(2.0)).is_met());
        assert!(!Row::alone("F0", "x", &[1.0], Goal::RatioAtMost(2.0)).is_met());
        let lagged = Row { is_valid: false, ..Row::alone("F0", "x", &[1.0], Goal::AtMost(2.0)) };
        assert!(!lagged.is_met());
    }
}
