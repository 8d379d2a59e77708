//! The server's law of endings, as its metrics tell it: `offered == sum of endings + held`.

use std::collections::BTreeMap;

/// What the server counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Law {
    /// Events offered to it, repeats included.
    pub offered: u64,
    /// Events by their ending.
    pub ended: BTreeMap<String, u64>,
    /// Events without one.
    pub held: u64,
}

impl Law {
    /// Reads it from a metrics page.
    #[must_use]
    pub fn read(page: &str) -> Self {
        let mut law = Self::default();
        for line in page.lines().filter(|line| !line.starts_with('#')) {
            let Some((name, value)) = line.rsplit_once(' ') else { continue };
            let value = value.parse().unwrap_or(0);
            match name.split_once('{') {
                None if name == "playhead_events_offered_total" => law.offered = value,
                None if name == "playhead_events_held" => law.held = value,
                Some(("playhead_events_ended_total", labels)) => {
                    *law.ended.entry(ending(labels).to_ascii_lowercase()).or_default() += value;
                }
                _ => {}
            }
        }
        law
    }

    /// True when every event has exactly one ending, and none was lost.
    #[must_use]
    pub fn holds(&self) -> bool {
        let lost = self.ended.get("lost").copied().unwrap_or(0);
        self.offered == self.ended.values().sum::<u64>() + self.held && lost == 0
    }
}

impl std::fmt::Display for Law {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "offered {} =", self.offered)?;
        for (ending, events) in &self.ended {
            write!(f, " {ending} {events} +")?;
        }
        write!(f, " held {}", self.held)
    }
}

fn ending(labels: &str) -> &str {
    let value = labels.split("ending=\"").nth(1).unwrap_or_default();
    value.split('"').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# TYPE playhead_events_offered counter\nplayhead_events_offered_total 10\n\
        playhead_events_ended_total{ending=\"STORED\",reason=\"\"} 6\n\
        playhead_events_ended_total{ending=\"REJECTED\",reason=\"MALFORMED\"} 1\n\
        playhead_events_ended_total{ending=\"REJECTED\",reason=\"BAD_TEXT\"} 2\n\
        playhead_events_ended_total{ending=\"LOST\",reason=\"JOURNAL_BROKEN\"} 0\nplayhead_events_held 1\n# EOF\n";

    #[test]
    fn the_law_is_read_summed_and_held() {
        let law = Law::read(PAGE);
        assert_eq!(law.to_string(), "offered 10 = lost 0 + rejected 3 + stored 6 + held 1");
        assert!(law.holds());
        assert!(!Law { held: 0, ..law.clone() }.holds());
        let mut lossy = law;
        lossy.ended = [("lost".to_owned(), 9)].into();
        assert!(!lossy.holds());
    }
}
