//! What is measured of tokens, on the metrics page.

use playhead_ingest::identity::meters::Meters;
use prometheus_client::registry::Registry;

pub(super) fn register(registry: &mut Registry, meters: &Meters) {
    registry.register("tokens_verified", "Tokens checked in full and good", meters.verified.clone());
    registry.register("tokens_refused", "Tokens refused, by why", meters.refused.clone());
    let failed = meters.keys_failed.clone();
    registry.register("token_keys_failed", "Readings of the tokens' keys that failed", failed);
}
