//! The other side: makes keys, publishes their public half, and signs tokens. For `playhead token`, for whoever
//! authorises playback, and for tests.

use aws_lc_rs::{
    encoding::AsDer,
    error::{KeyRejected, Unspecified},
    hmac,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
        RsaPublicKeyComponents,
    },
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    DecodingKey,
    jwk::{Jwk, KeyAlgorithm, PublicKeyUse, ThumbprintHash},
};
use serde::Serialize;
use serde_json::json;

use super::keys::{Algorithm, is_kid};

/// A private key, or a shared secret, and its name.
pub struct Signer {
    kid: String,
    pair: Pair,
}

enum Pair {
    Ed(Ed25519KeyPair),
    Ec(EcdsaKeyPair),
    Rsa(RsaKeyPair),
    Secret(Box<hmac::Key>),
}

/// Why a key or a token could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    /// It is no private key of a kind that we sign with.
    #[error("is no private key in PKCS#8 for EdDSA, ES256 or RS256 ({0})")]
    Rejected(#[from] KeyRejected),
    /// A shared secret is not made, but given.
    #[error("a key for HS256 is a secret of your own; allowed is EdDSA, ES256 or RS256")]
    Secret,
    /// The cryptographic library refused.
    #[error("the cryptographic library refused")]
    Library(#[from] Unspecified),
    /// The claims cannot be written as JSON.
    #[error("the claims cannot be written: {0}")]
    Claims(#[from] serde_json::Error),
    /// The key's public half has no thumbprint.
    #[error("the public key cannot be written: {0}")]
    Public(#[from] jsonwebtoken::errors::Error),
}

impl Signer {
    /// Makes a new key: it, and its private half in PKCS#8 DER, to be kept secret. Its name is its thumbprint.
    ///
    /// # Errors
    /// [`SignerError`].
    pub fn generate(algorithm: Algorithm) -> Result<(Self, Vec<u8>), SignerError> {
        let pkcs8 = match algorithm {
            Algorithm::EdDsa => Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new())?.as_ref().to_vec(),
            Algorithm::Es256 => {
                let random = SystemRandom::new();
                let pair = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)?;
                pair.as_ref().to_vec()
            }
            Algorithm::Rs256 => RsaKeyPair::generate(KeySize::Rsa2048)?.as_der()?.as_ref().to_vec(),
            Algorithm::Hs256 => return Err(SignerError::Secret),
        };
        Ok((Self::from_pkcs8(&pkcs8)?, pkcs8))
    }

    /// Takes a private key in PKCS#8 DER. Its name is its thumbprint.
    ///
    /// # Errors
    /// [`SignerError`].
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, SignerError> {
        let pair = if let Ok(pair) = Ed25519KeyPair::from_pkcs8(der) {
            Pair::Ed(pair)
        } else if let Ok(pair) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der) {
            Pair::Ec(pair)
        } else {
            Pair::Rsa(RsaKeyPair::from_pkcs8(der)?)
        };
        let mut signer = Self { kid: String::new(), pair };
        if let Some(key) = signer.public() {
            signer.kid = Jwk::from_decoding_key(&key, None)?.thumbprint(ThumbprintHash::SHA256)?;
        }
        Ok(signer)
    }

    /// Takes a shared secret, for development.
    #[must_use]
    pub fn from_secret(kid: &str, secret: &[u8]) -> Self {
        Self { kid: kid.to_owned(), pair: Pair::Secret(Box::new(hmac::Key::new(hmac::HMAC_SHA256, secret))) }
    }

    /// The same key by another name, or `None` when that is no `kid`.
    #[must_use]
    pub fn named(self, kid: &str) -> Option<Self> {
        is_kid(kid).then(|| Self { kid: kid.to_owned(), ..self })
    }

    /// Its name: the RFC 7638 thumbprint of its public half, unless it was given another.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// What it signs with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        match self.pair {
            Pair::Ed(_) => Algorithm::EdDsa,
            Pair::Ec(_) => Algorithm::Es256,
            Pair::Rsa(_) => Algorithm::Rs256,
            Pair::Secret(_) => Algorithm::Hs256,
        }
    }

    /// Its public half, as a key of a JWK Set; `None` for a secret, which has none.
    ///
    /// # Errors
    /// [`SignerError`].
    pub fn jwk(&self) -> Result<Option<Jwk>, SignerError> {
        let Some(key) = self.public() else { return Ok(None) };
        let mut jwk = Jwk::from_decoding_key(&key, None)?;
        jwk.common.key_id = Some(self.kid.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        jwk.common.key_algorithm = Some(match self.algorithm() {
            Algorithm::EdDsa => KeyAlgorithm::EdDSA,
            Algorithm::Es256 => KeyAlgorithm::ES256,
            Algorithm::Rs256 => KeyAlgorithm::RS256,
            Algorithm::Hs256 => KeyAlgorithm::HS256,
        });
        Ok(Some(jwk))
    }

    /// A token with these claims.
    ///
    /// # Errors
    /// [`SignerError`].
    pub fn token(&self, claims: &impl Serialize) -> Result<String, SignerError> {
        let header = json!({ "alg": self.algorithm().name(), "kid": self.kid, "typ": "JWT" });
        self.token_of(header.to_string().as_bytes(), &serde_json::to_vec(claims)?)
    }

    /// A token with this header and these claims, whatever they are.
    ///
    /// # Errors
    /// [`SignerError::Library`].
    pub fn token_of(&self, header: &[u8], claims: &[u8]) -> Result<String, SignerError> {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = self.sign(signed.as_bytes())?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// Its signature under these bytes, as a token carries it.
    ///
    /// # Errors
    /// [`SignerError::Library`].
    pub fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, SignerError> {
        Ok(match &self.pair {
            Pair::Ed(pair) => pair.sign(bytes).as_ref().to_vec(),
            Pair::Ec(pair) => pair.sign(&SystemRandom::new(), bytes)?.as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), bytes, &mut signature)?;
                signature
            }
            Pair::Secret(key) => hmac::sign(key, bytes).as_ref().to_vec(),
        })
    }

    /// What its signatures are checked by; `None` for a secret.
    pub(super) fn public(&self) -> Option<DecodingKey> {
        match &self.pair {
            Pair::Ed(pair) => Some(DecodingKey::from_ed_der(pair.public_key().as_ref())),
            Pair::Ec(pair) => Some(DecodingKey::from_ec_der(pair.public_key().as_ref())),
            Pair::Rsa(pair) => {
                let RsaPublicKeyComponents { n, e } =
                    RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                Some(DecodingKey::from_rsa_raw_components(&n, &e))
            }
            Pair::Secret(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::keys::KeySet;

    #[test]
    fn what_a_key_signs_its_public_half_verifies() {
        for algorithm in [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256] {
            let (signer, pkcs8) = Signer::generate(algorithm).unwrap();
            assert_eq!(signer.algorithm(), algorithm);
            let again = Signer::from_pkcs8(&pkcs8).unwrap();
            assert_eq!(again.kid(), signer.kid());
            let jwks = json!({ "keys": [signer.jwk().unwrap()] }).to_string();
            let (keys, unusable) = KeySet::from_jwks(jwks.as_bytes()).unwrap();
            assert_eq!(unusable, []);
            let key = keys.find(signer.kid()).unwrap();
            assert_eq!(key.algorithm(), algorithm);
            let signature = URL_SAFE_NO_PAD.encode(again.sign(b"bytes").unwrap());
            assert!(key.verifies("bytes", &signature));
            assert!(!key.verifies("bytez", &signature));
        }
    }

    #[test]
    fn a_secret_has_no_public_half() {
        let signer = Signer::from_secret("development", &[7; 32]);
        assert!(signer.jwk().unwrap().is_none());
        let keys = KeySet::default().with_secret("development", &[7; 32]);
        let signature = URL_SAFE_NO_PAD.encode(signer.sign(b"bytes").unwrap());
        assert!(keys.find("development").unwrap().verifies("bytes", &signature));
        assert!(matches!(Signer::generate(Algorithm::Hs256), Err(SignerError::Secret)));
        assert!(Signer::from_pkcs8(b"no key").is_err());
    }
}
