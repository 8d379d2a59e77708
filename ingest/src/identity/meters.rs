//! What is measured of tokens.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
};

use super::Refusal;

/// How tokens fared. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Meters {
    /// Tokens that were checked in full and are good; those that the cache knew are not counted.
    pub verified: Counter,
    /// Tokens that were refused, by why.
    pub refused: Family<Why, Counter>,
    /// Readings of the keys that failed.
    pub keys_failed: Counter,
}

/// Why a token was refused.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Why {
    /// One word, of [`Refusal::cause`].
    pub cause: &'static str,
}

impl Meters {
    pub(super) fn refuse(&self, refusal: &Refusal) {
        self.refused.get_or_create(&Why { cause: refusal.cause() }).inc();
    }
}
