//! Who is asking. A viewer touches only their own data: user, account, device and session come from the verified
//! credential, never from the payload.
//!
//! In reading order: [`credential`] is what a caller shows; an edge hands it to [`identify`] once for every call or
//! stream. [`Verifier`] is the seam: [`development`] believes what it is told, which is why the binary offers it on
//! loopback listeners only; [`token`] checks signed tokens against the keys of a [`keyring`], and remembers in a
//! [`cache`] which ones it has checked. What a token proves is an [`Identity`]: a viewer, with a [`pass`] where the
//! token is a session's, or a service with its [`scopes`], or an administrator. [`access`] says what each may touch.
//! [`refusal`] has the words for those who proved nothing. [`signer`] is the other side: it makes keys and tokens, and
//! [`own`] signs the session tokens of this server, which all its edges take.

pub mod access;
pub mod cache;
pub mod credential;
pub mod development;
pub mod keyring;
pub mod keys;
pub mod meters;
pub mod own;
pub mod pass;
pub mod refusal;
pub mod scopes;
pub mod signer;
pub mod token;

use std::sync::Arc;

use async_trait::async_trait;
use playhead_store::{AccountId, DeviceId, UserId, catalog::Country, lease::Terms};

pub use self::{
    access::Denied,
    credential::Credential,
    development::{Development, UNKNOWN_DEVICE},
    own::OwnTokens,
    pass::Pass,
    refusal::{IdentityError, Refusal},
    scopes::{Scope, Scopes},
    token::{TokenRules, TokenVerifier},
};

/// Who is asking, as far as it was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// A viewer's player or app: reads and writes this user's data only.
    Viewer(Viewer),
    /// A server of the operator's: may name any user, as far as its scopes go.
    Service {
        /// What it may do.
        scopes: Scopes,
    },
    /// An administrator: may name any user and do anything.
    Admin,
}

/// A viewer, on a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewer {
    /// Who watches.
    pub user: UserId,
    /// Who pays.
    pub account: AccountId,
    /// Where.
    pub device: DeviceId,
    /// What it is that may be played, when the token is one session's.
    pub pass: Option<Arc<Pass>>,
    /// What kind of device it is, and how many streams the account may run, as the token says.
    pub terms: Arc<Terms>,
    /// The country, as the token says.
    pub country: Option<Country>,
}

/// Turns a credential into an identity. Edges ask through [`identify`].
#[async_trait]
pub trait Verifier: Send + Sync + 'static {
    /// Says who this is, by what is at hand. Does not wait.
    ///
    /// # Errors
    /// [`IdentityError`] when the credential proves nobody; [`IdentityError::may_change`] when newer keys could prove it.
    fn verify(&self, credential: Credential<'_>) -> Result<Identity, IdentityError>;

    /// Waits, within a bound, until what is at hand was fetched anew, together with all others who wait. Returns at once
    /// where nothing can be fetched. Safe to cancel.
    async fn refreshed(&self) {}
}

/// Says who is asking. A token by a key that is not known waits for at most one refresh of the keys.
///
/// # Errors
/// [`IdentityError`] when the credential proves nobody.
pub async fn identify(
    verifier: &dyn Verifier,
    credential: Credential<'_>,
) -> Result<Identity, IdentityError> {
    match verifier.verify(credential) {
        Err(error) if error.may_change() => {
            verifier.refreshed().await;
            verifier.verify(credential)
        }
        verdict => verdict,
    }
}
