//! The one place that chooses a hot store.

use std::sync::Arc;

use playhead_store::hot::{Hot, embedded::EmbeddedHot, redis::RedisHot};

use super::ServeError;
use crate::config::HotSettings;

/// The hot store that the configuration wants.
pub(super) fn open(settings: &HotSettings) -> Result<Arc<dyn Hot>, ServeError> {
    match settings {
        HotSettings::Embedded(settings) => Ok(Arc::new(EmbeddedHot::new(*settings))),
        HotSettings::Redis(settings) => match RedisHot::open(settings) {
            Ok(hot) => Ok(Arc::new(hot)),
            Err(error) => Err(ServeError::Hot { error }),
        },
    }
}

/// The same, if engines and catalogs elsewhere use it too.
pub(super) fn shared(settings: &HotSettings) -> Result<Option<Arc<dyn Hot>>, ServeError> {
    match settings {
        HotSettings::Embedded(_) => Ok(None),
        HotSettings::Redis(_) => open(settings).map(Some),
    }
}
