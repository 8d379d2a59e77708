//! Runs, summed up.

use std::time::Duration;

/// The median of some runs, and the least and the most of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The one in the middle; of an even number the mean of the two.
    pub median: f64,
    /// The least.
    pub least: f64,
    /// The most.
    pub most: f64,
}

impl Spread {
    /// Sums up runs; not a number when there are none.
    #[must_use]
    pub fn of(runs: &[f64]) -> Self {
        let mut sorted = runs.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
        let last = sorted.len().saturating_sub(1);
        let median = f64::midpoint(at(last / 2), at(sorted.len() / 2));
        Self { median, least: at(0), most: at(last) }
    }

    /// The ratios of runs to the runs that they took turns with.
    #[must_use]
    pub fn of_ratios(ours: &[f64], theirs: &[f64]) -> Self {
        let ratios: Vec<f64> = ours.iter().zip(theirs).map(|(our, their)| our / their).collect();
        Self::of(&ratios)
    }
}

/// The value below which this part of all lies (0.99: p99), by the nearest rank; none of none.
#[must_use]
pub fn percentile(values: &[Duration], part: f64) -> Option<Duration> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let at_or_below = |index: &usize| (*index + 1) as f64 >= part * sorted.len() as f64;
    let index = (0..sorted.len()).find(at_or_below)?;
    sorted.get(index).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle_of_any_order() {
        assert_eq!(Spread::of(&[9.0, 1.0, 4.0]), Spread { median: 4.0, least: 1.0, most: 9.0 });
        assert_eq!(Spread::of(&[4.0, 1.0, 2.0, 9.0]).median, 3.0);
        assert_eq!(Spread::of(&[7.0]), Spread { median: 7.0, least: 7.0, most: 7.0 });
        assert!(Spread::of(&[]).median.is_nan());
    }

    #[test]
    fn a_ratio_is_taken_run_by_run() {
        // The second runs were both slowed down: that is no difference between the two.
        let ratios = Spread::of_ratios(&[10.0, 5.0, 12.0], &[20.0, 10.0, 16.0]);
        assert_eq!(ratios, Spread { median: 0.5, least: 0.5, most: 0.75 });
    }

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let values: Vec<_> = (1..=200).rev().map(Duration::from_millis).collect();
        assert_eq!(percentile(&values, 0.5), Some(Duration::from_millis(100)));
        assert_eq!(percentile(&values, 0.99), Some(Duration::from_millis(198)));
        assert_eq!(percentile(&values, 1.0), Some(Duration::from_millis(200)));
        assert_eq!(percentile(&[Duration::from_millis(3)], 0.99), Some(Duration::from_millis(3)));
        assert_eq!(percentile(&[], 0.99), None);
    }
}
