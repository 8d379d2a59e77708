//! An item as it is remembered: as it rests, and in the form in which viewers are sent it, once one has asked.

use std::sync::{Arc, OnceLock};

use playhead_store::catalog::Item;

use crate::{records::Stored, wire::encoded::Encoded};

/// An item that is remembered.
#[derive(Debug)]
pub struct Known {
    /// As it rests.
    pub stored: Arc<Stored<Item>>,
    encoded: OnceLock<Encoded>,
}

impl Known {
    /// What rests so.
    pub(crate) fn new(stored: Stored<Item>) -> Self {
        Self { stored: Arc::new(stored), encoded: OnceLock::new() }
    }

    /// As viewers are sent it.
    pub(crate) fn encoded(&self) -> &Encoded {
        self.encoded.get_or_init(|| Encoded::new(&self.stored))
    }
}
