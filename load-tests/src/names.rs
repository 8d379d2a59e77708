//! How a run's sessions, users and items are called. Names bear the run, so that no two runs meet on one server, and a
//! ledger needs no texts: a number says which.

/// The names of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    run: String,
}

/// What viewers watch on, by number.
pub const DEVICES: [&str; 4] = ["tv", "phone", "web", "tablet"];

impl Names {
    /// The names of the run of this name.
    #[must_use]
    pub fn new(run: impl Into<String>) -> Self {
        Self { run: run.into() }
    }

    /// The name of a run that begins at a time with a seed: no two runs that begin in different milliseconds share it.
    #[must_use]
    pub fn run_name(started_at_ms: i64, seed: u64) -> String {
        format!("load-{started_at_ms:x}-{seed}")
    }

    /// A session's id, at most 64 characters, as CMCD demands.
    #[must_use]
    pub fn session(&self, number: u64) -> String {
        format!("{}-s{number}", self.run)
    }

    /// A user's id.
    #[must_use]
    pub fn user(&self, number: u32) -> String {
        format!("{}-u{number}", self.run)
    }

    /// An item's id: titles are the same for all runs.
    #[must_use]
    pub fn item(number: u32) -> String {
        format!("title-{number}")
    }

    /// A device's id.
    #[must_use]
    pub fn device(number: u32) -> &'static str {
        DEVICES.get(number as usize % DEVICES.len()).copied().unwrap_or("tv")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_ids_keep_to_the_bound_of_cmcd() {
        let names = Names::new(Names::run_name(i64::MAX, u64::MAX));
        assert!(names.session(u64::from(u32::MAX)).len() <= 64, "{}", names.session(u64::from(u32::MAX)));
    }
}
