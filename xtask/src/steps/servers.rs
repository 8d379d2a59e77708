//! The servers that tests use, for as long as the tests run.

use super::{Failure, Workshop};
use crate::services::{self, Guard, Options, Up};

/// Servers, and the guard that stops them, however this ends; none where they were running before.
pub(super) struct Servers {
    up: Up,
    _guard: Option<Guard>,
}

/// Uses what runs, or starts it. Tests of what this machine lacks are skipped.
pub(super) fn start(workshop: &Workshop) -> Result<Servers, Failure> {
    if let Some(up) = services::running(&workshop.root).map_err(Failure)? {
        println!("with the servers that `cargo xtask services` started");
        return Ok(Servers { up, _guard: None });
    }
    let guard =
        Guard::start(&workshop.root).map_err(|error| Failure(format!("the servers' guard: {error}")))?;
    let up = services::up(&workshop.root, Options::FOR_TESTS).map_err(Failure)?;
    for missing in &up.missing {
        println!("\nTHE TESTS RUN WITHOUT A SERVER: {missing}\n");
    }
    Ok(Servers { up, _guard: Some(guard) })
}

impl Servers {
    /// Where they are. Where nothing is missing, a test that finds none fails.
    pub(super) fn variables(&self) -> Vec<(String, String)> {
        let mut variables = self.up.exports.clone();
        if self.up.missing.is_empty() {
            variables.push(("PLAYHEAD_TEST_SERVICES".into(), "required".into()));
        }
        variables
    }

    /// Whether this variable says where one is.
    pub(super) fn has(&self, variable: &str) -> bool {
        self.up.exports.iter().any(|(name, _)| name == variable)
    }

    /// What was not tried, for the summary.
    pub(super) fn lacking(&self) -> String {
        match self.up.missing.is_empty() {
            true => String::new(),
            false => format!(", WITHOUT A SERVER: {}", self.up.missing.join("; ")),
        }
    }
}
