//! Where values lie on an axis, and which of them are written on it.

/// An axis from `low` to `high`, linear or by decades.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    is_log: bool,
}

impl Scale {
    /// From nothing to the first round number that no value exceeds.
    pub(super) fn linear(most: f64) -> Self {
        let step = step(most);
        Self { low: 0.0, high: (most / step).ceil().max(1.0) * step, is_log: false }
    }

    /// Exactly from here to there.
    pub(super) fn exact(low: f64, high: f64) -> Self {
        Self { low, high: high.max(low + f64::EPSILON), is_log: false }
    }

    /// Whole decades around all values that are above 0.
    pub(super) fn log(values: impl Iterator<Item = f64> + Clone) -> Self {
        let positive = values.filter(|&value| value > 0.0);
        let low = positive.clone().fold(f64::MAX, f64::min).min(1e9).log10().floor();
        let high = positive.fold(f64::MIN_POSITIVE, f64::max).max(1e-9).log10().ceil();
        Self { low: 10_f64.powf(low), high: 10_f64.powf(high.max(low + 1.0)), is_log: true }
    }

    /// A value's place, 0 to 1.
    pub(super) fn place(&self, value: f64) -> f64 {
        let place = match self.is_log {
            true => (value.max(self.low).log10() - self.low.log10()) / (self.high.log10() - self.low.log10()),
            false => (value - self.low) / (self.high - self.low),
        };
        place.clamp(0.0, 1.0)
    }

    /// The values to write on it.
    pub(super) fn ticks(&self) -> Vec<f64> {
        if self.is_log {
            let decades = (self.high.log10() - self.low.log10()).round();
            let first = self.low.log10().round();
            return (0..=20_u8)
                .map(f64::from)
                .take_while(|&decade| decade <= decades)
                .map(|decade| 10_f64.powf(first + decade))
                .collect();
        }
        let step = step(self.high - self.low);
        let first = (self.low / step).ceil();
        let beyond = self.high + step / 1e6;
        (0..=20_u8).map(|tick| (first + f64::from(tick)) * step).take_while(|&tick| tick <= beyond).collect()
    }
}

/// A round step that gives about five ticks: 1, 2 or 5 times a power of ten.
fn step(range: f64) -> f64 {
    let rough = range.max(1e-6) / 5.0;
    let power = 10_f64.powf(rough.log10().floor());
    match rough / power {
        times if times <= 1.0 => power,
        times if times <= 2.0 => 2.0 * power,
        times if times <= 5.0 => 5.0 * power,
        _ => 10.0 * power,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_ticks_are_round_and_hold_all() {
        assert_eq!(Scale::linear(1_130.0).ticks(), [0.0, 500.0, 1_000.0, 1_500.0]);
        assert_eq!(Scale::linear(0.0).ticks()[0], 0.0);
        assert!((Scale::linear(1_130.0).place(750.0) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn log_ticks_are_whole_decades_around_the_values() {
        let scale = Scale::log([0.0, 0.3, 42.0].into_iter());
        let ticks: Vec<f64> = scale.ticks().iter().map(|tick| (tick * 1e6).round() / 1e6).collect();
        assert_eq!(ticks, [0.1, 1.0, 10.0, 100.0]);
        assert!((scale.place(10.0) - 2.0 / 3.0).abs() < 1e-9);
        assert_eq!(scale.place(0.0), 0.0);
        assert_eq!(Scale::log(std::iter::empty()).ticks().len(), 2, "nothing measured still has an axis");
    }
}
