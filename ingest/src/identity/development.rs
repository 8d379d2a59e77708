//! Development auth: believes every credential. A token is `USER`, `USER:ACCOUNT` or `USER:ACCOUNT:DEVICE`; the
//! `playhead-*` headers override its parts; the account defaults to the user's id, the device to `unknown`. Whoever
//! names nobody is a service that may do everything.

use playhead_store::{AccountId, DeviceId, UserId, lease::Terms};

use super::{Credential, Identity, IdentityError, Scopes, Verifier, Viewer};

/// Believes every credential.
#[derive(Debug, Clone, Copy, Default)]
pub struct Development;

pub use playhead_store::lease::UNKNOWN_DEVICE;

impl Verifier for Development {
    fn verify(&self, credential: Credential<'_>) -> Result<Identity, IdentityError> {
        let mut parts = credential.token.unwrap_or_default().splitn(3, ':').filter(|part| !part.is_empty());
        let (token_user, token_account, token_device) = (parts.next(), parts.next(), parts.next());
        let Some(user) = credential.user.or(token_user) else {
            return Ok(Identity::Service { scopes: Scopes::ALL });
        };
        let account = credential.account.or(token_account).unwrap_or(user);
        let device = credential.device.or(token_device).unwrap_or(UNKNOWN_DEVICE);
        Ok(Identity::Viewer(Viewer {
            user: UserId::new(user).map_err(|problem| IdentityError::Malformed { part: "user", problem })?,
            account: AccountId::new(account)
                .map_err(|problem| IdentityError::Malformed { part: "account", problem })?,
            device: DeviceId::new(device)
                .map_err(|problem| IdentityError::Malformed { part: "device", problem })?,
            pass: None,
            terms: Terms::unlimited(),
            country: None,
        }))
    }
}

#[cfg(test)]
mod tests {
    use playhead_store::IdError;

    use super::*;

    fn viewer(user: &str, account: &str, device: &str) -> Result<Identity, IdentityError> {
        Ok(Identity::Viewer(Viewer {
            user: UserId::new(user).unwrap(),
            account: AccountId::new(account).unwrap(),
            device: DeviceId::new(device).unwrap(),
            pass: None,
            terms: Terms::unlimited(),
            country: None,
        }))
    }

    #[test]
    fn development_believes_what_it_is_told() {
        let token = |token| Development.verify(Credential::token(token));
        assert_eq!(token("ann"), viewer("ann", "ann", "unknown"));
        assert_eq!(token("ann:family"), viewer("ann", "family", "unknown"));
        assert_eq!(token("ann:family:tv"), viewer("ann", "family", "tv"));
        assert_eq!(token("ann:family:tv:2"), viewer("ann", "family", "tv:2"));
        assert_eq!(token(""), Ok(Identity::Service { scopes: Scopes::ALL }));
        let overridden = Credential { device: Some("phone"), ..Credential::token("ann:family:tv") };
        assert_eq!(Development.verify(overridden), viewer("ann", "family", "phone"));
    }

    #[test]
    fn a_malformed_part_is_named() {
        let credential = Credential { user: Some("a\nb"), ..Credential::default() };
        let expect = IdentityError::Malformed { part: "user", problem: IdError::Control };
        assert_eq!(Development.verify(credential), Err(expect));
    }
}
