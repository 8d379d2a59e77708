//! The figures F1.1 to F1.11: each row of the design beside its limit, run in turn, as a ratio with its spread.
//!
//! In reading order: [`workbench`] starts the servers, each pinned to a core, and reads what they cost; [`saturated`]
//! measures the rows where a server is kept busy. [`spread`] sums up runs, [`row`] holds them against their goal,
//! [`results`] writes them into `bench/RESULTS.md`.

pub mod results;
pub mod row;
pub mod saturated;
pub mod spread;
pub mod workbench;

use std::io;

use self::{row::Row, workbench::Workbench};

/// A row of the design.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    /// Its number there.
    pub name: &'static str,
    /// What is measured.
    pub what: &'static str,
    measure: fn(&Workbench) -> io::Result<Vec<Row>>,
}

impl Figure {
    /// Runs it.
    ///
    /// # Errors
    /// When a server does not start, or does not answer as it should.
    pub fn measure(&self, workbench: &Workbench) -> io::Result<Vec<Row>> {
        (self.measure)(workbench)
    }
}

/// All figures, in order.
pub const FIGURES: &[Figure] = &[
    Figure { name: "F1.1", what: "gRPC Connect, saturated", measure: saturated::connect },
    Figure { name: "F1.2", what: "gRPC Publish, saturated", measure: saturated::publish },
    Figure { name: "F1.5", what: "HTTP JSON, one event per POST", measure: saturated::json },
    Figure { name: "F1.11", what: "CMCD, one record per POST", measure: saturated::cmcd },
];
