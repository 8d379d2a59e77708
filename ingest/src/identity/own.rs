//! The session tokens that this server signs itself: made when the play button is pressed, taken by every edge.
//!
//! They are tokens like all others, by a key of the server's own. Their header is the same in all of them, so an edge knows
//! them by it without reading it, and the tokens of others cost no more than before.

use std::sync::Arc;

use async_trait::async_trait;

use super::{
    Credential, Identity, IdentityError, TokenRules, TokenVerifier, Verifier, Viewer,
    keyring::Keyring,
    keys::{Algorithm, KeySet},
    meters::Meters,
    pass::Pass,
    signer::{Signer, SignerError},
    token::{
        Clock,
        claims::{Audience, StreamClaims, TokenClaims},
    },
};

/// Signs session tokens, and says who shows one.
pub struct OwnTokens {
    signer: Signer,
    rules: TokenRules,
    /// What each of them begins with.
    head: String,
}

impl OwnTokens {
    /// By this key, with these words for issuer and audience.
    ///
    /// # Errors
    /// [`SignerError::Secret`] for a shared secret, with which whoever checks tokens could make them.
    pub fn new(signer: Signer, rules: TokenRules) -> Result<Self, SignerError> {
        if signer.algorithm() == Algorithm::Hs256 {
            return Err(SignerError::Secret);
        }
        let sample = signer.token(&TokenClaims::default())?;
        let head = sample.split_inclusive('.').next().unwrap_or_default().to_owned();
        Ok(Self { signer, rules, head })
    }

    /// A token for a viewer's session that counts until `expires_s`, Unix s. `viewer.pass` and `viewer.country` are not
    /// looked at: the pass is given, and where a player is changes.
    ///
    /// # Errors
    /// [`SignerError`], when the cryptographic library refuses.
    pub fn sign(
        &self,
        viewer: &Viewer,
        pass: &Pass,
        now_s: i64,
        expires_s: i64,
    ) -> Result<String, SignerError> {
        let kind =
            Some(pass.item_kind.name()).filter(|_| pass.item_kind != playhead_store::ItemKind::Unknown);
        self.signer.token(&TokenClaims {
            iss: self.rules.issuer.clone(),
            aud: Audience::One(self.rules.audience.clone()),
            sub: viewer.user.to_string(),
            exp: expires_s.unsigned_abs(),
            iat: Some(now_s.unsigned_abs()),
            account: Some(viewer.account.to_string()),
            device: Some(viewer.device.to_string()),
            device_type: viewer.terms.device_type.as_ref().map(|kind| kind.as_str().to_owned()),
            session: Some(pass.session.to_string()),
            item: Some(pass.item.to_string()),
            item_kind: kind.map(str::to_owned),
            duration_ms: pass.duration_ms,
            credits_ms: pass.credits_ms,
            streams: viewer.terms.rules.as_ref().map(StreamClaims::of),
            ..TokenClaims::default()
        })
    }

    /// The name of the key.
    #[must_use]
    pub fn kid(&self) -> &str {
        self.signer.kid()
    }

    /// Takes these tokens besides those that `others` takes, and counts them in `meters`, where there are any.
    #[must_use]
    pub fn beside(&self, others: Arc<dyn Verifier>, now: Clock, meters: Option<Meters>) -> Arc<dyn Verifier> {
        let keys = match self.signer.public() {
            Some(key) => KeySet::default().with_key(self.kid(), self.signer.algorithm(), key),
            None => KeySet::default(),
        };
        let own = TokenVerifier::new(self.rules.clone(), Arc::new(Keyring::fixed(keys)), now);
        let own = match meters {
            Some(meters) => own.with_meters(meters),
            None => own,
        };
        Arc::new(Beside { head: self.head.clone(), own, others })
    }
}

/// Knows the server's own tokens by their head, and leaves all else to another verifier.
struct Beside {
    head: String,
    own: TokenVerifier,
    others: Arc<dyn Verifier>,
}

#[async_trait]
impl Verifier for Beside {
    fn verify(&self, credential: Credential<'_>) -> Result<Identity, IdentityError> {
        match credential.token {
            Some(token) if token.starts_with(&self.head) => self.own.verify(Credential::token(token)),
            _ => self.others.verify(credential),
        }
    }

    async fn refreshed(&self) {
        self.others.refreshed().await;
    }
}

#[cfg(test)]
mod tests {
    use playhead_store::{
        AccountId, DeviceId, ItemId, ItemKind, SessionId, UserId,
        lease::{AtLimit, DeviceType, StreamRules, Terms},
    };

    use super::{super::Development, *};

    const NOW_S: i64 = 1_800_000_000;

    fn own() -> OwnTokens {
        let signer = Signer::generate(Algorithm::EdDsa).unwrap().0;
        let rules = TokenRules { issuer: "here".into(), audience: "playhead".into(), leeway_s: 0 };
        OwnTokens::new(signer, rules).unwrap()
    }

    fn viewer() -> Viewer {
        let rules = StreamRules {
            per_item_kind: vec![(ItemKind::Live, 1)],
            devices_max: Some(3),
            ..StreamRules::streams(2, AtLimit::EvictOldest)
        };
        let pass = Pass {
            session: SessionId::new("s-1").unwrap(),
            item: ItemId::new("film").unwrap(),
            item_kind: ItemKind::Movie,
            duration_ms: Some(5),
            credits_ms: None,
        };
        Viewer {
            user: UserId::new("ann").unwrap(),
            account: AccountId::new("family").unwrap(),
            device: DeviceId::new("tv").unwrap(),
            pass: Some(pass.into()),
            terms: Arc::new(Terms { device_type: DeviceType::new("tv"), rules: Some(rules) }),
            country: None,
        }
    }

    fn sign(own: &OwnTokens, viewer: &Viewer) -> String {
        own.sign(viewer, viewer.pass.as_ref().unwrap(), NOW_S, NOW_S + 60).unwrap()
    }

    fn at(own: &OwnTokens, now_s: i64) -> Arc<dyn Verifier> {
        own.beside(Arc::new(Development), Arc::new(move || now_s * 1_000), None)
    }

    #[test]
    fn what_is_signed_proves_the_same_viewer_for_its_time() {
        let (own, ann) = (own(), viewer());
        let token = sign(&own, &ann);
        let verify = |now_s| at(&own, now_s).verify(Credential::token(&token));
        assert_eq!(verify(NOW_S), Ok(Identity::Viewer(ann)));
        assert!(verify(NOW_S + 59).is_ok());
        let refused = |now_s| verify(now_s).unwrap_err().reason();
        assert_eq!((refused(NOW_S + 60), refused(NOW_S - 1)), ("TOKEN_EXPIRED", "TOKEN_NOT_YET_VALID"));
    }

    #[test]
    fn what_is_altered_is_refused_and_what_is_others_is_left_to_them() {
        let own = own();
        let token = sign(&own, &viewer());
        let verifier = at(&own, NOW_S);
        let (head, rest) = token.split_once('.').unwrap();
        let (claims, signature) = rest.split_once('.').unwrap();
        let other = sign(&own, &Viewer { user: UserId::new("ben").unwrap(), ..viewer() });
        let bens = other.split('.').nth(1).unwrap();
        for wrong in [
            format!("{head}.{bens}.{signature}"),
            format!("{head}.{claims}."),
            format!("{head}.{claims}"),
            format!("{head}.{claims}.{}", signature.chars().rev().collect::<String>()),
        ] {
            let refused = verifier.verify(Credential::token(&wrong)).unwrap_err();
            assert_eq!(refused.reason(), "TOKEN_INVALID", "{wrong}");
        }
        // Development believes anybody who is no token of ours.
        assert!(matches!(verifier.verify(Credential::token("ann")), Ok(Identity::Viewer(_))));
        let foreign = sign(&self::own(), &viewer());
        assert!(verifier.verify(Credential::token(&foreign)).is_err(), "longer than a user's name");
    }

    #[test]
    fn a_shared_secret_signs_no_session_tokens() {
        let rules = TokenRules { issuer: "here".into(), audience: "playhead".into(), leeway_s: 0 };
        let secret = Signer::from_secret("development", &[7; 32]);
        assert!(matches!(OwnTokens::new(secret, rules), Err(SignerError::Secret)));
    }
}
