//! The public keys that tokens are checked by: a JWK Set (RFC 7517), read key by key, so that one that cannot be used
//! costs none of its neighbours.

use std::{collections::HashMap, fmt};

use jsonwebtoken::{
    Algorithm as Jws, AlgorithmFamily, DecodingKey, DecodingKeyKind,
    crypto::verify,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::value::RawValue;

/// What a signature is made with. A key has exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// Ed25519 (RFC 8037).
    EdDsa,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256, keys of 2048 to 8192 bits.
    Rs256,
    /// HMAC with SHA-256: for development, because whoever checks tokens could make them.
    Hs256,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::EdDsa, Self::Es256, Self::Rs256, Self::Hs256];

    /// Its name in headers and keys (RFC 7518, section 3.1).
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
            Self::Hs256 => "HS256",
        }
    }

    /// The algorithm of exactly this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    fn jws(self) -> Jws {
        match self {
            Self::EdDsa => Jws::EdDSA,
            Self::Es256 => Jws::ES256,
            Self::Rs256 => Jws::RS256,
            Self::Hs256 => Jws::HS256,
        }
    }
}

/// What an `alg` may be, for error messages.
pub const ALGORITHMS: &str = "EdDSA, ES256 or RS256";
/// What a `kid` may be, for error messages.
pub const KID_ALLOWED: &str = "1 to 128 letters, digits and -._~+/=";

/// Whether a text can be a key's name: letters, digits, what base64 and base64url add, and a little more.
#[must_use]
pub fn is_kid(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    (1..=KID_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_plain)
}

/// A key to check signatures with.
pub struct Key {
    algorithm: Algorithm,
    material: DecodingKey,
}

impl Key {
    /// The only algorithm that it is for.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether `signature`, as base64url without padding, is this key's under `signed`.
    #[must_use]
    pub fn verifies(&self, signed: &str, signature: &str) -> bool {
        matches!(verify(signature, signed.as_bytes(), &self.material, self.algorithm.jws()), Ok(true))
    }
}

/// The keys that count, by their names.
#[derive(Default)]
pub struct KeySet {
    keys: HashMap<Box<str>, Key>,
    generation: u64,
}

/// Keys are no secrets, but nobody wants to read them; a shared secret must not be read at all.
impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeySet {{ {:?}, generation {} }}", self.keys.keys(), self.generation)
    }
}

/// Why a text gives no keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JwksError {
    /// It is longer than a JWK Set may be.
    #[error("is longer than {JWKS_BYTES_MAX} bytes")]
    TooLong,
    /// It is no JWK Set.
    #[error("is no JWK Set: {0}")]
    NotJwks(String),
    /// It has more keys than a set may have.
    #[error("has {0} keys; allowed is at most {KEYS_MAX}")]
    TooMany(usize),
    /// It has no key that could be used.
    #[error("has no key that can be used: {}", list(.0))]
    NoUsableKey(Vec<Unusable>),
}

/// A key that is left out of its set, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusable {
    /// Its place in the set, from 0.
    pub index: usize,
    /// Why.
    pub problem: &'static str,
}

impl KeySet {
    /// Reads a JWK Set, and says which of its keys are left out.
    ///
    /// # Errors
    /// [`JwksError`], also when all of them are.
    pub fn from_jwks(text: &[u8]) -> Result<(Self, Vec<Unusable>), JwksError> {
        #[derive(Deserialize)]
        struct Jwks<'a> {
            #[serde(borrow)]
            keys: Vec<&'a RawValue>,
        }
        if text.len() > JWKS_BYTES_MAX {
            return Err(JwksError::TooLong);
        }
        let jwks: Jwks<'_> =
            serde_json::from_slice(text).map_err(|error| JwksError::NotJwks(error.to_string()))?;
        if jwks.keys.len() > KEYS_MAX {
            return Err(JwksError::TooMany(jwks.keys.len()));
        }
        let (mut set, mut unusable) = (Self::default(), Vec::new());
        for (index, raw) in jwks.keys.iter().enumerate() {
            if let Err(problem) = set.add(raw) {
                unusable.push(Unusable { index, problem });
            }
        }
        match set.keys.is_empty() {
            true => Err(JwksError::NoUsableKey(unusable)),
            false => Ok((set, unusable)),
        }
    }

    /// The set and a secret that development tokens are signed with.
    #[must_use]
    pub fn with_secret(self, kid: &str, secret: &[u8]) -> Self {
        self.with_key(kid, Algorithm::Hs256, DecodingKey::from_secret(secret))
    }

    /// The set and a key that is known to be whole.
    #[must_use]
    pub(super) fn with_key(mut self, kid: &str, algorithm: Algorithm, material: DecodingKey) -> Self {
        self.keys.insert(kid.into(), Key { algorithm, material });
        self
    }

    /// The same set, as the one of this number.
    #[must_use]
    pub fn of_generation(self, generation: u64) -> Self {
        Self { generation, ..self }
    }

    /// Which set this is; a token that another one verified is verified again.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The key of this name.
    #[must_use]
    pub fn find(&self, kid: &str) -> Option<&Key> {
        self.keys.get(kid)
    }

    /// How many keys it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    fn add(&mut self, raw: &RawValue) -> Result<(), &'static str> {
        let jwk: Jwk = serde_json::from_str(raw.get()).map_err(|_| "it is no JWK")?;
        let kid = jwk.common.key_id.as_deref().filter(|kid| is_kid(kid)).ok_or("it has no plain kid")?;
        if self.keys.contains_key(kid) {
            return Err("an earlier key has its kid");
        }
        let algorithm = algorithm(&jwk)?;
        let material = DecodingKey::from_jwk(&jwk).map_err(|_| "its numbers cannot be read")?;
        if !has_the_length_of_its_kind(&material) {
            return Err("its numbers have another length than its kind's");
        }
        self.keys.insert(kid.into(), Key { algorithm, material });
        Ok(())
    }
}

/// The one algorithm that a key is for: what it is decides, and what it says must agree.
fn algorithm(jwk: &Jwk) -> Result<Algorithm, &'static str> {
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => Algorithm::EdDsa,
        AlgorithmParameters::EllipticCurve(point) if point.curve == EllipticCurve::P256 => Algorithm::Es256,
        AlgorithmParameters::RSA(_) => Algorithm::Rs256,
        AlgorithmParameters::OctetKey(_) => return Err("it is a shared secret"),
        _ => return Err("it is neither Ed25519, P-256 nor RSA"),
    };
    let expect = match algorithm {
        Algorithm::EdDsa => KeyAlgorithm::EdDSA,
        Algorithm::Es256 => KeyAlgorithm::ES256,
        Algorithm::Rs256 => KeyAlgorithm::RS256,
        Algorithm::Hs256 => KeyAlgorithm::HS256,
    };
    if jwk.common.key_algorithm.is_some_and(|said| said != expect) {
        return Err("its alg is neither EdDSA, ES256 nor RS256, or not its kind's");
    }
    let other_use = |said: &PublicKeyUse| *said != PublicKeyUse::Signature;
    if jwk.common.public_key_use.as_ref().is_some_and(other_use) {
        return Err("its use is not sig");
    }
    let allowed = |operations: &Vec<KeyOperations>| operations.contains(&KeyOperations::Verify);
    match jwk.common.key_operations.as_ref().is_none_or(allowed) {
        true => Ok(algorithm),
        false => Err("its key_ops lack verify"),
    }
}

/// A key of another length would verify nothing, so it is named when it is read.
fn has_the_length_of_its_kind(material: &DecodingKey) -> bool {
    match (material.family(), material.kind()) {
        (AlgorithmFamily::Ed, DecodingKeyKind::SecretOrDer(bytes)) => bytes.len() == 32,
        // Four, and two coordinates.
        (AlgorithmFamily::Ec, DecodingKeyKind::SecretOrDer(bytes)) => bytes.len() == 65,
        (AlgorithmFamily::Rsa, DecodingKeyKind::RsaModulusExponent { n, .. }) => {
            (RSA_BYTES_MIN..=RSA_BYTES_MAX).contains(&n.len())
        }
        _ => false,
    }
}

fn list(unusable: &[Unusable]) -> String {
    let all = unusable.iter().map(|key| format!("keys[{}]: {}", key.index, key.problem));
    match unusable.is_empty() {
        true => "keys is empty".to_owned(),
        false => all.collect::<Vec<_>>().join("; "),
    }
}

/// The longest JWK Set, bytes.
pub const JWKS_BYTES_MAX: usize = 256 << 10;
/// The most keys in a set.
pub const KEYS_MAX: usize = 100;
/// The lengths of an RSA modulus that the library verifies with: 2048 to 8192 bits, as bytes.
const RSA_BYTES_MIN: usize = 256;
const RSA_BYTES_MAX: usize = 1_024;
/// The longest name of a key, bytes.
pub const KID_BYTES_MAX: usize = 128;

#[cfg(test)]
mod tests;
