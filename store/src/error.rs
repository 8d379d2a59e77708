//! What a store says when it cannot, sorted by what the caller does next.

use std::error::Error;

/// A store could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {kind}")]
pub struct StoreError {
    /// What the caller should do.
    pub kind: StoreErrorKind,
    /// What was being done, in a few words for the log.
    pub what: &'static str,
    /// What lies beneath.
    #[source]
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

/// What to do about a [`StoreError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StoreErrorKind {
    /// It was not done, and may work when tried again.
    #[error("unavailable, try again")]
    Unavailable,
    /// It may or may not have been done; doing it again is safe and needed.
    #[error("outcome unknown, do it again")]
    Unknown,
    /// What is stored cannot be read as what it should be.
    #[error("stored data is damaged")]
    Damaged,
    /// The store will not take this, however often it is tried.
    #[error("refused for good")]
    Refused,
}

impl StoreErrorKind {
    /// True when doing the same again may help.
    #[must_use]
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::Unavailable | Self::Unknown)
    }
}

impl StoreError {
    /// An error of this kind, with what lies beneath.
    pub fn new(
        kind: StoreErrorKind,
        what: &'static str,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self { kind, what, source: Some(source.into()) }
    }

    /// True when doing the same again may help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.kind.is_retryable()
    }
}
