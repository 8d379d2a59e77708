//! Why a call does not get what it wants, sorted by what its caller does next.

use playhead_ingest::identity::signer::SignerError;
use playhead_store::{StoreError, catalog::Fault, entitlement::subscription::NotRenewed};

/// Why a call does not get what it wants.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// A field's value is not taken.
    #[error(transparent)]
    Bad(#[from] Fault),
    /// There is no such thing, or the caller may not know of it.
    #[error("no such {0}")]
    Absent(&'static str),
    /// The etag is not the present one: read it again, and decide anew.
    #[error("it has changed meanwhile: read it again")]
    Changed,
    /// Another item has this already.
    #[error("{field} {value:?} is another one's: {holder}")]
    Taken {
        /// The field.
        field: &'static str,
        /// What it says.
        value: String,
        /// Whose it is.
        holder: String,
    },
    /// It cannot be done in the state that things are in.
    #[error("{message}")]
    State {
        /// Which state, in a word.
        reason: &'static str,
        /// In more words.
        message: String,
    },
    /// The store could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store did not answer in time.
    #[error("the store did not answer within {0} ms")]
    Slow(u64),
    /// A token or a URL cannot be signed.
    #[error("it cannot be signed: {0}")]
    Signing(#[from] SignerError),
    /// The search is not ready yet.
    #[error("the search is being made ready, try again")]
    Starting,
    /// The search failed.
    #[error(transparent)]
    Search(#[from] tantivy::TantivyError),
    /// What rests cannot be read.
    #[error("{0} cannot be read: it is damaged, or a newer version's")]
    Unreadable(String),
}

impl CatalogError {
    /// An error of a state.
    pub(crate) fn state(reason: &'static str, message: impl Into<String>) -> Self {
        Self::State { reason, message: message.into() }
    }
}

impl From<NotRenewed> for CatalogError {
    fn from(why: NotRenewed) -> Self {
        let reason = match why {
            NotRenewed::OtherPeriod { .. } => "OTHER_PERIOD",
            NotRenewed::Over => "SUBSCRIPTION_OVER",
            NotRenewed::NoInterval => "NO_INTERVAL",
            NotRenewed::Backwards => "PERIOD_BACKWARDS",
        };
        Self::state(reason, format!("the subscription is not renewed: {why}"))
    }
}
