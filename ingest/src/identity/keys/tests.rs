use serde_json::{Value, json};

use super::*;
use crate::identity::signer::Signer;

fn jwk(algorithm: Algorithm) -> Value {
    let (signer, _) = Signer::generate(algorithm).unwrap();
    serde_json::to_value(signer.jwk().unwrap().unwrap()).unwrap()
}

fn with(mut jwk: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(jwk.as_object_mut().unwrap().remove(name)),
            value => jwk[name] = value.clone(),
        }
    }
    jwk
}

fn read(keys: &[Value]) -> Result<(KeySet, Vec<Unusable>), JwksError> {
    KeySet::from_jwks(json!({ "keys": keys }).to_string().as_bytes())
}

#[test]
fn a_key_is_for_one_algorithm() {
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256] {
        for changes in
            [json!({}), json!({ "alg": null, "use": null }), json!({ "key_ops": ["verify"], "z": [1] })]
        {
            let key = with(jwk(algorithm), &changes);
            let (keys, unusable) = read(&[with(key, &json!({ "kid": "a" }))]).unwrap();
            assert_eq!(unusable, []);
            assert_eq!(keys.find("a").unwrap().algorithm(), algorithm);
        }
    }
}

#[test]
fn what_cannot_be_used_costs_no_neighbour() {
    let ed = || jwk(Algorithm::EdDsa);
    let bad = [
        (json!({ "kty": "oct", "k": "c2VjcmV0", "kid": "a", "alg": "HS256" }), "it is a shared secret"),
        (with(ed(), &json!({ "kid": null })), "it has no plain kid"),
        (with(ed(), &json!({ "kid": "a b" })), "it has no plain kid"),
        (with(ed(), &json!({ "kid": "x".repeat(129) })), "it has no plain kid"),
        (with(ed(), &json!({ "kid": "good" })), "an earlier key has its kid"),
        (
            with(ed(), &json!({ "alg": "ES256" })),
            "its alg is neither EdDSA, ES256 nor RS256, or not its kind's",
        ),
        (
            with(ed(), &json!({ "alg": "none" })),
            "its alg is neither EdDSA, ES256 nor RS256, or not its kind's",
        ),
        (
            with(jwk(Algorithm::Rs256), &json!({ "alg": "HS256" })),
            "its alg is neither EdDSA, ES256 nor RS256, or not its kind's",
        ),
        (with(ed(), &json!({ "use": "enc" })), "its use is not sig"),
        (with(ed(), &json!({ "key_ops": ["encrypt"] })), "its key_ops lack verify"),
        (with(ed(), &json!({ "crv": "X25519" })), "it is neither Ed25519, P-256 nor RSA"),
        (with(ed(), &json!({ "x": "AAA" })), "its numbers have another length than its kind's"),
        (with(ed(), &json!({ "x": "a=b" })), "its numbers cannot be read"),
        (with(jwk(Algorithm::Es256), &json!({ "crv": "P-384" })), "it is neither Ed25519, P-256 nor RSA"),
        (
            with(jwk(Algorithm::Es256), &json!({ "x": "AA" })),
            "its numbers have another length than its kind's",
        ),
        (
            with(jwk(Algorithm::Rs256), &json!({ "n": "AQAB" })),
            "its numbers have another length than its kind's",
        ),
        (json!("key"), "it is no JWK"),
        (json!({}), "it has no plain kid"),
    ];
    let mut all = vec![with(ed(), &json!({ "kid": "good" }))];
    all.extend(bad.iter().map(|(key, _)| key.clone()));
    let (keys, unusable) = read(&all).unwrap();
    assert_eq!((keys.len(), keys.find("good").is_some()), (1, true));
    let found: Vec<_> = unusable.iter().map(|key| (key.index, key.problem)).collect();
    let expect: Vec<_> = (1..).zip(bad.iter().map(|&(_, problem)| problem)).collect();
    assert_eq!(found, expect);
}

#[test]
fn a_text_without_keys_gives_none() {
    for text in ["", "<html>", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[]} x"#] {
        assert!(matches!(KeySet::from_jwks(text.as_bytes()), Err(JwksError::NotJwks(_))), "{text}");
    }
    let refused = KeySet::from_jwks(br#"{"keys":[]}"#).unwrap_err();
    assert_eq!(refused.to_string(), "has no key that can be used: keys is empty");
    let refused = read(&[json!({})]).unwrap_err();
    assert_eq!(refused.to_string(), "has no key that can be used: keys[0]: it has no plain kid");
    assert_eq!(read(&vec![json!({}); 101]).unwrap_err(), JwksError::TooMany(101));
    let long = " ".repeat(JWKS_BYTES_MAX + 1);
    assert_eq!(KeySet::from_jwks(long.as_bytes()).unwrap_err(), JwksError::TooLong);
}

#[test]
fn a_secret_does_not_show() {
    let keys = KeySet::default().with_secret("development", b"do not show me, do not show me!!");
    let shown = format!("{keys:?}");
    assert!(shown.contains("development") && !shown.contains("show"), "{shown}");
}
