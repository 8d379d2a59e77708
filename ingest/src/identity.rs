//! Who is asking. A viewer touches only their own data: user, account and device come from the verified credential,
//! never from the payload.
//!
//! [`Verifier`] is the seam for verified tokens. [`Development`] is the only implementation so far: it believes what
//! it is told, which is why the binary offers it on loopback listeners only.

use playhead_store::{AccountId, DeviceId, IdError, UserId};

/// Who is asking, as far as it was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// A viewer's player or app: reads and writes this user's data only.
    Viewer(Viewer),
    /// A server of the operator's: may name any user.
    Service,
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
}

/// What a caller shows of itself. Edges fill in what their protocol carries.
#[derive(Debug, Clone, Copy, Default)]
pub struct Credential<'a> {
    /// A bearer token: from `authorization`, or the path of a front whose players cannot send headers.
    pub token: Option<&'a str>,
    /// `playhead-user`, for development.
    pub user: Option<&'a str>,
    /// `playhead-account`, for development.
    pub account: Option<&'a str>,
    /// `playhead-device`, for development.
    pub device: Option<&'a str>,
}

/// Why a credential was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// There is none.
    #[error("no credential: name the user in `authorization: Bearer USER` or `playhead-user`")]
    Missing,
    /// A part of it is no id.
    #[error("{part} {problem}; 1 to 128 bytes without control characters are allowed")]
    Malformed {
        /// Which part.
        part: &'static str,
        /// What is wrong with it.
        problem: IdError,
    },
}

/// Turns a credential into an identity.
pub trait Verifier: Send + Sync + 'static {
    /// Says who this is.
    ///
    /// # Errors
    /// [`IdentityError`] when the credential proves nobody.
    fn verify(&self, credential: Credential<'_>) -> Result<Identity, IdentityError>;
}

/// Development auth: believes every credential. A token is `USER`, `USER:ACCOUNT` or `USER:ACCOUNT:DEVICE`; the
/// `playhead-*` headers override its parts; the account defaults to the user's id, the device to `unknown`. Whoever
/// names nobody is a service.
#[derive(Debug, Clone, Copy, Default)]
pub struct Development;

impl Verifier for Development {
    fn verify(&self, credential: Credential<'_>) -> Result<Identity, IdentityError> {
        let mut parts = credential.token.unwrap_or_default().splitn(3, ':').filter(|part| !part.is_empty());
        let (token_user, token_account, token_device) = (parts.next(), parts.next(), parts.next());
        let Some(user) = credential.user.or(token_user) else {
            return Ok(Identity::Service);
        };
        let account = credential.account.or(token_account).unwrap_or(user);
        let device = credential.device.or(token_device).unwrap_or(UNKNOWN_DEVICE);
        Ok(Identity::Viewer(Viewer {
            user: UserId::new(user).map_err(|problem| IdentityError::Malformed { part: "user", problem })?,
            account: AccountId::new(account)
                .map_err(|problem| IdentityError::Malformed { part: "account", problem })?,
            device: DeviceId::new(device)
                .map_err(|problem| IdentityError::Malformed { part: "device", problem })?,
        }))
    }
}

/// The device of a viewer who names none.
pub const UNKNOWN_DEVICE: &str = "unknown";

#[cfg(test)]
mod tests {
    use super::*;

    fn viewer(user: &str, account: &str, device: &str) -> Result<Identity, IdentityError> {
        Ok(Identity::Viewer(Viewer {
            user: UserId::new(user).unwrap(),
            account: AccountId::new(account).unwrap(),
            device: DeviceId::new(device).unwrap(),
        }))
    }

    #[test]
    fn development_believes_what_it_is_told() {
        let token = |token| Development.verify(Credential { token: Some(token), ..Credential::default() });
        assert_eq!(token("ann"), viewer("ann", "ann", "unknown"));
        assert_eq!(token("ann:family"), viewer("ann", "family", "unknown"));
        assert_eq!(token("ann:family:tv"), viewer("ann", "family", "tv"));
        assert_eq!(token("ann:family:tv:2"), viewer("ann", "family", "tv:2"));
        assert_eq!(token(""), Ok(Identity::Service));
        let overridden =
            Credential { token: Some("ann:family:tv"), device: Some("phone"), ..Credential::default() };
        assert_eq!(Development.verify(overridden), viewer("ann", "family", "phone"));
    }

    #[test]
    fn a_malformed_part_is_named() {
        let credential = Credential { user: Some("a\nb"), ..Credential::default() };
        let expect = IdentityError::Malformed { part: "user", problem: IdError::Control };
        assert_eq!(Development.verify(credential), Err(expect));
    }
}
