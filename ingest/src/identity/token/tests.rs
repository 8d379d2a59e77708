use std::sync::atomic::{AtomicI64, Ordering};

use super::*;
use crate::identity::{
    keys::Algorithm,
    meters::Why,
    signer::Signer,
    token::claims::{Audience, TokenClaims},
};

const NOW_S: i64 = 1_800_000_000;

struct Bench {
    signer: Signer,
    now_ms: Arc<AtomicI64>,
    verifier: TokenVerifier,
}

fn bench(algorithm: Algorithm) -> Bench {
    let (signer, _) = Signer::generate(algorithm).unwrap();
    let jwks = serde_json::json!({ "keys": [signer.jwk().unwrap()] }).to_string();
    let (keys, _) = KeySet::from_jwks(jwks.as_bytes()).unwrap();
    let now_ms = Arc::new(AtomicI64::new(NOW_S * 1_000));
    let clock = Arc::clone(&now_ms);
    let rules = TokenRules { issuer: "issuer".into(), audience: "playhead".into(), leeway_s: 5 };
    let now: Clock = Arc::new(move || clock.load(Ordering::Relaxed));
    Bench { signer, now_ms, verifier: TokenVerifier::new(rules, Arc::new(Keyring::fixed(keys)), now) }
}

impl Bench {
    fn token(&self) -> String {
        let claims = TokenClaims {
            iss: "issuer".into(),
            aud: Audience::One("playhead".into()),
            sub: "ann".into(),
            exp: NOW_S.unsigned_abs() + 60,
            ..TokenClaims::default()
        };
        self.signer.token(&claims).unwrap()
    }

    fn refusal(&self, token: &str) -> Refusal {
        match self.verifier.verify(Credential::token(token)) {
            Err(IdentityError::Token(refusal)) => refusal,
            other => panic!("{token}: {other:?}"),
        }
    }
}

#[test]
fn a_good_token_proves_its_user_until_it_expires() {
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256] {
        let bench = bench(algorithm);
        let token = bench.token();
        for _ in 0..3 {
            let proven = bench.verifier.verify(Credential::token(&token));
            assert!(matches!(proven, Ok(Identity::Viewer(viewer)) if viewer.user.as_str() == "ann"));
        }
        assert_eq!(bench.verifier.meters().verified.get(), 1, "then the cache knows it");
        bench.now_ms.store((NOW_S + 65) * 1_000 - 1, Ordering::Relaxed);
        assert!(bench.verifier.verify(Credential::token(&token)).is_ok());
        bench.now_ms.store((NOW_S + 65) * 1_000, Ordering::Relaxed);
        let expired = Refusal::Expired { exp_s: NOW_S + 60, ago_s: 0 };
        assert_eq!(bench.refusal(&token), expired, "the cache looks at the time");
        assert!(bench.verifier.cache.is_empty());
        assert_eq!(bench.refusal(&token), expired);
        let refused = bench.verifier.meters().refused;
        assert_eq!(refused.get_or_create(&Why { cause: "EXPIRED" }).get(), 2);
    }
}

#[test]
fn whoever_shows_no_token_is_nobody_whatever_else_is_shown() {
    let bench = bench(Algorithm::EdDsa);
    let shown = Credential { user: Some("ann"), account: Some("family"), ..Credential::default() };
    assert_eq!(bench.verifier.verify(shown), Err(IdentityError::Missing));
    assert_eq!(bench.verifier.verify(Credential::token("")), Err(IdentityError::Missing));
}

#[test]
fn every_changed_byte_is_seen() {
    let bench = bench(Algorithm::EdDsa);
    let token = bench.token();
    assert!(bench.verifier.verify(Credential::token(&token)).is_ok());
    for at in 0..token.len() {
        for other in ["A", "_", ".", "=", "\n"] {
            let mut changed = token.clone();
            changed.replace_range(at..=at, other);
            if changed != token {
                let refused = bench.refusal(&changed);
                assert_eq!(refused.reason(), "TOKEN_INVALID", "{other:?} at {at}: {refused}");
            }
        }
        assert!(bench.verifier.verify(Credential::token(&token[..at])).is_err(), "cut at {at}");
    }
    assert_eq!(bench.verifier.meters().verified.get(), 1);
}

#[test]
fn the_causes_are_told_apart_for_operators() {
    let bench = bench(Algorithm::EdDsa);
    let token = bench.token();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let header = |header: &str| bench.signer.token_of(header.as_bytes(), b"{}").unwrap();
    let kid = bench.signer.kid();
    for (token, cause) in [
        ("a".repeat(TOKEN_BYTES_MAX + 1), "TOO_LONG"),
        (format!("{token}."), "NOT_COMPACT"),
        (format!("{token}.e30"), "NOT_COMPACT"),
        (format!("{signed}."), "NOT_COMPACT"),
        (format!(" {token}"), "NOT_COMPACT"),
        (format!("{signed}.{signature}="), "SIGNATURE"),
        (header("{}"), "HEADER"),
        (header(r#"{"alg":"EdDSA","kid":"other"}"#), "UNKNOWN_KEY"),
        (header(&format!(r#"{{"alg":"HS256","kid":"{kid}"}}"#)), "ALGORITHM"),
        (header(&format!(r#"{{"alg":"EdDSA","kid":"{kid}"}}"#)), "CLAIMS"),
        (bench.signer.token_of(br#"{"alg":"EdDSA"}"#, b"{").unwrap(), "HEADER"),
    ] {
        assert_eq!(bench.refusal(&token).cause(), cause, "{token}");
    }
}
