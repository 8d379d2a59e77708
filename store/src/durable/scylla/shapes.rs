//! Batches as the driver wants them, made once: a flush sends thousands of few shapes, and a copy of a prepared statement
//! for each of their rows costs about as much as the row's values.

use std::{array, sync::OnceLock};

use scylla::statement::batch::{Batch, BatchType};

use super::{row::Row, statements::Statements};

/// The shapes that sessions have: events, behind what was said of the session or alone.
pub(super) struct Shapes {
    behind_said: Made,
    alone: Made,
}

/// By their number of rows.
type Made = [OnceLock<Batch>; ROWS_MAX];

impl Default for Shapes {
    fn default() -> Self {
        Self { behind_said: none(), alone: none() }
    }
}

impl Shapes {
    /// The batch that these rows are the values of, if it is one of a session's and not unusually long.
    pub(super) fn of(&self, rows: &[Row], statements: &Statements) -> Option<&Batch> {
        let (first, events) = rows.split_first()?;
        let made = match first {
            Row::Said { .. } => &self.behind_said,
            Row::Event { .. } => &self.alone,
            _ => return None,
        };
        let are_events = events.iter().all(|row| matches!(row, Row::Event { .. }));
        let made = made.get(rows.len()).filter(|_| are_events)?;
        Some(made.get_or_init(|| of_rows(rows, statements)))
    }
}

/// An unlogged batch with the statements of these rows.
pub(super) fn of_rows(rows: &[Row], statements: &Statements) -> Batch {
    let mut batch = Batch::new(BatchType::Unlogged);
    batch.set_is_idempotent(true);
    for row in rows {
        batch.append_statement(statements.of(row).clone());
    }
    batch
}

fn none() -> Made {
    array::from_fn(|_| OnceLock::new())
}

/// More rows than this are hardly ever below the bound on a batch's bytes.
const ROWS_MAX: usize = 48;
