//! A server's metrics page, read.

/// The page at one moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Metrics(Vec<(String, f64)>);

impl Metrics {
    /// Reads a page; lines that are no samples are left out.
    pub(super) fn parse(page: &str) -> Self {
        let sample = |line: &str| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        Self(page.lines().filter(|line| !line.starts_with('#')).filter_map(sample).collect())
    }

    /// What a metric counts, over all its labels; 0 where the page does not know it.
    pub(super) fn sum(&self, name: &str) -> u64 {
        self.of(name, "")
    }

    /// The same of those samples whose labels say this, such as `ending="STORED"`.
    pub(super) fn of(&self, name: &str, label: &str) -> u64 {
        whole(self.total(name, label))
    }

    /// What a metric of fractions adds up to, over all its labels, in units of which so many make one of the metric's.
    pub(super) fn in_units(&self, name: &str, units: u32) -> u64 {
        whole(self.total(name, "") * f64::from(units))
    }

    /// How many events are committed and not in the store: those in memory, and those in the journal alone.
    pub(super) fn backlog(&self) -> u64 {
        self.sum("playhead_backlog_events") + self.sum("playhead_journal_backlog_events")
    }

    fn total(&self, name: &str, label: &str) -> f64 {
        let is_meant = |key: &str| {
            key.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('{'))
                && key.contains(label)
        };
        self.0.iter().filter(|(key, _)| is_meant(key)).map(|(_, value)| value).sum()
    }
}

/// A count that came as a decimal number.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts are far below 2^53")]
fn whole(value: f64) -> u64 {
    value.max(0.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# HELP playhead_events_ended Events.\nplayhead_events_ended_total{ending=\"STORED\",reason=\"\"} 7\n\
        playhead_events_ended_total{ending=\"BUSY\",reason=\"\"} 2\nplayhead_journal_bytes 4194304\nprocess_open_fds 12\n\
        playhead_wait_seconds_sum{of=\"a\"} 0.75\nplayhead_wait_seconds_sum{of=\"b\"} 1.5\n# EOF\n";

    #[test]
    fn samples_are_found_by_name_and_label() {
        let metrics = Metrics::parse(PAGE);
        assert_eq!(metrics.sum("playhead_events_ended_total"), 9);
        assert_eq!(metrics.of("playhead_events_ended_total", "ending=\"BUSY\""), 2);
        assert_eq!(metrics.sum("playhead_journal_bytes"), 4_194_304);
        assert_eq!(metrics.sum("playhead_journal"), 0, "a name is whole");
        assert_eq!(metrics.in_units("playhead_wait_seconds_sum", 1_000), 2_250);
    }
}
