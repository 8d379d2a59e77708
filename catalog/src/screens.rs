//! What an app shows of a viewer's playing: what the catalog and the viewer's positions say together.
//!
//! [`up_next`] is what to go on with, [`progress`] how far the viewer is through a container. Items are looked at as
//! viewers see them. A call has one time for all that it reads.

use std::{sync::Arc, time::Duration};

use playhead_ingest::button::Places;
use playhead_store::{UserId, catalog::Country};

use crate::{CatalogError, Settings, collections::Collections, entitlement::Entitlement, items::Items};

pub mod progress;
pub mod up_next;

/// Puts the catalog and positions together.
pub struct Screens {
    items: Arc<Items>,
    collections: Arc<Collections>,
    rights: Arc<Entitlement>,
    places: Places,
    settings: Settings,
}

/// Whose screen it is.
#[derive(Debug, Clone)]
pub struct Watcher {
    /// The user.
    pub user: UserId,
    /// Where the user is; `None` when that is not known.
    pub country: Option<Country>,
}

impl Screens {
    /// Of these parts.
    #[must_use]
    pub fn new(
        items: Arc<Items>,
        collections: Arc<Collections>,
        rights: Arc<Entitlement>,
        places: Places,
        settings: &Settings,
    ) -> Self {
        Self { items, collections, rights, places, settings: *settings }
    }

    fn patience(&self) -> Duration {
        Duration::from_millis(self.settings.store_ms_max)
    }

    fn slow(&self) -> CatalogError {
        CatalogError::Slow(self.settings.store_ms_max)
    }
}
