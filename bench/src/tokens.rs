//! Session tokens to verify, and the bare check of their signatures that verifying is held against.

use std::{hint::black_box, sync::Arc};

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use playhead_ingest::identity::{
    Credential, TokenRules, TokenVerifier, Verifier,
    keyring::Keyring,
    keys::{Algorithm, KeySet},
    signer::Signer,
    token::{
        claims::{Audience, StreamClaims, TokenClaims},
        verify,
    },
};

use crate::sample;

/// A session token of the usual size, and who checks it.
pub struct Tokens {
    token: String,
    rules: TokenRules,
    keys: Arc<Keyring>,
    verifier: TokenVerifier,
    signature: Vec<u8>,
    public: Public,
}

enum Public {
    Ed(Vec<u8>),
    /// The point, uncompressed.
    Ec(Vec<u8>),
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
}

impl Tokens {
    /// A token by a new key.
    ///
    /// # Panics
    /// When the cryptographic library makes no keys.
    #[must_use]
    pub fn new(algorithm: Algorithm) -> Self {
        let (signer, _) = Signer::generate(algorithm).expect("a key");
        let jwk = signer.jwk().expect("a public half");
        let jwk = serde_json::to_value(jwk).expect("JSON");
        let jwks = serde_json::json!({ "keys": [jwk] }).to_string();
        let (keys, _) = KeySet::from_jwks(jwks.as_bytes()).expect("a set of keys");
        let keys = Arc::new(Keyring::fixed(keys));
        let token = signer.token(&claims()).expect("a token");
        let signature = token.rsplit_once('.').map(|(_, signature)| signature).unwrap_or_default();
        let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
        let rules = TokenRules { issuer: ISSUER.to_owned(), audience: AUDIENCE.to_owned(), leeway_s: 30 };
        let verifier = TokenVerifier::new(rules.clone(), Arc::clone(&keys), Arc::new(sample::now_ms));
        Self { token, rules, keys, verifier, signature, public: Public::of(algorithm, &jwk) }
    }

    /// Verifies the token as an edge does; from the second time on the cache knows it. True when it is good.
    #[must_use]
    pub fn cached(&self) -> bool {
        self.verifier.verify(Credential::token(black_box(&self.token))).is_ok()
    }

    /// Verifies the token as if it had never been seen. True when it is good.
    #[must_use]
    pub fn first(&self) -> bool {
        let now_s = sample::now_ms() / 1_000;
        verify(black_box(&self.token), &self.keys.current(), &self.rules, now_s).is_ok()
    }

    /// Checks the signature and nothing else. True when it is good.
    #[must_use]
    pub fn bare(&self) -> bool {
        let signed = self.token.rsplit_once('.').map(|(signed, _)| signed).unwrap_or_default().as_bytes();
        let (signed, signature) = (black_box(signed), black_box(&*self.signature));
        match &self.public {
            Public::Ed(key) => UnparsedPublicKey::new(&ED25519, key).verify(signed, signature).is_ok(),
            Public::Ec(key) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key).verify(signed, signature).is_ok()
            }
            Public::Rsa(key) => key.verify(&RSA_PKCS1_2048_8192_SHA256, signed, signature).is_ok(),
        }
    }
}

impl Public {
    fn of(algorithm: Algorithm, jwk: &serde_json::Value) -> Self {
        let number = |name: &str| {
            let text = jwk.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
            URL_SAFE_NO_PAD.decode(text).expect("base64url")
        };
        match algorithm {
            Algorithm::Es256 => Self::Ec([vec![4], number("x"), number("y")].concat()),
            Algorithm::Rs256 => Self::Rsa(RsaPublicKeyComponents { n: number("n"), e: number("e") }),
            Algorithm::EdDsa | Algorithm::Hs256 => Self::Ed(number("x")),
        }
    }
}

fn claims() -> TokenClaims {
    let streams = StreamClaims {
        max: 3,
        at_limit: "EVICT_OLDEST".to_owned(),
        per_device_type: vec![("mobile".to_owned(), 2), ("tv".to_owned(), 1)],
        ..StreamClaims::default()
    };
    TokenClaims {
        iss: ISSUER.to_owned(),
        aud: Audience::One(AUDIENCE.to_owned()),
        sub: "0193a1b2-5c6d-7e8f-9a0b-1c2d3e4f5a6b".to_owned(),
        exp: (sample::now_ms() / 1_000).unsigned_abs() + 86_400,
        account: Some("0193a1b2-0000-7e8f-9a0b-1c2d3e4f5a6b".to_owned()),
        device: Some("living-room".to_owned()),
        device_type: Some("tv".to_owned()),
        session: Some("0193a1b2-1111-7e8f-9a0b-1c2d3e4f5a6b".to_owned()),
        item: Some("movie-1".to_owned()),
        item_kind: Some("MOVIE".to_owned()),
        duration_ms: Some(5_400_000),
        credits_ms: Some(5_100_000),
        streams: Some(streams),
        ..TokenClaims::default()
    }
}

const ISSUER: &str = "https://id.example.com";
const AUDIENCE: &str = "playhead";
