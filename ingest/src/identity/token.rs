//! Signed tokens: a JWT in compact form, by a key of the [`Keyring`].
//!
//! What is read before the signature is checked is as little as can be, and strictly: the length first, then three parts
//! of base64url, then the header ([`header`]), which only chooses the key. The key's own algorithm counts, never the
//! header's word. The [`claims`] are read after the signature.

pub mod claims;
pub mod header;
mod strict;

use std::sync::Arc;

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use self::{
    claims::{TokenClaims, is_current},
    header::Header,
};
use super::{
    Credential, Identity, IdentityError, Refusal, Verifier,
    cache::{Cache, Verified},
    keyring::Keyring,
    keys::KeySet,
    meters::Meters,
};

/// The longest token, bytes. Session tokens take about 600.
pub const TOKEN_BYTES_MAX: usize = 8 << 10;

/// What a token must say to count here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRules {
    /// Who must have issued it: its `iss`.
    pub issuer: String,
    /// Whom it must be meant for: one of its `aud`.
    pub audience: String,
    /// How far the issuer's clock and ours may be apart, s.
    pub leeway_s: i64,
}

/// A clock: Unix time in milliseconds.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Verifies signed tokens, offline but for the keys.
pub struct TokenVerifier {
    rules: TokenRules,
    keys: Arc<Keyring>,
    cache: Cache,
    now: Clock,
    meters: Meters,
}

impl TokenVerifier {
    /// Verifies by these rules and keys, at the time of `now`.
    #[must_use]
    pub fn new(rules: TokenRules, keys: Arc<Keyring>, now: Clock) -> Self {
        let meters = Meters { keys_failed: keys.failed(), ..Meters::default() };
        Self { rules, keys, cache: Cache::default(), now, meters }
    }

    /// Counts together with another verifier of this server.
    #[must_use]
    pub fn with_meters(self, meters: Meters) -> Self {
        Self { meters, ..self }
    }

    /// How tokens fared.
    #[must_use]
    pub fn meters(&self) -> Meters {
        self.meters.clone()
    }

    fn check(&self, token: &str) -> Result<Identity, Refusal> {
        let now_s = (self.now)().div_euclid(1_000);
        if let Some(known) = self.cache.get(token, self.keys.generation()) {
            return match is_current(known.expires_s, &self.rules, now_s) {
                Ok(()) => Ok(known.identity),
                Err(expired) => {
                    self.cache.remove(token);
                    Err(expired)
                }
            };
        }
        let keys = self.keys.current();
        let (identity, expires_s) = verify(token, &keys, &self.rules, now_s)?;
        self.meters.verified.inc();
        self.cache
            .insert(token, Verified { identity: identity.clone(), expires_s, generation: keys.generation() });
        Ok(identity)
    }

    #[cold]
    fn refuse(&self, refusal: Refusal) -> IdentityError {
        tracing::debug!(cause = refusal.cause(), %refusal, "token refused");
        self.meters.refuse(&refusal);
        IdentityError::Token(refusal)
    }
}

#[async_trait]
impl Verifier for TokenVerifier {
    fn verify(&self, credential: Credential<'_>) -> Result<Identity, IdentityError> {
        let token = credential.token.filter(|token| !token.is_empty()).ok_or(IdentityError::Missing)?;
        self.check(token).map_err(|refusal| self.refuse(refusal))
    }

    async fn refreshed(&self) {
        self.keys.refreshed().await;
    }
}

/// Verifies a token in full: whose it is, and until when it counts, Unix s.
///
/// # Errors
/// The first thing that is wrong, in the order of the [module](self)'s text.
pub fn verify(
    token: &str,
    keys: &KeySet,
    rules: &TokenRules,
    now_s: i64,
) -> Result<(Identity, i64), Refusal> {
    let parts = Parts::of(token)?;
    let header = Header::read(&parts.header)?;
    let key = keys.find(&header.kid).ok_or(Refusal::UnknownKey { kid: header.kid })?;
    if header.algorithm != key.algorithm() {
        let (found, allowed) = (header.algorithm.name(), key.algorithm().name());
        return Err(Refusal::Algorithm { found, allowed });
    }
    if !key.verifies(parts.signed, parts.signature) {
        return Err(Refusal::Signature);
    }
    let claims = TokenClaims::read(&parts.claims()?)?;
    claims.check(rules, now_s)?;
    let expires_s = claims.expires_s();
    Ok((claims.identity()?, expires_s))
}

/// A token taken apart.
pub struct Parts<'a> {
    /// Its header, decoded.
    pub header: Vec<u8>,
    /// What is signed: header and claims as they stand.
    pub signed: &'a str,
    /// The signature as it stands.
    pub signature: &'a str,
    claims: &'a str,
}

impl<'a> Parts<'a> {
    /// Takes a token apart.
    ///
    /// # Errors
    /// [`Refusal::TooLong`], [`Refusal::NotCompact`].
    pub fn of(token: &'a str) -> Result<Self, Refusal> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(Refusal::TooLong { bytes: token.len() });
        }
        let not_three = || Refusal::NotCompact { part: "token", problem: "is not three parts".into() };
        let (signed, signature) = token.rsplit_once('.').ok_or_else(not_three)?;
        let (header, claims) = signed.split_once('.').ok_or_else(not_three)?;
        if claims.contains('.') || header.is_empty() || claims.is_empty() || signature.is_empty() {
            return Err(not_three());
        }
        // The signature is decoded by whoever checks it, as strictly.
        Ok(Self { header: decode("header", header)?, signed, signature, claims })
    }

    /// Its claims, decoded.
    ///
    /// # Errors
    /// [`Refusal::NotCompact`].
    pub fn claims(&self) -> Result<Vec<u8>, Refusal> {
        decode("claims", self.claims)
    }
}

fn decode(part: &'static str, text: &str) -> Result<Vec<u8>, Refusal> {
    let decoded = URL_SAFE_NO_PAD.decode(text);
    decoded.map_err(|error| Refusal::NotCompact { part, problem: error.to_string().into() })
}

#[cfg(test)]
mod tests;
