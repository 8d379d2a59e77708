//! Somebody who issues tokens, good ones and others.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use playhead_ingest::identity::{
    TokenRules, TokenVerifier,
    keyring::Keyring,
    keys::{Algorithm, KeySet},
    signer::Signer,
};
use serde_json::{Value, json};

/// When tokens are looked at, Unix s.
pub const NOW_S: i64 = 1_800_000_000;
pub const LEEWAY_S: i64 = 30;

/// A key of each kind.
pub struct Issuer {
    pub ed: Signer,
    pub es: Signer,
    pub rs: Signer,
}

impl Issuer {
    pub fn new() -> Self {
        let signer = |algorithm, kid| Signer::generate(algorithm).unwrap().0.named(kid).unwrap();
        Self {
            ed: signer(Algorithm::EdDsa, "ed"),
            es: signer(Algorithm::Es256, "es"),
            rs: signer(Algorithm::Rs256, "rs"),
        }
    }

    /// Believes this issuer, at [`NOW_S`].
    pub fn verifier(&self) -> Arc<TokenVerifier> {
        let keys = [&self.ed, &self.es, &self.rs].map(jwk);
        let (keys, unusable) = KeySet::from_jwks(json!({ "keys": keys }).to_string().as_bytes()).unwrap();
        assert_eq!(unusable, []);
        let rules = TokenRules {
            issuer: "https://id.example".into(),
            audience: "playhead".into(),
            leeway_s: LEEWAY_S,
        };
        Arc::new(TokenVerifier::new(rules, Arc::new(Keyring::fixed(keys)), Arc::new(|| NOW_S * 1_000)))
    }

    /// A token of this user, good unless these changes make it bad.
    pub fn token(&self, user: &str, changes: &Value) -> String {
        self.ed.token(&claims(user, changes)).unwrap()
    }

    pub fn viewer(&self, user: &str) -> String {
        self.token(user, &json!({}))
    }

    pub fn service(&self, scope: &str) -> String {
        self.token("relay", &json!({ "role": "service", "scope": scope }))
    }

    /// The public bytes of a key, as a JWK has them.
    pub fn public(signer: &Signer, name: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(jwk(signer)[name].as_str().unwrap()).unwrap()
    }
}

pub fn jwk(signer: &Signer) -> Value {
    serde_json::to_value(signer.jwk().unwrap().unwrap()).unwrap()
}

/// Good claims with these changes; `null` takes a claim away.
pub fn claims(user: &str, changes: &Value) -> Value {
    let mut claims = json!({
        "iss": "https://id.example", "aud": "playhead", "sub": user, "exp": NOW_S + 60, "nbf": NOW_S - 60,
        "iat": NOW_S - 60, "account": "family", "device": "tv",
    });
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims
}
